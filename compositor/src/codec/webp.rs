//! WebP: lossy and lossless in, through `image-webp` (of an animation its first frame); lossless out, through `vp8l.rs`.

use std::io::Cursor;

use image_webp::WebPDecoder;

use super::{Decoded, Format, Input, check_size, encode_error, on_canvas, vp8l};
use crate::error::{AssetError, RenderError};
use crate::limits::Limits;
use crate::pixmap::{Pixmap, expand};

/// Largest side the format can have (RFC 9649, section 2.7.1).
pub(super) const MAX_SIDE: u32 = 16_384;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, AssetError> {
    let malformed = |error: image_webp::DecodingError| Input::Webp.malformed(error);
    let mut file = WebPDecoder::new(Cursor::new(bytes)).map_err(malformed)?;
    let (width, height) = file.dimensions();
    let pixels = check_size(Input::Webp, width, height, limits)?;
    file.set_memory_limit(pixels.saturating_mul(8));
    // What an animation says of its alpha need not hold for its frames.
    let opaque = !file.has_alpha() && !file.is_animated();
    let rgba = if file.is_animated() {
        first_frame(bytes)?.on_canvas(width, height, pixels)?
    } else {
        still(&mut file, pixels)?
    };
    let icc = file.icc_profile().map_err(malformed)?;
    let exif = file.exif_metadata().map_err(malformed)?;
    Ok(Decoded { width, height, rgba, opaque, icc, exif })
}

/// Straight RGBA of a file that has one picture.
fn still(file: &mut WebPDecoder<Cursor<&[u8]>>, pixels: usize) -> Result<Vec<u8>, AssetError> {
    let bytes = file.output_buffer_size().ok_or_else(|| Input::Webp.malformed("it is too large"))?;
    let mut samples = vec![0; bytes];
    file.read_image(&mut samples).map_err(|error| Input::Webp.malformed(error))?;
    Ok(if file.has_alpha() { samples } else { expand(&samples, pixels, |[r, g, b]| [r, g, b, 255]) })
}

/// The first frame of an animation, as a file with one picture.
///
/// `image-webp` decodes frames too, but indexes out of bounds where a frame's picture is not as large as the frame
/// says; a file with one picture it checks.
struct Frame {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    file: Vec<u8>,
}

impl Frame {
    /// The frame on a transparent canvas.
    fn on_canvas(&self, width: u32, height: u32, pixels: usize) -> Result<Vec<u8>, AssetError> {
        if self.left + self.width > width || self.top + self.height > height {
            return Err(Input::Webp.malformed("its first frame reaches over its canvas"));
        }
        let mut file = WebPDecoder::new(Cursor::new(self.file.as_slice()))
            .map_err(|error| Input::Webp.malformed(error))?;
        let frame_pixels = self.width as usize * self.height as usize;
        file.set_memory_limit(frame_pixels.saturating_mul(8));
        let frame = still(&mut file, frame_pixels)?;
        Ok(on_canvas(&frame, self.width as usize, (self.left as usize, self.top as usize), width, pixels))
    }
}

/// Takes the first frame out of an animation (RFC 9649, section 2.7.1.1, chunk `ANMF`).
fn first_frame(bytes: &[u8]) -> Result<Frame, AssetError> {
    let truncated = || Input::Webp.malformed("its first frame is truncated");
    let (_, frame) = chunks(bytes)
        .find(|(name, _)| name == b"ANMF")
        .ok_or_else(|| Input::Webp.malformed("it has no frame"))?;
    let (header, pictures) = frame.split_at_checked(16).ok_or_else(truncated)?;
    let field = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]);
    let (width, height) = (field(6) + 1, field(9) + 1);
    let has = |wanted: &[u8; 4]| chunks_of(pictures).any(|(name, _)| name == *wanted);
    let flags = if has(b"ALPH") || has(b"VP8L") { ALPHA_FLAG } else { 0 };

    let mut file = Vec::with_capacity(30 + pictures.len());
    file.extend(b"RIFF");
    file.extend((22 + pictures.len() as u32).to_le_bytes());
    file.extend(b"WEBPVP8X");
    file.extend(10_u32.to_le_bytes());
    file.extend([flags, 0, 0, 0]);
    file.extend(&header[6..12]); // the frame's size, less one: written as a canvas's is
    file.extend(pictures);
    Ok(Frame { left: field(0) * 2, top: field(3) * 2, width, height, file })
}

/// The flag of `VP8X` that says: there is alpha.
const ALPHA_FLAG: u8 = 0x10;

/// The chunks of a file.
pub(super) fn chunks(file: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    chunks_of(file.get(12..).unwrap_or_default())
}

/// The chunks of a RIFF body: name and data. Ends where one is not whole.
fn chunks_of(body: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (size, after) = after.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
        let data = after.get(..size)?;
        rest = after.get(size.next_multiple_of(2)..).unwrap_or_default();
        Some((*name, data))
    })
}

/// A file of these chunks (sections 2.3 to 2.6).
pub(super) fn riff<'a>(chunks: impl IntoIterator<Item = ([u8; 4], &'a [u8])>) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
    for (name, data) in chunks {
        file.extend_from_slice(&name);
        file.extend_from_slice(&(data.len() as u32).to_le_bytes());
        file.extend_from_slice(data);
        file.resize(file.len().next_multiple_of(2), 0);
    }
    let length = file.len() as u32 - 8;
    file[4..8].copy_from_slice(&length.to_le_bytes());
    file
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
