//! JPEG: read through `zune-jpeg`, written by [`encode`] in code of ours, stripped of metadata without either.

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
use crate::pixmap::Pixmap;

/// Largest side the format can have (ITU-T T.81, section B.2.2).
const MAX_SIDE: usize = 65_535;
/// A progressive file has about ten scans; thousands are an attack on the decoder's time.
const MAX_SCANS: usize = 64;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, AssetError> {
    let malformed = |error: zune_jpeg::errors::DecodeErrors| Input::Jpeg.malformed(error);
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGBA)
        .jpeg_set_max_scans(MAX_SCANS)
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE)
        .set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(malformed)?;
    let (width, height) =
        decoder.dimensions().ok_or_else(|| Input::Jpeg.malformed("it has no frame header"))?;
    let (width, height) = (width as u32, height as u32);
    let pixels = check_size(Input::Jpeg, width, height, limits)?;
    let mut rgba = vec![0; pixels * 4];
    decoder.decode_into(&mut rgba).map_err(malformed)?;
    // Of some broken files the decoder leaves rows untouched and says nothing.
    let whole = |row: &[u8]| row[3] == 255 && row.ends_with(&[255]);
    if !rgba.chunks_exact(width as usize * 4).all(whole) {
        return Err(Input::Jpeg.malformed("rows are missing"));
    }
    let exif = decoder.exif().cloned();
    Ok(Decoded { width, height, rgba, opaque: true, icc: decoder.icc_profile(), exif })
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
/// JFIF (APP0) and Adobe (APP14) stay: they say how the colours are coded. `None`: the segments do not add up.
pub(crate) fn strip_metadata(bytes: &[u8]) -> Option<Vec<u8>> {
    const SOI: u8 = 0xd8;
    const EOI: u8 = 0xd9;
    const SOS: u8 = 0xda;
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
