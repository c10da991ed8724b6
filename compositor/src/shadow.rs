//! Drop shadows: a picture's alpha, blurred, coloured and moved, with the picture over it (Filter Effects Level 1,
//! section 9.6, `drop-shadow`).

use crate::blend::{Mix, composite};
use crate::fill::premultiplied;
use crate::fit::Window;
use crate::pixmap::{Pixmap, multiply};
use crate::recipe::Colour;

/// A shadow in device pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cast {
    /// To the right and down, whole pixels.
    pub offset: (i64, i64),
    /// Standard deviation of the blur.
    pub blur: f64,
    pub colour: Colour,
}

/// Up to this deviation the kernel is the Gaussian itself; above it, three boxes are within 4 % of it and cost the same
/// for every deviation.
const EXACT_UP_TO: f64 = 4.0;
/// Fractional bits of blurred alpha: three boxes round three times.
const ALPHA_BITS: u32 = 8;
/// Fractional bits of a kernel weight.
const WEIGHT_BITS: u32 = 16;

impl Cast {
    /// How far the blur spreads, in pixels.
    pub fn spread(&self) -> u32 {
        match Blur::of(self.blur) {
            Blur::None => 0,
            Blur::Kernel(weights) => (weights.len() / 2) as u32,
            Blur::Boxes(boxes) => boxes.iter().sum::<usize>() as u32,
        }
    }

    /// The part of the plane that a picture within `bounds` needs to be drawn on for its shadow to be right on all of
    /// `bounds`.
    pub fn reach(&self, bounds: Window) -> Window {
        bounds.joined(bounds.moved(-self.offset.0, -self.offset.1).grown(self.spread()))
    }

    /// The picture with its shadow, as far as `bounds` shows it. `None`: nothing of it.
    pub fn under(&self, pixmap: &Pixmap, at: Window, bounds: Window) -> Option<(Pixmap, Window)> {
        let spread = self.spread();
        let shade = at.moved(self.offset.0, self.offset.1).grown(spread);
        let window = at.joined(shade).within(bounds)?;
        let mut out = Pixmap::filled(window.width, window.height, [0; 4]);
        let alpha = blurred(pixmap, spread as usize, &Blur::of(self.blur));
        let [r, g, b, a] = premultiplied(self.colour);
        if let Some(part) = shade.within(window) {
            for y in 0..part.height {
                let from = ((part.top - shade.top) as usize + y as usize) * shade.width as usize
                    + (part.left - shade.left) as usize;
                let to = out.row_mut((part.top - window.top) as u32 + y);
                let to = &mut to[(part.left - window.left) as usize * 4..];
                for (pixel, alpha) in to.chunks_exact_mut(4).zip(&alpha[from..from + part.width as usize]) {
                    pixel.copy_from_slice(&[r, g, b, a].map(|sample| multiply(sample, *alpha)));
                }
            }
        }
        if let Some(part) = at.within(window) {
            for y in 0..part.height {
                let above = &pixmap.row((part.top - at.top) as u32 + y)[(part.left - at.left) as usize * 4..];
                let below = out.row_mut((part.top - window.top) as u32 + y);
                let below = &mut below[(part.left - window.left) as usize * 4..][..part.width as usize * 4];
                composite(below, &above[..part.width as usize * 4], &Mix::OVER);
            }
        }
        Some((out, window))
    }
}

/// How alpha is spread.
enum Blur {
    None,
    /// Weights of a symmetric kernel, in units of 2⁻¹⁶; they add up to 1.
    Kernel(Vec<u32>),
    /// Three boxes, each reaching so many pixels back and forth.
    Boxes([usize; 3]),
}

impl Blur {
    fn of(deviation: f64) -> Self {
        if deviation < 0.05 {
            Self::None
        } else if deviation <= EXACT_UP_TO {
            Self::Kernel(gaussian(deviation))
        } else {
            Self::Boxes(boxes(deviation))
        }
    }
}

/// Three boxes of odd widths whose variances, (width² − 1) / 12 each, add up to the Gaussian's as nearly as can be.
fn boxes(deviation: f64) -> [usize; 3] {
    let variance = 12.0 * deviation * deviation;
    let narrow = {
        let width = libm::floor(libm::sqrt(variance / 3.0 + 1.0));
        if width % 2.0 == 0.0 { width - 1.0 } else { width }
    };
    // Every box that is wider by 2 adds 4 · narrow + 4 to the sum.
    let missing = variance - 3.0 * (narrow * narrow - 1.0);
    let wide = libm::round(missing / (4.0 * narrow + 4.0)).clamp(0.0, 3.0) as usize;
    let reach = narrow as usize / 2;
    [0, 1, 2].map(|i| if i < wide { reach + 1 } else { reach })
}

fn gaussian(deviation: f64) -> Vec<u32> {
    let radius = libm::ceil(deviation * 3.0) as i32;
    let bell = |x: i32| libm::exp(-f64::from(x * x) / (2.0 * deviation * deviation));
    let sum: f64 = (-radius..=radius).map(bell).sum();
    let one = f64::from(1 << WEIGHT_BITS);
    let mut weights: Vec<u32> = (-radius..=radius).map(|x| libm::round(bell(x) / sum * one) as u32).collect();
    // What rounding lost or won is the middle's.
    let middle = radius as usize;
    let others: u32 = weights.iter().sum::<u32>() - weights[middle];
    weights[middle] = (1 << WEIGHT_BITS) - others;
    weights
}

/// The blurred alpha of a picture with `spread` more pixels on each side.
fn blurred(pixmap: &Pixmap, spread: usize, blur: &Blur) -> Vec<u8> {
    let (width, height) = (pixmap.width() as usize + 2 * spread, pixmap.height() as usize + 2 * spread);
    let mut alpha = vec![0_u16; width * height];
    for y in 0..pixmap.height() {
        let row = &mut alpha[(y as usize + spread) * width + spread..];
        for (alpha, pixel) in row.iter_mut().zip(pixmap.row(y).chunks_exact(4)) {
            *alpha = u16::from(pixel[3]) << ALPHA_BITS;
        }
    }
    // Along the rows, then along the columns, which are the rows of the picture turned over its diagonal.
    for row in alpha.chunks_exact_mut(width.max(1)) {
        blur.along(row);
    }
    let mut turned = transposed(&alpha, width, height);
    for column in turned.chunks_exact_mut(height.max(1)) {
        blur.along(column);
    }
    let round = |alpha: u16| ((u32::from(alpha) + (1 << (ALPHA_BITS - 1))) >> ALPHA_BITS).min(255) as u8;
    transposed(&turned, height, width).into_iter().map(round).collect()
}

fn transposed(samples: &[u16], width: usize, height: usize) -> Vec<u16> {
    /// Squares of this side fit the first cache in both directions.
    const BLOCK: usize = 32;
    let mut turned = vec![0; samples.len()];
    for y0 in (0..height).step_by(BLOCK) {
        for x0 in (0..width).step_by(BLOCK) {
            for y in y0..(y0 + BLOCK).min(height) {
                for x in x0..(x0 + BLOCK).min(width) {
                    turned[x * height + y] = samples[y * width + x];
                }
            }
        }
    }
    turned
}

impl Blur {
    /// Blurs a line in place; beyond its ends there is nothing.
    fn along(&self, line: &mut [u16]) {
        match self {
            Self::None => {}
            Self::Kernel(weights) => convolve(line, weights),
            Self::Boxes(boxes) => boxes.iter().for_each(|reach| average(line, *reach)),
        }
    }
}

fn convolve(line: &mut [u16], weights: &[u32]) {
    let radius = weights.len() / 2;
    let mut padded = vec![0_u16; line.len() + 2 * radius];
    padded[radius..radius + line.len()].copy_from_slice(line);
    for (out, samples) in line.iter_mut().zip(padded.windows(weights.len())) {
        let sum: u64 = samples.iter().zip(weights).map(|(s, w)| u64::from(*s) * u64::from(*w)).sum();
        *out = ((sum + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS) as u16;
    }
}

/// Every sample becomes the mean of those up to `reach` to its left and right.
fn average(line: &mut [u16], reach: usize) {
    let old = line.to_vec();
    let size = (2 * reach + 1) as u32;
    let mut sum: u32 = old.iter().take(reach).map(|sample| u32::from(*sample)).sum();
    for (i, out) in line.iter_mut().enumerate() {
        sum += old.get(i + reach).map_or(0, |sample| u32::from(*sample));
        *out = ((sum + size / 2) / size) as u16;
        sum -= i.checked_sub(reach).map_or(0, |first| u32::from(old[first]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast(blur: f64) -> Cast {
        Cast { offset: (3, 5), blur, colour: Colour { r: 0, g: 0, b: 0, a: 255 } }
    }

    #[test]
    fn a_blur_keeps_its_mass_and_has_its_deviation() {
        for deviation in [0.5, 1.0, 2.5, 4.0, 5.0, 8.0, 20.0] {
            let mut line = vec![0_u16; 401];
            line[200] = u16::MAX;
            let blur = Blur::of(deviation);
            blur.along(&mut line);
            let mass: f64 = line.iter().map(|s| f64::from(*s)).sum();
            let variance: f64 =
                line.iter().enumerate().map(|(i, s)| f64::from(*s) * (i as f64 - 200.0).powi(2)).sum();
            let found = (variance / mass).sqrt();
            assert!((mass / 65_535.0 - 1.0).abs() < 0.01, "{deviation}: mass {mass}");
            assert!(
                (found / deviation - 1.0).abs() < if deviation < 1.0 { 0.08 } else { 0.04 },
                "{deviation}: deviation {found}"
            );
        }
        assert_eq!(blurred(&Pixmap::filled(1, 1, [255; 4]), 0, &Blur::None), [255]);
    }

    #[test]
    fn a_hard_shadow_is_the_shape_moved() {
        let square = Pixmap::filled(4, 4, [255, 0, 0, 255]);
        let at = Window { left: 2, top: 2, width: 4, height: 4 };
        let bounds = Window { left: 0, top: 0, width: 40, height: 40 };
        let (drawn, window) = cast(0.0).under(&square, at, bounds).unwrap();
        assert_eq!(window, Window { left: 2, top: 2, width: 7, height: 9 });
        let pixel = |x: usize, y: u32| <[u8; 4]>::try_from(&drawn.row(y)[x * 4..x * 4 + 4]).unwrap();
        assert_eq!(
            (pixel(0, 0), pixel(3, 5), pixel(6, 8), pixel(6, 0)),
            ([255, 0, 0, 255], [0, 0, 0, 255], [0, 0, 0, 255], [0; 4])
        );
    }

    #[test]
    fn a_shadow_falls_on_a_canvas_that_its_layer_misses() {
        let square = Pixmap::filled(4, 4, [255; 4]);
        let at = Window { left: -5, top: -6, width: 4, height: 4 };
        let bounds = Window { left: 0, top: 0, width: 10, height: 10 };
        let (drawn, window) = cast(0.0).under(&square, at, bounds).unwrap();
        assert_eq!((window.left, window.top, window.width, window.height), (0, 0, 2, 3));
        assert!(drawn.data().chunks_exact(4).all(|p| p == [0, 0, 0, 255]));
        assert!(cast(0.0).under(&square, at.moved(-50, 0), bounds).is_none());
    }
}
