//! GIF in, through the `gif` crate: the first frame on its logical screen.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};

use super::{Decoded, Input, check_size};
use crate::error::AssetError;
use crate::limits::Limits;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, AssetError> {
    let malformed = |error: gif::DecodingError| Input::Gif.malformed(error);
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.check_frame_consistency(true);
    let frame_bytes = NonZeroU64::new(limits.source_pixels.saturating_mul(4)).unwrap_or(NonZeroU64::MIN);
    options.set_memory_limit(MemoryLimit::Bytes(frame_bytes));
    let mut decoder = options.read_info(bytes).map_err(malformed)?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    let pixels = check_size(Input::Gif, width, height, limits)?;
    let frame = decoder
        .read_next_frame()
        .map_err(malformed)?
        .ok_or_else(|| Input::Gif.malformed("it has no frame"))?;

    let mut rgba = vec![0; pixels * 4];
    let (left, frame_row) = (usize::from(frame.left) * 4, usize::from(frame.width) * 4);
    if frame_row == 0 {
        return Err(Input::Gif.malformed("its first frame is empty"));
    }
    let screen_rows = rgba.chunks_exact_mut(width as usize * 4).skip(usize::from(frame.top));
    for (to, from) in screen_rows.zip(frame.buffer.chunks_exact(frame_row)) {
        if let Some(to) = to.get_mut(left..left + frame_row) {
            to.copy_from_slice(from);
        }
    }
    Ok(Decoded { width, height, rgba, opaque: false, icc: None, exif: None })
}
