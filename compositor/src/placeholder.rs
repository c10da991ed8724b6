//! What stands in for a picture until it is there: a ThumbHash and one colour.

use crate::fit::Crop;
use crate::pixmap::Pixmap;
use crate::resample::scale;

/// Longest side that is hashed, in pixels; ThumbHash asks for at most 100 and keeps at most 7 × 7 coefficients.
const HASHED_SIDE: f64 = 64.0;

/// A ThumbHash (about 25 bytes; decoders exist for every platform) and the average visible colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// <https://evanw.github.io/thumbhash/>
    pub thumbhash: Vec<u8>,
    /// Straight sRGB; of a wholly transparent picture, black.
    pub colour: [u8; 3],
}

/// Makes the placeholder of a picture.
pub fn placeholder(pixmap: &Pixmap) -> Placeholder {
    let (w, h) = (f64::from(pixmap.width()), f64::from(pixmap.height()));
    let k = (HASHED_SIDE / w.max(h)).min(1.0);
    let side = |length: f64| libm::round(length * k).max(1.0) as u32;
    let small = scale(pixmap, Crop { x: 0.0, y: 0.0, width: w, height: h }, side(w), side(h));
    let colour = average(&small);
    let (width, height) = small.size();
    let thumbhash =
        thumbhash::rgba_to_thumb_hash(width as usize, height as usize, &small.into_straight_rgba());
    Placeholder { thumbhash, colour }
}

/// Premultiplied samples weigh every colour by its alpha already.
fn average(pixmap: &Pixmap) -> [u8; 3] {
    let mut sums = [0_u64; 4];
    for pixel in pixmap.data().chunks_exact(4) {
        for (sum, sample) in sums.iter_mut().zip(pixel) {
            *sum += u64::from(*sample);
        }
    }
    let [r, g, b, a] = sums;
    [r, g, b].map(|c| (c * 255).checked_div(a).unwrap_or(0).min(255) as u8)
}
