//! Writing baseline JPEG (ITU-T T.81, in JFIF 1.02) by restart intervals.
//!
//! A file is [`Frame::head`], then every interval followed by its [`Frame::marker_after`]. An interval's bytes depend on
//! the frame and on the pixels it covers, on nothing else: whoever changes some pixels encodes the intervals that cover
//! them and takes the others from before, and any number of them can be encoded at once. Of an interval that was encoded
//! by [`Frame::encode_ground`] only the MCUs that have changed are, by [`Frame::amend`].

use std::ops::Range;

use super::super::{FULL_CHROMA_ABOVE, Format, encode_error};
use super::amend::{Mark, Seams, Splice};
use super::dct::{Blocks, LANES, Quantiser, transform};
use super::entropy::{Bits, Codes, stuff};
use super::samples::{self, MCUS, Source, chroma_slot};
use super::tables::{self, CHROMA_AC, CHROMA_DC, HuffmanTable, LUMA_AC, LUMA_DC};
use crate::error::RenderError;
use crate::fit::Rect;
use crate::pixmap::Rows;
use crate::simd::widest;

/// Largest side the format can have (T.81, section B.2.2).
const MAX_SIDE: u32 = 65_535;
/// Pixels in a row of MCUs that one interval covers: with 4:2:0 16 MCUs, two batches of the transform.
///
/// A marker, its padding and the DC that starts anew take four to five bytes, 0.2 to 1 % of photographs at quality 80.
/// Twice the length would halve that, and have most layers touch twice the area.
const INTERVAL_WIDTH: u32 = 256;
/// MCUs in an interval, at most: with 4:4:4.
const MOST_MCUS: usize = INTERVAL_WIDTH as usize / 8;

static LUMA: Codes = Codes::new(&LUMA_DC, &LUMA_AC);
static CHROMA: Codes = Codes::new(&CHROMA_DC, &CHROMA_AC);
/// By component.
const CODES: [&Codes; 3] = [&LUMA, &CHROMA, &CHROMA];

// Markers (T.81, table B.1).
const SOI: u8 = 0xd8;
const APP0: u8 = 0xe0;
const DQT: u8 = 0xdb;
const SOF0: u8 = 0xc0;
const DHT: u8 = 0xc4;
const DRI: u8 = 0xdd;
const SOS: u8 = 0xda;
const RST0: u8 = 0xd0;
const EOI: u8 = 0xd9;

/// How chroma is sampled, and with it how large an MCU is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sampling {
    /// 4:4:4: an MCU is 8×8 pixels, one block a component.
    Full,
    /// 4:2:0: an MCU is 16×16 pixels, four blocks of luma and one each of chroma.
    Quartered,
}

impl Sampling {
    fn mcu_side(self) -> u32 {
        match self {
            Sampling::Full => 8,
            Sampling::Quartered => 16,
        }
    }
}

/// All that the files of one size and quality have in common.
///
/// Intervals are runs of MCUs of one length, which the size and quality alone decide. Where that length does not divide
/// the row, an interval goes on in the row of MCUs below; in a narrow picture it covers several.
pub(crate) struct Frame {
    width: u32,
    height: u32,
    sampling: Sampling,
    /// MCUs in a row.
    columns: u32,
    /// MCUs in the picture.
    mcus: u32,
    /// Quantisation tables of luma and chroma, in zigzag order.
    steps: [[u8; 64]; 2],
    quantisers: [Quantiser; 2],
}

impl Frame {
    /// For pictures of this size at a quality of 1 to 100.
    ///
    /// # Errors
    /// A side is 0 or over 65,535.
    pub fn new(width: u32, height: u32, quality: u8) -> Result<Frame, RenderError> {
        for side in [width, height] {
            if !(1..=MAX_SIDE).contains(&side) {
                return Err(encode_error(
                    Format::Jpeg,
                    format!("a side of {side} pixels is not in 1..={MAX_SIDE}"),
                ));
            }
        }
        let sampling = if quality > FULL_CHROMA_ABOVE { Sampling::Full } else { Sampling::Quartered };
        let steps = tables::steps(quality);
        let columns = width.div_ceil(sampling.mcu_side());
        Ok(Frame {
            width,
            height,
            sampling,
            columns,
            mcus: columns * height.div_ceil(sampling.mcu_side()),
            quantisers: steps.each_ref().map(Quantiser::new),
            steps,
        })
    }

    /// How many intervals there are; at least one.
    pub fn intervals(&self) -> u32 {
        self.mcus.div_ceil(self.interval_length())
    }

    /// The pixels that an interval covers: one rectangle for each row of MCUs it has a part in, downwards.
    pub fn pixels(&self, interval: u32) -> impl Iterator<Item = Rect> {
        let Range { mut start, end } = self.interval(interval);
        std::iter::from_fn(move || {
            let row_end = (start / self.columns + 1) * self.columns;
            let run = start..end.min(row_end);
            start = run.end;
            (!run.is_empty()).then(|| self.rect(run))
        })
    }

    /// The canvas rows that a band must have for an interval.
    pub fn rows(&self, interval: u32) -> Range<u32> {
        let Range { start, end } = self.interval(interval);
        let side = self.sampling.mcu_side();
        let below = (end.saturating_sub(1) / self.columns + 1) * side;
        start / self.columns * side..below.min(self.height)
    }

    /// The file up to the first interval's bytes.
    pub fn head(&self) -> Vec<u8> {
        let mut head = vec![0xff, SOI];
        // Version 1.02, no unit, an aspect of 1:1, no thumbnail (JFIF 1.02).
        segment(&mut head, APP0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0");
        let [luma, chroma] = &self.steps;
        segment(&mut head, DQT, &[&[0], &luma[..], &[1], &chroma[..]].concat());
        segment(&mut head, SOF0, &self.frame_header());
        let codes = [&LUMA_DC, &LUMA_AC, &CHROMA_DC, &CHROMA_AC];
        let codes = codes.map(|HuffmanTable { id, counts, symbols }| [&[*id], &counts[..], symbols].concat());
        segment(&mut head, DHT, &codes.concat());
        segment(&mut head, DRI, &(self.interval_length() as u16).to_be_bytes());
        // Three components with their codes; coefficients 0 to 63, not successively (T.81, section B.2.3).
        segment(&mut head, SOS, &[3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
        head
    }

    /// What stands behind an interval: the marker of a restart, or of the file's end.
    pub fn marker_after(&self, interval: u32) -> [u8; 2] {
        let last = interval + 1 >= self.intervals();
        [0xff, if last { EOI } else { RST0 + (interval % 8) as u8 }]
    }

    /// Appends an interval's bytes, without a marker. What is not opaque is put on white. The band must have the
    /// interval's [`rows`](Self::rows).
    pub fn encode(&self, band: Rows<'_>, interval: u32, out: &mut Vec<u8>) {
        let (bits, _) = self.code(band, interval, EVERY, &Seams::default());
        stuff(&bits, out);
    }

    /// The same, and gives what [`amend`](Self::amend) needs when some pixels have changed.
    pub fn encode_ground(&self, band: Rows<'_>, interval: u32, out: &mut Vec<u8>) -> Seams {
        let (bits, marks) = self.code(band, interval, EVERY, &Seams::default());
        stuff(&bits, out);
        Seams::new(&bits, &marks[..self.interval(interval).len()])
    }

    /// Appends what [`encode`](Self::encode) would, coding changed MCUs only. `changed` gives, by row of the picture,
    /// the columns outside of which pixels are as they were when `ground` was encoded, of the same interval of a frame
    /// of the same size and quality. The band must have the interval's [`rows`](Self::rows), but where an MCU has no
    /// changed pixel nobody looks at it.
    pub fn amend(
        &self,
        ground: &Seams,
        band: Rows<'_>,
        interval: u32,
        changed: impl Fn(u32) -> Range<u32>,
        out: &mut Vec<u8>,
    ) {
        debug_assert_eq!(ground.mcus(), self.interval(interval).len(), "it is another interval's");
        let (bits, _) = self.code(band, interval, self.changed(interval, changed), ground);
        stuff(&bits, out);
    }

    /// MCUs of an interval that have a changed pixel, as bits from the lowest on.
    fn changed(&self, interval: u32, columns: impl Fn(u32) -> Range<u32>) -> u64 {
        let side = self.sampling.mcu_side();
        let (mut changed, mut before) = (0, 0);
        for Rect { x, y, width, height } in self.pixels(interval) {
            for y in y..y + height {
                let columns = columns(y);
                let (start, end) = (columns.start.max(x), columns.end.min(x + width));
                if start < end {
                    let (start, end) = ((start - x) / side, (end - x).div_ceil(side));
                    changed |= ((1_u64 << end) - (1 << start)) << before;
                }
            }
            before += width.div_ceil(side);
        }
        changed
    }

    /// An interval's bits without stuffing; a mark for each MCU that was not copied from the ground.
    fn code(
        &self,
        band: Rows<'_>,
        interval: u32,
        changed: u64,
        ground: &Seams,
    ) -> (Vec<u8>, [Mark; MOST_MCUS]) {
        let source = Source { band, width: self.width, height: self.height };
        let mcus = self.interval(interval);
        widest(
            #[inline(always)]
            || match self.sampling {
                Sampling::Full => self.code_mcus(
                    mcus,
                    changed,
                    ground,
                    #[inline(always)]
                    |origins, first, blocks| samples::full(source, origins, first, blocks),
                ),
                Sampling::Quartered => self.code_mcus(
                    mcus,
                    changed,
                    ground,
                    #[inline(always)]
                    |origins, first, blocks| samples::quartered(source, origins, first, blocks),
                ),
            },
        )
    }

    /// The same for MCUs of `N` blocks, which are luma but for the last two. `fill` gives the samples of eight of them.
    #[inline(always)]
    fn code_mcus<const N: usize>(
        &self,
        mcus: Range<u32>,
        changed: u64,
        ground: &Seams,
        fill: impl Fn(&[(u32, u32)], usize, &mut [Blocks; N]),
    ) -> (Vec<u8>, [Mark; MOST_MCUS]) {
        let mut batch = Batch::<N>::new();
        let (mut bits, mut previous, mut splice) = (Bits::default(), [0; 3], Splice::new(ground));
        let mut marks = [Mark::default(); MOST_MCUS];
        let mut left = changed & ((1 << mcus.len()) - 1);
        while left != 0 {
            let (numbers, count) = take(&mut left);
            let origins = numbers.map(|number| self.origin(mcus.start + number));
            for (i, origins) in origins[..count].chunks(MCUS).enumerate() {
                fill(origins, MCUS * i, &mut batch.blocks);
            }
            batch.transform(&self.quantisers, count);
            for (lane, number) in numbers.into_iter().enumerate().take(count) {
                let number = number as usize;
                if splice.is_before(number) {
                    (bits, previous) = splice.copy_to(number, bits, CODES, previous);
                }
                splice.skip();
                marks[number % MOST_MCUS] = batch.put(lane, &mut bits, &mut previous);
            }
        }
        (splice.copy_to(mcus.len(), bits, CODES, previous).0.finish(), marks)
    }

    /// Size, precision and components (T.81, section B.2.2).
    fn frame_header(&self) -> [u8; 15] {
        let [height_high, height_low] = (self.height as u16).to_be_bytes();
        let [width_high, width_low] = (self.width as u16).to_be_bytes();
        let luma = match self.sampling {
            Sampling::Full => 0x11,
            Sampling::Quartered => 0x22,
        };
        [8, height_high, height_low, width_high, width_low, 3, 1, luma, 0, 2, 0x11, 1, 3, 0x11, 1]
    }

    /// MCUs in an interval.
    fn interval_length(&self) -> u32 {
        INTERVAL_WIDTH / self.sampling.mcu_side()
    }

    /// The MCUs of an interval, counted row by row.
    fn interval(&self, interval: u32) -> Range<u32> {
        let start = interval.saturating_mul(self.interval_length()).min(self.mcus);
        start..(start + self.interval_length()).min(self.mcus)
    }

    /// Left upper pixel of an MCU.
    fn origin(&self, mcu: u32) -> (u32, u32) {
        let side = self.sampling.mcu_side();
        (mcu % self.columns * side, mcu / self.columns * side)
    }

    /// The pixels of MCUs of one row.
    fn rect(&self, run: Range<u32>) -> Rect {
        let side = self.sampling.mcu_side();
        let (x, y) = self.origin(run.start);
        Rect { x, y, width: (run.len() as u32 * side).min(self.width - x), height: side.min(self.height - y) }
    }
}

/// Every MCU, as [`Frame::changed`] has them.
const EVERY: u64 = u64::MAX;

/// Takes the next numbers out of a set, and says how many there were. Lanes too many have the last once more.
fn take(set: &mut u64) -> ([u32; LANES], usize) {
    let count = (set.count_ones() as usize).min(LANES);
    let mut last = 0;
    let numbers = std::array::from_fn(|_| {
        if *set != 0 {
            last = set.trailing_zeros();
            *set &= *set - 1;
        }
        last
    });
    (numbers, count)
}

/// As many MCUs of `N` blocks as there are lanes. Luma blocks come in the MCUs' order, chroma as [`chroma_slot`] has it,
/// so that few MCUs are few groups of blocks, too.
struct Batch<const N: usize> {
    /// Samples, then quantised coefficients.
    blocks: [Blocks; N],
    /// As [`Quantiser::quantise`] gives it.
    nonzero: [[u64; LANES]; N],
}

impl<const N: usize> Batch<N> {
    const LUMA: usize = N - 2;

    #[inline(always)]
    fn new() -> Self {
        Batch { blocks: [[[0; LANES]; 64]; N], nonzero: [[0; LANES]; N] }
    }

    /// From samples to quantised coefficients, of the first `count` MCUs.
    #[inline(always)]
    fn transform(&mut self, quantisers: &[Quantiser; 2], count: usize) {
        let luma = (count * Self::LUMA).div_ceil(LANES);
        let chroma = Self::LUMA + count.div_ceil(8) * 16 / LANES;
        let mut coefficients = [[0; LANES]; 64];
        for i in (0..luma).chain(Self::LUMA..chroma) {
            transform(&self.blocks[i], &mut coefficients);
            let quantiser = &quantisers[usize::from(i >= Self::LUMA)];
            self.nonzero[i] = quantiser.quantise(&mut coefficients, &mut self.blocks[i]);
        }
    }

    /// Codes an MCU. `previous` are the DCs before it, and become its last.
    #[inline(always)]
    fn put(&self, mcu: usize, bits: &mut Bits, previous: &mut [i16; 3]) -> Mark {
        bits.reserve(N * Bits::MOST_OF_BLOCK);
        let mut mark = Mark::default();
        for i in 0..N {
            let component = component::<N>(i);
            let slot = match component {
                0 => mcu * Self::LUMA + i,
                _ => Self::LUMA * LANES + chroma_slot(mcu, component - 1),
            };
            let (block, lane) = (&self.blocks[slot / LANES], slot % LANES);
            let start = bits.length();
            let before = &mut previous[component];
            bits.put_block(CODES[component], block, self.nonzero[slot / LANES][lane], lane, before);
            mark.lengths[component] += (bits.length() - start) as u16;
            if component > 0 || i == 0 {
                mark.first[component] = *before;
            }
        }
        mark.last_luma = previous[0];
        mark
    }
}

/// Which component the `i`-th of an MCU's `N` blocks is of.
fn component<const N: usize>(i: usize) -> usize {
    (i + 3).saturating_sub(N)
}

/// A marker and its segment (T.81, section B.1.1.4).
fn segment(head: &mut Vec<u8>, marker: u8, parameters: &[u8]) {
    head.extend_from_slice(&[0xff, marker]);
    head.extend_from_slice(&(parameters.len() as u16 + 2).to_be_bytes());
    head.extend_from_slice(parameters);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Digest;
    use crate::limits::Limits;
    use crate::pixmap::Pixmap;

    const SIZES: [(u32, u32); 12] = [
        (1, 1),
        (7, 9),
        (16, 16),
        (17, 33),
        (1000, 3),
        (3, 1000),
        (31, 257),
        (256, 32),
        (257, 31),
        (272, 50),
        (129, 127),
        (640, 40),
    ];

    fn noise(x: u32, y: u32, salt: u32) -> u8 {
        let mut v =
            x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b) ^ salt.wrapping_mul(0xc2b2_ae35);
        v ^= v >> 15;
        v = v.wrapping_mul(0x2c1b_3c6d);
        (v >> 21) as u8
    }

    fn noisy(x: u32, y: u32) -> [u8; 4] {
        [noise(x, y, 1), noise(x, y, 2), noise(x, y, 3), 255]
    }

    /// Gradients, an edge and some grain.
    fn photographic(x: u32, y: u32) -> [u8; 4] {
        let light = if x * x / 3 + y * y < 4000 { 60 } else { 0 };
        let grain = u32::from(noise(x, y, 4) % 9);
        let channel = |value: u32| (value + light + grain).min(255) as u8;
        [channel(30 + x / 2 + y / 3), channel(90 + y / 2), channel((200 - y).saturating_sub(x / 2)), 255]
    }

    fn veiled(x: u32, y: u32) -> [u8; 4] {
        let [r, g, b, _] = photographic(x, y);
        [r, g, b, if x < 60 { 255 } else { (y * 3).min(255) as u8 }]
    }

    fn picture(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Pixmap {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let samples = pixels.flat_map(|(x, y)| pixel(x, y)).collect();
        Pixmap::from_straight_rgba(width, height, samples).unwrap()
    }

    fn interval(frame: &Frame, picture: &Pixmap, interval: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame.encode(picture.rows(), interval, &mut bytes);
        bytes
    }

    fn file(picture: &Pixmap, quality: u8) -> Vec<u8> {
        let output = super::super::Output { format: Format::Jpeg, quality, opaque: false };
        super::super::encode(picture, output).unwrap()
    }

    fn file_of_peer(rgb: &[u8], width: u32, height: u32, quality: u8) -> Vec<u8> {
        use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, quality);
        let full = quality > FULL_CHROMA_ABOVE;
        encoder.set_sampling_factor(if full { SamplingFactor::F_1_1 } else { SamplingFactor::F_2_2 });
        encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
        encoder.encode(rgb, width as u16, height as u16, ColorType::Rgb).unwrap();
        bytes
    }

    /// What two independent decoders read.
    fn decoded(file: &[u8], width: u32, height: u32) -> [Vec<u8>; 2] {
        let zune = super::super::decode(file, &Limits::default()).unwrap();
        assert_eq!((zune.width, zune.height), (width, height));
        let zune = zune.rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        [zune, jpeg_decoder::Decoder::new(file).decode().unwrap()]
    }

    fn psnr(a: &[u8], b: &[u8]) -> f64 {
        assert_eq!(a.len(), b.len());
        let square = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>();
        10.0 * (255.0 * 255.0 * a.len() as f64 / square.max(1e-9)).log10()
    }

    /// Holds a file against its source, and against the peer's of the same source: at most this many dB worse.
    fn check(name: &str, picture: &Pixmap, quality: u8, tolerance: f64) {
        let (width, height) = picture.size();
        let white = |p: &[u8]| [p[0], p[1], p[2]].map(|c| c.saturating_add(255 - p[3]));
        let source: Vec<u8> = picture.data().chunks_exact(4).flat_map(white).collect();
        let (ours, peer) = (file(picture, quality), file_of_peer(&source, width, height, quality));
        for (ours, peer) in decoded(&ours, width, height).iter().zip(decoded(&peer, width, height)) {
            let (ours, peer) = (psnr(ours, &source), psnr(&peer, &source));
            // Where there is next to no error, one pixel decides.
            let needed = (peer - tolerance).min(50.0);
            assert!(ours >= needed, "{name} at {quality}: {ours} dB, {peer} dB by the peer");
        }
        let allowed = peer.len() + peer.len() / 50 + 40;
        assert!(ours.len() <= allowed, "{name} at {quality}: {} bytes, {}", ours.len(), peer.len());
    }

    #[test]
    fn pictures_are_as_near_to_their_source_as_the_peers_and_as_small() {
        for quality in [10, 25, 50, 75, 80, 90, 91, 95, 98, 100] {
            check("photograph", &picture(203, 151, photographic), quality, 0.1);
            check("photograph with alpha", &picture(203, 151, veiled), quality, 0.1);
            check("noise", &picture(67, 45, noisy), quality, 0.1);
        }
    }

    #[test]
    fn extremes_do_not_overflow() {
        let corner = |bits: u32| [bits & 1, bits >> 1 & 1, bits >> 2].map(|bit| bit as u8 * 255);
        for quality in [1, 50, 90, 100] {
            for colour in 0..8 {
                let [r, g, b] = corner(colour);
                check("one colour", &picture(40, 24, |_, _| [r, g, b, 255]), quality, 0.1);
                // Every cell its own corner of the colour cube, cells of one, two, … pixels.
                check(
                    "cells",
                    &picture(150, 90, |x, y| {
                        let cell = (x / (colour + 1), y / (colour + 1));
                        let [r, g, b] = corner(u32::from(noise(cell.0, cell.1, 6)) % 8);
                        [r, g, b, 255]
                    }),
                    quality,
                    0.1,
                );
            }
            check("nothing", &picture(20, 20, |_, _| [0; 4]), quality, 0.1);
        }
    }

    #[test]
    fn every_size_is_read() {
        for quality in [90, 91] {
            for (width, height) in SIZES {
                check(
                    "photograph",
                    &picture(width, height, |x, y| photographic(x % 200, y % 200)),
                    quality,
                    0.5,
                );
            }
        }
    }

    #[test]
    fn interval_depends_on_the_pixels_it_covers_and_on_no_others() {
        for quality in [90, 91] {
            for (width, height) in SIZES {
                let frame = Frame::new(width, height, quality).unwrap();
                let before = picture(width, height, noisy);
                let all = |picture: &Pixmap| -> Vec<Vec<u8>> {
                    (0..frame.intervals()).map(|i| interval(&frame, picture, i)).collect()
                };
                let bytes_before = all(&before);
                for changed in 0..frame.intervals() {
                    let mut after = before.clone();
                    for Rect { x, y, width: w, height: h } in frame.pixels(changed) {
                        for row in y..y + h {
                            let at = (row as usize * width as usize + x as usize) * 4;
                            for pixel in after.data_mut()[at..][..w as usize * 4].chunks_exact_mut(4) {
                                pixel[..3].iter_mut().for_each(|c| *c = 255 - *c);
                            }
                        }
                    }
                    for (i, (before, after)) in (0..).zip(bytes_before.iter().zip(all(&after))) {
                        assert_eq!(*before != after, i == changed, "{width}×{height}: {i}, {changed}");
                    }
                }
            }
        }
    }

    #[test]
    fn intervals_cover_every_pixel_once_and_are_found_by_it() {
        for quality in [90, 91] {
            for (width, height) in SIZES {
                let frame = Frame::new(width, height, quality).unwrap();
                let mut covering = vec![None; width as usize * height as usize];
                for i in 0..frame.intervals() {
                    for Rect { x, y, width: w, height: h } in frame.pixels(i) {
                        assert!(frame.rows(i).contains(&y) && frame.rows(i).contains(&(y + h - 1)));
                        for (x, y) in (y..y + h).flat_map(|y| (x..x + w).map(move |x| (x, y))) {
                            let before = covering[(y * width + x) as usize].replace(i);
                            assert_eq!(before, None, "{width}×{height}: ({x}, {y})");
                        }
                    }
                }
                for salt in 0..50 {
                    let pick = |side: u32, n| u32::from(noise(salt, n, 7)) * side / 256;
                    let (x, y) = (pick(width, 1), pick(height, 2));
                    let area = Rect { x, y, width: pick(width - x + 1, 3), height: pick(height - y + 1, 4) };
                    let inside = (y..y + area.height).flat_map(|y| (x..x + area.width).map(move |x| (x, y)));
                    let mut expected: Vec<u32> =
                        inside.map(|(x, y)| covering[(y * width + x) as usize].unwrap()).collect();
                    expected.sort_unstable();
                    expected.dedup();
                    assert_eq!(touched(&frame, area), expected, "{width}×{height}: {area:?}");
                }
            }
        }
    }

    /// The intervals that cover any of these pixels.
    fn touched(frame: &Frame, area: Rect) -> Vec<u32> {
        let overlap = |a: u32, a_side: u32, b: u32, b_side: u32| a.max(b) < (a + a_side).min(b + b_side);
        let meets = |rect: Rect| {
            overlap(rect.x, rect.width, area.x, area.width)
                && overlap(rect.y, rect.height, area.y, area.height)
        };
        (0..frame.intervals()).filter(|interval| frame.pixels(*interval).any(meets)).collect()
    }

    #[test]
    fn band_of_an_intervals_rows_is_enough() {
        for quality in [90, 91] {
            for (width, height) in SIZES {
                let frame = Frame::new(width, height, quality).unwrap();
                let whole = picture(width, height, noisy);
                for i in 0..frame.intervals() {
                    let (rows, row) = (frame.rows(i), width as usize * 4);
                    let data = &whole.data()[rows.start as usize * row..rows.end as usize * row];
                    let mut bytes = Vec::new();
                    frame.encode(Rows { data, width: frame.width, first: rows.start }, i, &mut bytes);
                    assert_eq!(bytes, interval(&frame, &whole, i), "{width}×{height}: {i}");
                }
            }
        }
    }

    /// Columns that have changed in each row: one rectangle's, or every row's own, or of both some.
    fn changed_columns(width: u32, height: u32, salt: u32) -> Vec<Range<u32>> {
        let pick = |n: u32, row: u32, below: u32| {
            (u32::from(noise(n, row, salt)) << 8 | u32::from(noise(row, n, salt))) % below.max(1)
        };
        let columns = |row: u32| {
            let start = pick(1, row, width);
            start..start + pick(2, row, (width - start).min(1 << pick(3, row, 9)) + 1)
        };
        let rows = pick(4, 0, height)..pick(5, 0, height) + 1;
        let all = columns(height);
        let row = |y: u32| match salt % 3 {
            0 if rows.contains(&y) => all.clone(),
            1 if pick(6, y, 8) == 0 => columns(y),
            2 if rows.contains(&y) => columns(y),
            _ => 0..0,
        };
        (0..height).map(row).collect()
    }

    #[test]
    fn amended_intervals_are_what_would_be_encoded() {
        for (quality, salt) in [80, 90, 91, 100].into_iter().flat_map(|q| (0..12).map(move |salt| (q, salt)))
        {
            for (width, height) in SIZES {
                let frame = Frame::new(width, height, quality).unwrap();
                let pixel: fn(u32, u32) -> [u8; 4] =
                    if salt % 2 == 0 { |x, y| photographic(x % 200, y % 200) } else { noisy };
                let before = picture(width, height, pixel);
                let columns = changed_columns(width, height, salt);
                let is_changed = |x: u32, y: u32| columns[y as usize].contains(&x);
                let after = picture(width, height, |x, y| {
                    if is_changed(x, y) { noisy(x / 5, y + salt) } else { pixel(x, y) }
                });
                let side = frame.sampling.mcu_side();
                let in_changed_mcu = |x: u32, y: u32| {
                    let rows = y / side * side..(y / side * side + side).min(height);
                    let mcu = x / side * side..(x / side * side + side).min(width);
                    { rows }.any(|y| mcu.clone().any(|x| is_changed(x, y)))
                };
                let needed = picture(width, height, |x, y| {
                    let at = (y * width + x) as usize * 4;
                    let pixel = &after.data()[at..at + 4];
                    if in_changed_mcu(x, y) { pixel.try_into().unwrap() } else { [1, 2, 3, 255] }
                });
                for i in 0..frame.intervals() {
                    let mut bytes = vec![7];
                    let ground = frame.encode_ground(before.rows(), i, &mut bytes);
                    assert_eq!(bytes[1..], interval(&frame, &before, i));
                    assert!((16..bytes.len() + 1000).contains(&ground.bytes()));
                    bytes.truncate(1);
                    frame.amend(&ground, needed.rows(), i, |y| columns[y as usize].clone(), &mut bytes);
                    assert_eq!(
                        bytes[1..],
                        interval(&frame, &after, i),
                        "{width}×{height} at {quality}: {i} of {salt}"
                    );
                }
            }
        }
    }

    #[test]
    fn sizes_the_format_does_not_have_are_refused() {
        for (width, height) in [(0, 1), (1, 0), (65_536, 1), (1, 65_536)] {
            assert!(Frame::new(width, height, 80).is_err(), "{width}×{height}");
        }
        assert!(Frame::new(65_535, 65_535, 80).is_ok());
    }

    #[test]
    fn bytes_are_pinned() {
        let digest = |picture: Pixmap, quality| Digest::of(&file(&picture, quality)).to_string();
        let digests = [
            digest(picture(203, 151, photographic), 80),
            digest(picture(203, 151, veiled), 95),
            digest(picture(45, 67, noisy), 100),
            digest(picture(1000, 3, noisy), 30),
        ];
        let pinned = [
            "00c23477af73b424e2bca3afb022149d027eb44c1d268078df46dac4ac782f50",
            "fe4f31fce31fcf02c83c2cab3c09f89cd9bad3f722f3bc64a43f379bebefcb5b",
            "79b98747adc17c25e2d0108afc8dc3dbfe7d2ea0041de8ee3233d990ce1c40e2",
            "f20e573fcd02d0c3c7b00c6be4451e29ebf6d504ab37317f423059545d683970",
        ];
        assert_eq!(digests, pinned);
    }
}
