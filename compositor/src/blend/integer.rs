//! Everyday mixes in integers. Where a layer is not faded, 16 bits are enough: each sample is a sum of products over 255,
//! rounded once, as the formulas in `f32` would round it.

use wide::bytemuck::cast;
use wide::{u16x8, u32x4};

use super::lanes::{LANES, put, steps, words};
use crate::recipe::Decimal;
use crate::simd::widest;

/// What a sample is made of: half the samples of four pixels, each in 16 bits, and the alphas of their pixels.
#[derive(Clone, Copy)]
struct Samples {
    backdrop: u16x8,
    source: u16x8,
    alpha_b: u16x8,
    alpha_s: u16x8,
}

const FULL: u16x8 = u16x8::new([255; 8]);

/// `co = cs + cb · (1 − αs)` for all four channels (section 9.1.4).
pub(super) fn over(below: &mut [u8], above: &[u8]) {
    each(below, above, |s| s.source * FULL + s.backdrop * (FULL - s.alpha_s));
}

/// `co = cs · (1 − αb) + cb · (1 − αs) + cs · cb` (sections 9.1.4 and 10.1).
pub(super) fn multiply(below: &mut [u8], above: &[u8]) {
    each(below, above, |s| {
        s.source * (FULL - s.alpha_b) + s.backdrop * (FULL - s.alpha_s) + s.source * s.backdrop
    });
}

/// `co = cs + cb − cs · cb` (sections 9.1.4 and 10.1).
pub(super) fn screen(below: &mut [u8], above: &[u8]) {
    each(below, above, |s| s.source * FULL + s.backdrop * (FULL - s.source));
}

/// Fractional bits of an opacity on the integer path: with two 8-bit factors it fits 32 bits, and its error is a
/// thirtieth of a step.
const OPACITY_BITS: u32 = 12;
/// The opacity 1.
const FULLY: u32 = 1 << OPACITY_BITS;

/// `over` with `cs` and `αs` multiplied by an opacity, within a step.
pub(super) fn over_faded(below: &mut [u8], above: &[u8], opacity: Decimal) {
    let opacity = (opacity.ten_thousandths().clamp(0, 10_000) as u32 * FULLY + 5_000) / 10_000;
    widest(
        #[inline(always)]
        || {
            steps(
                below,
                above,
                true,
                #[inline(always)]
                |below, above| step_faded(below, above, opacity),
            );
        },
    );
}

#[inline(always)]
fn step_faded(below: &mut [u8], above: &[u32; LANES], opacity: u32) {
    let backdrop: [u32; LANES] = words(below);
    let mut faded = [0; LANES];
    for shift in [0, 8, 16, 24] {
        for i in 0..LANES {
            let (s, b) = (above[i] >> shift & 255, backdrop[i] >> shift & 255);
            let rest = 255 * FULLY - (above[i] >> 24) * opacity;
            let sum = (s * opacity * 255 + b * rest + FULLY / 2) / FULLY + 128;
            faded[i] |= ((sum + (sum >> 8)) >> 8).min(255) << shift;
        }
    }
    put(&faded, below);
}

/// Goes through a row; `sum` is 255 times what becomes of each sample: at most 255², as no sample is above its alpha.
#[inline(always)]
fn each(below: &mut [u8], above: &[u8], sum: impl Fn(Samples) -> u16x8) {
    steps(
        below,
        above,
        true,
        #[inline(always)]
        |below, above| step(below, above, &sum),
    );
}

#[inline(always)]
fn step(below: &mut [u8], above: &[u32; 4], sum: &impl Fn(Samples) -> u16x8) {
    let (b, s) = (u32x4::new(words(below)), u32x4::new(*above));
    let (alpha_b, alpha_s) = (alphas(b), alphas(s));
    let mixed = |backdrop, source| over_255(sum(Samples { backdrop, source, alpha_b, alpha_s }));
    let (even, odd) = (mixed(halves(b), halves(s)), mixed(halves(b >> 8), halves(s >> 8)));
    let pixels: u32x4 = cast::<u16x8, u32x4>(even) | (cast::<u16x8, u32x4>(odd) << 8);
    put(&pixels.to_array(), below);
}

/// Channels 0 and 2 of each pixel.
#[inline(always)]
fn halves(words: u32x4) -> u16x8 {
    cast(words & u32x4::splat(0x00ff_00ff))
}

/// The alpha of each pixel, twice.
#[inline(always)]
fn alphas(words: u32x4) -> u16x8 {
    let alpha = words >> 24;
    cast(alpha | (alpha << 16))
}

/// A 255th, rounded to nearest: exact up to 255².
#[inline(always)]
fn over_255(sum: u16x8) -> u16x8 {
    let sum = sum + u16x8::splat(128);
    (sum + (sum >> 8)) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blend::{Mix, modes};
    use crate::pixmap;
    use crate::recipe::BlendMode;

    type Way = fn(&mut [u8], &[u8]);

    /// Rows of every colour on every colour, all of them below their alphas.
    #[test]
    fn integers_round_as_floats_do() {
        let alphas = [0, 1, 2, 63, 127, 128, 200, 254, 255];
        let pixels: Vec<[u8; 4]> = alphas
            .into_iter()
            .flat_map(|a| (0..=255).step_by(5).map(move |c| (c, a)))
            .map(|(c, a)| [pixmap::multiply(c, a), pixmap::multiply(255 - c, a), a / 2, a])
            .collect();
        let ways: [(BlendMode, Way); 3] =
            [(BlendMode::Normal, over), (BlendMode::Multiply, multiply), (BlendMode::Screen, screen)];
        for (blend, way) in ways {
            for below in &pixels {
                let (mut one, mut other) = (below.repeat(pixels.len()), below.repeat(pixels.len()));
                way(&mut one, pixels.as_flattened());
                modes::composite(&mut other, pixels.as_flattened(), &Mix { blend, ..Mix::OVER });
                assert_eq!(one, other, "{blend:?} on {below:?}");
            }
        }
    }
}
