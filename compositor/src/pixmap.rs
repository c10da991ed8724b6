//! The one picture type: premultiplied RGBA8, row by row, and the plain transformations of it.

use crate::simd::widest;

/// A picture of premultiplied RGBA with 8 bits a channel.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Pixmap {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

impl std::fmt::Debug for Pixmap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pixmap({}×{})", self.width, self.height)
    }
}

impl Pixmap {
    /// A picture that is one colour, given premultiplied.
    pub(crate) fn filled(width: u32, height: u32, colour: [u8; 4]) -> Self {
        let pixels = width as usize * height as usize;
        let data = if colour == [0; 4] { vec![0; pixels * 4] } else { colour.repeat(pixels) };
        Pixmap { width, height, data }
    }

    /// A picture of premultiplied samples; `None` if there are not `width × height × 4` of them.
    pub(crate) fn from_premultiplied(width: u32, height: u32, data: Vec<u8>) -> Option<Self> {
        (data.len() as u64 == u64::from(width) * u64::from(height) * 4).then_some(Pixmap {
            width,
            height,
            data,
        })
    }

    /// A picture of straight (not premultiplied) samples; `None` if there are not `width × height × 4` of them.
    pub fn from_straight_rgba(width: u32, height: u32, mut data: Vec<u8>) -> Option<Self> {
        premultiply(&mut data);
        Pixmap::from_premultiplied(width, height, data)
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Premultiplied samples, row by row: R, G, B, A.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    pub(crate) fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    pub(crate) fn into_data(self) -> Vec<u8> {
        self.data
    }

    pub(crate) fn row(&self, y: u32) -> &[u8] {
        let row = self.width as usize * 4;
        &self.data[y as usize * row..][..row]
    }

    pub(crate) fn row_mut(&mut self, y: u32) -> &mut [u8] {
        let row = self.width as usize * 4;
        &mut self.data[y as usize * row..][..row]
    }

    /// All of it, for whoever works on rows.
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows { data: &self.data, width: self.width, first: 0 }
    }

    /// Straight samples, as a canvas element's `ImageData` and most file formats want them.
    pub fn to_straight_rgba(&self) -> Vec<u8> {
        self.clone().into_straight_rgba()
    }

    pub(crate) fn into_straight_rgba(mut self) -> Vec<u8> {
        unpremultiply(&mut self.data);
        self.data
    }

    /// The colour channels of an opaque picture.
    #[cfg(any(feature = "lossy", test))]
    pub(crate) fn into_rgb(self) -> Vec<u8> {
        let mut rgb = vec![0; self.data.len() / 4 * 3];
        for (to, from) in rgb.chunks_exact_mut(3).zip(self.data.chunks_exact(4)) {
            to.copy_from_slice(&from[..3]);
        }
        rgb
    }

    /// Has it no transparent pixel?
    pub(crate) fn is_opaque(&self) -> bool {
        is_opaque(&self.data)
    }

    /// Mirrored, then turned clockwise by quarter turns. Exact: every pixel moves, none changes.
    #[must_use]
    pub(crate) fn oriented(&self, flip_h: bool, flip_v: bool, quarter_turns: u8) -> Pixmap {
        let (w, h) = (self.width as usize, self.height as usize);
        let (to_w, to_h) = if quarter_turns.is_multiple_of(2) { (w, h) } else { (h, w) };
        let mut data = vec![0; self.data.len()];
        if data.is_empty() {
            return self.clone();
        }
        for (y, row) in data.chunks_exact_mut(to_w * 4).enumerate() {
            for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
                let (u, v) = match quarter_turns % 4 {
                    0 => (x, y),
                    1 => (y, h - 1 - x),
                    2 => (w - 1 - x, h - 1 - y),
                    _ => (w - 1 - y, x),
                };
                let u = if flip_h { w - 1 - u } else { u };
                let v = if flip_v { h - 1 - v } else { v };
                pixel.copy_from_slice(&self.data[(v * w + u) * 4..][..4]);
            }
        }
        Pixmap { width: to_w as u32, height: to_h as u32, data }
    }
}

/// Some rows of a picture: premultiplied RGBA.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Whole rows, the first of them row `first` of the picture.
    pub data: &'a [u8],
    /// Of the picture, in pixels.
    pub width: u32,
    pub first: u32,
}

impl<'a> Rows<'a> {
    /// Rows by their numbers in the picture.
    pub fn range(&self, rows: std::ops::Range<u32>) -> &'a [u8] {
        let row = self.width as usize * 4;
        &self.data[(rows.start - self.first) as usize * row..][..rows.len() * row]
    }
}

/// Has no pixel of these an alpha below 255?
#[inline(always)]
pub(crate) fn is_opaque(samples: &[u8]) -> bool {
    /// Pixels that are asked together: without a way out between them, which vectorises.
    const BLOCK: usize = 64;
    let alpha_of_all = |block: &[u8]| {
        let pixels = block.as_chunks().0.iter().map(|pixel| u32::from_le_bytes(*pixel));
        pixels.fold(u32::MAX, |all, pixel| all & pixel) >> 24
    };
    samples.chunks(BLOCK * 4).all(|block| alpha_of_all(block) == 255)
}

/// Makes straight samples premultiplied.
pub(crate) fn premultiply(samples: &mut [u8]) {
    /// Pixels that are asked together whether they are all opaque, or all clear: most are one or the other.
    const BLOCK: usize = 16;
    for block in samples.chunks_mut(BLOCK * 4) {
        let alphas = || block.iter().skip(3).step_by(4);
        if alphas().fold(255, |least, alpha| least & alpha) == 255 {
            continue;
        }
        if alphas().fold(0, |most, alpha| most | alpha) == 0 {
            block.fill(0);
            continue;
        }
        for pixel in block.chunks_exact_mut(4) {
            // Alpha times 255 is alpha, so that four samples are treated alike, which vectorises.
            let factors = [pixel[3], pixel[3], pixel[3], 255];
            for (sample, factor) in pixel.iter_mut().zip(factors) {
                *sample = multiply(*sample, factor);
            }
        }
    }
}

/// Makes premultiplied samples straight.
pub(crate) fn unpremultiply(samples: &mut [u8]) {
    /// Pixels that are asked together whether any is not opaque: most are.
    const BLOCK: usize = 16;
    widest(
        #[inline(always)]
        || {
            for block in samples.chunks_mut(BLOCK * 4) {
                if is_opaque(block) {
                    continue;
                }
                for pixel in block.as_chunks_mut::<4>().0 {
                    *pixel = straight(u32::from_le_bytes(*pixel)).to_le_bytes();
                }
            }
        },
    );
}

/// A premultiplied pixel as a straight one: every colour is 255 times itself over alpha, rounded to nearest. A clear pixel has
/// no colour, and stays without.
#[inline(always)]
fn straight(pixel: u32) -> u32 {
    /// So large that an `f32` has no bits for fractions: what is added is rounded, and stands in the lowest bits.
    const WHOLE: f32 = 1.5 * (1 << 23) as f32;
    let alpha = pixel >> 24;
    let reciprocal = 1.0 / alpha.max(1) as i32 as f32;
    let colour = |shift: u32| {
        let scaled = (pixel >> shift & 0xff) * 255 + alpha / 2;
        // A half more than a whole number over alpha is never nearer than 1 / 510 to a whole one, and `f32` nearer than that.
        let quotient = (scaled as i32 as f32 + 0.5) * reciprocal - 0.5;
        let held = if quotient < 255.0 { quotient } else { 255.0 };
        ((held + WHOLE).to_bits() & 0xff) << shift
    };
    alpha << 24 | colour(16) | colour(8) | colour(0)
}

/// `a · b / 255`, rounded to nearest; exact for all 65,536 pairs.
pub(crate) fn multiply(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

/// Turns pixels of `N` samples into RGBA.
pub(crate) fn expand<const N: usize>(
    samples: &[u8],
    pixels: usize,
    rgba: impl Fn([u8; N]) -> [u8; 4],
) -> Vec<u8> {
    let mut expanded = vec![0; pixels * 4];
    for (to, from) in expanded.chunks_exact_mut(4).zip(samples.chunks_exact(N)) {
        let mut pixel = [0; N];
        pixel.copy_from_slice(from);
        to.copy_from_slice(&rgba(pixel));
    }
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplication_is_exact() {
        for a in 0..=255_u8 {
            for b in 0..=255_u8 {
                let exact = (f64::from(a) * f64::from(b) / 255.0).round() as u8;
                assert_eq!(multiply(a, b), exact, "{a} · {b}");
            }
        }
    }

    #[test]
    fn division_is_exact() {
        for a in 1..=255_u8 {
            let mut samples: Vec<u8> = (0..=255_u8).flat_map(|c| [c, c, c, a]).collect();
            unpremultiply(&mut samples);
            for (c, pixel) in (0..=255_u32).zip(samples.chunks_exact(4)) {
                let exact = if a == 255 { c } else { (c * 255 + u32::from(a) / 2) / u32::from(a) };
                assert_eq!(u32::from(pixel[0]), exact.min(255), "{c} / {a}");
            }
        }
    }

    #[test]
    fn a_clear_pixel_stays_clear() {
        let mut samples = [0; 8];
        unpremultiply(&mut samples);
        assert_eq!(samples, [0; 8]);
    }

    #[test]
    fn straight_colours_survive_where_there_is_alpha_enough() {
        let straight = vec![200, 100, 50, 255, 200, 100, 50, 128, 1, 2, 3, 0];
        let back = Pixmap::from_straight_rgba(3, 1, straight).unwrap().to_straight_rgba();
        assert_eq!(back, [200, 100, 50, 255, 199, 100, 50, 128, 0, 0, 0, 0]);
    }

    #[test]
    fn orientation_moves_every_pixel_to_its_place() {
        let picture = |w, h, ids: &[u8]| {
            Pixmap::from_premultiplied(w, h, ids.iter().flat_map(|id| [*id; 4]).collect()).unwrap()
        };
        let p = picture(3, 2, &[1, 2, 3, 4, 5, 6]);
        assert_eq!(p.oriented(false, false, 0), p);
        assert_eq!(p.oriented(true, false, 0), picture(3, 2, &[3, 2, 1, 6, 5, 4]));
        assert_eq!(p.oriented(false, true, 0), picture(3, 2, &[4, 5, 6, 1, 2, 3]));
        assert_eq!(p.oriented(false, false, 1), picture(2, 3, &[4, 1, 5, 2, 6, 3]));
        assert_eq!(p.oriented(false, false, 2), picture(3, 2, &[6, 5, 4, 3, 2, 1]));
        assert_eq!(p.oriented(false, false, 3), picture(2, 3, &[3, 6, 2, 5, 1, 4]));
        assert_eq!(p.oriented(true, false, 1), picture(2, 3, &[6, 3, 5, 2, 4, 1]));
    }
}
