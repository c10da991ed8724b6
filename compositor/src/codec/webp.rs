//! WebP: lossy and lossless in, through `image-webp` (of an animation the first frame); lossless out, through `vp8l.rs`.

use std::io::Cursor;

use image_webp::WebPDecoder;

use super::{Decoded, Format, Input, check_size, encode_error, vp8l};
use crate::error::{AssetError, RenderError};
use crate::limits::Limits;
use crate::pixmap::{Pixmap, expand};

/// Largest side the format can have (RFC 9649, section 2.7.1).
pub(super) const MAX_SIDE: u32 = 16_384;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, AssetError> {
    let malformed = |error: image_webp::DecodingError| Input::Webp.malformed(error);
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(malformed)?;
    let (width, height) = decoder.dimensions();
    let pixels = check_size(Input::Webp, width, height, limits)?;
    decoder.set_memory_limit(pixels.saturating_mul(8));
    let mut samples =
        vec![0; decoder.output_buffer_size().ok_or_else(|| Input::Webp.malformed("it is too large"))?];
    if decoder.is_animated() {
        decoder.read_frame(&mut samples).map_err(malformed)?;
    } else {
        decoder.read_image(&mut samples).map_err(malformed)?;
    }
    let alpha = decoder.has_alpha();
    let rgba = if alpha { samples } else { expand(&samples, pixels, |[r, g, b]| [r, g, b, 255]) };
    let icc = decoder.icc_profile().map_err(malformed)?;
    let exif = decoder.exif_metadata().map_err(malformed)?;
    Ok(Decoded { width, height, rgba, opaque: !alpha, icc, exif })
}

pub(super) fn encode(pixmap: Pixmap, opaque: bool) -> Result<Vec<u8>, RenderError> {
    let (width, height) = pixmap.size();
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(encode_error(
            Format::Webp,
            format!("a side of {} pixels is over {MAX_SIDE}", width.max(height)),
        ));
    }
    Ok(vp8l::encode(pixmap, opaque))
}
