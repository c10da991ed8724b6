//! Drawing a plan: decode, fit, place, blend, encode. Nothing is decided here; the plan has every answer.

use std::collections::HashMap;
use std::sync::Arc;

use crate::asset::Digest;
use crate::blend::source_over;
use crate::cache::Cache;
use crate::codec::{self, Format, Output};
use crate::error::{AssetError, RenderError};
use crate::fit::{Crop, Rect};
use crate::limits::Limits;
use crate::pixmap::{Pixmap, multiply};
use crate::placement::Placement;
use crate::plan::{Ingredient, Plan, PlannedLayer};
use crate::recipe::{Colour, Flip};
use crate::resample::{Inverse, scale, transform};
use crate::source;

/// Stored bytes of the assets that a plan names, by content digest.
pub type Ingredients = HashMap<Digest, Arc<[u8]>>;

/// A finished, encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composite {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its format.
    pub format: Format,
    /// Width in device pixels.
    pub width: u32,
    /// Height in device pixels.
    pub height: u32,
}

/// Renders plans, and keeps decoded, fitted and scaled pictures for the next one.
///
/// It can be shared between threads. What it keeps never changes a result, only how soon it is there.
pub struct Compositor {
    limits: Limits,
    cache: Cache<Kept>,
}

/// Names of what is kept: a picture and what was done to it. Floats are kept by their bits.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Kept {
    Decoded(Digest),
    Fitted { digest: Digest, crop: [u64; 4], size: (u32, u32) },
    Oriented { digest: Digest, flip: Flip, quarter_turns: u8 },
    Scaled { digest: Digest, flip: Flip, quarter_turns: u8, crop: [u64; 4], size: (u32, u32) },
}

impl Compositor {
    /// A compositor that keeps at most `cache_bytes` bytes of pictures; 0 keeps none.
    pub fn new(limits: Limits, cache_bytes: usize) -> Self {
        Compositor { limits, cache: Cache::new(cache_bytes) }
    }

    /// The limits it holds plans against.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Ingredients of the plan whose bytes are not given. What the cache holds is not counted on: it may be gone when
    /// it is needed.
    pub fn missing(&self, plan: &Plan, ingredients: &Ingredients) -> Vec<Digest> {
        plan.ingredients().into_iter().filter(|digest| !ingredients.contains_key(digest)).collect()
    }

    /// Draws and encodes.
    ///
    /// # Errors
    /// [`RenderError`]: a limit (checked before anything is decoded), a part of the language that is not drawn yet, a
    /// missing or broken ingredient.
    pub fn compose(&self, plan: &Plan, ingredients: &Ingredients) -> Result<Composite, RenderError> {
        let pixmap = self.draw(plan, ingredients)?;
        let (width, height) = pixmap.size();
        let output = Output { format: plan.format, quality: plan.quality(), opaque: plan.opaque };
        Ok(Composite { bytes: codec::encode(pixmap, output)?, format: plan.format, width, height })
    }

    /// Draws without encoding.
    ///
    /// # Errors
    /// As [`compose`](Self::compose).
    pub fn draw(&self, plan: &Plan, ingredients: &Ingredients) -> Result<Pixmap, RenderError> {
        if let Some(undrawn) = plan.undrawn() {
            return Err(RenderError::NotDrawn {
                pointer: undrawn.pointer.clone(),
                name: undrawn.name.clone(),
            });
        }
        plan.check(&self.limits)?;
        let mut canvas = self.canvas(plan, ingredients)?;
        for layer in &plan.layers {
            self.draw_layer(&mut canvas, layer, ingredients)?;
        }
        Ok(canvas)
    }

    /// The background with the fitted base on it.
    fn canvas(&self, plan: &Plan, ingredients: &Ingredients) -> Result<Pixmap, RenderError> {
        let (width, height) = plan.canvas();
        let Rect { x, y, width: base_width, height: base_height } = plan.fitted.dest;
        let base = self.fitted(&plan.base, plan.fitted.crop, (base_width, base_height), ingredients)?;
        let background = premultiplied(plan.background());
        if base.size() == (width, height) && (plan.base.opaque || background == [0; 4]) {
            return Ok(Arc::unwrap_or_clone(base));
        }
        let mut canvas = Pixmap::filled(width, height, background);
        source_over(&mut canvas, &base, i64::from(x), i64::from(y), 10_000);
        Ok(canvas)
    }

    fn fitted(
        &self,
        base: &Ingredient,
        crop: Crop,
        size: (u32, u32),
        ingredients: &Ingredients,
    ) -> Result<Arc<Pixmap>, RenderError> {
        let whole = Crop { x: 0.0, y: 0.0, width: f64::from(base.size.0), height: f64::from(base.size.1) };
        if size == base.size && crop == whole {
            return self.decoded(base, ingredients);
        }
        let kept = Kept::Fitted { digest: base.digest, crop: bits(crop), size };
        self.cache.get_or(kept, || Ok(scale(&*self.decoded(base, ingredients)?, crop, size.0, size.1)))
    }

    fn decoded(
        &self,
        ingredient: &Ingredient,
        ingredients: &Ingredients,
    ) -> Result<Arc<Pixmap>, RenderError> {
        let digest = ingredient.digest;
        self.cache.get_or(Kept::Decoded(digest), || {
            let bytes = ingredients.get(&digest).ok_or(RenderError::Missing { digest })?;
            let pixmap = source::decode(bytes, &self.limits)
                .map_err(|source| RenderError::Asset { digest, source })?;
            if pixmap.size() != ingredient.size {
                let reason = format!(
                    "it has {}×{} pixels, the catalogue says {}×{}",
                    pixmap.width(),
                    pixmap.height(),
                    ingredient.size.0,
                    ingredient.size.1
                );
                return Err(RenderError::Asset {
                    digest,
                    source: AssetError::Malformed { format: "stored", reason },
                });
            }
            Ok(pixmap)
        })
    }

    /// The overlay mirrored and turned by quarter turns.
    fn oriented(
        &self,
        overlay: &Ingredient,
        flip: Flip,
        quarter_turns: u8,
        ingredients: &Ingredients,
    ) -> Result<Arc<Pixmap>, RenderError> {
        if flip == Flip::None && quarter_turns == 0 {
            return self.decoded(overlay, ingredients);
        }
        let kept = Kept::Oriented { digest: overlay.digest, flip, quarter_turns };
        self.cache.get_or(kept, || {
            Ok(self.decoded(overlay, ingredients)?.oriented(
                flip.horizontal(),
                flip.vertical(),
                quarter_turns,
            ))
        })
    }

    fn draw_layer(
        &self,
        canvas: &mut Pixmap,
        layer: &PlannedLayer,
        ingredients: &Ingredients,
    ) -> Result<(), RenderError> {
        let opacity = layer.opacity.ten_thousandths() as u32;
        let Some(window) = visible(&layer.placement, layer.overlay.size, canvas.size()) else {
            return Ok(());
        };
        let drawn = match layer.placement.quarter_turns() {
            Some(turns) => {
                self.upright_layer(&layer.overlay, &layer.placement, turns, window, ingredients)?
            }
            None => Arc::new(self.turned_layer(&layer.overlay, &layer.placement, window, ingredients)?),
        };
        source_over(canvas, &drawn, i64::from(window.x), i64::from(window.y), opacity);
        Ok(())
    }

    /// A layer whose sides stay parallel to the canvas's: one scaling, with fractional edges where they fall.
    fn upright_layer(
        &self,
        overlay: &Ingredient,
        placement: &Placement,
        turns: u8,
        window: Rect,
        ingredients: &Ingredients,
    ) -> Result<Arc<Pixmap>, RenderError> {
        let (left, top, _, _) = bounds(placement, overlay.size);
        let crop = Crop {
            x: (f64::from(window.x) - left) / placement.scale,
            y: (f64::from(window.y) - top) / placement.scale,
            width: f64::from(window.width) / placement.scale,
            height: f64::from(window.height) / placement.scale,
        };
        let size = (window.width, window.height);
        let kept = Kept::Scaled {
            digest: overlay.digest,
            flip: placement.flip,
            quarter_turns: turns,
            crop: bits(crop),
            size,
        };
        self.cache.get_or(kept, || {
            Ok(scale(&*self.oriented(overlay, placement.flip, turns, ingredients)?, crop, size.0, size.1))
        })
    }

    /// A layer at an odd angle: reduced to the size it is drawn at, then looked up pixel by pixel.
    fn turned_layer(
        &self,
        overlay: &Ingredient,
        placement: &Placement,
        window: Rect,
        ingredients: &Ingredients,
    ) -> Result<Pixmap, RenderError> {
        let (width, height) = overlay.size;
        let reduced = |side: u32| {
            if placement.scale < 1.0 {
                (libm::ceil(f64::from(side) * placement.scale) as u32).max(1)
            } else {
                side
            }
        };
        let size = (reduced(width), reduced(height));
        let source = if size == overlay.size {
            self.oriented(overlay, placement.flip, 0, ingredients)?
        } else {
            let crop = Crop { x: 0.0, y: 0.0, width: f64::from(width), height: f64::from(height) };
            let kept = Kept::Scaled {
                digest: overlay.digest,
                flip: placement.flip,
                quarter_turns: 0,
                crop: bits(crop),
                size,
            };
            self.cache.get_or(kept, || {
                Ok(scale(&*self.oriented(overlay, placement.flip, 0, ingredients)?, crop, size.0, size.1))
            })?
        };
        let (kx, ky) = (f64::from(size.0) / f64::from(width), f64::from(size.1) / f64::from(height));
        let inverse = inverse(placement, kx, ky);
        Ok(transform(
            &source,
            &inverse,
            (i64::from(window.x), i64::from(window.y)),
            window.width,
            window.height,
        ))
    }
}

fn bits(crop: Crop) -> [u64; 4] {
    [crop.x.to_bits(), crop.y.to_bits(), crop.width.to_bits(), crop.height.to_bits()]
}

fn premultiplied(Colour { r, g, b, a }: Colour) -> [u8; 4] {
    [multiply(r, a), multiply(g, a), multiply(b, a), a]
}

/// Left, top, right and bottom of a placed overlay on the canvas, fractional.
fn bounds(placement: &Placement, (width, height): (u32, u32)) -> (f64, f64, f64, f64) {
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

/// The whole canvas pixels that a placed overlay touches; `None` if there are none.
pub(crate) fn visible(placement: &Placement, size: (u32, u32), canvas: (u32, u32)) -> Option<Rect> {
    /// Nearer than this to a pixel's edge is on it: rounding errors must not light a row of empty pixels.
    const ON_EDGE: f64 = 1e-6;
    /// Smaller than this on both axes a layer lights no pixel; kernels over whole pictures would be spent on nothing.
    const SPECK: f64 = 0.05;
    let (left, top, right, bottom) = bounds(placement, size);
    if right - left < SPECK && bottom - top < SPECK {
        return None;
    }
    // The soft edge of a turned overlay reaches a pixel further.
    let margin = if placement.quarter_turns().is_some() { 0.0 } else { 1.0 };
    let first = |edge: f64| libm::floor(edge - margin + ON_EDGE).max(0.0);
    let last = |edge: f64, side: u32| libm::ceil(edge + margin - ON_EDGE).min(f64::from(side));
    let (x0, x1) = (first(left), last(right, canvas.0));
    let (y0, y1) = (first(top), last(bottom, canvas.1));
    let shown = x0 < x1 && y0 < y1;
    shown.then_some(Rect { x: x0 as u32, y: y0 as u32, width: (x1 - x0) as u32, height: (y1 - y0) as u32 })
}

/// The map from canvas pixels back to pixels of the overlay reduced by `kx`, `ky`.
fn inverse(placement: &Placement, kx: f64, ky: f64) -> Inverse {
    let (cos, sin) = placement.cos_sin();
    let (sx, sy) = (kx / placement.scale, ky / placement.scale);
    let (px, py) = placement.point;
    Inverse {
        ux: cos * sx,
        uy: sin * sx,
        u0: placement.pivot.0 * kx - (px * cos + py * sin) * sx,
        vx: -sin * sy,
        vy: cos * sy,
        v0: placement.pivot.1 * ky - (py * cos - px * sin) * sy,
    }
}
