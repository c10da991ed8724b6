//! Where on the plane of the canvas a layer's pixels are made and where they end up: known from the plan alone, so that
//! memory and time are predicted by the very windows that are drawn.

use crate::fit::Window;
use crate::placement::Placement;
use crate::plan::PlannedLayer;
use crate::recipe::Tile;

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

/// The windows of a layer; `None`: no pixel of the canvas is covered.
pub(crate) fn footprint(layer: &PlannedLayer, canvas: (u32, u32)) -> Option<Footprint> {
    let canvas = Window::of_size(canvas);
    let bounds = layer.shadow.as_ref().map_or(canvas, |cast| cast.reach(canvas));
    let size = layer.size();
    let (sprite, spread) = if layer.tile == Tile::None {
        let sprite = visible(&layer.placement, size, bounds)?;
        (sprite, sprite)
    } else {
        let sprite = whole(&layer.placement, size)?;
        (sprite, tiled(sprite, layer.tile, bounds)?)
    };
    let shown = match &layer.shadow {
        Some(cast) => spread.joined(spread.moved(cast.offset.0, cast.offset.1).grown(cast.spread())),
        None => spread,
    };
    Some(Footprint { sprite, spread, shown: shown.within(canvas)? })
}

impl Footprint {
    /// Pixels that are worked on for the layer.
    pub fn pixels(&self) -> u64 {
        self.sprite.pixels().saturating_add(self.spread.pixels()).saturating_add(self.shown.pixels())
    }
}

/// Left, top, right and bottom of a placed layer, fractional.
pub(crate) fn edges(placement: &Placement, (width, height): (u32, u32)) -> (f64, f64, f64, f64) {
    let (cos, sin) = placement.cos_sin();
    let side = |end: f64, pivot: f64| (end - pivot) * placement.scale;
    let (l, r) = (side(0.0, placement.pivot.0), side(f64::from(width), placement.pivot.0));
    let (t, b) = (side(0.0, placement.pivot.1), side(f64::from(height), placement.pivot.1));
    let mut bounds = (f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (u, v) in [(l, t), (r, t), (r, b), (l, b)] {
        let (x, y) = (placement.point.0 + u * cos - v * sin, placement.point.1 + u * sin + v * cos);
        bounds = (bounds.0.min(x), bounds.1.min(y), bounds.2.max(x), bounds.3.max(y));
    }
    bounds
}

/// The whole pixels of `bounds` that a placed layer touches.
fn visible(placement: &Placement, size: (u32, u32), bounds: Window) -> Option<Window> {
    /// Nearer than this to a pixel's edge is on it: rounding errors must not light a row of empty pixels.
    const ON_EDGE: f64 = 1e-6;
    /// Smaller than this on both axes a layer lights no pixel; kernels over whole pictures would be spent on nothing.
    const SPECK: f64 = 0.05;
    let (left, top, right, bottom) = edges(placement, size);
    if right - left < SPECK && bottom - top < SPECK {
        return None;
    }
    // The soft edge of a turned overlay reaches a pixel further.
    let margin = if placement.quarter_turns().is_some() { 0.0 } else { 1.0 };
    let first = |edge: f64| libm::floor(edge - margin + ON_EDGE) as i64;
    let last = |edge: f64| libm::ceil(edge + margin - ON_EDGE) as i64;
    Window::between(
        first(left).max(bounds.left),
        first(top).max(bounds.top),
        last(right).min(bounds.right()),
        last(bottom).min(bounds.bottom()),
    )
}

/// All of a placed layer on whole pixels: what repeats must have a whole period, or its seams would show.
fn whole(placement: &Placement, size: (u32, u32)) -> Option<Window> {
    let (left, top, right, bottom) = edges(placement, size);
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
