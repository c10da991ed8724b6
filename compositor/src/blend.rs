//! Compositing one row of pixels over another: W3C Compositing and Blending Level 1, on premultiplied samples.
//!
//! Everyday layers take an integer path. Everything else is the specification's formulas in `f32`, in lanes that
//! compilers vectorise: IEEE arithmetic without contraction gives the same bits on every target.

mod integer;
mod lanes;
mod modes;
mod operator;

use crate::recipe::{BlendMode, Decimal, Operator};

pub(crate) use operator::{Fractions, fractions};

/// How a layer mixes with what lies below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mix {
    pub blend: BlendMode,
    pub operator: Operator,
    /// 0 to 1.
    pub opacity: Decimal,
}

impl Mix {
    /// Plainly on top.
    pub const OVER: Mix =
        Mix { blend: BlendMode::Normal, operator: Operator::SourceOver, opacity: Decimal::ONE };

    /// Does a layer change pixels that it does not cover? Operators without a term of the backdrop clear them.
    pub fn reaches_everywhere(&self) -> bool {
        !fractions(self.operator).keeps_uncovered()
    }

    /// Does a layer change nothing at all?
    pub fn is_idle(&self) -> bool {
        let invisible = self.opacity == Decimal::ZERO && !self.reaches_everywhere();
        invisible || self.operator == Operator::Destination
    }
}

/// Composites the pixels of `above` with those of `below`, in place. Both are premultiplied RGBA of equal length.
pub(crate) fn composite(below: &mut [u8], above: &[u8], mix: &Mix) {
    debug_assert_eq!(below.len(), above.len());
    match (mix.blend, mix.operator, mix.opacity) {
        (BlendMode::Normal, Operator::SourceOver, Decimal::ONE) => integer::over(below, above),
        (BlendMode::Multiply, Operator::SourceOver, Decimal::ONE) => integer::multiply(below, above),
        (BlendMode::Screen, Operator::SourceOver, Decimal::ONE) => integer::screen(below, above),
        (BlendMode::Normal, Operator::SourceOver, opacity) => integer::over_faded(below, above, opacity),
        _ => modes::composite(below, above, mix),
    }
}

/// Composites nothing with the pixels of `below`: what an operator that reaches everywhere does outside its layer.
pub(crate) fn clear(below: &mut [u8]) {
    below.fill(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixmap::multiply;

    const GRID: [u8; 9] = [0, 1, 20, 51, 127, 128, 200, 254, 255];

    /// The specification in `f64`: sections 9.1, 10.1 and 10.2, on straight colours.
    mod reference {
        use crate::blend::fractions;
        use crate::recipe::{BlendMode, Operator};

        fn separable(mode: BlendMode, b: f64, s: f64) -> f64 {
            match mode {
                BlendMode::Multiply => b * s,
                BlendMode::Screen => b + s - b * s,
                BlendMode::Overlay => separable(BlendMode::HardLight, s, b),
                BlendMode::Darken => b.min(s),
                BlendMode::Lighten => b.max(s),
                BlendMode::ColorDodge if b == 0.0 => 0.0,
                BlendMode::ColorDodge if s >= 1.0 => 1.0,
                BlendMode::ColorDodge => (b / (1.0 - s)).min(1.0),
                BlendMode::ColorBurn if b >= 1.0 => 1.0,
                BlendMode::ColorBurn if s == 0.0 => 0.0,
                BlendMode::ColorBurn => 1.0 - ((1.0 - b) / s).min(1.0),
                BlendMode::HardLight if s <= 0.5 => b * 2.0 * s,
                BlendMode::HardLight => separable(BlendMode::Screen, b, 2.0 * s - 1.0),
                BlendMode::SoftLight if s <= 0.5 => b - (1.0 - 2.0 * s) * b * (1.0 - b),
                BlendMode::SoftLight => {
                    let d = if b <= 0.25 { ((16.0 * b - 12.0) * b + 4.0) * b } else { b.sqrt() };
                    b + (2.0 * s - 1.0) * (d - b)
                }
                BlendMode::Difference => (b - s).abs(),
                BlendMode::Exclusion => b + s - 2.0 * b * s,
                _ => s,
            }
        }

        fn lum(c: [f64; 3]) -> f64 {
            0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2]
        }

        fn sat(c: [f64; 3]) -> f64 {
            c[0].max(c[1]).max(c[2]) - c[0].min(c[1]).min(c[2])
        }

        fn set_lum(c: [f64; 3], l: f64) -> [f64; 3] {
            let c = c.map(|v| v + l - lum(c));
            let (l, n, x) = (lum(c), c[0].min(c[1]).min(c[2]), c[0].max(c[1]).max(c[2]));
            let c = if n < 0.0 { c.map(|v| l + (v - l) * l / (l - n)) } else { c };
            if x > 1.0 { c.map(|v| l + (v - l) * (1.0 - l) / (x - l)) } else { c }
        }

        fn set_sat(c: [f64; 3], s: f64) -> [f64; 3] {
            let (low, high) = (c[0].min(c[1]).min(c[2]), c[0].max(c[1]).max(c[2]));
            c.map(|v| if high > low { (v - low) * s / (high - low) } else { 0.0 })
        }

        fn blended(mode: BlendMode, b: [f64; 3], s: [f64; 3]) -> [f64; 3] {
            match mode {
                BlendMode::Hue => set_lum(set_sat(s, sat(b)), lum(b)),
                BlendMode::Saturation => set_lum(set_sat(b, sat(s)), lum(b)),
                BlendMode::Color => set_lum(s, lum(b)),
                BlendMode::Luminosity => set_lum(b, lum(s)),
                _ => [0, 1, 2].map(|i| separable(mode, b[i], s[i])),
            }
        }

        /// Premultiplied samples of 0 to 255 in and out.
        pub fn composite(b: [u8; 4], s: [u8; 4], mode: BlendMode, op: Operator, opacity: f64) -> [f64; 4] {
            let unit = |p: [u8; 4]| p.map(|v| f64::from(v) / 255.0);
            let (b, s) = (unit(b), unit(s));
            let straight = |p: [f64; 4]| [0, 1, 2].map(|i| if p[3] > 0.0 { p[i] / p[3] } else { 0.0 });
            let (colour_b, colour_s) = (straight(b), straight(s));
            let (alpha_b, alpha_s) = (b[3], s[3] * opacity);
            let mixed = blended(mode, colour_b, colour_s);
            let f = fractions(op);
            let fa = f64::from(f.source) + f64::from(f.source_backdrop) * alpha_b;
            let fb = f64::from(f.backdrop) + f64::from(f.backdrop_source) * alpha_s;
            let mut out = [0.0; 4];
            for i in 0..3 {
                let colour = (1.0 - alpha_b) * colour_s[i] + alpha_b * mixed[i];
                out[i] = alpha_s * fa * colour + alpha_b * fb * colour_b[i];
            }
            out[3] = alpha_s * fa + alpha_b * fb;
            out.map(|v| v.min(1.0) * 255.0)
        }
    }

    /// Every operator as the table of section 9.1 has it.
    #[test]
    fn operators_have_their_fractions() {
        let (alpha_s, alpha_b) = (0.25_f32, 0.5_f32);
        for (operator, fa, fb) in [
            (Operator::Clear, 0.0, 0.0),
            (Operator::Copy, 1.0, 0.0),
            (Operator::Destination, 0.0, 1.0),
            (Operator::SourceOver, 1.0, 0.75),
            (Operator::DestinationOver, 0.5, 1.0),
            (Operator::SourceIn, 0.5, 0.0),
            (Operator::DestinationIn, 0.0, 0.25),
            (Operator::SourceOut, 0.5, 0.0),
            (Operator::DestinationOut, 0.0, 0.75),
            (Operator::SourceAtop, 0.5, 0.75),
            (Operator::DestinationAtop, 0.5, 0.25),
            (Operator::Xor, 0.5, 0.75),
            (Operator::PlusLighter, 1.0, 1.0),
        ] {
            let f = fractions(operator);
            assert_eq!((f.of_source(alpha_b), f.of_backdrop(alpha_s)), (fa, fb), "{operator:?}");
        }
    }

    fn pixels() -> Vec<[u8; 4]> {
        let colours = GRID.iter().map(|v| [*v; 3]);
        let mixed = [[255, 0, 0], [0, 255, 0], [10, 20, 230], [200, 180, 20], [128, 60, 61], [1, 254, 128]];
        let straight: Vec<[u8; 3]> = colours.chain(mixed).collect();
        let alphas = GRID.into_iter();
        alphas
            .flat_map(|a| {
                straight
                    .iter()
                    .map(move |c| [c[0], c[1], c[2]].map(|v| multiply(v, a)))
                    .map(move |[r, g, b]| [r, g, b, a])
            })
            .collect()
    }

    #[track_caller]
    fn check(mix: Mix) {
        let grid = pixels();
        let opacity = mix.opacity.to_f64();
        for below in &grid {
            let mut row: Vec<u8> = below.repeat(grid.len());
            composite(&mut row, grid.as_flattened(), &mix);
            for (drawn, above) in row.chunks_exact(4).zip(&grid) {
                let exact = reference::composite(*below, *above, mix.blend, mix.operator, opacity);
                let off = drawn.iter().zip(exact).map(|(d, e)| (f64::from(*d) - e).abs()).fold(0.0, f64::max);
                assert!(off <= 1.0, "{above:?} on {below:?} by {mix:?}: {drawn:?}, not {exact:?}");
            }
        }
    }

    #[test]
    fn every_blend_mode_is_within_a_step_of_the_formula() {
        for (_, blend) in BlendMode::WORDS {
            for opacity in [10_000, 3_333] {
                let opacity = Decimal::from_ten_thousandths(opacity);
                check(Mix { blend: *blend, operator: Operator::SourceOver, opacity });
            }
        }
    }

    #[test]
    fn every_operator_is_within_a_step_of_the_formula() {
        for (_, operator) in Operator::WORDS {
            for (blend, opacity) in
                [(BlendMode::Normal, 10_000), (BlendMode::Normal, 7_500), (BlendMode::SoftLight, 10_000)]
            {
                let opacity = Decimal::from_ten_thousandths(opacity);
                check(Mix { blend, operator: *operator, opacity });
            }
        }
    }

    #[test]
    fn what_is_composited_stays_premultiplied() {
        let grid = pixels();
        for ((_, blend), (_, operator)) in
            BlendMode::WORDS.iter().flat_map(|b| Operator::WORDS.iter().map(move |o| (b, o)))
        {
            let mix =
                Mix { blend: *blend, operator: *operator, opacity: Decimal::from_ten_thousandths(6_667) };
            for below in &grid {
                let mut row: Vec<u8> = below.repeat(grid.len());
                composite(&mut row, grid.as_flattened(), &mix);
                assert!(row.chunks_exact(4).all(|p| p[..3].iter().all(|c| *c <= p[3])), "{mix:?}");
            }
        }
    }
}
