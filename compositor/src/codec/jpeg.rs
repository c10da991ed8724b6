//! JPEG: read through `zune-jpeg`, written by [`encode`] in code of ours, stripped of metadata without either.

pub(super) mod amend;
mod dct;
pub(super) mod encode;
mod entropy;
mod samples;
mod tables;

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use self::encode::Frame;
use super::{Decoded, Input, Output, check_size};
use crate::error::{AssetError, RenderError};
use crate::limits::Limits;
use crate::pixmap::{Pixmap, expand};

/// Largest side the format can have (ITU-T T.81, section B.2.2).
const MAX_SIDE: usize = 65_535;
/// A progressive file has about ten scans; thousands are an attack on the decoder's time.
const MAX_SCANS: usize = 64;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, AssetError> {
    let mut decoder = decoder(bytes, ColorSpace::RGBA);
    decoder.decode_headers().map_err(malformed)?;
    let (width, height) =
        decoder.dimensions().ok_or_else(|| Input::Jpeg.malformed("it has no frame header"))?;
    let (width, height) = (width as u32, height as u32);
    let pixels = check_size(Input::Jpeg, width, height, limits)?;
    let rgba = if matches!(decoder.input_colorspace(), Some(ColorSpace::CMYK | ColorSpace::YCCK)) {
        of_adobe(bytes, pixels)?
    } else {
        let mut rgba = vec![0; pixels * 4];
        decoder.decode_into(&mut rgba).map_err(malformed)?;
        // Of some broken files the decoder leaves rows untouched and says nothing.
        let whole = |row: &[u8]| row[3] == 255 && row.ends_with(&[255]);
        if !rgba.chunks_exact(width as usize * 4).all(whole) {
            return Err(Input::Jpeg.malformed(ROWS_MISSING));
        }
        rgba
    };
    let exif = decoder.exif().cloned();
    Ok(Decoded { width, height, rgba, opaque: true, icc: decoder.icc_profile(), exif })
}

const ROWS_MISSING: &str = "rows are missing";

fn malformed(error: zune_jpeg::errors::DecodeErrors) -> AssetError {
    Input::Jpeg.malformed(error)
}

fn decoder(bytes: &[u8], colours: ColorSpace) -> JpegDecoder<ZCursor<&[u8]>> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(colours)
        .jpeg_set_max_scans(MAX_SCANS)
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE)
        .set_strict_mode(true);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
}

/// RGBA of a file in CMYK or YCCK, or (told apart only later) in R, G and B as they stand: the decoder has no call that
/// gives them alpha.
fn of_adobe(bytes: &[u8], pixels: usize) -> Result<Vec<u8>, AssetError> {
    let decode = |untouched: u8| {
        let mut rgb = vec![untouched; pixels * 3];
        decoder(bytes, ColorSpace::RGB).decode_into(&mut rgb).map_err(malformed)?;
        Ok(rgb)
    };
    let rgb = decode(0)?;
    // No alpha tells of untouched rows here. Such files are rare: reading them twice is cheap enough.
    if rgb != decode(255)? {
        return Err(Input::Jpeg.malformed(ROWS_MISSING));
    }
    Ok(expand(&rgb, pixels, |[r, g, b]| [r, g, b, 255]))
}

/// A whole picture; what is not opaque is put on white.
pub(super) fn encode(pixmap: &Pixmap, output: Output) -> Result<Vec<u8>, RenderError> {
    let frame = Frame::new(pixmap.width(), pixmap.height(), output.quality)?;
    let mut bytes = frame.head();
    bytes.reserve(pixmap.data().len() / 16);
    for interval in 0..frame.intervals() {
        frame.encode(pixmap.rows(), interval, &mut bytes);
        bytes.extend_from_slice(&frame.marker_after(interval));
    }
    Ok(bytes)
}

/// The same picture, bit for bit, without EXIF, profiles, comments, thumbnails and whatever stands behind its end.
///
/// JFIF (APP0) and Adobe (APP14) stay: they say how the colours are coded. `None`: the segments do not add up, or the
/// colours are not YCbCr or grey, which not everybody reads.
pub(crate) fn strip_metadata(bytes: &[u8]) -> Option<Vec<u8>> {
    const SOI: u8 = 0xd8;
    const EOI: u8 = 0xd9;
    const SOS: u8 = 0xda;
    const APP14: u8 = 0xee;
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend_from_slice(bytes.get(..2).filter(|start| *start == [0xff, SOI])?);
    let mut at = 2;
    loop {
        while bytes.get(at..at + 2)? == [0xff, 0xff] {
            at += 1; // fill bytes (ITU-T T.81, section B.1.1.2)
        }
        let marker = *bytes.get(at..at + 2).filter(|m| m[0] == 0xff)?.last()?;
        if marker == EOI {
            kept.extend_from_slice(&[0xff, EOI]);
            return Some(kept);
        }
        let length = usize::from(u16::from_be_bytes(bytes.get(at + 2..at + 4)?.try_into().ok()?));
        let segment = bytes.get(at..at + 2 + length).filter(|_| length >= 2)?;
        // The last byte of Adobe's segment is the transform: 1 for YCbCr (Adobe technical note 5116, section 18).
        if marker == APP14 && segment.get(4..9) == Some(b"Adobe") && segment.get(15) != Some(&1) {
            return None;
        }
        if !matches!(marker, 0xe1..=0xed | 0xef | 0xfe) {
            kept.extend_from_slice(segment);
        }
        at += segment.len();
        if marker == SOS {
            let end = at + entropy_coded_length(bytes.get(at..)?)?;
            kept.extend_from_slice(&bytes[at..end]);
            at = end;
        }
    }
}

/// Length of the entropy-coded data at the start: up to the first marker that is neither stuffing nor a restart.
fn entropy_coded_length(data: &[u8]) -> Option<usize> {
    data.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff))
}
