//! Where things lie on the canvas, for hands: the frame around a layer, its turning point, what a finger hits.
//!
//! Drawing never asks here; the compositor places layers itself. This repeats its rule for frames and grips only, and a
//! test holds the two together by drawing.

use std::collections::BTreeMap;

use compositor::recipe::{At, Base, Fit, Gravity, Layer, Position};
use compositor::{Anchor, Asset};

/// A point, in canvas pixels unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

impl Point {
    pub const fn new(x: f64, y: f64) -> Self {
        Point { x, y }
    }

    #[must_use]
    pub fn minus(self, other: Point) -> Point {
        Point::new(self.x - other.x, self.y - other.y)
    }

    #[must_use]
    pub fn plus(self, other: Point) -> Point {
        Point::new(self.x + other.x, self.y + other.y)
    }

    #[must_use]
    pub fn times(self, factor: f64) -> Point {
        Point::new(self.x * factor, self.y * factor)
    }

    pub fn length(self) -> f64 {
        self.x.hypot(self.y)
    }

    /// Clockwise from the right, as the canvas's y axis points down.
    pub fn degrees(self) -> f64 {
        self.y.atan2(self.x).to_degrees()
    }

    #[must_use]
    pub fn turned(self, degrees: f64) -> Point {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Point::new(self.x * cos - self.y * sin, self.x * sin + self.y * cos)
    }
}

/// How the base lies on the canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    pub width: f64,
    pub height: f64,
    origin: Point,
    scale: (f64, f64),
    base: (f64, f64),
}

impl Frame {
    pub fn new(asset: &Asset, base: &Base) -> Self {
        let (w, h) = (f64::from(asset.width), f64::from(asset.height));
        let dpr = base.dpr.to_f64();
        let side = |side: Option<u32>| side.map(|side| f64::from(side) * dpr);
        let (width, height) = match (side(base.width), side(base.height)) {
            (None, None) => (w * dpr, h * dpr),
            (Some(width), None) => (width, width * h / w),
            (None, Some(height)) => (height * w / h, height),
            (Some(width), Some(height)) => return Self::boxed((w, h), (width, height), asset, base),
        };
        Frame { width, height, origin: Point::default(), scale: (width / w, height / h), base: (w, h) }
    }

    fn boxed(base: (f64, f64), canvas: (f64, f64), asset: &Asset, recipe: &Base) -> Self {
        let (sx, sy) = (canvas.0 / base.0, canvas.1 / base.1);
        let (least, most) = (sx.min(sy), sx.max(sy));
        let whole = |scale: f64| Frame {
            width: base.0 * scale,
            height: base.1 * scale,
            origin: Point::default(),
            scale: (scale, scale),
            base,
        };
        let on_canvas =
            |scale: (f64, f64), origin| Frame { width: canvas.0, height: canvas.1, origin, scale, base };
        match recipe.fit {
            Fit::Fill => on_canvas((sx, sy), Point::default()),
            Fit::Inside => whole(least),
            Fit::Outside => whole(most),
            Fit::Contain => {
                let gap = |side: f64, base: f64| (side - base * least) / 2.0;
                on_canvas((least, least), Point::new(gap(canvas.0, base.0), gap(canvas.1, base.1)))
            }
            Fit::Cover => {
                let (focus, centred) = kept(asset, recipe.position);
                let start = |kept: f64, side: f64, canvas: f64| {
                    let spare = side * most - canvas;
                    -if centred {
                        (kept * side * most - canvas / 2.0).clamp(0.0, spare.max(0.0))
                    } else {
                        kept * spare
                    }
                };
                on_canvas(
                    (most, most),
                    Point::new(start(focus.x, base.0, canvas.0), start(focus.y, base.1, canvas.1)),
                )
            }
        }
    }

    /// A fill on this canvas, as if it were an overlay: as large as all of it, and held by no anchor.
    pub fn filled(&self, base: &Asset) -> Asset {
        let side = |length: f64| (length.round() as u32).max(1);
        Asset { width: side(self.width), height: side(self.height), anchors: BTreeMap::new(), ..base.clone() }
    }

    /// Where a point of the base, in fractions of its sides, lies.
    fn point(&self, x: f64, y: f64) -> Point {
        Point::new(
            self.origin.x + x * self.base.0 * self.scale.0,
            self.origin.y + y * self.base.1 * self.scale.1,
        )
    }

    /// The fraction of the base's sides that lies at a point: the inverse of placing an anchor.
    pub fn fraction(&self, at: Point) -> Point {
        Point::new(
            (at.x - self.origin.x) / (self.base.0 * self.scale.0),
            (at.y - self.origin.y) / (self.base.1 * self.scale.1),
        )
    }

    /// An anchor of the base, in fractions of the canvas.
    pub fn anchor(&self, anchor: &Anchor) -> Point {
        let point = self.point(anchor.x, anchor.y);
        Point::new(point.x / self.width, point.y / self.height)
    }
}

/// The point that `cover` keeps, and whether it is brought to the middle or aligned with.
fn kept(asset: &Asset, position: Option<Position>) -> (Point, bool) {
    match (position, asset.focus) {
        (Some(Position::Gravity(gravity)), _) => (gravity_point(gravity), false),
        (None | Some(Position::Focus), Some(focus)) => (Point::new(focus.x, focus.y), true),
        (None | Some(Position::Focus), None) => (Point::new(0.5, 0.5), false),
    }
}

fn gravity_point(gravity: Gravity) -> Point {
    let (x, y) = gravity.fractions();
    Point::new(x, y)
}

/// A rectangle on an overlay, in fractions of its sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Bounds {
    pub const ALL: Bounds = Bounds { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 };
}

/// A layer on the canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// What it turns and grows about.
    pub pivot: Point,
    /// Clockwise, in degrees.
    pub angle: f64,
    /// The pivot in overlay fractions, before mirroring.
    held: Point,
    /// Canvas pixels of the overlay's whole width and height.
    size: Point,
    mirrored: (bool, bool),
}

/// A turned rectangle: its middle and sides in fractions of the canvas, and its turn in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turned {
    pub middle: Point,
    pub width: f64,
    pub height: f64,
    pub angle: f64,
}

impl Placed {
    /// Places a layer; `None` where it names an anchor that the base lacks.
    pub fn new(frame: &Frame, base: &Asset, overlay: &Asset, layer: &Layer, dpr: f64) -> Option<Self> {
        let mirrored = (layer.flip.horizontal(), layer.flip.vertical());
        let aspect = f64::from(overlay.height) / f64::from(overlay.width);
        let factor = layer.scale.to_f64();
        let (held, width, tilt, point) = match hold(base, overlay, layer.at.as_ref())? {
            Hold::Anchors { base: on, overlay: own } => {
                let per_pixel = (frame.scale.0 * frame.scale.1).sqrt();
                let width = on.span * frame.base.0 * per_pixel / own.span;
                let own_angle = if mirrored.0 == mirrored.1 { own.angle } else { -own.angle };
                (Point::new(own.x, own.y), width, on.angle - own_angle, frame.point(on.x, on.y))
            }
            Hold::Gravity(gravity) => {
                let at = gravity_point(gravity);
                let unmirrored = |side: f64, mirror: bool| if mirror { 1.0 - side } else { side };
                let held = Point::new(unmirrored(at.x, mirrored.0), unmirrored(at.y, mirrored.1));
                (held, frame.width, 0.0, Point::new(at.x * frame.width, at.y * frame.height))
            }
        };
        let offset = Point::new(layer.x.device_px(frame.width, dpr), layer.y.device_px(frame.height, dpr));
        let width = width * factor;
        Some(Placed {
            pivot: point.plus(offset),
            angle: tilt + layer.rotate.to_f64(),
            held,
            size: Point::new(width, width * aspect),
            mirrored,
        })
    }

    /// Places a text, whose `ink` on the canvas is known: measured unturned, at its own size, where `at` puts it when no
    /// offset moves it (in the middle, if it is held by an anchor).
    pub fn of_text(frame: &Frame, base: &Asset, layer: &Layer, ink: Bounds, dpr: f64) -> Option<Self> {
        let (at, tilt, point) = match &layer.at {
            Some(At::Anchor(name)) => {
                let anchor = base.anchors.get(name)?;
                (Point::new(0.5, 0.5), anchor.angle, frame.point(anchor.x, anchor.y))
            }
            gravity => {
                let gravity =
                    if let Some(At::Gravity(gravity)) = gravity { *gravity } else { Gravity::Center };
                let at = gravity_point(gravity);
                (at, 0.0, Point::new(at.x * frame.width, at.y * frame.height))
            }
        };
        let (width, height) = (ink.right - ink.left, ink.bottom - ink.top);
        let offset = Point::new(layer.x.device_px(frame.width, dpr), layer.y.device_px(frame.height, dpr));
        let scale = layer.scale.to_f64();
        Some(Placed {
            pivot: point.plus(offset),
            angle: tilt + layer.rotate.to_f64(),
            held: Point::new((at.x - ink.left) / width, (at.y - ink.top) / height),
            size: Point::new(width * frame.width * scale, height * frame.height * scale),
            mirrored: (false, false),
        })
    }

    /// Where a point of the overlay, in fractions of its sides, lies.
    pub fn point(&self, u: f64, v: f64) -> Point {
        let sign = |mirror: bool| if mirror { -1.0 } else { 1.0 };
        let from_pivot = Point::new(
            (u - self.held.x) * self.size.x * sign(self.mirrored.0),
            (v - self.held.y) * self.size.y * sign(self.mirrored.1),
        );
        self.pivot.plus(from_pivot.turned(self.angle))
    }

    /// The point of the overlay, in fractions of its sides, that lies here.
    pub fn fraction(&self, at: Point) -> Point {
        let sign = |mirror: bool| if mirror { -1.0 } else { 1.0 };
        let flat = at.minus(self.pivot).turned(-self.angle);
        Point::new(
            self.held.x + flat.x * sign(self.mirrored.0) / self.size.x,
            self.held.y + flat.y * sign(self.mirrored.1) / self.size.y,
        )
    }

    /// The rectangle that a part of the overlay covers.
    pub fn covers(&self, part: Bounds, frame: &Frame) -> Turned {
        let middle = self.point(part.left.midpoint(part.right), part.top.midpoint(part.bottom));
        Turned {
            middle: Point::new(middle.x / frame.width, middle.y / frame.height),
            width: (part.right - part.left) * self.size.x / frame.width,
            height: (part.bottom - part.top) * self.size.y / frame.height,
            angle: self.angle,
        }
    }
}

enum Hold {
    Anchors { base: Anchor, overlay: Anchor },
    Gravity(Gravity),
}

fn hold(base: &Asset, overlay: &Asset, at: Option<&At>) -> Option<Hold> {
    const WHOLE: Anchor = Anchor { x: 0.5, y: 0.5, span: 1.0, angle: 0.0 };
    let own = overlay.anchors.values().next().copied().unwrap_or(WHOLE);
    match at {
        Some(At::Gravity(gravity)) => Some(Hold::Gravity(*gravity)),
        Some(At::Anchor(name)) => {
            let overlay = overlay.anchors.get(name).copied().unwrap_or(own);
            Some(Hold::Anchors { base: *base.anchors.get(name)?, overlay })
        }
        None => {
            let shared =
                overlay.anchors.iter().find_map(|(name, own)| Some((*base.anchors.get(name)?, *own)));
            Some(
                shared.map_or(Hold::Gravity(Gravity::Center), |(base, overlay)| Hold::Anchors {
                    base,
                    overlay,
                }),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use compositor::Recipe;

    use super::*;
    use crate::studio::sample;

    fn placed(path: &str) -> (Frame, Placed) {
        let recipe = Recipe::parse(path).unwrap();
        let catalogue = sample::catalogue();
        let base = catalogue.get(recipe.base.asset.id.as_ref()).unwrap();
        let frame = Frame::new(base, &recipe.base);
        let overlay = catalogue.get("top-hat").unwrap();
        (frame, Placed::new(&frame, base, overlay, &recipe.layers[0], recipe.base.dpr.to_f64()).unwrap())
    }

    #[test]
    fn a_point_and_its_fraction_are_inverse() {
        for path in [
            "/c/tabby/top-hat;rotate=30;scale=0.7;x=0.1.png",
            "/c/tabby;w=300;h=700/top-hat;flip=h;rotate=-75.png",
            "/c/tabby;w=300;h=700;fit=contain/top-hat;at=bottom-left;flip=hv;scale=0.3.png",
        ] {
            let (_, placed) = placed(path);
            let back = placed.fraction(placed.point(0.2, 0.9));
            assert!((back.x - 0.2).abs() < 1e-9 && (back.y - 0.9).abs() < 1e-9, "{path}: {back:?}");
        }
    }

    #[test]
    fn a_corner_layer_touches_its_corner() {
        let (frame, placed) = placed("/c/tabby;w=400/top-hat;at=bottom-right;scale=0.25;flip=h.png");
        let turned = placed.covers(Bounds::ALL, &frame);
        assert!((turned.middle.x + turned.width / 2.0 - 1.0).abs() < 1e-9);
        assert!((turned.middle.y + turned.height / 2.0 - 1.0).abs() < 1e-9);
        assert!((turned.width - 0.25).abs() < 1e-9);
    }

    /// An RGBA picture of one colour, as a PNG file.
    fn plain(width: u32, height: u32, colour: [u8; 4]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(png::ColorType::Rgba);
        let pixels: Vec<u8> = (0..width * height).flat_map(|_| colour).collect();
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        file
    }

    /// Where the compositor really put the overlay: the extremes of what it drew, in canvas pixels.
    fn drawn(path: &str) -> Bounds {
        let (base, overlay) = (plain(400, 200, [0; 4]), plain(80, 40, [200, 0, 0, 255]));
        let sample = sample::catalogue();
        let asset = |id: &str, file: &[u8], size: (u32, u32)| {
            let digest = compositor::Digest::of(file);
            Asset { digest, width: size.0, height: size.1, opaque: false, ..sample.get(id).unwrap().clone() }
        };
        let assets = vec![asset("tabby", &base, (400, 200)), asset("top-hat", &overlay, (80, 40))];
        let ingredients =
            assets.iter().map(|asset| asset.digest).zip([base.into(), overlay.into()]).collect();
        let plan = compositor::Catalogue::new(assets).resolve(&Recipe::parse(path).unwrap(), None).unwrap();
        let pixmap =
            compositor::Compositor::new(compositor::Limits::default(), 0).draw(&plan, &ingredients).unwrap();
        let seen = pixmap.data().chunks_exact(4).enumerate().filter(|(_, pixel)| pixel[3] > 127);
        let nothing = Bounds { left: f64::MAX, top: f64::MAX, right: 0.0, bottom: 0.0 };
        seen.fold(nothing, |b, (i, _)| {
            let (x, y) = (f64::from(i as u32 % pixmap.width()), f64::from(i as u32 / pixmap.width()));
            Bounds {
                left: b.left.min(x),
                top: b.top.min(y),
                right: b.right.max(x + 1.0),
                bottom: b.bottom.max(y + 1.0),
            }
        })
    }

    /// Where this module says it lies.
    fn said(path: &str) -> Bounds {
        let sample = sample::catalogue();
        let sized = |id: &str, width, height| Asset { width, height, ..sample.get(id).unwrap().clone() };
        let (base, overlay) = (sized("tabby", 400, 200), sized("top-hat", 80, 40));
        let recipe = Recipe::parse(path).unwrap();
        let frame = Frame::new(&base, &recipe.base);
        let placed =
            Placed::new(&frame, &base, &overlay, &recipe.layers[0], recipe.base.dpr.to_f64()).unwrap();
        let corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|(u, v)| placed.point(u, v));
        let side = |pick: fn(&Point) -> f64, least: bool, most: f64| {
            let extremes = corners.iter().map(pick).map(|v| v.clamp(0.0, most));
            if least { extremes.fold(f64::MAX, f64::min) } else { extremes.fold(0.0, f64::max) }
        };
        Bounds {
            left: side(|p| p.x, true, frame.width),
            top: side(|p| p.y, true, frame.height),
            right: side(|p| p.x, false, frame.width),
            bottom: side(|p| p.y, false, frame.height),
        }
    }

    #[test]
    fn frames_lie_where_the_compositor_draws() {
        for path in [
            "/c/tabby/top-hat;scale=0.5.png",
            "/c/tabby;w=300/top-hat;scale=0.6;x=0.1;y=12px.png",
            "/c/tabby;w=200;h=300/top-hat;scale=0.4;y=0.2.png",
            "/c/tabby;w=300;h=300;fit=contain/top-hat;scale=0.7;rotate=30.png",
            "/c/tabby;w=300;h=300;fit=fill/top-hat;scale=0.4;rotate=-100;y=0.1.png",
            "/c/tabby;w=300;h=100;fit=inside/top-hat;scale=0.5;flip=h;rotate=12.png",
            "/c/tabby;w=300;h=300;fit=outside;dpr=1.5/top-hat;scale=0.5;x=20px;y=10px.png",
            "/c/tabby;w=200;h=200;pos=left/top-hat;scale=0.3;x=-0.3;y=0.2;flip=v.png",
            "/c/tabby/top-hat;at=bottom-right;scale=0.25;flip=hv.png",
            "/c/tabby/top-hat;at=center;scale=0.3;rotate=45.png",
        ] {
            let (drawn, said) = (drawn(path), said(path));
            let near = |a: f64, b: f64| (a - b).abs() <= 1.6;
            let all =
                near(drawn.left, said.left) && near(drawn.top, said.top) && near(drawn.right, said.right);
            assert!(all && near(drawn.bottom, said.bottom), "{path}: drawn {drawn:?}, said {said:?}");
        }
    }
}
