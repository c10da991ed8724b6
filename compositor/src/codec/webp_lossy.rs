//! Lossy WebP out, through libwebp. Only where the `lossy` feature is on, which is at the origin.

use webp::{Encoder, PixelLayout, WebPConfig};

use super::{Format, Output, encode_error};
use crate::error::RenderError;
use crate::pixmap::Pixmap;

/// libwebp's default effort.
const METHOD: i32 = 4;

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
