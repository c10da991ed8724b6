//! From the base's own size and the canvas parameters to the canvas in device pixels, and which part of the base goes
//! where on it. All geometry of the base is decided here, before a pixel is touched.

use crate::asset::Focus;
use crate::recipe::{Base, Fit, Position};

/// A rectangle with fractional edges, in pixels of the picture it lies on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Crop {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// All of a picture.
pub(crate) fn whole_of((width, height): (u32, u32)) -> Crop {
    Crop { x: 0.0, y: 0.0, width: f64::from(width), height: f64::from(height) }
}

impl Crop {
    /// The same part of a copy of the picture that has another size.
    pub fn on_copy(self, (width, height): (u32, u32), copy: (u32, u32)) -> Self {
        let (kx, ky) = (f64::from(copy.0) / f64::from(width), f64::from(copy.1) / f64::from(height));
        Crop { x: self.x * kx, y: self.y * ky, width: self.width * kx, height: self.height * ky }
    }
}

/// A rectangle of whole device pixels on the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rect {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// A rectangle of whole pixels of the canvas's plane; it may lie outside the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub left: i64,
    pub top: i64,
    pub width: u32,
    pub height: u32,
}

impl Window {
    /// Between edges; `None` if there is nothing between them.
    pub fn between(left: i64, top: i64, right: i64, bottom: i64) -> Option<Self> {
        let side = |from: i64, to: i64| u32::try_from(to - from).ok().filter(|side| *side > 0);
        Some(Window { left, top, width: side(left, right)?, height: side(top, bottom)? })
    }

    /// A canvas.
    pub fn of_size((width, height): (u32, u32)) -> Self {
        Window { left: 0, top: 0, width, height }
    }

    pub fn right(&self) -> i64 {
        self.left + i64::from(self.width)
    }

    pub fn bottom(&self) -> i64 {
        self.top + i64::from(self.height)
    }

    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    #[must_use]
    pub fn moved(self, dx: i64, dy: i64) -> Self {
        Window { left: self.left + dx, top: self.top + dy, ..self }
    }

    /// With so many more pixels on every side.
    #[must_use]
    pub fn grown(self, by: u32) -> Self {
        let twice = by.saturating_mul(2);
        let (width, height) = (self.width.saturating_add(twice), self.height.saturating_add(twice));
        Window { left: self.left - i64::from(by), top: self.top - i64::from(by), width, height }
    }

    /// The part of it inside another; `None`: no part.
    pub fn within(self, other: Window) -> Option<Self> {
        Window::between(
            self.left.max(other.left),
            self.top.max(other.top),
            self.right().min(other.right()),
            self.bottom().min(other.bottom()),
        )
    }

    /// The least window that holds both.
    #[must_use]
    pub fn joined(self, other: Window) -> Self {
        let (left, top) = (self.left.min(other.left), self.top.min(other.top));
        let side = |length: i64| length.try_into().unwrap_or(u32::MAX);
        Window {
            left,
            top,
            width: side(self.right().max(other.right()) - left),
            height: side(self.bottom().max(other.bottom()) - top),
        }
    }
}

/// The canvas, and how the base is mapped onto it: `crop` of the base fills `dest` of the canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fitted {
    pub canvas: (u32, u32),
    pub crop: Crop,
    pub dest: Rect,
}

impl Fitted {
    /// Where a point of the base (fractions of its sides) lies on the canvas, in device pixels.
    pub fn point(&self, source: (u32, u32), x: f64, y: f64) -> (f64, f64) {
        let (sx, sy) = self.scales();
        let on = |fraction: f64, side: u32, from: f64, scale: f64, to: u32| {
            f64::from(to) + (fraction * f64::from(side) - from) * scale
        };
        (on(x, source.0, self.crop.x, sx, self.dest.x), on(y, source.1, self.crop.y, sy, self.dest.y))
    }

    /// Canvas pixels per base pixel for a length without direction; under `fill` the two axes' geometric mean.
    pub fn scale(&self) -> f64 {
        let (sx, sy) = self.scales();
        libm::sqrt(sx * sy)
    }

    /// How many pixels of the base become one of the canvas, where they are fewest.
    pub fn reduction(&self) -> f64 {
        let (sx, sy) = self.scales();
        1.0 / sx.max(sy)
    }

    fn scales(&self) -> (f64, f64) {
        (f64::from(self.dest.width) / self.crop.width, f64::from(self.dest.height) / self.crop.height)
    }
}

/// Fits a base of `source` pixels to the canvas that `base` asks for. `focus` is the base's focal point, if any.
pub(crate) fn fit(source: (u32, u32), base: &Base, focus: Option<Focus>) -> Fitted {
    let (width, height) = (f64::from(source.0), f64::from(source.1));
    let dpr = base.dpr.to_f64();
    let boxed = match (base.width, base.height) {
        (None, None) => (width * dpr, height * dpr),
        (Some(w), None) => (f64::from(w) * dpr, f64::from(w) * dpr * height / width),
        (None, Some(h)) => (f64::from(h) * dpr * width / height, f64::from(h) * dpr),
        (Some(w), Some(h)) => (f64::from(w) * dpr, f64::from(h) * dpr),
    };
    let whole = Crop { x: 0.0, y: 0.0, width, height };
    let (least, most) = {
        let (sx, sy) = (boxed.0 / width, boxed.1 / height);
        (sx.min(sy), sx.max(sy))
    };
    let one_side = base.width.is_none() || base.height.is_none();
    match base.fit {
        _ if one_side => filled(boxed, whole),
        Fit::Fill => filled(boxed, whole),
        Fit::Inside => filled((width * least, height * least), whole),
        Fit::Outside => filled((width * most, height * most), whole),
        Fit::Contain => contained(boxed, (width * least, height * least), whole),
        Fit::Cover => filled(boxed, covering(boxed, whole, most, kept_point(base.position, focus))),
    }
}

fn side(length: f64) -> u32 {
    libm::round(length).clamp(1.0, f64::from(u32::MAX)) as u32
}

/// The crop fills the whole canvas.
fn filled((width, height): (f64, f64), crop: Crop) -> Fitted {
    let canvas = (side(width), side(height));
    Fitted { canvas, crop, dest: Rect { x: 0, y: 0, width: canvas.0, height: canvas.1 } }
}

/// The whole base in the middle of the canvas.
fn contained(boxed: (f64, f64), inner: (f64, f64), crop: Crop) -> Fitted {
    let canvas = (side(boxed.0), side(boxed.1));
    let (width, height) = (side(inner.0).min(canvas.0), side(inner.1).min(canvas.1));
    let dest = Rect { x: (canvas.0 - width) / 2, y: (canvas.1 - height) / 2, width, height };
    Fitted { canvas, crop, dest }
}

/// The largest part of the base with the canvas's aspect ratio, its `kept` point in view and as near to the middle of
/// the part as the edges allow.
fn covering(boxed: (f64, f64), whole: Crop, scale: f64, kept: Kept) -> Crop {
    let width = (boxed.0 / scale).min(whole.width);
    let height = (boxed.1 / scale).min(whole.height);
    let start = |fraction: f64, side: f64, part: f64| match kept {
        Kept::Focus(_) => (fraction * side - part / 2.0).clamp(0.0, side - part),
        Kept::Gravity(_) => fraction * (side - part),
    };
    let (Kept::Focus((fx, fy)) | Kept::Gravity((fx, fy))) = kept;
    Crop { x: start(fx, whole.width, width), y: start(fy, whole.height, height), width, height }
}

#[derive(Clone, Copy)]
enum Kept {
    /// A point of the picture, to be centred.
    Focus((f64, f64)),
    /// A side or corner, to be aligned with.
    Gravity((f64, f64)),
}

fn kept_point(position: Option<Position>, focus: Option<Focus>) -> Kept {
    match (position, focus) {
        (Some(Position::Gravity(gravity)), _) => Kept::Gravity(gravity.fractions()),
        (None | Some(Position::Focus), Some(focus)) => Kept::Focus((focus.x, focus.y)),
        (None | Some(Position::Focus), None) => Kept::Gravity((0.5, 0.5)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    fn check(
        source: (u32, u32),
        base: &str,
        canvas: (u32, u32),
        dest: (u32, u32, u32, u32),
        crop: (f64, f64, f64, f64),
    ) {
        let recipe = Recipe::parse(&format!("/c/cat{base}.png")).unwrap();
        let fitted = fit(source, &recipe.base, Some(Focus { x: 0.25, y: 0.1 }));
        assert_eq!(fitted.canvas, canvas, "canvas of {base}");
        let Rect { x, y, width, height } = fitted.dest;
        assert_eq!((x, y, width, height), dest, "dest of {base}");
        let Crop { x, y, width, height } = fitted.crop;
        assert_eq!((x, y, width, height), crop, "crop of {base}");
    }

    #[test]
    fn every_fit_has_its_geometry() {
        let all = (0.0, 0.0, 400.0, 200.0);
        let s = (400, 200);
        check(s, "", (400, 200), (0, 0, 400, 200), all);
        check(s, ";dpr=1.5", (600, 300), (0, 0, 600, 300), all);
        check(s, ";w=100", (100, 50), (0, 0, 100, 50), all);
        check(s, ";h=100;dpr=2", (400, 200), (0, 0, 400, 200), all);
        check(s, ";w=100;h=100;fit=fill", (100, 100), (0, 0, 100, 100), all);
        check(s, ";w=100;h=100;fit=inside", (100, 50), (0, 0, 100, 50), all);
        check(s, ";w=100;h=100;fit=outside", (200, 100), (0, 0, 200, 100), all);
        check(s, ";w=100;h=100;fit=contain", (100, 100), (0, 25, 100, 50), all);
        check(s, ";w=100;h=100", (100, 100), (0, 0, 100, 100), (0.0, 0.0, 200.0, 200.0));
        check(s, ";w=100;h=100;pos=center", (100, 100), (0, 0, 100, 100), (100.0, 0.0, 200.0, 200.0));
        check(s, ";w=100;h=100;pos=bottom-right", (100, 100), (0, 0, 100, 100), (200.0, 0.0, 200.0, 200.0));
        check(s, ";w=400;h=100", (400, 100), (0, 0, 400, 100), (0.0, 0.0, 400.0, 100.0));
        check((3, 9000), ";w=1", (1, 3000), (0, 0, 1, 3000), (0.0, 0.0, 3.0, 9000.0));
    }
}
