//! The outline of an overlay, coarse but enough for a finger: which part of its picture is there at all. A hat drawn
//! in the middle of a large transparent square is framed and hit as a hat, not as a square.

use super::geometry::{Bounds, Point};

/// Samples along each side.
pub const SIDE: u32 = 64;
/// Fainter than this (of 255) counts as nothing.
const FAINT: u8 = 24;
/// How far beside the shape a finger may land, in samples.
const REACH: i32 = 2;

/// The smallest rectangle around all that is visible of RGBA pixels, in fractions of their picture.
pub fn ink(pixels: &[u8], (width, height): (u32, u32)) -> Option<Bounds> {
    let (mut left, mut top, mut right, mut bottom) = (width, height, 0, 0);
    for (i, pixel) in (0..).zip(pixels.chunks_exact(4)) {
        if pixel[3] >= FAINT {
            let (x, y) = (i % width, i / width);
            (left, top, right, bottom) = (left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1));
        }
    }
    let part = |count: u32, side: u32| f64::from(count) / f64::from(side);
    (right > left).then(|| Bounds {
        left: part(left, width),
        top: part(top, height),
        right: part(right, width),
        bottom: part(bottom, height),
    })
}

/// The alpha of an overlay at `SIDE` × `SIDE` points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silhouette {
    solid: Vec<bool>,
}

impl Silhouette {
    /// From `SIDE` × `SIDE` RGBA pixels; `None` for another size or where nothing is visible.
    pub fn from_rgba(pixels: &[u8]) -> Option<Self> {
        let solid: Vec<bool> = pixels.chunks_exact(4).map(|pixel| pixel[3] >= FAINT).collect();
        (solid.len() == (SIDE * SIDE) as usize && solid.contains(&true)).then_some(Silhouette { solid })
    }

    /// The smallest rectangle around all that is visible, in fractions of the picture.
    pub fn bounds(&self) -> Bounds {
        let (mut left, mut top, mut right, mut bottom) = (SIDE, SIDE, 0, 0);
        for (i, _) in self.solid.iter().enumerate().filter(|(_, solid)| **solid) {
            let (x, y) = (i as u32 % SIDE, i as u32 / SIDE);
            (left, top, right, bottom) = (left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1));
        }
        let part = |samples: u32| f64::from(samples) / f64::from(SIDE);
        Bounds { left: part(left), top: part(top), right: part(right), bottom: part(bottom) }
    }

    /// Is there something at this fraction of the picture, or within a finger's reach of it?
    pub fn touches(&self, at: Point) -> bool {
        let sample = |fraction: f64| (fraction * f64::from(SIDE)).floor() as i32;
        let (x, y) = (sample(at.x), sample(at.y));
        let reach = || -REACH..=REACH;
        reach().any(|dy| reach().any(|dx| self.is_solid(x + dx, y + dy)))
    }

    fn is_solid(&self, x: i32, y: i32) -> bool {
        let inside = |v: i32| (0..SIDE as i32).contains(&v);
        inside(x) && inside(y) && self.solid.get((y * SIDE as i32 + x) as usize).copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A silhouette that is solid where `is` says so.
    fn silhouette(is: impl Fn(u32, u32) -> bool) -> Option<Silhouette> {
        let alpha = |i: u32| if is(i % SIDE, i / SIDE) { 255 } else { 0 };
        let pixels: Vec<u8> = (0..SIDE * SIDE).flat_map(|i| [0, 0, 0, alpha(i)]).collect();
        Silhouette::from_rgba(&pixels)
    }

    #[test]
    fn ink_is_found_in_a_picture_of_any_shape() {
        let mut pixels = [0; 4 * 8];
        pixels[4 * 5 + 3] = 255; // the second of the second row
        let bounds = Bounds { left: 0.25, top: 0.5, right: 0.5, bottom: 1.0 };
        assert_eq!(ink(&pixels, (4, 2)), Some(bounds));
        assert_eq!(ink(&[0; 8], (2, 1)), None);
    }

    #[test]
    fn bounds_hug_what_is_visible() {
        let hat = silhouette(|x, y| (16..48).contains(&x) && (32..40).contains(&y)).unwrap();
        assert_eq!(hat.bounds(), Bounds { left: 0.25, top: 0.5, right: 0.75, bottom: 0.625 });
    }

    #[test]
    fn a_finger_hits_the_shape_and_not_the_empty_corner() {
        let hat = silhouette(|x, y| (16..48).contains(&x) && (32..40).contains(&y)).unwrap();
        assert!(hat.touches(Point::new(0.5, 0.55)));
        assert!(hat.touches(Point::new(0.24, 0.55)), "a little beside it");
        assert!(!hat.touches(Point::new(0.1, 0.1)));
        assert!(!hat.touches(Point::new(-3.0, 9.0)));
    }

    #[test]
    fn nothing_visible_has_no_silhouette() {
        assert_eq!(silhouette(|_, _| false), None);
        assert_eq!(Silhouette::from_rgba(&[0; 16]), None);
    }
}
