//! GIF in, through the `gif` crate: the first frame on its logical screen.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};

use super::{Decoded, Input, check_size, on_canvas};
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

    if frame.width == 0 {
        return Err(Input::Gif.malformed("its first frame is empty"));
    }
    let place = (usize::from(frame.left), usize::from(frame.top));
    let rgba = on_canvas(&frame.buffer, usize::from(frame.width), place, width, pixels);
    Ok(Decoded { width, height, rgba, opaque: false, icc: None, exif: None })
}
