//! The blend modes in `f32` (sections 10.1 and 10.2), several pixels at a time: channels lie in separate lanes, so
//! that one instruction works on one channel of all of them.

use wide::bytemuck::cast;
use wide::f32x8;

use super::lanes::{LANES, lanes, put, steps, words};
use super::{Fractions, Mix, fractions};
use crate::recipe::BlendMode;
use crate::simd::widest;

/// One value for each of the pixels.
type Lane = [f32; LANES];

/// Some pixels, channel by channel; samples are 0 to 1.
struct Pixels {
    /// Premultiplied.
    colours: [Lane; 3],
    alpha: Lane,
}

#[inline(always)]
fn faded(lane: &Lane, opacity: f32) -> Lane {
    lanes(|i| lane[i] * opacity)
}

/// Composites `above` with `below` by any mode and operator.
pub(super) fn composite(below: &mut [u8], above: &[u8], mix: &Mix) {
    macro_rules! each_separable {
        ($($mode:ident => $function:expr),+ $(,)?) => {
            match mix.blend {
                $(BlendMode::$mode => rows(below, above, mix, #[inline(always)] |b, s| separable(b, s, $function)),)+
                BlendMode::Hue => rows(below, above, mix, #[inline(always)] |b, s| joint(b, s, hue)),
                BlendMode::Saturation => rows(below, above, mix, #[inline(always)] |b, s| joint(b, s, saturation)),
                BlendMode::Color => rows(below, above, mix, #[inline(always)] |b, s| joint(b, s, colour)),
                BlendMode::Luminosity => rows(below, above, mix, #[inline(always)] |b, s| joint(b, s, luminosity)),
            }
        };
    }
    each_separable!(
        Normal => normal,
        Multiply => multiply,
        Screen => screen,
        Overlay => #[inline(always)] |b, s| hard_light(s, b),
        Darken => darken,
        Lighten => lighten,
        ColorDodge => colour_dodge,
        ColorBurn => colour_burn,
        HardLight => hard_light,
        SoftLight => soft_light,
        Difference => difference,
        Exclusion => exclusion,
    );
}

/// One channel of a pixel: the colour multiplied by its alpha, and the alpha.
#[derive(Clone, Copy)]
struct Channel {
    colour: f32,
    alpha: f32,
}

impl Channel {
    /// What is missing of full colour.
    #[inline(always)]
    fn negative(self) -> Channel {
        Channel { colour: self.alpha - self.colour, ..self }
    }
}

// The separable modes (section 10.1) as `αb · αs · B(Cb, Cs)`: with both colours multiplied by their alphas nearly all
// of them need no division.

#[inline(always)]
fn normal(b: Channel, s: Channel) -> f32 {
    s.colour * b.alpha
}

#[inline(always)]
fn multiply(b: Channel, s: Channel) -> f32 {
    s.colour * b.colour
}

#[inline(always)]
fn screen(b: Channel, s: Channel) -> f32 {
    b.colour * s.alpha + s.colour * b.alpha - s.colour * b.colour
}

#[inline(always)]
fn darken(b: Channel, s: Channel) -> f32 {
    let (b, s) = (b.colour * s.alpha, s.colour * b.alpha);
    if b < s { b } else { s }
}

#[inline(always)]
fn lighten(b: Channel, s: Channel) -> f32 {
    let (b, s) = (b.colour * s.alpha, s.colour * b.alpha);
    if b > s { b } else { s }
}

#[inline(always)]
fn hard_light(b: Channel, s: Channel) -> f32 {
    let twice = s.colour + s.colour;
    let bright = screen(b, Channel { colour: twice - s.alpha, ..s });
    if twice <= s.alpha { twice * b.colour } else { bright }
}

#[inline(always)]
fn colour_dodge(b: Channel, s: Channel) -> f32 {
    let left = s.alpha - s.colour;
    let dodged = s.alpha * s.alpha * b.colour / left;
    let dodged = if b.colour * s.alpha >= b.alpha * left { s.alpha * b.alpha } else { dodged };
    if b.colour <= 0.0 { 0.0 } else { dodged }
}

/// Burning is dodging the negatives.
#[inline(always)]
fn colour_burn(b: Channel, s: Channel) -> f32 {
    s.alpha * b.alpha - colour_dodge(b.negative(), s.negative())
}

#[inline(always)]
fn soft_light(b: Channel, s: Channel) -> f32 {
    let colour = if b.alpha > 0.0 { b.colour / b.alpha } else { 0.0 };
    let slope = s.colour + s.colour - s.alpha;
    let dark = b.colour * (s.alpha + slope * (1.0 - colour));
    let d = if colour <= 0.25 { ((16.0 * colour - 12.0) * colour + 4.0) * colour } else { colour.sqrt() };
    let bright = b.colour * s.alpha + slope * b.alpha * (d - colour);
    if slope <= 0.0 { dark } else { bright }
}

#[inline(always)]
fn difference(b: Channel, s: Channel) -> f32 {
    (b.colour * s.alpha - s.colour * b.alpha).abs()
}

#[inline(always)]
fn exclusion(b: Channel, s: Channel) -> f32 {
    b.colour * s.alpha + s.colour * b.alpha - 2.0 * s.colour * b.colour
}

/// `αb · αs · B(Cb, Cs)` channel by channel.
#[inline(always)]
fn separable(backdrop: &Pixels, source: &Pixels, mode: impl Fn(Channel, Channel) -> f32) -> [Lane; 3] {
    let mut mixed = [[0.0; LANES]; 3];
    for (out, (b, s)) in mixed.iter_mut().zip(backdrop.colours.iter().zip(&source.colours)) {
        for i in 0..LANES {
            let of = |colours: &Lane, alphas: &Lane| Channel { colour: colours[i], alpha: alphas[i] };
            out[i] = mode(of(b, &backdrop.alpha), of(s, &source.alpha));
        }
    }
    mixed
}

/// `αb · αs · B(Cb, Cs)` by all three channels of a pixel together, whose straight colours `mode` takes.
#[inline(always)]
fn joint(backdrop: &Pixels, source: &Pixels, mode: impl Fn([f32; 3], [f32; 3]) -> [f32; 3]) -> [Lane; 3] {
    let (b, s) = (straight(backdrop), straight(source));
    let mut mixed = [[0.0; LANES]; 3];
    for i in 0..LANES {
        let pixel = |lanes: &[Lane; 3]| [lanes[0][i], lanes[1][i], lanes[2][i]];
        for (out, value) in mixed.iter_mut().zip(mode(pixel(&b), pixel(&s))) {
            out[i] = value * (backdrop.alpha[i] * source.alpha[i]);
        }
    }
    mixed
}

#[inline(always)]
fn hue(b: [f32; 3], s: [f32; 3]) -> [f32; 3] {
    with_luminosity(with_saturation(s, saturation_of(b)), luminosity_of(b))
}

#[inline(always)]
fn saturation(b: [f32; 3], s: [f32; 3]) -> [f32; 3] {
    with_luminosity(with_saturation(b, saturation_of(s)), luminosity_of(b))
}

#[inline(always)]
fn colour(b: [f32; 3], s: [f32; 3]) -> [f32; 3] {
    with_luminosity(s, luminosity_of(b))
}

#[inline(always)]
fn luminosity(b: [f32; 3], s: [f32; 3]) -> [f32; 3] {
    with_luminosity(b, luminosity_of(s))
}

/// `Lum` (section 10.2).
#[inline(always)]
fn luminosity_of([r, g, b]: [f32; 3]) -> f32 {
    0.3 * r + 0.59 * g + 0.11 * b
}

#[inline(always)]
fn least([r, g, b]: [f32; 3]) -> f32 {
    r.min(g).min(b)
}

#[inline(always)]
fn most([r, g, b]: [f32; 3]) -> f32 {
    r.max(g).max(b)
}

/// `Sat` (section 10.2).
#[inline(always)]
fn saturation_of(colour: [f32; 3]) -> f32 {
    most(colour) - least(colour)
}

/// `SetSat` (section 10.2): the least channel at 0, the greatest at `saturation`, the middle one in proportion.
#[inline(always)]
fn with_saturation(colour: [f32; 3], saturation: f32) -> [f32; 3] {
    let (low, span) = (least(colour), saturation_of(colour));
    if span > 0.0 { colour.map(|c| (c - low) * saturation / span) } else { [0.0; 3] }
}

/// `SetLum` with `ClipColor` (section 10.2). Of a grey that rounding took over an edge nothing is left to scale.
#[inline(always)]
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
fn rows(below: &mut [u8], above: &[u8], mix: &Mix, blend: impl Fn(&Pixels, &Pixels) -> [Lane; 3]) {
    let (opacity, fractions) = (mix.opacity.to_f64() as f32, fractions(mix.operator));
    widest(
        #[inline(always)]
        || {
            steps(
                below,
                above,
                fractions.keeps_uncovered(),
                #[inline(always)]
                |below, above| step(below, above, opacity, fractions, &blend),
            );
        },
    );
}

#[expect(clippy::needless_range_loop, reason = "all lanes go by one index")]
#[inline(always)]
fn step(
    below: &mut [u8],
    above: &[u32; LANES],
    opacity: f32,
    fractions: Fractions,
    blend: &impl Fn(&Pixels, &Pixels) -> [Lane; 3],
) {
    let (backdrop, source) = (load(&words(below), 1.0), load(above, opacity));
    let mixed = blend(&backdrop, &source);
    let mut out = Pixels { colours: [[0.0; LANES]; 3], alpha: [0.0; LANES] };
    for i in 0..LANES {
        let (alpha_b, alpha_s) = (backdrop.alpha[i], source.alpha[i]);
        let (fa, fb) = (fractions.of_source(alpha_b), fractions.of_backdrop(alpha_s));
        let alpha = alpha_s * fa + alpha_b * fb;
        out.alpha[i] = if alpha < 1.0 { alpha } else { 1.0 };
        for channel in 0..3 {
            // αs · Cs′ with Cs′ = (1 − αb) · Cs + αb · B(Cb, Cs) (section 9.1.4)
            let own = source.colours[channel][i] * (1.0 - alpha_b);
            out.colours[channel][i] = (own + mixed[channel][i]) * fa + backdrop.colours[channel][i] * fb;
        }
    }
    store(&out, below);
}

#[inline(always)]
fn load(words: &[u32; LANES], opacity: f32) -> Pixels {
    let [r, g, b, alpha] = [channel(words, 0), channel(words, 8), channel(words, 16), channel(words, 24)];
    Pixels {
        colours: [faded(&r, opacity), faded(&g, opacity), faded(&b, opacity)],
        alpha: faded(&alpha, opacity),
    }
}

/// A sample of each pixel.
#[inline(always)]
fn channel(words: &[u32; LANES], shift: u32) -> Lane {
    // 255 times this is 1, exactly.
    const UNIT: f32 = 1.0 / 255.0;
    lanes(|i| (words[i] >> shift & 255) as i32 as f32 * UNIT)
}

/// Colours no longer multiplied by their alpha; of what is invisible, black.
#[inline(always)]
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
#[inline(always)]
fn store(pixels: &Pixels, samples: &mut [u8]) {
    let [r, g, b] = &pixels.colours;
    let [r, g, b, alpha] = [rounded(r), rounded(g), rounded(b), rounded(&pixels.alpha)];
    let words = lanes(|i| {
        let held = |lane: &[u32; LANES]| lane[i].min(alpha[i]);
        held(&r) | held(&g) << 8 | held(&b) << 16 | alpha[i] << 24
    });
    put(&words, samples);
}

#[inline(always)]
fn rounded(lane: &Lane) -> [u32; LANES] {
    let held = lanes(|i| {
        let sample = lane[i] * 255.0 + 0.5;
        let sample = if sample > 0.0 { sample } else { 0.0 };
        if sample < 255.0 { sample } else { 255.0 }
    });
    // `as` would look at every sample by itself, for NaN.
    cast(f32x8::new(held).fast_trunc_int())
}
