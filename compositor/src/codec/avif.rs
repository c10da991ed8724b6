//! AVIF out, through libavif and libaom. Only where the `lossy` feature is on, which is at the origin.

use libavif::{Encoder, RgbPixels, YuvFormat};

use super::{FULL_CHROMA_ABOVE, Format, Output, encode_error};
use crate::error::RenderError;
use crate::pixmap::Pixmap;

/// libaom's fastest for still pictures: at equal SSIM its files are about 7 % larger than those of speed 8, for a third
/// of the time (ARCHITECTURE.md has the figures).
const SPEED: u8 = 9;
/// Edges of a cut-out show every loss, and alpha costs little.
const ALPHA_QUALITY: u8 = 90;

pub(super) fn encode(pixmap: Pixmap, output: Output) -> Result<Vec<u8>, RenderError> {
    let refuse = |reason: String| encode_error(Format::Avif, reason);
    let (width, height) = pixmap.size();
    let samples = if output.opaque { pixmap.into_rgb() } else { pixmap.into_straight_rgba() };
    let pixels = RgbPixels::new(width, height, &samples).map_err(|error| refuse(error.to_string()))?;
    let sampling = if output.quality > FULL_CHROMA_ABOVE { YuvFormat::Yuv444 } else { YuvFormat::Yuv420 };
    let image = pixels.to_image(sampling);
    drop(pixels);
    drop(samples);
    let mut encoder = Encoder::new();
    encoder.set_max_threads(1).set_speed(SPEED).set_quality(output.quality).set_alpha_quality(ALPHA_QUALITY);
    let file = encoder.encode(&image).map_err(|error| refuse(error.to_string()))?;
    Ok(file.to_vec())
}
