//! Where on the plane of the canvas a layer's pixels are made and where they end up: known from the plan alone, so that
//! memory and time are predicted by the very windows that are drawn.

use crate::affine::Affine;
use crate::fit::Window;
use crate::placement::Placement;
use crate::plan::PlannedLayer;
use crate::recipe::{Flip, Tile};

/// The windows of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// The layer itself, as far as anything of it is needed.
    pub sprite: Window,
    /// The layer repeated; without a tile the sprite.
    pub spread: Window,
    /// What it covers of the canvas, its shadow included.
    pub shown: Window,
}

/// The windows of a layer; `None`: no pixel of the canvas is covered. A text's are as large as they could be: what it
/// covers is known only when it is set.
pub(crate) fn footprint(layer: &PlannedLayer, canvas: (u32, u32)) -> Option<Footprint> {
    let bounds = bounds(layer, canvas);
    let sprite = match layer.source.size() {
        None => bounds,
        Some(size) if layer.tile == Tile::None => {
            visible(edges(&layer.placement, size), layer.placement.quarter_turns().is_some(), bounds)?
        }
        Some(size) => whole(edges(&layer.placement, size))?,
    };
    finish(layer, sprite, canvas)
}

/// The part of the plane on which a layer counts: the canvas, and what throws shadows onto it.
pub(crate) fn bounds(layer: &PlannedLayer, canvas: (u32, u32)) -> Window {
    let canvas = Window::of_size(canvas);
    layer.shadow.as_ref().map_or(canvas, |cast| cast.reach(canvas))
}

/// The windows of a layer whose sprite is known.
pub(crate) fn finish(layer: &PlannedLayer, sprite: Window, canvas: (u32, u32)) -> Option<Footprint> {
    let spread =
        if layer.tile == Tile::None { sprite } else { tiled(sprite, layer.tile, bounds(layer, canvas))? };
    let shown = match &layer.shadow {
        Some(cast) => spread.joined(spread.moved(cast.offset.0, cast.offset.1).grown(cast.spread())),
        None => spread,
    };
    Some(Footprint { sprite, spread, shown: shown.within(Window::of_size(canvas))? })
}

impl Footprint {
    /// Pixels that are worked on for the layer.
    pub fn pixels(&self) -> u64 {
        self.sprite.pixels().saturating_add(self.spread.pixels()).saturating_add(self.shown.pixels())
    }
}

/// Left, top, right and bottom of something on the canvas, fractional.
pub(crate) type Edges = (f64, f64, f64, f64);

/// The edges of a placed layer.
pub(crate) fn edges(placement: &Placement, (width, height): (u32, u32)) -> Edges {
    let size = (f64::from(width), f64::from(height));
    // Mirrored or not, a box covers the same.
    let upright = Placement { flip: Flip::None, ..*placement };
    edges_of(&Affine::of(&upright, size), [0.0, 0.0, size.0, size.1])
}

/// The edges of a box (left, top, right, bottom) that is mapped to the canvas.
pub(crate) fn edges_of(to_canvas: &Affine, [l, t, r, b]: [f64; 4]) -> Edges {
    let mut edges = (f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY);
    for corner in [(l, t), (r, t), (r, b), (l, b)] {
        let (x, y) = to_canvas.map(corner);
        edges = (edges.0.min(x), edges.1.min(y), edges.2.max(x), edges.3.max(y));
    }
    edges
}

/// The whole pixels of `bounds` that edges enclose. What is not upright has a soft edge that reaches a pixel further.
pub(crate) fn visible((left, top, right, bottom): Edges, upright: bool, bounds: Window) -> Option<Window> {
    /// Nearer than this to a pixel's edge is on it: rounding errors must not light a row of empty pixels.
    const ON_EDGE: f64 = 1e-6;
    /// Smaller than this on both axes a layer lights no pixel; kernels over whole pictures would be spent on nothing.
    const SPECK: f64 = 0.05;
    if right - left < SPECK && bottom - top < SPECK {
        return None;
    }
    let margin = if upright { 0.0 } else { 1.0 };
    let first = |edge: f64| libm::floor(edge - margin + ON_EDGE) as i64;
    let last = |edge: f64| libm::ceil(edge + margin - ON_EDGE) as i64;
    Window::between(
        first(left).max(bounds.left),
        first(top).max(bounds.top),
        last(right).min(bounds.right()),
        last(bottom).min(bounds.bottom()),
    )
}

/// Edges on whole pixels: what repeats must have a whole period, or its seams would show.
pub(crate) fn whole((left, top, right, bottom): Edges) -> Option<Window> {
    let (x, y) = (libm::round(left) as i64, libm::round(top) as i64);
    let side = |length: f64| libm::round(length).max(1.0) as i64;
    Window::between(x, y, x.checked_add(side(right - left))?, y.checked_add(side(bottom - top))?)
}

/// What a repeated layer covers of `bounds`.
fn tiled(sprite: Window, tile: Tile, bounds: Window) -> Option<Window> {
    let (across, down) = (matches!(tile, Tile::X | Tile::Both), matches!(tile, Tile::Y | Tile::Both));
    let columns = if across { bounds } else { sprite };
    let rows = if down { bounds } else { sprite };
    Window { left: columns.left, width: columns.width, top: rows.top, height: rows.height }.within(bounds)
}
