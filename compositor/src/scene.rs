//! A picture ready to be put together: the ground, finished layers at their places, rounded corners. Any of its rows
//! can be drawn alone, which is what encoding strip by strip lives on.

use std::ops::Range;
use std::sync::Arc;

use crate::blend::{Mix, clear, composite};
use crate::fit::Window;
use crate::pixmap::{Pixmap, Rows};
use crate::rounding::Rounding;

pub(crate) struct Scene {
    /// Background and fitted base, as large as the canvas.
    pub ground: Arc<Pixmap>,
    /// Bottom to top.
    pub layers: Vec<Placed>,
    pub rounding: Option<Rounding>,
}

/// A finished layer.
pub(crate) struct Placed {
    pub pixmap: Arc<Pixmap>,
    /// Where it lies, inside the canvas; as large as the pixmap. `None`: nowhere, but it may still clear.
    pub at: Option<Window>,
    pub mix: Mix,
}

impl Scene {
    /// Is anything but the ground seen in these rows and columns?
    pub fn touches(&self, rows: &Range<u32>, columns: &Range<u32>) -> bool {
        self.layers.iter().any(|layer| layer.touches(rows, columns))
            || self.rounding.is_some_and(|rounding| rounding.touches(rows, columns))
    }

    /// All of it.
    pub fn draw(self) -> Pixmap {
        let Scene { ground, layers, rounding } = self;
        let mut canvas = Arc::unwrap_or_clone(ground);
        for y in 0..canvas.height() {
            finish_row(&layers, rounding, canvas.row_mut(y), y);
        }
        canvas
    }

    /// For drawing it from top to bottom, a few rows at a time.
    pub fn band(&self) -> Band<'_> {
        Band { scene: self, first: 0, data: Vec::new() }
    }
}

/// The rows of a scene that were drawn last.
pub(crate) struct Band<'a> {
    scene: &'a Scene,
    first: u32,
    data: Vec<u8>,
}

impl Band<'_> {
    /// These rows, drawn. Asked from top to bottom, no row is drawn twice.
    pub fn rows(&mut self, rows: Range<u32>) -> Rows<'_> {
        let width = self.scene.ground.width();
        let row_bytes = width as usize * 4;
        let drawn = self.first..self.first + (self.data.len() / row_bytes) as u32;
        if drawn.contains(&rows.start) {
            self.data.drain(..(rows.start - drawn.start) as usize * row_bytes);
        } else {
            self.data.clear();
        }
        self.first = rows.start;
        for y in rows.start + (self.data.len() / row_bytes) as u32..rows.end {
            let start = self.data.len();
            self.data.extend_from_slice(self.scene.ground.row(y));
            finish_row(&self.scene.layers, self.scene.rounding, &mut self.data[start..], y);
        }
        Rows { data: &self.data, width, first: self.first }
    }
}

/// Puts everything above the ground on one of its rows.
fn finish_row(layers: &[Placed], rounding: Option<Rounding>, row: &mut [u8], y: u32) {
    for layer in layers {
        layer.composite(row, y);
    }
    if let Some(rounding) = rounding {
        rounding.apply(row, y);
    }
}

impl Placed {
    fn touches(&self, rows: &Range<u32>, columns: &Range<u32>) -> bool {
        let overlaps = |range: &Range<u32>, from: i64, to: i64| {
            i64::from(range.start) < to && from < i64::from(range.end)
        };
        self.mix.reaches_everywhere()
            || self.at.is_some_and(|at| {
                overlaps(rows, at.top, at.bottom()) && overlaps(columns, at.left, at.right())
            })
    }

    fn composite(&self, row: &mut [u8], y: u32) {
        let at = self.at.filter(|at| (at.top..at.bottom()).contains(&i64::from(y)));
        let Some(at) = at else {
            if self.mix.reaches_everywhere() {
                clear(row);
            }
            return;
        };
        let (start, end) = (at.left as usize * 4, at.right() as usize * 4);
        if self.mix.reaches_everywhere() {
            clear(&mut row[..start]);
            clear(&mut row[end..]);
        }
        let above = self.pixmap.row((i64::from(y) - at.top) as u32);
        composite(&mut row[start..end], above, &self.mix);
    }
}
