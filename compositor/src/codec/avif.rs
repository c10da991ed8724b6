//! AVIF out, through libavif and libaom. Only where the `lossy` feature is on, which is at the origin.

use libavif::{Encoder, RgbPixels, YuvFormat};

use super::{Format, Output, encode_error};
use crate::error::RenderError;
use crate::pixmap::Pixmap;

/// Longest side that libavif reads back by default.
const MAX_SIDE: u32 = 32_768;
/// libaom's fastest for still pictures: at equal SSIM its files are about 7 % larger than those of speed 8, for a third
/// of the time, and smaller than what `rav1e` makes in four times the time (`docs/benchmarks`).
const SPEED: u8 = 9;
/// Above this quality colour is as fine as light, as in JPEG.
const FINE_COLOUR_ABOVE: u8 = 90;
/// Edges of a cut-out show every loss, and alpha costs little.
const ALPHA_QUALITY: u8 = 90;

pub(super) fn encode(pixmap: Pixmap, output: Output) -> Result<Vec<u8>, RenderError> {
    let refuse = |reason: String| encode_error(Format::Avif, reason);
    let (width, height) = pixmap.size();
    if width.max(height) > MAX_SIDE {
        return Err(refuse(format!("a side of {} pixels is over {MAX_SIDE}", width.max(height))));
    }
    let samples = if output.opaque { pixmap.into_rgb() } else { pixmap.into_straight_rgba() };
    let pixels = RgbPixels::new(width, height, &samples).map_err(|error| refuse(error.to_string()))?;
    let sampling = if output.quality > FINE_COLOUR_ABOVE { YuvFormat::Yuv444 } else { YuvFormat::Yuv420 };
    let image = pixels.to_image(sampling);
    drop(pixels);
    drop(samples);
    let mut encoder = Encoder::new();
    encoder.set_max_threads(1).set_speed(SPEED).set_quality(output.quality).set_alpha_quality(ALPHA_QUALITY);
    let file = encoder.encode(&image).map_err(|error| refuse(error.to_string()))?;
    Ok(file.to_vec())
}
