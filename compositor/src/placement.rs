//! Where a layer lands: from anchors, compass points, offsets and scales to one similarity transform per layer.
//!
//! A [`Placement`] maps overlay pixels to canvas pixels: `canvas = point + rotate(angle) · scale · (pixel − pivot)`,
//! after the overlay was mirrored. Drawing knows nothing of anchors.

use std::collections::BTreeMap;

use crate::asset::{Anchor, Asset};
use crate::fit::Fitted;
use crate::recipe::{At, Flip, Gravity, Layer};

/// A layer's transform. Lengths are in pixels, of the overlay for `pivot` and of the canvas for `point`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Placement {
    pub flip: Flip,
    /// The overlay's point that lands on `point`.
    pub pivot: (f64, f64),
    /// Canvas pixels per overlay pixel.
    pub scale: f64,
    /// Degrees clockwise, 0 up to 360.
    pub angle: f64,
    pub point: (f64, f64),
}

/// How a layer is held: by an anchor of the base and the matching point of the overlay, or by a compass point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Hold {
    Anchors { base: Anchor, overlay: Anchor },
    Gravity(Gravity),
}

/// The whole overlay, held by its middle: what an overlay without an anchor of its own is placed by.
const MIDDLE: Anchor = Anchor { x: 0.5, y: 0.5, span: 1.0, angle: 0.0 };

/// Decides how a layer with these anchors of its own is held. `Err` carries the name of an anchor that the base lacks.
pub(crate) fn hold(
    base: &Asset,
    overlay: &BTreeMap<String, Anchor>,
    at: Option<&At>,
) -> Result<Hold, String> {
    let own = overlay.values().next().copied().unwrap_or(MIDDLE);
    match at {
        Some(At::Gravity(gravity)) => Ok(Hold::Gravity(*gravity)),
        Some(At::Anchor(name)) => {
            let on_base = base.anchors.get(name).ok_or_else(|| name.clone())?;
            Ok(Hold::Anchors { base: *on_base, overlay: overlay.get(name).copied().unwrap_or(own) })
        }
        None => {
            let shared = overlay.iter().find_map(|(name, anchor)| Some((*base.anchors.get(name)?, *anchor)));
            Ok(shared
                .map_or(Hold::Gravity(Gravity::Center), |(base, overlay)| Hold::Anchors { base, overlay }))
        }
    }
}

/// Places an overlay of `size` pixels on the canvas.
pub(crate) fn place(
    layer: &Layer,
    hold: Hold,
    size: (u32, u32),
    base_size: (u32, u32),
    fitted: &Fitted,
    dpr: f64,
) -> Placement {
    let (width, height) = (f64::from(size.0), f64::from(size.1));
    let factor = layer.scale.to_f64();
    let (pivot, scale, tilt) = match hold {
        Hold::Anchors { base, overlay } => {
            let (pivot, overlay_angle) = mirrored(overlay, layer.flip);
            let designed = base.span * f64::from(base_size.0) * fitted.scale() / (overlay.span * width);
            ((pivot.0 * width, pivot.1 * height), designed * factor, base.angle - overlay_angle)
        }
        Hold::Gravity(gravity) => {
            let (fx, fy) = gravity.fractions();
            ((fx * width, fy * height), factor * f64::from(fitted.canvas.0) / width, 0.0)
        }
    };
    let angle = degrees(tilt + layer.rotate.to_f64());
    Placement { flip: layer.flip, pivot, scale, angle, point: point(layer, hold, base_size, fitted, dpr) }
}

/// Places a block of text, whose size only its font knows: the pivot is in fractions of the block's sides until
/// [`Placement::of_block`]. Its size is `size` alone, so `scale` multiplies that.
pub(crate) fn place_text(
    layer: &Layer,
    hold: Hold,
    base_size: (u32, u32),
    fitted: &Fitted,
    dpr: f64,
) -> Placement {
    let (pivot, tilt) = match hold {
        Hold::Anchors { base, .. } => ((0.5, 0.5), base.angle),
        Hold::Gravity(gravity) => (gravity.fractions(), 0.0),
    };
    let angle = degrees(tilt + layer.rotate.to_f64());
    let point = point(layer, hold, base_size, fitted, dpr);
    Placement { flip: layer.flip, pivot, scale: layer.scale.to_f64(), angle, point }
}

/// The point of the canvas that a layer is held by, in device pixels.
fn point(layer: &Layer, hold: Hold, base_size: (u32, u32), fitted: &Fitted, dpr: f64) -> (f64, f64) {
    let canvas = (f64::from(fitted.canvas.0), f64::from(fitted.canvas.1));
    let (x, y) = match hold {
        Hold::Anchors { base, .. } => fitted.point(base_size, base.x, base.y),
        Hold::Gravity(gravity) => {
            let (fx, fy) = gravity.fractions();
            (fx * canvas.0, fy * canvas.1)
        }
    };
    (x + layer.x.device_px(canvas.0, dpr), y + layer.y.device_px(canvas.1, dpr))
}

/// From 0 up to 360.
fn degrees(angle: f64) -> f64 {
    let angle = angle % 360.0;
    if angle < 0.0 { angle + 360.0 } else { angle }
}

/// An anchor's point and angle on the mirrored overlay.
fn mirrored(anchor: Anchor, flip: Flip) -> ((f64, f64), f64) {
    let x = if flip.horizontal() { 1.0 - anchor.x } else { anchor.x };
    let y = if flip.vertical() { 1.0 - anchor.y } else { anchor.y };
    let one_axis = flip.horizontal() != flip.vertical();
    ((x, y), if one_axis { -anchor.angle } else { anchor.angle })
}

impl Placement {
    /// The placement of a block of text of this size.
    #[must_use]
    pub fn of_block(self, (width, height): (f64, f64)) -> Self {
        Placement { pivot: (self.pivot.0 * width, self.pivot.1 * height), ..self }
    }

    /// Cosine and sine of the angle; exact at quarter turns, the same bits on every target.
    pub fn cos_sin(&self) -> (f64, f64) {
        match self.quarter_turns() {
            Some(0) => (1.0, 0.0),
            Some(1) => (0.0, 1.0),
            Some(2) => (-1.0, 0.0),
            Some(_) => (0.0, -1.0),
            None => {
                let radians = self.angle * (core::f64::consts::PI / 180.0);
                (libm::cos(radians), libm::sin(radians))
            }
        }
    }

    /// How many quarter turns clockwise, if the angle is a whole number of them.
    pub fn quarter_turns(&self) -> Option<u8> {
        (self.angle % 90.0 == 0.0).then(|| (self.angle / 90.0) as u8 % 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{Digest, Kind};
    use crate::fit::fit;
    use crate::recipe::Recipe;

    fn asset(kind: Kind, width: u32, height: u32, anchors: &[(&str, Anchor)]) -> Asset {
        Asset {
            id: "x".parse().unwrap(),
            digest: Digest::of(b""),
            kind,
            width,
            height,
            bytes: 0,
            media_type: "image/png".into(),
            opaque: false,
            levels: Vec::new(),
            title: String::new(),
            tags: vec![],
            licence: None,
            anchors: anchors
                .iter()
                .map(|(name, anchor)| ((*name).to_owned(), *anchor))
                .collect::<BTreeMap<_, _>>(),
            focus: None,
        }
    }

    /// Where the four corners of the overlay land.
    fn corners(url: &str, base: &Asset, overlay: &Asset) -> Vec<(f64, f64)> {
        let recipe = Recipe::parse(url).unwrap();
        let fitted = fit((base.width, base.height), &recipe.base, base.focus);
        let layer = &recipe.layers[0];
        let hold = hold(base, &overlay.anchors, layer.at.as_ref()).unwrap();
        let size = (overlay.width, overlay.height);
        let p = place(layer, hold, size, (base.width, base.height), &fitted, recipe.base.dpr.to_f64());
        let (cos, sin) = p.cos_sin();
        let (w, h) = (f64::from(size.0), f64::from(size.1));
        [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)]
            .map(|(u, v)| {
                let (du, dv) = ((u - p.pivot.0) * p.scale, (v - p.pivot.1) * p.scale);
                (p.point.0 + du * cos - dv * sin, p.point.1 + du * sin + dv * cos)
            })
            .to_vec()
    }

    #[track_caller]
    fn check(url: &str, expected: [(f64, f64); 4]) {
        let head = Anchor { x: 0.5, y: 0.25, span: 0.4, angle: 0.0 };
        let tilted = Anchor { angle: 90.0, ..head };
        let base = asset(Kind::Base, 1000, 500, &[("head", head), ("tilted", tilted)]);
        let hat =
            asset(Kind::Overlay, 200, 100, &[("head", Anchor { x: 0.5, y: 1.0, span: 0.5, angle: 0.0 })]);
        for (got, want) in corners(url, &base, &hat).into_iter().zip(expected) {
            assert!(
                (got.0 - want.0).abs() < 0.001 && (got.1 - want.1).abs() < 0.001,
                "{url}: {got:?} is not {want:?}"
            );
        }
    }

    #[test]
    fn layers_land_where_the_contract_says() {
        // The head is 400 px wide and the hat's band 100 px: four times as large, its lower middle on (500, 125).
        check("/c/b/hat.png", [(100., -275.), (900., -275.), (900., 125.), (100., 125.)]);
        check("/c/b/hat;scale=0.5.png", [(300., -75.), (700., -75.), (700., 125.), (300., 125.)]);
        check("/c/b;w=500/hat.png", [(50., -137.5), (450., -137.5), (450., 62.5), (50., 62.5)]);
        check(
            "/c/b;w=500;dpr=2/hat;x=10px;y=0.1.png",
            [(120., -225.), (920., -225.), (920., 175.), (120., 175.)],
        );
        check("/c/b/hat;rotate=180.png", [(900., 525.), (100., 525.), (100., 125.), (900., 125.)]);
        check("/c/b/hat;at=tilted.png", [(900., -275.), (900., 525.), (500., 525.), (500., -275.)]);
        check("/c/b/hat;flip=v.png", [(100., 125.), (900., 125.), (900., 525.), (100., 525.)]);
        // At a compass point `scale` is a fraction of the canvas width.
        check("/c/b/hat;at=center;scale=0.2.png", [(400., 200.), (600., 200.), (600., 300.), (400., 300.)]);
        check(
            "/c/b/hat;at=bottom-right;scale=0.2.png",
            [(800., 400.), (1000., 400.), (1000., 500.), (800., 500.)],
        );
        // A square cut out of the middle of the base moves the head with it.
        check("/c/b;w=500;h=500/hat.png", [(-150., -275.), (650., -275.), (650., 125.), (-150., 125.)]);
    }
}
