//! What hands do to a layer: drag it, pull a knob, pinch with two fingers, nudge with keys. Positions in, a layer out;
//! no events and no elements here.

use compositor::recipe::{Decimal, Layer, Length};

use super::geometry::Point;

/// Smallest and largest scale that a gesture reaches; typing goes further.
const SCALES: (f64, f64) = (0.05, 8.0);
/// Within this of upright a turning layer snaps to it, in degrees.
const UPRIGHT: f64 = 2.5;
/// With a modifier key a layer turns in steps of this, in degrees.
const STEP: f64 = 15.0;

/// A layer taken in hand: as it was, and what the hand needs to know of the canvas.
#[derive(Clone, Debug)]
pub struct Grabbed {
    pub layer: Layer,
    /// What it turns and grows about, in canvas pixels.
    pub pivot: Point,
    /// Canvas size in device pixels.
    pub canvas: Point,
    pub dpr: f64,
}

/// How it is held, with where the fingers were at first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Grip {
    Move(Point),
    Scale(Point),
    Turn(Point),
    Pinch(Point, Point),
}

impl Grabbed {
    /// The layer after the fingers came to `now` (only a pinch looks at the second). `steps`: turn in even steps.
    pub fn pulled(&self, grip: Grip, now: (Point, Point), steps: bool) -> Layer {
        match grip {
            Grip::Move(from) => self.moved(now.0.minus(from)),
            Grip::Scale(from) => {
                let (before, after) = (from.minus(self.pivot).length(), now.0.minus(self.pivot).length());
                self.changed(Point::default(), ratio(before, after), 0.0, steps)
            }
            Grip::Turn(from) => {
                let turn = now.0.minus(self.pivot).degrees() - from.minus(self.pivot).degrees();
                self.changed(Point::default(), 1.0, turn, steps)
            }
            Grip::Pinch(a, b) => self.pinched((a, b), now, steps),
        }
    }

    fn moved(&self, by: Point) -> Layer {
        self.changed(by, 1.0, 0.0, false)
    }

    /// Both fingers stay on what they touched: the pivot follows their turn and stretch about their middle.
    fn pinched(&self, from: (Point, Point), now: (Point, Point), steps: bool) -> Layer {
        let (before, after) = (from.1.minus(from.0), now.1.minus(now.0));
        let factor = ratio(before.length(), after.length());
        let turn = after.degrees() - before.degrees();
        let (middle, middle_now) = (from.0.plus(from.1).times(0.5), now.0.plus(now.1).times(0.5));
        let pivot = middle_now.plus(self.pivot.minus(middle).times(factor).turned(turn));
        self.changed(pivot.minus(self.pivot), factor, turn, steps)
    }

    /// The layer moved by canvas pixels, scaled and turned about its pivot.
    pub fn changed(&self, by: Point, factor: f64, turn: f64, steps: bool) -> Layer {
        let mut layer = self.layer.clone();
        layer.x = shifted(layer.x, by.x, self.canvas.x, self.dpr);
        layer.y = shifted(layer.y, by.y, self.canvas.y, self.dpr);
        if (factor - 1.0).abs() > f64::EPSILON {
            let scale = (layer.scale.to_f64() * factor).clamp(SCALES.0, SCALES.1);
            layer.scale = rounded(scale, 1000.0).unwrap_or(layer.scale);
        }
        if turn != 0.0 {
            let angle = layer.rotate.to_f64() + turn;
            layer.rotate = rounded(settled(angle, steps), 10.0).unwrap_or(layer.rotate).normal_degrees();
        }
        layer
    }
}

/// How long something just put on takes to settle, in milliseconds.
pub const SETTLING_MS: f64 = 190.0;
/// From how far above it comes, as a part of the canvas height.
const DROP: f64 = 0.035;

/// How far above its place a thing is that was put on `elapsed_ms` ago, as a part of the canvas height: it falls, gives a
/// little under its weight, and rests.
pub fn settling(elapsed_ms: f64) -> f64 {
    let t = (elapsed_ms / SETTLING_MS).clamp(0.0, 1.0);
    let give = 0.12 * (t * std::f64::consts::PI).sin() * t;
    DROP * ((1.0 - t).powi(3) - give)
}

/// A layer this much above its place, as a part of the canvas height.
pub fn lifted(layer: &Layer, height: f64) -> Layer {
    let mut lifted = layer.clone();
    if let Length::Fraction(y) = layer.y {
        lifted.y = Decimal::nearest(y.to_f64() - height).map_or(layer.y, Length::Fraction);
    }
    lifted
}

/// An offset moved by canvas pixels, in the unit it has: three places of a fraction, or whole pixels.
fn shifted(length: Length, by: f64, side: f64, dpr: f64) -> Length {
    if by == 0.0 {
        return length;
    }
    let moved = match length {
        Length::Fraction(n) => rounded(n.to_f64() + by / side, 1000.0).map(Length::Fraction),
        Length::Px(n) => rounded(n.to_f64() + by / dpr, 1.0).map(Length::Px),
    };
    let moved = moved.unwrap_or(length);
    if moved.number() == Decimal::ZERO { Length::ZERO } else { moved }
}

fn rounded(value: f64, per_unit: f64) -> Option<Decimal> {
    Decimal::nearest((value * per_unit).round() / per_unit)
}

fn settled(angle: f64, steps: bool) -> f64 {
    let nearest = (angle / 360.0).round() * 360.0;
    match angle {
        _ if steps => (angle / STEP).round() * STEP,
        angle if (angle - nearest).abs() < UPRIGHT => nearest,
        angle => angle,
    }
}

/// A finger exactly on the pivot stretches nothing.
fn ratio(before: f64, after: f64) -> f64 {
    if before < 1.0 { 1.0 } else { after / before }
}

#[cfg(test)]
mod tests {
    use compositor::Recipe;

    use super::*;

    fn grabbed(layer: &str) -> Grabbed {
        let recipe = Recipe::parse(&format!("/c/tabby/{layer}.png")).unwrap();
        Grabbed {
            layer: recipe.layers[0].clone(),
            pivot: Point::new(500.0, 300.0),
            canvas: Point::new(1000.0, 800.0),
            dpr: 1.0,
        }
    }

    #[track_caller]
    fn check(before: &str, grip: Grip, now: (Point, Point), steps: bool, after: &str) {
        let layer = grabbed(before).pulled(grip, now, steps);
        let recipe = Recipe::parse("/c/tabby/top-hat.png").unwrap();
        let path = crate::studio::edit::replace(&recipe, 0, layer).to_path();
        assert_eq!(path, format!("/c/tabby/{after}.png"));
    }

    const P: fn(f64, f64) -> Point = Point::new;
    const NONE: Point = Point::new(0.0, 0.0);

    #[test]
    fn a_drag_moves_in_fractions_of_the_canvas() {
        check("top-hat", Grip::Move(P(10., 10.)), (P(110., 50.), NONE), false, "top-hat;x=0.1;y=0.05");
        check("top-hat;x=0.1", Grip::Move(P(10., 10.)), (P(-90., 10.), NONE), false, "top-hat");
        check("top-hat;x=12px", Grip::Move(P(0., 0.)), (P(5.4, 0.), NONE), false, "top-hat;x=17px");
    }

    #[test]
    fn knobs_scale_and_turn_about_the_pivot() {
        check("top-hat", Grip::Scale(P(600., 300.)), (P(500., 150.), NONE), false, "top-hat;scale=1.5");
        check("top-hat", Grip::Scale(P(600., 300.)), (P(500., 300.), NONE), false, "top-hat;scale=0.05");
        check("top-hat", Grip::Turn(P(600., 300.)), (P(500., 400.), NONE), false, "top-hat;rotate=90");
        check(
            "top-hat;rotate=80",
            Grip::Turn(P(600., 300.)),
            (P(500., 200.), NONE),
            false,
            "top-hat;rotate=-10",
        );
        check("top-hat;rotate=1", Grip::Turn(P(600., 300.)), (P(600., 301.), NONE), false, "top-hat");
        check(
            "top-hat;rotate=10",
            Grip::Turn(P(600., 300.)),
            (P(600., 330.), NONE),
            true,
            "top-hat;rotate=30",
        );
    }

    #[test]
    fn a_pinch_keeps_both_fingers_where_they_were_on_the_hat() {
        let fingers = (P(400., 300.), P(600., 300.));
        check(
            "top-hat",
            Grip::Pinch(fingers.0, fingers.1),
            (P(300., 300.), P(700., 300.)),
            false,
            "top-hat;scale=2",
        );
        check(
            "top-hat",
            Grip::Pinch(fingers.0, fingers.1),
            (P(400., 300.), P(800., 300.)),
            false,
            "top-hat;x=0.1;scale=2",
        );
        check(
            "top-hat",
            Grip::Pinch(fingers.0, fingers.1),
            (P(500., 200.), P(500., 400.)),
            false,
            "top-hat;rotate=90",
        );
        // Fingers beside the pivot: turning about their middle carries the pivot along.
        check(
            "top-hat",
            Grip::Pinch(P(500., 300.), P(700., 300.)),
            (P(600., 200.), P(600., 400.)),
            false,
            "top-hat;x=0.1;y=-0.125;rotate=90",
        );
    }

    #[test]
    fn a_hat_falls_gives_and_rests() {
        assert!((settling(0.0) - DROP).abs() < 1e-9);
        assert!(settling(SETTLING_MS * 0.8) < 0.0, "it gives under its weight");
        assert!(settling(SETTLING_MS).abs() < 1e-9 && settling(1e6).abs() < 1e-9);
    }

    #[test]
    fn a_finger_on_the_pivot_stretches_nothing() {
        check("top-hat", Grip::Scale(P(500., 300.)), (P(700., 300.), NONE), false, "top-hat");
    }
}
