//! PNG: every colour type in, through the `png` crate; RGB or RGBA with 8 bits out, composites strip by strip by our own
//! hand, assets small by the crate's.

mod bits;
mod deflate;
mod filter;
mod huffman;
mod strips;

use std::io::Cursor;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter, Transformations};

use super::{Decoded, Format, Input, check_size, encode_error};
use crate::error::{AssetError, RenderError};
use crate::limits::Limits;
use crate::pixmap::{Pixmap, expand};

pub(crate) use strips::{Below, Checksum, Frame, Scratch, Seams, Strip};

/// What the `png` crate may allocate besides the pixels: rows, a palette, profiles, text it skips.
const DECODER_BYTES: usize = 16 << 20;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, AssetError> {
    let malformed = |error: png::DecodingError| Input::Png.malformed(error);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: DECODER_BYTES });
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    let (width, height) = decoder.read_header_info().map_err(malformed)?.size();
    let pixels = check_size(Input::Png, width, height, limits)?;

    let mut reader = decoder.read_info().map_err(malformed)?;
    let mut samples =
        vec![0; reader.output_buffer_size().ok_or_else(|| Input::Png.malformed("it is too large"))?];
    let frame = reader.next_frame(&mut samples).map_err(malformed)?;
    reader.finish().map_err(malformed)?;
    samples.truncate(frame.buffer_size());
    let rgba = match frame.color_type {
        ColorType::Rgba => samples,
        ColorType::Rgb | ColorType::Indexed => expand(&samples, pixels, |[r, g, b]| [r, g, b, 255]),
        ColorType::GrayscaleAlpha => expand(&samples, pixels, |[l, a]| [l, l, l, a]),
        ColorType::Grayscale => expand(&samples, pixels, |[l]| [l, l, l, 255]),
    };
    let info = reader.info();
    let opaque = !matches!(frame.color_type, ColorType::Rgba | ColorType::GrayscaleAlpha);
    let icc = info.icc_profile.as_ref().filter(|_| info.srgb.is_none()).map(|icc| icc.to_vec());
    let exif = info.exif_metadata.as_ref().map(|exif| exif.to_vec());
    Ok(Decoded { width, height, rgba, opaque, icc, exif })
}

/// Encodes an asset: written once, read for years, so small before fast.
pub(super) fn encode_to_keep(pixmap: Pixmap, opaque: bool) -> Result<Vec<u8>, RenderError> {
    let refuse = |error: png::EncodingError| encode_error(Format::Png, error);
    let (width, height) = pixmap.size();
    let (color, samples) = if opaque {
        (ColorType::Rgb, pixmap.into_rgb())
    } else {
        (ColorType::Rgba, pixmap.into_straight_rgba())
    };
    let mut bytes = Vec::with_capacity(samples.len() / 4);
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Balanced);
    encoder.set_filter(Filter::Adaptive);
    let mut writer = encoder.write_header().map_err(refuse)?;
    writer.write_image_data(&samples).map_err(refuse)?;
    writer.finish().map_err(refuse)?;
    Ok(bytes)
}
