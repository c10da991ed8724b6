//! The map from a layer's own pixels to the canvas's: what a generated layer is drawn through, and so never resampled.

use crate::placement::Placement;

/// `x' = xx·x + xy·y + x0`, `y' = yx·x + yy·y + y0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    pub xx: f64,
    pub xy: f64,
    pub x0: f64,
    pub yx: f64,
    pub yy: f64,
    pub y0: f64,
}

impl Affine {
    /// Moves by (x, y).
    #[cfg(test)]
    pub fn moving(x: f64, y: f64) -> Self {
        Affine { xx: 1.0, xy: 0.0, x0: x, yx: 0.0, yy: 1.0, y0: y }
    }

    /// Where a placement takes the pixels of a layer of this size: mirrored in its own box, then turned and scaled about
    /// its pivot.
    pub fn of(placement: &Placement, (width, height): (f64, f64)) -> Self {
        let (cos, sin) = placement.cos_sin();
        let (cos, sin) = (cos * placement.scale, sin * placement.scale);
        let mirror = |flipped: bool, side: f64| if flipped { (-1.0, side) } else { (1.0, 0.0) };
        let (u, u0) = mirror(placement.flip.horizontal(), width);
        let (v, v0) = mirror(placement.flip.vertical(), height);
        let (u0, v0) = (u0 - placement.pivot.0, v0 - placement.pivot.1);
        Affine {
            xx: cos * u,
            xy: -sin * v,
            x0: placement.point.0 + cos * u0 - sin * v0,
            yx: sin * u,
            yy: cos * v,
            y0: placement.point.1 + sin * u0 + cos * v0,
        }
    }

    /// Where a point goes.
    pub fn map(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.xx * x + self.xy * y + self.x0, self.yx * x + self.yy * y + self.y0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Flip;

    #[test]
    fn a_placement_turns_about_its_pivot_after_mirroring() {
        let placement = Placement {
            flip: Flip::None,
            pivot: (10.0, 20.0),
            scale: 2.0,
            angle: 90.0,
            point: (100.0, 200.0),
        };
        let affine = Affine::of(&placement, (30.0, 40.0));
        assert_eq!(affine.map((10.0, 20.0)), (100.0, 200.0));
        assert_eq!(affine.map((11.0, 20.0)), (100.0, 202.0));
        assert_eq!(affine.map((10.0, 21.0)), (98.0, 200.0));
        let mirrored = Affine::of(&Placement { flip: Flip::Horizontal, ..placement }, (30.0, 40.0));
        assert_eq!(mirrored.map((20.0, 20.0)), (100.0, 200.0));
        assert_eq!(mirrored.map((19.0, 20.0)), (100.0, 202.0));
    }
}
