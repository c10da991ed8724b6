//! From pixels to the samples of eight MCUs: gathered, put on white, turned into luma and chroma, chroma averaged.
//!
//! JFIF's colours (ITU-R BT.601, full range) in fixed point, and not rounded to whole numbers: that rounding would be
//! noise, which the highest qualities code faithfully. A lane is an MCU, as it is a block in the transform: pixels are
//! gathered so that every step after works on rows of eight numbers next to each other.

use super::dct::{Blocks, LANES, SAMPLE_SCALE};
use crate::pixmap::Rows;

/// A picture's pixels, its last column and row going on for ever.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub band: Rows<'a>,
    pub width: u32,
    pub height: u32,
}

impl<'a> Source<'a> {
    /// A row's pixels.
    fn row(self, y: u32) -> &'a [[u8; 4]] {
        let length = self.width as usize * 4;
        let y = y.min(self.height - 1).saturating_sub(self.band.first) as usize;
        let row = self.band.data.get(y * length..).and_then(|rest| rest.get(..length));
        debug_assert!(row.is_some(), "row {y} is not in the band");
        row.unwrap_or_default().as_chunks().0
    }

    /// Pixels from (x, y) on, to the right.
    #[inline]
    fn copy_run(self, (x, y): (u32, u32), to: &mut [u32]) {
        let row = self.row(y);
        let x = x as usize;
        if let Some(run) = row.get(x..x + to.len()) {
            for (to, pixel) in to.iter_mut().zip(run) {
                *to = u32::from_le_bytes(*pixel);
            }
        } else {
            let last = row.len().saturating_sub(1);
            for (i, to) in to.iter_mut().enumerate() {
                *to = row.get((x + i).min(last)).map_or(0, |pixel| u32::from_le_bytes(*pixel));
            }
        }
    }
}

/// Y, Cb and Cr of eight MCUs of 8×8 pixels.
pub(super) fn full(source: Source<'_>, origins: &[(u32, u32); LANES], blocks: &mut [Blocks; 3]) {
    let mut runs = [[0; 8]; LANES];
    let mut pixels = [[0; LANES]; 8];
    let mut rgb = Rgb::new();
    let [luma, blue, red] = blocks;
    for y in 0..8 {
        for (run, origin) in runs.iter_mut().zip(origins) {
            source.copy_run((origin.0, origin.1 + y as u32), run);
        }
        for (x, to) in pixels.iter_mut().enumerate() {
            *to = std::array::from_fn(|lane| runs[lane][x]);
        }
        rgb.split(&mut pixels);
        for (x, [r, g, b]) in rgb.rows().enumerate() {
            for lane in 0..LANES {
                luma[8 * y + x][lane] = to_luma(r[lane], g[lane], b[lane]);
            }
            for lane in 0..LANES {
                blue[8 * y + x][lane] = to_blue(r[lane], g[lane], b[lane]);
                red[8 * y + x][lane] = to_red(r[lane], g[lane], b[lane]);
            }
        }
    }
}

/// Four blocks of Y and one each of Cb and Cr of eight MCUs of 16×16 pixels: a chroma sample is the average of 2×2.
pub(super) fn quartered(source: Source<'_>, origins: &[(u32, u32); LANES], blocks: &mut [Blocks; 6]) {
    let mut runs = [[0; 16]; LANES];
    // Of two rows, by the parities of row and column: the four pixels of a chroma sample are eight apart.
    let mut pixels = [[0; LANES]; 32];
    let mut rgb = Rgb::new();
    for half in 0..8 {
        for parity in 0..2 {
            for (run, origin) in runs.iter_mut().zip(origins) {
                source.copy_run((origin.0, origin.1 + (2 * half + parity) as u32), run);
            }
            for x in 0..16 {
                pixels[16 * parity + 8 * (x % 2) + x / 2] = std::array::from_fn(|lane| runs[lane][x]);
            }
        }
        rgb.split(&mut pixels);
        for (i, [r, g, b]) in rgb.rows().enumerate() {
            let (x, y) = (2 * (i % 8) + i / 8 % 2, 2 * half + i / 16);
            let to = &mut blocks[y / 8 * 2 + x / 8][y % 8 * 8 + x % 8];
            for lane in 0..LANES {
                to[lane] = to_luma(r[lane], g[lane], b[lane]);
            }
        }
        let [.., blue, red] = blocks;
        average(&rgb, &mut blue[8 * half..][..8], &mut red[8 * half..][..8]);
    }
}

/// A row of chroma samples from two rows of pixels.
fn average(rgb: &Rgb<32>, blue: &mut [[i16; LANES]], red: &mut [[i16; LANES]]) {
    for x in 0..8 {
        for lane in 0..LANES {
            let mean = |channel: &[[u16; LANES]; 32]| {
                (0..4).map(|quarter| channel[8 * quarter + x][lane] >> 2).sum::<u16>()
            };
            let (r, g, b) = (mean(&rgb.r), mean(&rgb.g), mean(&rgb.b));
            blue[x][lane] = to_blue(r, g, b);
            red[x][lane] = to_red(r, g, b);
        }
    }
}

/// The channels of `N` pixels in every lane, times 128: as large as signed numbers can take.
struct Rgb<const N: usize> {
    r: [[u16; LANES]; N],
    g: [[u16; LANES]; N],
    b: [[u16; LANES]; N],
}

impl<const N: usize> Rgb<N> {
    fn new() -> Self {
        Rgb { r: [[0; LANES]; N], g: [[0; LANES]; N], b: [[0; LANES]; N] }
    }

    fn split(&mut self, pixels: &mut [[u32; LANES]; N]) {
        let pixels = pixels.as_flattened_mut();
        if pixels.iter().fold(u32::MAX, |all, pixel| all & pixel) >> 24 != 255 {
            put_on_white(pixels);
        }
        let r = self.r.as_flattened_mut().iter_mut();
        let gb = self.g.as_flattened_mut().iter_mut().zip(self.b.as_flattened_mut());
        for ((r, (g, b)), pixel) in r.zip(gb).zip(pixels) {
            *r = ((*pixel << 7) & 0x7f80) as u16;
            *g = ((*pixel >> 1) & 0x7f80) as u16;
            *b = ((*pixel >> 9) & 0x7f80) as u16;
        }
    }

    fn rows(&self) -> impl Iterator<Item = [&[u16; LANES]; 3]> {
        self.r.iter().zip(&self.g).zip(&self.b).map(|((r, g), b)| [r, g, b])
    }
}

/// Premultiplied colours over white.
fn put_on_white(pixels: &mut [u32]) {
    for pixel in pixels {
        let rest = 255 - (*pixel >> 24);
        let channel = |shift: u32| (((*pixel >> shift) & 255) + rest).min(255) << shift;
        *pixel = channel(0) | channel(8) | channel(16);
    }
}

/// Luma in −128..128 times [`SAMPLE_SCALE`], of channels times 128. The factors are 0.299, 0.587 and 0.114 times 2^16.
#[inline]
fn to_luma(r: u16, g: u16, b: u16) -> i16 {
    let high = |a: u16, factor: u16| ((u32::from(a) * u32::from(factor)) >> 16) as u16;
    // Three products have lost less than one each: with 3 more, every grey is itself.
    let luma = high(r, 19595) + high(g, 38470) + high(b, 7471) + 3;
    (luma >> 2) as i16 - 128 * SAMPLE_SCALE
}

/// Cb in −128..128, as [`to_luma`]: −0.168736, −0.331264 and ½ times 2^16. They add up to nothing, and so does grey.
#[inline]
fn to_blue(r: u16, g: u16, b: u16) -> i16 {
    (high(r, -11058) + high(g, -21710) + (b >> 1) as i16 + 3) >> 2
}

/// Cr in −128..128, as [`to_blue`]: ½, −0.418688 and −0.081312 times 2^16.
#[inline]
fn to_red(r: u16, g: u16, b: u16) -> i16 {
    ((r >> 1) as i16 + high(g, -27439) + high(b, -5329) + 3) >> 2
}

#[inline]
fn high(a: u16, factor: i16) -> i16 {
    ((i32::from(a as i16) * i32::from(factor)) >> 16) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_grey() {
        for grey in 0..=255 {
            let c = grey << 7;
            assert_eq!(to_luma(c, c, c), (grey as i16 - 128) * SAMPLE_SCALE);
        }
        // Averages of four have two more bits.
        for c in (0..=255 * 128).step_by(32) {
            assert_eq!((to_blue(c, c, c), to_red(c, c, c)), (0, 0), "{c}");
        }
    }

    #[test]
    fn colours_are_those_of_the_standard() {
        for i in 0..4096_u32 {
            let [r, g, b] = [i & 15, i >> 4 & 15, i >> 8].map(|c| c as u16 * 17);
            let [x, y, z] = [r, g, b].map(f64::from);
            let near = |ours: i16, exact: f64| (f64::from(ours) / 32.0 - exact).abs() < 0.1;
            let (r, g, b) = (r << 7, g << 7, b << 7);
            assert!(near(to_luma(r, g, b), 0.299 * x + 0.587 * y + 0.114 * z - 128.0), "luma of {x} {y} {z}");
            assert!(near(to_blue(r, g, b), -0.168_736 * x - 0.331_264 * y + 0.5 * z), "Cb of {x} {y} {z}");
            assert!(near(to_red(r, g, b), 0.5 * x - 0.418_688 * y - 0.081_312 * z), "Cr of {x} {y} {z}");
        }
    }

    #[test]
    fn white_shows_through_what_is_transparent() {
        let mut pixels = [0x0000_0000, 0x8000_0080, 0xff12_3456, 0x40ff_0000];
        put_on_white(&mut pixels);
        assert_eq!(pixels.map(|pixel| pixel & 0xff_ffff), [0xff_ffff, 0x7f_7fff, 0x12_3456, 0xff_bfbf]);
    }
}
