//! Scaling and rotating premultiplied pictures: Lanczos-3 for scaling, Catmull-Rom for what is turned by odd angles.
//!
//! Working on premultiplied samples keeps the colour of invisible pixels out of visible ones (no fringes); filtering
//! with a kernel as wide as the reduction keeps fine patterns from aliasing. Integer arithmetic keeps targets equal.

use wide::i32x4;

use crate::fit::Crop;
use crate::pixmap::Pixmap;
use crate::simd::{self, Pair};
use crate::weigh::{self, Across, SLACK, sum_rows};

/// Half the width of the Lanczos-3 kernel, in source pixels at scale 1.
const KERNEL_RADIUS: f64 = 3.0;
/// Most that one pass reduces by. A wider kernel's weights would be too small for their fixed point, so a stronger
/// reduction takes two.
const MAX_REDUCTION: f64 = 128.0;

/// Scales the part `crop` of a picture to `width × height` pixels.
///
/// The crop may reach past the picture's edges. A pixel that the picture covers only in part is that much transparent,
/// so that edges between pixels come out soft, at their true place, and edges on pixels stay sharp.
///
/// Separable: rows first, because summing whole rows vectorises best and leaves fewer of them, then columns.
pub(crate) fn scale(source: &Pixmap, crop: Crop, width: u32, height: u32) -> Pixmap {
    let steps = |length: f64, count: u32| libm::ceil(length / f64::from(count) / MAX_REDUCTION) as u32;
    let (across, down) = (steps(crop.width, width), steps(crop.height, height));
    if across > 1 || down > 1 {
        let (between_w, between_h) = (width * across, height * down);
        let between = scale(source, crop, between_w, between_h);
        let whole = Crop { x: 0.0, y: 0.0, width: f64::from(between_w), height: f64::from(between_h) };
        return scale(&between, whole, width, height);
    }
    let down = Taps::new(crop.y, crop.height, source.height(), height);
    let taps = Taps::new(crop.x, crop.width, source.width(), width);
    // Only the columns that the second pass will look at are made.
    let first = taps.iter().map(|(start, _)| start).min().unwrap_or(0);
    let end = taps.iter().map(|(start, weights)| start + weights.len()).max().unwrap_or(0);
    let columns = first * 4..end * 4;
    let across = Across::new(taps.iter().map(|(start, weights)| (start - first, weights)));
    drop(taps);

    let mut row = vec![0; columns.len() + SLACK];
    let mut scaled = Pixmap::filled(width, height, [0; 4]);
    for (to, (start, weights)) in scaled.data_mut().chunks_exact_mut(width as usize * 4).zip(down.iter()) {
        let rows: Vec<&[u8]> =
            (start..).take(weights.len()).map(|y| &source.row(y as u32)[columns.clone()]).collect();
        sum_rows(&mut row[..columns.len()], &rows, weights);
        across.sum(to, &row);
    }
    hold_below_alpha(&mut scaled);
    scaled
}

/// What the destination rows or columns of an axis are made of: source rows or columns, weighted.
struct Taps {
    /// For each destination the first source and where its weights end, which begin where those of the one before end.
    places: Vec<(usize, usize)>,
    weights: Vec<i16>,
}

impl Taps {
    /// For an axis on which `length` pixels from `start` on, of a picture of `side`, become `count`.
    fn new(start: f64, length: f64, side: u32, count: u32) -> Self {
        let ratio = length / f64::from(count);
        let stretch = ratio.max(1.0); // a reduction needs a kernel as wide as itself
        let side = f64::from(side);
        let nearest_covered = |centre: f64| centre.max(ratio / 2.0).min((side - ratio / 2.0).max(side / 2.0));
        let most = (2.0 * libm::ceil(KERNEL_RADIUS * stretch) + 1.0).min(side) as usize;
        let weights = Vec::with_capacity(count as usize * most);
        let mut taps = Taps { places: Vec::with_capacity(count as usize), weights };
        let mut exact = Vec::new();
        for i in 0..count {
            let (from, to) = (start + f64::from(i) * ratio, start + f64::from(i + 1) * ratio);
            let coverage = ((to.min(side) - from.max(0.0)) / ratio).clamp(0.0, 1.0);
            let centre = nearest_covered(f64::midpoint(from, to));
            let first = libm::floor(centre - KERNEL_RADIUS * stretch).clamp(0.0, side - 1.0) as usize;
            let end = libm::ceil(centre + KERNEL_RADIUS * stretch).clamp(first as f64 + 1.0, side) as usize;
            exact.clear();
            exact.extend((first..end).map(|j| lanczos3((j as f64 + 0.5 - centre) / stretch)));
            taps.push(first, &exact, coverage);
        }
        taps
    }

    /// Adds weights in fixed point that sum to exactly `coverage`, without the zeros at either end.
    fn push(&mut self, first: usize, exact: &[f64], coverage: f64) {
        let begin = self.weights.len();
        let total = libm::round(coverage * f64::from(1_i32 << weigh::WEIGHT_BITS));
        let sum: f64 = exact.iter().sum();
        self.weights.extend(exact.iter().map(|w| libm::round(w / sum * total) as i16));
        let fixed = &mut self.weights[begin..];
        let rest = total as i32 - fixed.iter().map(|w| i32::from(*w)).sum::<i32>();
        if let Some(largest) = fixed.iter_mut().max_by_key(|w| **w) {
            *largest += rest as i16; // what rounding left over shows least beside the most
        }
        let zeros = fixed.iter().take_while(|w| **w == 0).count().min(fixed.len() - 1);
        let length = fixed.iter().rposition(|w| *w != 0).map_or(1, |last| last + 1 - zeros);
        fixed.copy_within(zeros..zeros + length, 0);
        self.weights.truncate(begin + length);
        self.places.push((first + zeros, self.weights.len()));
    }

    /// The first source of each destination, and the weights from it on.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i16])> + Clone {
        let begins = std::iter::once(0).chain(self.places.iter().map(|(_, end)| *end));
        self.places.iter().zip(begins).map(|((start, end), begin)| (*start, &self.weights[begin..*end]))
    }
}

fn lanczos3(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else if x.abs() >= KERNEL_RADIUS {
        0.0
    } else {
        let px = core::f64::consts::PI * x;
        KERNEL_RADIUS * libm::sin(px) * libm::sin(px / KERNEL_RADIUS) / (px * px)
    }
}

/// Kernels with negative lobes can ring a colour above its alpha, which no premultiplied pixel may have.
fn hold_below_alpha(pixmap: &mut Pixmap) {
    for pixel in pixmap.data_mut().chunks_exact_mut(4) {
        let alpha = pixel[3];
        if alpha != 255 {
            pixel[0] = pixel[0].min(alpha);
            pixel[1] = pixel[1].min(alpha);
            pixel[2] = pixel[2].min(alpha);
        }
    }
}

/// An affine map from pixels of a window to source pixels: `u = ux·x + uy·y + u0`, `v` likewise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inverse {
    pub ux: f64,
    pub uy: f64,
    pub u0: f64,
    pub vx: f64,
    pub vy: f64,
    pub v0: f64,
}

/// Fractional bits of a position: enough that a step repeated over 65,535 pixels is off by less than 1/65,536.
const POSITION_BITS: u32 = 32;
/// Positions between two pixels that the kernel knows.
const PHASE_BITS: u32 = 8;
/// Fractional bits of a kernel weight: two passes of them and 8 bits of sample fit an `i32`.
const WEIGHT_BITS: u32 = 10;

/// Draws a window of `width × height` pixels by looking up each one's place in `source`; what falls outside it is
/// transparent.
pub(crate) fn transform(source: &Pixmap, inverse: &Inverse, width: u32, height: u32) -> Pixmap {
    let fixed = |value: f64| libm::round(value * (1_i64 << POSITION_BITS) as f64) as i64;
    let mut drawn = Pixmap::filled(width, height, [0; 4]);
    let (step_u, step_v) = (fixed(inverse.ux), fixed(inverse.vx));
    for (y, row) in drawn.data_mut().chunks_exact_mut(width as usize * 4).enumerate() {
        // Pixel centres lie at one half, in the window and in the source.
        let (px, py) = (0.5, y as f64 + 0.5);
        let mut u = fixed(inverse.ux * px + inverse.uy * py + inverse.u0 - 0.5);
        let mut v = fixed(inverse.vx * px + inverse.vy * py + inverse.v0 - 0.5);
        for pixel in row.chunks_exact_mut(4) {
            if let Some(sample) = sample(source, u, v) {
                pixel.copy_from_slice(&sample);
            }
            u += step_u;
            v += step_v;
        }
    }
    drawn
}

/// The picture at a fixed-point position, by a 4×4 Catmull-Rom kernel; `None` well outside.
fn sample(source: &Pixmap, u: i64, v: i64) -> Option<[u8; 4]> {
    let (x, y) = (u >> POSITION_BITS, v >> POSITION_BITS);
    let (w, h) = (i64::from(source.width()), i64::from(source.height()));
    if x < -2 || y < -2 || x > w || y > h {
        return None;
    }
    let phase = |position: i64| (position >> (POSITION_BITS - PHASE_BITS)) as usize & ((1 << PHASE_BITS) - 1);
    let (wx, wy) = (CATMULL_ROM[phase(u)], CATMULL_ROM[phase(v)]);
    let within = x > 0 && y > 0 && x + 3 <= w && y + 3 <= h;
    let sums = if within {
        inner_sums(source, (x as usize - 1, y as u32 - 1), wx, wy)
    } else {
        edge_sums(source, (x - 1, y - 1), wx, wy)
    };
    let rounded = (sums + i32x4::splat(1 << (2 * WEIGHT_BITS - 1))) >> (2 * WEIGHT_BITS);
    let [.., alpha] = rounded.to_array();
    let held = rounded.max(i32x4::ZERO).min(i32x4::splat(alpha.clamp(0, 255)));
    Some(held.to_array().map(|sample| sample as u8))
}

/// The weighted sums of the 4×4 pixels from (x, y) on, all of which there are.
#[inline(always)]
fn inner_sums(source: &Pixmap, (x, y): (usize, u32), wx: [i16; 4], wy: [i16; 4]) -> i32x4 {
    let four = |row: u32| simd::load(&source.row(y + row)[x * 4..]);
    let upper = simd::weigh(four(0), four(1), Pair::new(wy[0], wy[1]));
    let lower = simd::weigh(four(2), four(3), Pair::new(wy[2], wy[3]));
    let mut sums = i32x4::ZERO;
    for ((upper, lower), weight) in upper.into_iter().zip(lower).zip(wx) {
        sums += (upper + lower) * i32x4::splat(i32::from(weight));
    }
    sums
}

/// The same where some of the pixels are outside, which is transparent.
fn edge_sums(source: &Pixmap, (x, y): (i64, i64), wx: [i16; 4], wy: [i16; 4]) -> i32x4 {
    let (w, h) = (i64::from(source.width()), i64::from(source.height()));
    let mut sum = [0_i32; 4];
    for (row, weight_y) in (y..).zip(wy).filter(|(row, _)| (0..h).contains(row)) {
        let pixels = source.row(row as u32);
        for (column, weight_x) in (x..).zip(wx).filter(|(column, _)| (0..w).contains(column)) {
            let weight = i32::from(weight_x) * i32::from(weight_y);
            for (sum, sample) in sum.iter_mut().zip(&pixels[column as usize * 4..][..4]) {
                *sum += weight * i32::from(*sample);
            }
        }
    }
    i32x4::new(sum)
}

/// Catmull-Rom weights of the four neighbours for each phase, in units of 2⁻¹⁰; each row sums to exactly 1.
const CATMULL_ROM: [[i16; 4]; 1 << PHASE_BITS] = catmull_rom();

const fn catmull_rom() -> [[i16; 4]; 1 << PHASE_BITS] {
    let mut table = [[0; 4]; 1 << PHASE_BITS];
    let one = 1_i64 << PHASE_BITS; // t in units of 1/256
    let cube = one * one * one;
    let scale = 1_i64 << WEIGHT_BITS;
    let mut i = 0;
    while i < table.len() {
        let t = i as i64;
        let (t1, t2, t3) = (t * one * one, t * t * one, t * t * t); // t, t², t³ in units of 1/256³
        let before = -t3 + 2 * t2 - t1;
        let here = 3 * t3 - 5 * t2 + 2 * cube;
        let after = t3 - t2;
        let unit = 2 * cube;
        let w0 = rounded(before * scale, unit);
        let w1 = rounded(here * scale, unit);
        let w3 = rounded(after * scale, unit);
        table[i] = [w0 as i16, w1 as i16, (scale - w0 - w1 - w3) as i16, w3 as i16];
        i += 1;
    }
    table
}

const fn rounded(numerator: i64, denominator: i64) -> i64 {
    let doubled = 2 * numerator + denominator;
    doubled.div_euclid(2 * denominator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(p: &Pixmap) -> Crop {
        Crop { x: 0.0, y: 0.0, width: f64::from(p.width()), height: f64::from(p.height()) }
    }

    #[test]
    fn kernel_weights_sum_to_one_and_mirror() {
        for (i, weights) in CATMULL_ROM.iter().enumerate() {
            assert_eq!(weights.iter().sum::<i16>(), 1 << WEIGHT_BITS, "phase {i}");
        }
        assert_eq!(CATMULL_ROM[0], [0, 1024, 0, 0]);
        assert_eq!(CATMULL_ROM[128], [-64, 576, 576, -64]);
    }

    /// What `scale` is, pixel by pixel and without a vector.
    fn plainly(source: &Pixmap, crop: Crop, width: u32, height: u32) -> Pixmap {
        let down = Taps::new(crop.y, crop.height, source.height(), height);
        let across = Taps::new(crop.x, crop.width, source.width(), width);
        let mut scaled = Pixmap::filled(width, height, [0; 4]);
        for (y, (start, weights)) in down.iter().enumerate() {
            let sample = |i: usize| {
                let sums = (start..)
                    .zip(weights)
                    .map(|(y, weight)| i32::from(source.row(y as u32)[i]) * i32::from(*weight));
                weigh::rounded(sums.sum())
            };
            let row: Vec<u8> = (0..source.width() as usize * 4).map(sample).collect();
            let pixels = scaled.row_mut(y as u32).chunks_exact_mut(4).zip(across.iter());
            for (pixel, (start, weights)) in pixels {
                for (channel, to) in pixel.iter_mut().enumerate() {
                    let sums = (start..)
                        .zip(weights)
                        .map(|(x, weight)| i32::from(row[x * 4 + channel]) * i32::from(*weight));
                    *to = weigh::rounded(sums.sum());
                }
            }
        }
        hold_below_alpha(&mut scaled);
        scaled
    }

    #[test]
    fn vectors_sum_what_single_samples_do() {
        let noise = |i: u32| (i.wrapping_mul(0x9e37_79b1) >> 23) as u8;
        for (w, h) in [(1, 1), (3, 5), (7, 4), (33, 18), (90, 70)] {
            let picture = Pixmap::from_straight_rgba(w, h, (0..w * h * 4).map(noise).collect()).unwrap();
            for (width, height) in [(1, 1), (2, 9), (5, 3), (17, 16), (64, 41), (91, 71)] {
                for crop in
                    [whole(&picture), Crop { x: -0.7, y: 0.3, width: 1.9 + f64::from(w), height: 1.1 }]
                {
                    let scaled = scale(&picture, crop, width, height);
                    assert!(scaled == plainly(&picture, crop, width, height), "{w}×{h} to {width}×{height}");
                }
            }
        }
    }

    #[test]
    fn the_colour_of_invisible_pixels_does_not_fringe() {
        // A white disc on transparent "black", reduced four times: every visible colour must stay white.
        let side = 64_i32;
        let straight = (0..side * side).flat_map(|i| {
            let (x, y) = (i % side - 32, i / side - 32);
            if x * x + y * y < 600 { [255, 255, 255, 255] } else { [0, 0, 0, 0] }
        });
        let disc = Pixmap::from_straight_rgba(64, 64, straight.collect()).unwrap();
        let small = scale(&disc, whole(&disc), 16, 16);
        assert!(small.data().chunks_exact(4).any(|p| p[3] > 0 && p[3] < 255), "an edge must be soft");
        for p in small.to_straight_rgba().chunks_exact(4).filter(|p| p[3] > 8) {
            assert!(p[..3].iter().all(|c| *c >= 250), "a visible pixel is {p:?}");
        }
    }

    #[test]
    fn a_fine_pattern_reduced_four_times_is_grey_not_moire() {
        // One-pixel stripes hold nothing that survives at a quarter of the size.
        let straight =
            (0..256 * 256).flat_map(|i| if i % 2 == 0 { [255, 255, 255, 255] } else { [0, 0, 0, 255] });
        let stripes = Pixmap::from_straight_rgba(256, 256, straight.collect()).unwrap();
        let small = scale(&stripes, whole(&stripes), 61, 61);
        let inner = small.data().chunks_exact(4).enumerate().filter(|(i, _)| (3..58).contains(&(i % 61)));
        for (_, p) in inner {
            assert!((120..=136).contains(&p[0]), "stripes became {}", p[0]);
        }
    }

    #[test]
    fn an_edge_between_pixels_is_shared_by_them() {
        let white = Pixmap::filled(8, 8, [255; 4]);
        let shifted = scale(&white, Crop { x: -0.25, y: 0.0, width: 9.0, height: 8.0 }, 9, 8);
        let row: Vec<u8> = shifted.row(4).chunks_exact(4).map(|p| p[3]).collect();
        assert_eq!(row, [191, 255, 255, 255, 255, 255, 255, 255, 64]);
        let reduced = scale(&white, Crop { x: -1.0, y: -2.0, width: 12.0, height: 12.0 }, 3, 3);
        assert_eq!(reduced.row(1).chunks_exact(4).map(|p| p[3]).collect::<Vec<_>>(), [191, 255, 64]);
        assert_eq!(reduced.row(0)[4..8], [128; 4]);
    }

    #[test]
    fn a_turned_picture_is_the_same_with_and_without_a_margin() {
        let noise = |i: u32| (i.wrapping_mul(0x9e37_79b1) >> 23) as u8;
        let picture = Pixmap::from_straight_rgba(23, 17, (0..23 * 17 * 4).map(noise).collect()).unwrap();
        let mut wide = Pixmap::filled(23 + 16, 17 + 16, [0; 4]);
        for y in 0..17 {
            wide.row_mut(y + 8)[32..32 + 92].copy_from_slice(picture.row(y));
        }
        let turn = Inverse { ux: 0.8, uy: 0.6, u0: -11.7, vx: -0.6, vy: 0.8, v0: 4.9 };
        let turn_wide = Inverse { u0: turn.u0 + 8.0, v0: turn.v0 + 8.0, ..turn };
        assert_eq!(transform(&picture, &turn, 40, 40), transform(&wide, &turn_wide, 40, 40));
    }

    #[test]
    fn a_transform_by_nothing_changes_nothing() {
        let picture =
            Pixmap::from_straight_rgba(5, 4, (0..80).map(|i| if i % 4 == 3 { 255 } else { i * 3 }).collect())
                .unwrap();
        let identity = Inverse { ux: 1.0, uy: 0.0, u0: 0.0, vx: 0.0, vy: 1.0, v0: 0.0 };
        assert_eq!(transform(&picture, &identity, 5, 4), picture);
        let moved = transform(&picture, &Inverse { u0: -3.0, v0: -2.0, ..identity }, 11, 9);
        assert_eq!(moved.row(2)[12..32], *picture.row(0));
        assert!(moved.row(0).iter().all(|s| *s == 0));
    }
}
