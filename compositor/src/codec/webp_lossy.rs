//! Lossy WebP out, through libwebp. Only where the `lossy` feature is on, which is at the origin.

use webp::{Encoder, PixelLayout, WebPConfig};

use super::{Format, Output, encode_error};
use crate::error::RenderError;
use crate::pixmap::Pixmap;

/// libwebp's effort, 0 to 6. On a photograph of 1024² with alpha at quality 80, its default 4 took a quarter more time for
/// as many bytes (114,006; here 113,846), and 2 saved a third of the time for 4 % more.
const METHOD: i32 = 3;

pub(super) fn encode(pixmap: Pixmap, output: Output) -> Result<Vec<u8>, RenderError> {
    let refuse = |reason: String| encode_error(Format::Webp, reason);
    let (width, height) = pixmap.size();
    let mut config =
        WebPConfig::new().map_err(|()| refuse("libwebp has another version than its header".into()))?;
    config.quality = f32::from(output.quality);
    config.method = METHOD;
    let (samples, layout) = if output.opaque {
        (pixmap.into_rgb(), PixelLayout::Rgb)
    } else {
        (pixmap.into_straight_rgba(), PixelLayout::Rgba)
    };
    let file = Encoder::new(&samples, layout, width, height).encode_advanced(&config);
    file.map(|file| file.to_vec()).map_err(|error| refuse(format!("{error:?}")))
}
