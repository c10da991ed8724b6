//! A picture ready to be put together: the ground, finished layers at their places, rounded corners. Any of its rows
//! can be drawn alone, which is what encoding strip by strip lives on.

use std::ops::Range;
use std::sync::Arc;

use crate::blend::{Mix, clear, composite};
use crate::fit::Window;
use crate::pixmap::{Pixmap, Rows};
use crate::rounding::Rounding;

pub(crate) struct Scene {
    /// Background and fitted base, as large as the canvas; of those who ask for some rows only, these rows at least, and
    /// nothing at all where nobody asks.
    pub ground: Arc<Pixmap>,
    pub foreground: Foreground,
}

/// What lies on the ground.
pub(crate) struct Foreground {
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

impl Foreground {
    /// For every row of the canvas, the columns in which something other than the ground may be seen.
    pub fn changed(&self, (width, height): (u32, u32)) -> Vec<Range<u32>> {
        let mut changed = vec![0..0; height as usize];
        for layer in &self.layers {
            layer.cover(&mut changed, width);
        }
        if let Some(rounding) = self.rounding {
            for (y, columns) in (0..height).zip(&mut changed) {
                if rounding.touches(&(y..y + 1), &(0..width)) {
                    *columns = 0..width;
                }
            }
        }
        changed
    }

    /// Puts everything on one row of the ground.
    fn finish_row(&self, row: &mut [u8], y: u32) {
        for layer in &self.layers {
            layer.composite(row, y);
        }
        if let Some(rounding) = self.rounding {
            rounding.apply(row, y);
        }
    }
}

impl Scene {
    /// All of it.
    pub fn draw(self) -> Pixmap {
        let Scene { ground, foreground } = self;
        let mut canvas = Arc::unwrap_or_clone(ground);
        for y in 0..canvas.height() {
            foreground.finish_row(canvas.row_mut(y), y);
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
            self.scene.foreground.finish_row(&mut self.data[start..], y);
        }
        Rows { data: &self.data, width, first: self.first }
    }
}

impl Placed {
    /// Adds, to the columns of every row, those that this layer may change.
    fn cover(&self, rows: &mut [Range<u32>], width: u32) {
        if self.mix.reaches_everywhere() {
            rows.fill(0..width);
            return;
        }
        let Some(at) = self.at else { return };
        for (columns, y) in rows[at.top as usize..at.bottom() as usize].iter_mut().zip(0..) {
            let seen = seen(self.pixmap.row(y));
            let own = at.left as u32 + seen.start..at.left as u32 + seen.end;
            *columns = hull(columns, &own);
        }
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

/// The columns of a row of a layer between its first pixel that is not transparent and its last.
fn seen(row: &[u8]) -> Range<u32> {
    let pixels = row.as_chunks::<4>().0;
    let first = pixels.iter().position(|pixel| *pixel != [0; 4]).unwrap_or(pixels.len());
    let end = pixels.iter().rposition(|pixel| *pixel != [0; 4]).map_or(first, |last| last + 1);
    first as u32..end as u32
}

/// The columns of both and what lies between.
pub(crate) fn hull(one: &Range<u32>, other: &Range<u32>) -> Range<u32> {
    match (one.is_empty(), other.is_empty()) {
        (true, _) => other.clone(),
        (_, true) => one.clone(),
        _ => one.start.min(other.start)..one.end.max(other.end),
    }
}
