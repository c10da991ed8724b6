//! The blend modes in `f32` (sections 10.1 and 10.2), several pixels at a time: channels lie in separate lanes, so
//! that one instruction works on one channel of all of them.

use super::{Fractions, Mix, fractions};
use crate::recipe::BlendMode;

/// Pixels worked on at once: a 256-bit register of `f32`.
const LANES: usize = 8;

/// One value for each of the pixels.
type Lane = [f32; LANES];

/// Some pixels, channel by channel; samples are 0 to 1.
struct Pixels {
    /// Premultiplied.
    colours: [Lane; 3],
    alpha: Lane,
}

/// Composites `above` with `below` by any mode and operator.
pub(super) fn composite(below: &mut [u8], above: &[u8], mix: &Mix) {
    macro_rules! each_separable {
        ($($mode:ident => $function:expr),+ $(,)?) => {
            match mix.blend {
                $(BlendMode::$mode => rows(below, above, mix, |b, s| separable(b, s, $function)),)+
                BlendMode::Hue => rows(below, above, mix, |b, s| joint(b, s, hue)),
                BlendMode::Saturation => rows(below, above, mix, |b, s| joint(b, s, saturation)),
                BlendMode::Color => rows(below, above, mix, |b, s| joint(b, s, colour)),
                BlendMode::Luminosity => rows(below, above, mix, |b, s| joint(b, s, luminosity)),
            }
        };
    }
    each_separable!(
        Normal => |_, s| s,
        Multiply => |b, s| b * s,
        Screen => screen,
        Overlay => |b, s| hard_light(s, b),
        Darken => |b: f32, s: f32| if b < s { b } else { s },
        Lighten => |b: f32, s: f32| if b > s { b } else { s },
        ColorDodge => colour_dodge,
        ColorBurn => |b, s| 1.0 - colour_dodge(1.0 - b, 1.0 - s),
        HardLight => hard_light,
        SoftLight => soft_light,
        Difference => |b: f32, s: f32| (b - s).abs(),
        Exclusion => |b, s| b + s - 2.0 * b * s,
    );
}

fn screen(b: f32, s: f32) -> f32 {
    b + s - b * s
}

fn hard_light(b: f32, s: f32) -> f32 {
    if s <= 0.5 { 2.0 * b * s } else { screen(b, 2.0 * s - 1.0) }
}

/// Burning is dodging the negatives.
fn colour_dodge(b: f32, s: f32) -> f32 {
    if b <= 0.0 {
        0.0
    } else if b >= 1.0 - s {
        1.0
    } else {
        b / (1.0 - s)
    }
}

fn soft_light(b: f32, s: f32) -> f32 {
    let dark = b - (1.0 - 2.0 * s) * b * (1.0 - b);
    let d = if b <= 0.25 { ((16.0 * b - 12.0) * b + 4.0) * b } else { b.sqrt() };
    if s <= 0.5 { dark } else { b + (2.0 * s - 1.0) * (d - b) }
}

/// Blends straight colours channel by channel.
#[inline]
fn separable(backdrop: &[Lane; 3], source: &[Lane; 3], mode: impl Fn(f32, f32) -> f32) -> [Lane; 3] {
    let mut blended = [[0.0; LANES]; 3];
    for (out, (b, s)) in blended.iter_mut().zip(backdrop.iter().zip(source)) {
        for (out, (b, s)) in out.iter_mut().zip(b.iter().zip(s)) {
            *out = mode(*b, *s);
        }
    }
    blended
}

/// Blends straight colours by all three channels of a pixel together.
#[inline]
fn joint(
    backdrop: &[Lane; 3],
    source: &[Lane; 3],
    mode: impl Fn([f32; 3], [f32; 3]) -> [f32; 3],
) -> [Lane; 3] {
    let mut blended = [[0.0; LANES]; 3];
    for i in 0..LANES {
        let pixel = |lanes: &[Lane; 3]| [lanes[0][i], lanes[1][i], lanes[2][i]];
        for (out, value) in blended.iter_mut().zip(mode(pixel(backdrop), pixel(source))) {
            out[i] = value;
        }
    }
    blended
}

fn hue(b: [f32; 3], s: [f32; 3]) -> [f32; 3] {
    with_luminosity(with_saturation(s, saturation_of(b)), luminosity_of(b))
}

fn saturation(b: [f32; 3], s: [f32; 3]) -> [f32; 3] {
    with_luminosity(with_saturation(b, saturation_of(s)), luminosity_of(b))
}

fn colour(b: [f32; 3], s: [f32; 3]) -> [f32; 3] {
    with_luminosity(s, luminosity_of(b))
}

fn luminosity(b: [f32; 3], s: [f32; 3]) -> [f32; 3] {
    with_luminosity(b, luminosity_of(s))
}

/// `Lum` (section 10.2).
fn luminosity_of([r, g, b]: [f32; 3]) -> f32 {
    0.3 * r + 0.59 * g + 0.11 * b
}

fn least([r, g, b]: [f32; 3]) -> f32 {
    r.min(g).min(b)
}

fn most([r, g, b]: [f32; 3]) -> f32 {
    r.max(g).max(b)
}

/// `Sat` (section 10.2).
fn saturation_of(colour: [f32; 3]) -> f32 {
    most(colour) - least(colour)
}

/// `SetSat` (section 10.2): the least channel at 0, the greatest at `saturation`, the middle one in proportion.
fn with_saturation(colour: [f32; 3], saturation: f32) -> [f32; 3] {
    let (low, span) = (least(colour), saturation_of(colour));
    if span > 0.0 { colour.map(|c| (c - low) * saturation / span) } else { [0.0; 3] }
}

/// `SetLum` with `ClipColor` (section 10.2). Of a grey that rounding took over an edge nothing is left to scale.
fn with_luminosity(colour: [f32; 3], wanted: f32) -> [f32; 3] {
    let shift = wanted - luminosity_of(colour);
    let shifted = colour.map(|c| c + shift);
    let (light, low, high) = (luminosity_of(shifted), least(shifted), most(shifted));
    let raised = if low < 0.0 && light > low {
        shifted.map(|c| light + (c - light) * light / (light - low))
    } else {
        shifted
    };
    if high > 1.0 && high > light {
        raised.map(|c| light + (c - light) * (1.0 - light) / (high - light))
    } else {
        raised
    }
}

/// Goes through a row, a few pixels at a time.
#[inline]
fn rows(below: &mut [u8], above: &[u8], mix: &Mix, blend: impl Fn(&[Lane; 3], &[Lane; 3]) -> [Lane; 3]) {
    const STEP: usize = LANES * 4;
    let (opacity, fractions) = (mix.opacity.to_f64() as f32, fractions(mix.operator));
    let mut below = below.chunks_exact_mut(STEP);
    let mut above = above.chunks_exact(STEP);
    // Around what is turned there is much of nothing, which most operators leave as it is.
    let keeps_uncovered = fractions.keeps_uncovered();
    for (below, above) in (&mut below).zip(&mut above) {
        let above = words(above);
        if keeps_uncovered && above.iter().fold(0, |any, word| any | word) == 0 {
            continue;
        }
        step(below, &above, opacity, fractions, &blend);
    }
    let (below, above) = (below.into_remainder(), above.remainder());
    let (mut padded_below, mut padded_above) = ([0; STEP], [0; STEP]);
    padded_below[..below.len()].copy_from_slice(below);
    padded_above[..above.len()].copy_from_slice(above);
    step(&mut padded_below, &words(&padded_above), opacity, fractions, &blend);
    below.copy_from_slice(&padded_below[..below.len()]);
}

#[expect(clippy::needless_range_loop, reason = "all lanes go by one index")]
#[inline]
fn step(
    below: &mut [u8],
    above: &[u32; LANES],
    opacity: f32,
    fractions: Fractions,
    blend: &impl Fn(&[Lane; 3], &[Lane; 3]) -> [Lane; 3],
) {
    let (backdrop, source) = (load(&words(below)), load(above));
    let blended = blend(&straight(&backdrop), &straight(&source));
    let mut out = Pixels { colours: [[0.0; LANES]; 3], alpha: [0.0; LANES] };
    for i in 0..LANES {
        let (alpha_b, alpha_s) = (backdrop.alpha[i], source.alpha[i] * opacity);
        let (fa, fb) = (fractions.of_source(alpha_b), fractions.of_backdrop(alpha_s));
        out.alpha[i] = (alpha_s * fa + alpha_b * fb).min(1.0);
        for channel in 0..3 {
            // αs · Cs′ with Cs′ = (1 − αb) · Cs + αb · B(Cb, Cs) (section 9.1.4)
            let own = source.colours[channel][i] * opacity * (1.0 - alpha_b);
            let mixed = alpha_s * alpha_b * blended[channel][i];
            out.colours[channel][i] = (own + mixed) * fa + backdrop.colours[channel][i] * fb;
        }
    }
    store(&out, below);
}

/// Pixels as words, so that taking them apart is shifts of whole registers.
#[inline]
fn words(samples: &[u8]) -> [u32; LANES] {
    let mut words = [0; LANES];
    for (word, pixel) in words.iter_mut().zip(samples.as_chunks().0) {
        *word = u32::from_le_bytes(*pixel);
    }
    words
}

#[inline]
fn load(words: &[u32; LANES]) -> Pixels {
    let channel = |shift: u32| words.map(|word| (word >> shift & 255) as i32 as f32 / 255.0);
    Pixels { colours: [channel(0), channel(8), channel(16)], alpha: channel(24) }
}

/// Colours no longer multiplied by their alpha; of what is invisible, black.
fn straight(pixels: &Pixels) -> [Lane; 3] {
    let mut colours = pixels.colours;
    for lane in &mut colours {
        for (colour, alpha) in lane.iter_mut().zip(pixels.alpha) {
            *colour = if alpha > 0.0 { *colour / alpha } else { 0.0 };
        }
    }
    colours
}

/// Rounds to nearest; no colour above its alpha.
#[inline]
fn store(pixels: &Pixels, samples: &mut [u8]) {
    let round = |lane: &Lane| lane.map(|value| (value * 255.0 + 0.5).clamp(0.0, 255.0) as i32 as u32);
    let mut words = round(&pixels.alpha);
    let colours = pixels.colours.each_ref().map(round);
    for (i, word) in words.iter_mut().enumerate() {
        let [r, g, b] = colours.each_ref().map(|lane| lane[i].min(*word));
        *word = r | g << 8 | b << 16 | *word << 24;
    }
    for (pixel, word) in samples.as_chunks_mut().0.iter_mut().zip(words) {
        *pixel = word.to_le_bytes();
    }
}
