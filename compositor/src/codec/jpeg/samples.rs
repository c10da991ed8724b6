//! From pixels to the samples of eight MCUs: put on white, turned into luma and chroma, chroma averaged.
//!
//! JFIF's colours (ITU-R BT.601, full range) in fixed point, and not rounded to whole numbers: that rounding would be
//! noise, which the highest qualities code faithfully. Colours are computed on pixels as they lie next to each other, and
//! their samples are transposed, so that a lane is a block, as it is in the transform.

use wide::bytemuck::{Pod, cast};
use wide::i16x8;

use super::dct::{Blocks, LANES, SAMPLE_SCALE};
use crate::pixmap;

/// A picture's pixels, its last column and row going on for ever.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub band: pixmap::Rows<'a>,
    pub width: u32,
    pub height: u32,
}

/// MCUs that are worked on together.
pub(super) const MCUS: usize = 8;

/// An MCU's place among the pixels of a [`Source`].
#[derive(Clone, Copy)]
struct Corner {
    /// Index of its first pixel.
    start: usize,
    /// Columns and rows of the picture from there on.
    columns: usize,
    rows: usize,
}

/// Stands for MCUs that there are not.
const NOWHERE: Corner = Corner { start: 0, columns: 1, rows: 1 };

impl Source<'_> {
    #[inline(always)]
    fn corner(self, (x, y): (u32, u32)) -> Corner {
        let start = y.saturating_sub(self.band.first) as usize * self.width as usize + x as usize;
        Corner { start, columns: (self.width - x) as usize, rows: (self.height - y) as usize }
    }

    /// Copies runs of `RUN` pixels of MCUs: from rows one after the other into those of `to`, and in each from all that
    /// are a multiple of eight further down.
    #[inline(always)]
    fn copy<const RUN: usize, const R: usize, const W: usize>(
        self,
        corners: &[Corner],
        row: usize,
        to: &mut Rows<[u8; 4], R, W>,
    ) {
        for (row, mcus) in (row..).zip(to) {
            for (mcu, corner) in mcus.iter_mut().zip(corners) {
                for (i, run) in mcu.as_chunks_mut::<RUN>().0.iter_mut().enumerate() {
                    self.copy_run(*corner, row + 8 * i, run);
                }
            }
        }
    }

    /// The first pixels of an MCU's row.
    #[inline(always)]
    fn copy_run<const W: usize>(self, corner: Corner, row: usize, to: &mut [[u8; 4]; W]) {
        let pixels = self.band.data.as_chunks::<4>().0;
        let start = corner.start + row.min(corner.rows - 1) * self.width as usize;
        let run = pixels.get(start..).unwrap_or_default();
        debug_assert!(!run.is_empty(), "the row is not in the band");
        match run.first_chunk::<W>() {
            Some(run) if corner.columns >= W => *to = *run,
            _ => past_the_edge(run.get(..corner.columns).unwrap_or_default(), to),
        }
    }
}

#[cold]
fn past_the_edge(run: &[[u8; 4]], to: &mut [[u8; 4]]) {
    let last = run.len().saturating_sub(1);
    for (i, to) in to.iter_mut().enumerate() {
        *to = run.get(i.min(last)).copied().unwrap_or_default();
    }
}

/// `R` rows of `W` numbers of every MCU.
type Rows<T, const R: usize, const W: usize> = [[[T; W]; MCUS]; R];

/// Y, Cb and Cr of at most eight MCUs of 8×8 pixels, into the slots from that of the `first` on.
#[inline(always)]
pub(super) fn full(source: Source<'_>, origins: &[(u32, u32)], first: usize, blocks: &mut [Blocks; 3]) {
    let corners: [Corner; MCUS] =
        std::array::from_fn(|i| origins.get(i).map_or(NOWHERE, |at| source.corner(*at)));
    let corners = &corners[..origins.len().min(MCUS)];
    let mut pixels = [[[[u8::MAX; 4]; 8]; MCUS]];
    let (mut rgb, mut samples) = (Rgb::<1, 8>::new(), [[[0; 8]; MCUS]]);
    let (luma, chroma) = blocks.split_at_mut(1);
    for y in 0..8 {
        source.copy::<8, 1, 8>(corners, y, &mut pixels);
        rgb.split(&mut pixels);
        rgb.convert(to_luma, &mut samples);
        put_luma(&samples[0], luma, first, y);
        rgb.convert(to_blue, &mut samples);
        put_chroma(&samples[0], chroma, chroma_slot(first, 0), y);
        rgb.convert(to_red, &mut samples);
        put_chroma(&samples[0], chroma, chroma_slot(first, 1), y);
    }
}

/// The same for MCUs of 16×16 pixels, of which each has four blocks of Y: a chroma sample is the average of 2×2.
#[inline(always)]
pub(super) fn quartered(source: Source<'_>, origins: &[(u32, u32)], first: usize, blocks: &mut [Blocks; 6]) {
    let corners: [Corner; MCUS] =
        std::array::from_fn(|i| origins.get(i).map_or(NOWHERE, |at| source.corner(*at)));
    let corners = &corners[..origins.len().min(MCUS)];
    // Two neighbouring rows, of each MCU eight rows further down, too: of its upper and of its lower blocks.
    let mut pixels = [[[[u8::MAX; 4]; 32]; MCUS]; 2];
    let (mut rgb, mut samples) = (Rgb::<2, 32>::new(), [[[0; 32]; MCUS]; 2]);
    let (mut mean, mut chroma_samples) = (Rgb::<1, 16>::new(), [[[0; 16]; MCUS]]);
    let (luma, chroma) = blocks.split_at_mut(4);
    for y in 0..4 {
        source.copy::<16, 2, 32>(corners, 2 * y, &mut pixels);
        rgb.split(&mut pixels);
        rgb.convert(to_luma, &mut samples);
        put_luma(&samples[0], luma, first, 2 * y);
        put_luma(&samples[1], luma, first, 2 * y + 1);
        mean.average(&rgb);
        mean.convert(to_blue, &mut chroma_samples);
        put_chroma(&chroma_samples[0], chroma, chroma_slot(first, 0), y);
        mean.convert(to_red, &mut chroma_samples);
        put_chroma(&chroma_samples[0], chroma, chroma_slot(first, 1), y);
    }
}

/// Puts a row of every luma block, eight samples each, in its slot.
#[inline(always)]
fn put_luma<const W: usize>(rows: &[[i16; W]; MCUS], blocks: &mut [Blocks], first: usize, y: usize) {
    let slot = first * (W / 8);
    for (i, eights) in rows.as_flattened().as_chunks::<8>().0.as_chunks::<8>().0.iter().enumerate() {
        put(eights.each_ref().map(|eight| load(eight)), blocks, slot + 8 * i, y);
    }
}

/// The same for chroma: the row at `y`, and what more there is from four rows further down.
#[inline(always)]
fn put_chroma<const W: usize>(rows: &[[i16; W]; MCUS], blocks: &mut [Blocks], slot: usize, y: usize) {
    for below in 0..W / 8 {
        put(rows.each_ref().map(|row| load(&row[8 * below..])), blocks, slot, y + 4 * below);
    }
}

/// Puts the same row of eight blocks in slots one after the other.
#[inline(always)]
fn put(eights: [i16x8; 8], blocks: &mut [Blocks], slot: usize, y: usize) {
    let block = &mut blocks[slot / LANES];
    for (x, numbers) in i16x8::transpose(eights).iter().enumerate() {
        block[8 * y + x][slot % LANES..][..8].copy_from_slice(numbers.as_array());
    }
}

/// Where among the lanes of all chroma blocks one of an MCU is: eight of one colour, then eight of the other, so that
/// eight MCUs fill one row of sixteen lanes.
#[inline(always)]
pub(super) fn chroma_slot(mcu: usize, colour: usize) -> usize {
    mcu / 8 * 16 + colour * 8 + mcu % 8
}

#[inline(always)]
fn load<T: Pod>(numbers: &[T]) -> i16x8 {
    numbers.first_chunk::<8>().map_or(i16x8::ZERO, |eight| cast(*eight))
}

/// The channels of pixels, times 128: as large as signed numbers can take.
struct Rgb<const R: usize, const W: usize> {
    r: Rows<u16, R, W>,
    g: Rows<u16, R, W>,
    b: Rows<u16, R, W>,
}

impl<const R: usize, const W: usize> Rgb<R, W> {
    #[inline(always)]
    fn new() -> Self {
        let zeros = [[[0; W]; MCUS]; R];
        Rgb { r: zeros, g: zeros, b: zeros }
    }

    #[inline(always)]
    fn split(&mut self, pixels: &mut Rows<[u8; 4], R, W>) {
        for (row, pixels) in pixels.iter_mut().enumerate() {
            let pixels = pixels.as_flattened_mut();
            if pixels.iter().fold(u32::MAX, |all, pixel| all & u32::from_le_bytes(*pixel)) >> 24 != 255 {
                put_on_white(pixels);
            }
            let r = self.r[row].as_flattened_mut().iter_mut();
            let g = self.g[row].as_flattened_mut().iter_mut();
            let b = self.b[row].as_flattened_mut().iter_mut();
            for ((r, (g, b)), pixel) in r.zip(g.zip(b)).zip(pixels) {
                let pixel = u32::from_le_bytes(*pixel);
                *r = ((pixel << 7) & 0x7f80) as u16;
                *g = ((pixel >> 1) & 0x7f80) as u16;
                *b = ((pixel >> 9) & 0x7f80) as u16;
            }
        }
    }

    #[inline(always)]
    fn convert(&self, convert: impl Fn(u16, u16, u16) -> i16, samples: &mut Rows<i16, R, W>) {
        for (row, samples) in samples.iter_mut().enumerate() {
            let [r, g, b] = [&self.r, &self.g, &self.b].map(|channel| channel[row].as_flattened());
            let rgb = r.iter().zip(g.iter().zip(b));
            for (sample, (r, (g, b))) in samples.as_flattened_mut().iter_mut().zip(rgb) {
                *sample = convert(*r, *g, *b);
            }
        }
    }
}

impl Rgb<1, 16> {
    /// The means of 2×2 pixels each.
    #[inline(always)]
    fn average(&mut self, of: &Rgb<2, 32>) {
        for ([means], [upper, lower]) in [(&mut self.r, &of.r), (&mut self.g, &of.g), (&mut self.b, &of.b)] {
            let [upper, lower] = [upper, lower].map(|rows| rows.as_flattened().as_chunks::<16>().0);
            let means = means.as_flattened_mut().as_chunks_mut::<8>().0;
            for (mean, (upper, lower)) in means.iter_mut().zip(upper.iter().zip(lower)) {
                let quarter = |row: &[u16; 16], at: usize| load(&row[at..]) >> 2_u32;
                let [left, right] = [0, 8].map(|at| quarter(upper, at) + quarter(lower, at));
                *mean = cast(add_pairs(left, right));
            }
        }
    }
}

/// Sums of neighbours.
#[inline(always)]
fn add_pairs(left: i16x8, right: i16x8) -> i16x8 {
    let ones = i16x8::splat(1);
    i16x8::from_i32x8_saturate(cast([left.dot(ones), right.dot(ones)]))
}

/// Premultiplied colours over white.
#[inline(always)]
fn put_on_white(pixels: &mut [[u8; 4]]) {
    for pixel in pixels {
        let colour = u32::from_le_bytes(*pixel);
        let rest = 255 - (colour >> 24);
        let channel = |shift: u32| (((colour >> shift) & 255) + rest).min(255) << shift;
        *pixel = (channel(0) | channel(8) | channel(16)).to_le_bytes();
    }
}

/// Luma in −128..128 times [`SAMPLE_SCALE`], of channels times 128. The factors are 0.299, 0.587 and 0.114 times 2^16.
#[inline(always)]
fn to_luma(r: u16, g: u16, b: u16) -> i16 {
    let high = |a: u16, factor: u16| ((u32::from(a) * u32::from(factor)) >> 16) as u16;
    // Three products have lost less than one each: with 3 more, every grey is itself.
    let luma = high(r, 19595) + high(g, 38470) + high(b, 7471) + 3;
    (luma >> 2) as i16 - 128 * SAMPLE_SCALE
}

/// Cb in −128..128, as [`to_luma`]: −0.168736, −0.331264 and ½ times 2^16. They add up to nothing, and so does grey.
#[inline(always)]
fn to_blue(r: u16, g: u16, b: u16) -> i16 {
    (high(r, -11058) + high(g, -21710) + (b >> 1) as i16 + 3) >> 2
}

/// Cr in −128..128, as [`to_blue`]: ½, −0.418688 and −0.081312 times 2^16.
#[inline(always)]
fn to_red(r: u16, g: u16, b: u16) -> i16 {
    ((r >> 1) as i16 + high(g, -27439) + high(b, -5329) + 3) >> 2
}

#[inline(always)]
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
        let mut pixels = [0x0000_0000, 0x8000_0080, 0xff12_3456_u32, 0x40ff_0000].map(u32::to_le_bytes);
        put_on_white(&mut pixels);
        let colours = pixels.map(|pixel| u32::from_le_bytes(pixel) & 0xff_ffff);
        assert_eq!(colours, [0xff_ffff, 0x7f_7fff, 0x12_3456, 0xff_bfbf]);
    }
}
