//! Lossy WebP out: colours through libwebp, alpha by `webp_alpha`. Only where the `lossy` feature is on, which is at the origin.

use webp::{Encoder, PixelLayout, WebPConfig};

use super::webp::{chunks, riff};
use super::{Format, Output, encode_error, webp_alpha};
use crate::error::RenderError;
use crate::pixmap::Pixmap;

/// libwebp's effort, 0 to 6. For the colours of a photograph of 1024² at quality 80, its default 4 took a fifth more time
/// for as many bytes, and 2 saved a third of the time for 4 % more.
const METHOD: i32 = 3;
/// The name of the chunk that alpha is in.
const ALPHA: &[u8; 4] = b"ALPH";

pub(super) fn encode(pixmap: Pixmap, output: Output) -> Result<Vec<u8>, RenderError> {
    let refuse = |reason: String| encode_error(Format::Webp, reason);
    let (width, height) = pixmap.size();
    let mut config =
        WebPConfig::new().map_err(|()| refuse("libwebp has another version than its header".into()))?;
    config.quality = f32::from(output.quality);
    config.method = METHOD;
    // What it writes instead of alpha is not used: `webp_alpha` is an order of magnitude faster.
    config.alpha_compression = 0;
    let (samples, layout) = if output.opaque {
        (pixmap.into_rgb(), PixelLayout::Rgb)
    } else {
        (pixmap.into_straight_rgba(), PixelLayout::Rgba)
    };
    let file = Encoder::new(&samples, layout, width, height).encode_advanced(&config);
    let file = file.map_err(|error| refuse(format!("{error:?}")))?;
    if output.opaque || chunks(&file).all(|(name, _)| name != *ALPHA) {
        return Ok(file.to_vec());
    }
    let alpha: Vec<u8> = samples.iter().skip(3).step_by(4).copied().collect();
    drop(samples);
    let alpha = webp_alpha::encode(&alpha, width as usize);
    let with_alpha = |(name, data)| (name, if name == *ALPHA { &*alpha } else { data });
    Ok(riff(chunks(&file).map(with_alpha)))
}
