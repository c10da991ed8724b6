//! `radius`: rounded corners of the whole picture.

use std::ops::Range;

use crate::pixmap::multiply;

/// Corners cut to quarter circles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rounding {
    /// In device pixels; at most half the shorter side.
    pub radius: f64,
    pub canvas: (u32, u32),
}

impl Rounding {
    /// Does it change a pixel of these rows and columns?
    pub fn touches(&self, rows: &Range<u32>, columns: &Range<u32>) -> bool {
        let reach = libm::ceil(self.radius) as u32;
        let near =
            |range: &Range<u32>, side: u32| range.start < reach || range.end > side.saturating_sub(reach);
        near(rows, self.canvas.1) && near(columns, self.canvas.0)
    }

    /// Cuts the corners of a row of premultiplied pixels.
    pub fn apply(&self, row: &mut [u8], y: u32) {
        let reach = (libm::ceil(self.radius) as u32).min(self.canvas.0);
        if y >= reach && y < self.canvas.1.saturating_sub(reach) {
            return;
        }
        for x in (0..reach).chain(self.canvas.0.saturating_sub(reach).max(reach)..self.canvas.0) {
            let coverage = self.coverage(x, y);
            if coverage < 255 {
                for sample in &mut row[x as usize * 4..][..4] {
                    *sample = multiply(*sample, coverage);
                }
            }
        }
    }

    /// How much of a pixel lies inside, 0 to 255: by the distance of its centre from the arc, which is within a
    /// hundredth of the true area for all but the smallest radii.
    fn coverage(&self, x: u32, y: u32) -> u8 {
        let inside = |at: u32, side: u32| {
            let (at, side) = (f64::from(at) + 0.5, f64::from(side));
            (self.radius - at).max(at - (side - self.radius)).max(0.0)
        };
        let (dx, dy) = (inside(x, self.canvas.0), inside(y, self.canvas.1));
        let outside = libm::sqrt(dx * dx + dy * dy) - self.radius;
        libm::round((0.5 - outside).clamp(0.0, 1.0) * 255.0) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_corners_of_a_square_become_a_disc() {
        let rounding = Rounding { radius: 50.0, canvas: (100, 100) };
        let mut mass = 0.0;
        for y in 0..100 {
            let mut row = vec![255; 400];
            rounding.apply(&mut row, y);
            let mirrored: Vec<u8> = row.chunks_exact(4).rev().flatten().copied().collect();
            assert_eq!(row, mirrored);
            mass += row.chunks_exact(4).map(|pixel| f64::from(pixel[3]) / 255.0).sum::<f64>();
        }
        let disc = core::f64::consts::PI * 2500.0;
        assert!((mass - disc).abs() < 0.001 * disc, "{mass}, not {disc}");
    }

    #[test]
    fn what_is_not_touched_is_not_changed() {
        let rounding = Rounding { radius: 7.5, canvas: (64, 32) };
        for y in 0..32 {
            let mut row = vec![255; 256];
            rounding.apply(&mut row, y);
            for x in 0..64 {
                let changed = row[x as usize * 4 + 3] != 255;
                assert!(!changed || rounding.touches(&(y..y + 1), &(x..x + 1)), "({x}, {y})");
            }
        }
        assert!(!rounding.touches(&(8..24), &(0..64)) && !rounding.touches(&(0..32), &(8..56)));
        assert!(rounding.touches(&(0..1), &(63..64)));
    }
}
