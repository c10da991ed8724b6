//! Exact coverage of filled outlines, from lines and curves to 8-bit alpha.
//!
//! Every line adds, row by row, the signed area it leaves to its right within each pixel; a running sum along the row
//! is then the winding number averaged over the pixel, and its magnitude, cut at 1, the coverage. For contours that run
//! the way fonts must (fills one way, holes the other) that is the non-zero rule, overlaps included: two fills give 2,
//! cut to 1. It differs from the rule only within a pixel where edges of overlapping contours meet, and where contours
//! of opposite direction overlap without one being the other's hole, which no font format allows. `FreeType`'s smooth
//! rasteriser takes the same sums. Only IEEE additions, multiplications, divisions and square roots are used, so the
//! result is the same everywhere.

use super::outline::{Point, Segment};
use crate::affine::Affine;

/// Farthest that a chord may run from its curve, in pixels: about 1/255 of the pixels along the edge of a glyph.
const TOLERANCE: f64 = 0.005;
/// Most chords of one curve.
const MAX_CHORDS: f64 = 512.0;
/// Rows that are summed up together: few enough for the cells of a wide line to stay in cache.
const BAND: usize = 32;
/// Most cells and lines that one text may touch: a second's work. Fifty megapixels full of text are a tenth of it.
const MAX_WORK: u64 = 1 << 30;

/// More work than a text may make.
#[derive(Debug)]
pub(super) struct TooMuch;

/// A straight edge in window pixels, y downwards.
#[derive(Clone, Copy, Debug)]
struct Edge {
    from: (f64, f64),
    to: (f64, f64),
}

/// Fills shapes, one after the other, over a window of pixels.
pub(super) struct Raster {
    width: usize,
    height: usize,
    edges: Vec<Edge>,
    /// Does the outline go on to the right of the window?
    goes_on: bool,
    cells: Vec<f64>,
    coverage: Vec<u8>,
    work: u64,
}

impl Raster {
    pub fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        Raster {
            width,
            height,
            edges: Vec::new(),
            goes_on: false,
            cells: Vec::new(),
            coverage: Vec::new(),
            work: 0,
        }
    }

    /// Fills an outline and hands out what it covers: for each row, from which column on, how much.
    pub fn fill(
        &mut self,
        outline: &[Segment],
        to_window: &Affine,
        mut each_row: impl FnMut(usize, usize, &[u8]),
    ) -> Result<(), TooMuch> {
        self.flatten(outline, to_window);
        let Some((left, right, top, bottom)) = self.bounds() else { return Ok(()) };
        let stride = right - left + 1;
        for first in (top..bottom).step_by(BAND) {
            let rows = BAND.min(bottom - first);
            self.spend((self.edges.len() + stride * rows) as u64)?;
            self.cells.clear();
            self.cells.resize(stride * rows, 0.0);
            let edges = std::mem::take(&mut self.edges);
            for edge in &edges {
                self.sum_up(edge, (left, first), stride);
            }
            self.edges = edges;
            self.spend(0)?;
            for (row, cells) in self.cells.chunks_exact(stride).enumerate() {
                resolve(cells, &mut self.coverage);
                each_row(first + row, left, &self.coverage);
            }
        }
        Ok(())
    }

    fn spend(&mut self, work: u64) -> Result<(), TooMuch> {
        self.work = self.work.saturating_add(work);
        if self.work > MAX_WORK { Err(TooMuch) } else { Ok(()) }
    }

    /// The edges of an outline, as far as they matter to the window.
    fn flatten(&mut self, outline: &[Segment], to_window: &Affine) {
        self.edges.clear();
        self.goes_on = false;
        let map = |(x, y): Point| to_window.map((f64::from(x), f64::from(y)));
        let (mut start, mut at) = ((0.0, 0.0), (0.0, 0.0));
        for segment in outline {
            let end = match *segment {
                Segment::Move(to) => {
                    self.edge(at, start);
                    start = map(to);
                    start
                }
                Segment::Line(to) => {
                    self.edge(at, map(to));
                    map(to)
                }
                Segment::Quad(c, to) => {
                    // The same curve as a cubic (degree elevation).
                    let (c, to) = (map(c), map(to));
                    let third = |a: f64, b: f64| a + (b - a) * (2.0 / 3.0);
                    let near = (third(at.0, c.0), third(at.1, c.1));
                    let far = (third(to.0, c.0), third(to.1, c.1));
                    self.curve([at, near, far, to]);
                    to
                }
                Segment::Cubic(c, d, to) => {
                    self.curve([at, map(c), map(d), map(to)]);
                    map(to)
                }
            };
            at = end;
        }
        self.edge(at, start);
    }

    /// Keeps an edge unless it lies where it changes nothing: level, above, below, or to the right of the window.
    fn edge(&mut self, from: (f64, f64), to: (f64, f64)) {
        let apart = from.1.max(to.1) <= 0.0 || from.1.min(to.1) >= self.height as f64;
        let level = from.1.total_cmp(&to.1).is_eq();
        if level || apart {
            return;
        }
        if from.0.min(to.0) >= self.width as f64 {
            self.goes_on = true;
        } else {
            self.edges.push(Edge { from, to });
        }
    }

    /// Turns a cubic Bézier curve into chords, as many as the bound on its second derivative asks for.
    fn curve(&mut self, [a, b, c, d]: [(f64, f64); 4]) {
        let bend = |a: (f64, f64), b: (f64, f64), c: (f64, f64)| {
            let (x, y) = (a.0 - 2.0 * b.0 + c.0, a.1 - 2.0 * b.1 + c.1);
            (x * x + y * y).sqrt()
        };
        let deviation = 0.75 * bend(a, b, c).max(bend(b, c, d));
        let chords = libm::ceil((deviation / TOLERANCE).sqrt()).clamp(1.0, MAX_CHORDS);
        let chords = if self.is_outside(&[a, b, c, d]) { 1.0 } else { chords };
        let mut from = a;
        for i in 1..chords as usize {
            let t = i as f64 / chords;
            let s = 1.0 - t;
            let weights = (s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t);
            let along = |a: f64, b: f64, c: f64, d: f64| {
                weights.0 * a + weights.1 * b + weights.2 * c + weights.3 * d
            };
            let to = (along(a.0, b.0, c.0, d.0), along(a.1, b.1, c.1, d.1));
            self.edge(from, to);
            from = to;
        }
        self.edge(from, d);
    }

    /// Does a curve lie on one side of the window, so that its chord does all that it does?
    fn is_outside(&self, points: &[(f64, f64); 4]) -> bool {
        let (width, height) = (self.width as f64, self.height as f64);
        let all = |side: fn(&(f64, f64), f64) -> bool, at: f64| points.iter().all(|point| side(point, at));
        all(|p, at| p.0 <= at, 0.0)
            || all(|p, at| p.0 >= at, width)
            || all(|p, at| p.1 <= at, 0.0)
            || all(|p, at| p.1 >= at, height)
    }

    /// The pixels that the edges can cover: left, right, top, bottom.
    fn bounds(&self) -> Option<(usize, usize, usize, usize)> {
        let (mut left, mut right) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut top, mut bottom) = (f64::INFINITY, f64::NEG_INFINITY);
        for Edge { from, to } in &self.edges {
            (left, right) = (left.min(from.0).min(to.0), right.max(from.0).max(to.0));
            (top, bottom) = (top.min(from.1).min(to.1), bottom.max(from.1).max(to.1));
        }
        let first = |at: f64, side: usize| libm::floor(at).clamp(0.0, side as f64) as usize;
        let last = |at: f64, side: usize| libm::ceil(at).clamp(0.0, side as f64) as usize;
        let right = if self.goes_on { self.width } else { last(right, self.width) };
        let left = first(left, self.width);
        let (top, bottom) = (first(top, self.height), last(bottom, self.height));
        (left < right && top < bottom).then_some((left, right, top, bottom))
    }

    /// Adds an edge to the cells, whose first one is the pixel at `origin`.
    fn sum_up(&mut self, edge: &Edge, origin: (usize, usize), stride: usize) {
        let (left, top) = (origin.0 as f64, origin.1 as f64);
        let (from, to) = ((edge.from.0 - left, edge.from.1 - top), (edge.to.0 - left, edge.to.1 - top));
        let (sign, upper, lower) = if from.1 < to.1 { (1.0, from, to) } else { (-1.0, to, from) };
        let rows = (self.cells.len() / stride) as f64;
        if lower.1 <= 0.0 || upper.1 >= rows {
            return;
        }
        let slope = (lower.0 - upper.0) / (lower.1 - upper.1);
        let x_at = |y: f64| {
            let x = upper.0 + (y - upper.1) * slope;
            x.max(upper.0.min(lower.0)).min(upper.0.max(lower.0))
        };
        let (y0, y1) = (upper.1.max(0.0), lower.1.min(rows));
        let (first, last) = (y0 as usize, libm::ceil(y1) as usize);
        for (row, cells) in self.cells.chunks_exact_mut(stride).enumerate().take(last).skip(first) {
            let (a, b) = (y0.max(row as f64), y1.min(row as f64 + 1.0));
            self.work += scan(cells, x_at(a), x_at(b), sign * (b - a));
        }
    }
}

/// Adds a piece of an edge within one row: from `a` to `b` across, `height` down. The last cell lies right of the window
/// and takes what the running sum needs there. Answers how many cells it touched.
fn scan(cells: &mut [f64], a: f64, b: f64, height: f64) -> u64 {
    let width = (cells.len() - 1) as f64;
    let (mut l, mut r, mut height) = (a.min(b), a.max(b), height);
    if l >= width {
        return 1;
    }
    if r <= 0.0 {
        cells[0] += height;
        return 1;
    }
    if l < 0.0 {
        let outside = height * (-l / (r - l));
        cells[0] += outside;
        (l, height) = (0.0, height - outside);
    }
    if r > width {
        (r, height) = (width, height * ((width - l) / (r - l)));
    }
    let first = l as usize;
    let steep = r <= (first + 1) as f64;
    if steep {
        spread(cells, first, (l + r) * 0.5, height);
        return 1;
    }
    let last = libm::ceil(r) as usize;
    let per_pixel = height / (r - l);
    for i in first..last {
        let (from, to) = (l.max(i as f64), r.min((i + 1) as f64));
        spread(cells, i, (from + to) * 0.5, per_pixel * (to - from));
    }
    (last - first) as u64
}

/// Adds what a piece of edge within one cell does to the running sum: the part right of it in this cell, the rest in the
/// next.
fn spread(cells: &mut [f64], i: usize, middle: f64, height: f64) {
    let left = middle - i as f64;
    cells[i] += height * (1.0 - left);
    cells[i + 1] += height * left;
}

/// Sums a row up and turns it into 8-bit coverage.
fn resolve(cells: &[f64], coverage: &mut Vec<u8>) {
    coverage.clear();
    let mut winding = 0.0;
    coverage.extend(cells[..cells.len() - 1].iter().map(|cell| {
        winding += cell;
        (f64::min(winding.abs(), 1.0) * 255.0 + 0.5) as u8
    }));
}
