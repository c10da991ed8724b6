//! One layer, from its picture to the pixels that will lie on the canvas: masked, mirrored, scaled or turned, repeated,
//! shaded; a text set and drawn.

use std::sync::Arc;

use super::{CacheKey, Compositor, Ingredients, Pictured, bits};
use crate::affine::Affine;
use crate::error::RenderError;
use crate::fill;
use crate::fit::{Crop, Window, whole_of};
use crate::footprint::{Footprint, bounds, edges, edges_of, finish, footprint, visible, whole};
use crate::limits::Limit;
use crate::pixmap::{Pixmap, multiply};
use crate::placement::Placement;
use crate::plan::{Ingredient, PlannedLayer, PlannedText, Source};
use crate::recipe::{Flip, Text, Tile};
use crate::resample::{Inverse, scale, transform};
use crate::text::{Face, Layout, layout};

impl Compositor {
    /// A layer as it will lie on the canvas, and where: placed, repeated, with its shadow. `None`: nowhere.
    pub(super) fn placed(
        &self,
        layer: &PlannedLayer,
        canvas: (u32, u32),
        ingredients: &Ingredients,
    ) -> Result<Option<(Arc<Pixmap>, Window)>, RenderError> {
        let (sprite, footprint) = match &layer.source {
            Source::Text(text) => match self.set(layer, text, canvas, ingredients)? {
                Some(set) => set,
                None => return Ok(None),
            },
            _ => match footprint(layer, canvas) {
                Some(footprint) => (self.sprite(layer, footprint.sprite, ingredients)?, footprint),
                None => return Ok(None),
            },
        };
        let spread = match layer.tile {
            Tile::None => sprite,
            _ => Arc::new(repeated(&sprite, footprint.sprite, footprint.spread)),
        };
        Ok(match &layer.shadow {
            None => Some((spread, footprint.spread)),
            Some(cast) => {
                let shaded = cast.under(&spread, footprint.spread, footprint.shown);
                shaded.map(|(pixmap, at)| (Arc::new(pixmap), at))
            }
        })
    }

    /// A text, set and drawn, its mask applied.
    fn set(
        &self,
        layer: &PlannedLayer,
        text: &PlannedText,
        canvas: (u32, u32),
        ingredients: &Ingredients,
    ) -> Result<Option<(Arc<Pixmap>, Footprint)>, RenderError> {
        let refuse = |source| RenderError::Asset { digest: text.font, source };
        let font = ingredients.get(&text.font).ok_or(RenderError::Missing { digest: text.font })?;
        let face = Face::open(Arc::clone(font)).map_err(refuse)?;
        let Text { text: characters, align, colour, .. } = &text.text;
        let layout = layout(characters, &face, text.size_px, *align, text.wrap_px).map_err(refuse)?;
        let block = layout.size();
        let placement = layer.placement.of_block(block);
        let to_canvas = Affine::of(&placement, block);
        let Some(footprint) = self.text_footprint(layer, &layout, &to_canvas, canvas)? else {
            return Ok(None);
        };
        let mut drawn = layout.draw(&to_canvas, footprint.sprite, *colour).map_err(refuse)?;
        if let Some(mask) = &layer.mask {
            let mask = self.block_mask(mask, &placement, block, footprint.sprite, ingredients)?;
            multiply_alpha(&mut drawn, &mask);
        }
        Ok(Some((Arc::new(drawn), footprint)))
    }

    /// The windows of a text: what its ink covers, or the whole block where it repeats.
    fn text_footprint(
        &self,
        layer: &PlannedLayer,
        layout: &Layout,
        to_canvas: &Affine,
        canvas: (u32, u32),
    ) -> Result<Option<Footprint>, RenderError> {
        let (width, height) = layout.size();
        let sprite = if layer.tile == Tile::None {
            let ink = layout.ink().map(|ink| edges_of(to_canvas, ink));
            ink.and_then(|edges| visible(edges, false, bounds(layer, canvas)))
        } else {
            whole(edges_of(to_canvas, [0.0, 0.0, width, height]))
        };
        let Some(sprite) = sprite else { return Ok(None) };
        let (needed, allowed) = (sprite.pixels(), self.limits.canvas_pixels);
        if needed > allowed {
            let (pointer, advice) = (layer.pointer(), "lower its `size` or `scale`");
            return Err(RenderError::Limit { pointer, advice, limit: Limit::TextPixels, needed, allowed });
        }
        Ok(finish(layer, sprite, canvas))
    }

    /// A mask as it lies over a block of text in a window.
    fn block_mask(
        &self,
        mask: &Ingredient,
        placement: &Placement,
        (width, height): (f64, f64),
        window: Window,
        ingredients: &Ingredients,
    ) -> Result<Pixmap, RenderError> {
        let flip = placement.flip;
        let decoded = self.decoded(mask, ingredients)?.oriented(flip.horizontal(), flip.vertical(), 0);
        // No larger than it is drawn, or looking it up pixel by pixel would miss most of it.
        let side = |drawn: f64, own: u32| (libm::ceil(drawn * placement.scale).max(1.0) as u32).min(own);
        let size = (side(width, mask.size.0), side(height, mask.size.1));
        let reduced =
            if size == mask.size { decoded } else { scale(&decoded, whole_of(mask.size), size.0, size.1) };
        let inverse = inverse(placement, window, f64::from(size.0) / width, f64::from(size.1) / height);
        Ok(transform(&reduced, &inverse, window.width, window.height))
    }

    fn sprite(
        &self,
        layer: &PlannedLayer,
        window: Window,
        ingredients: &Ingredients,
    ) -> Result<Arc<Pixmap>, RenderError> {
        let size = layer.source.size().unwrap_or_default();
        match layer.placement.quarter_turns() {
            Some(turns) => self.upright(layer, size, turns, window, ingredients),
            None => self.turned(layer, size, window, ingredients),
        }
    }

    /// What a layer is made of, its mask applied.
    fn pictured(&self, layer: &PlannedLayer, ingredients: &Ingredients) -> Result<Arc<Pixmap>, RenderError> {
        let plain = || match &layer.source {
            Source::Picture(overlay) => self.decoded(overlay, ingredients),
            Source::Fill { fill, size } => Ok(Arc::new(fill::draw(fill, size.0, size.1))),
            Source::Text(_) => Ok(Arc::default()), // drawn where it lies, never before
        };
        let Some(mask) = &layer.mask else { return plain() };
        let key = CacheKey::Masked { source: pictured(layer), mask: mask.digest };
        self.cache.pixmap(key, || {
            let mut masked = Arc::unwrap_or_clone(plain()?);
            let (width, height) = masked.size();
            let mask = scale(&*self.decoded(mask, ingredients)?, whole_of(mask.stored), width, height);
            multiply_alpha(&mut masked, &mask);
            Ok(masked)
        })
    }

    /// The same mirrored and turned by quarter turns.
    fn oriented(
        &self,
        layer: &PlannedLayer,
        quarter_turns: u8,
        ingredients: &Ingredients,
    ) -> Result<Arc<Pixmap>, RenderError> {
        let flip = layer.placement.flip;
        if flip == Flip::None && quarter_turns == 0 {
            return self.pictured(layer, ingredients);
        }
        let key = CacheKey::Oriented { source: pictured(layer), flip, quarter_turns };
        self.cache.pixmap(key, || {
            let plain = self.pictured(layer, ingredients)?;
            Ok(plain.oriented(flip.horizontal(), flip.vertical(), quarter_turns))
        })
    }

    /// A part of it, scaled.
    fn scaled(
        &self,
        layer: &PlannedLayer,
        quarter_turns: u8,
        crop: Crop,
        size: (u32, u32),
        ingredients: &Ingredients,
    ) -> Result<Arc<Pixmap>, RenderError> {
        let flip = layer.placement.flip;
        let key = CacheKey::Scaled { source: pictured(layer), flip, quarter_turns, crop: bits(crop), size };
        self.cache.pixmap(key, || {
            Ok(scale(&*self.oriented(layer, quarter_turns, ingredients)?, crop, size.0, size.1))
        })
    }

    /// A layer whose sides stay parallel to the canvas's: one scaling, with fractional edges where they fall.
    fn upright(
        &self,
        layer: &PlannedLayer,
        size: (u32, u32),
        turns: u8,
        window: Window,
        ingredients: &Ingredients,
    ) -> Result<Arc<Pixmap>, RenderError> {
        let (placement, sprite) = (&layer.placement, (window.width, window.height));
        let turned =
            |(width, height)| if turns.is_multiple_of(2) { (width, height) } else { (height, width) };
        let whole = turned(size);
        let crop = if layer.tile == Tile::None {
            let (left, top, _, _) = edges(placement, size);
            Crop {
                x: snapped(window.left as f64 - left) / placement.scale,
                y: snapped(window.top as f64 - top) / placement.scale,
                width: f64::from(window.width) / placement.scale,
                height: f64::from(window.height) / placement.scale,
            }
        } else {
            // What repeats fills its whole pixels: a soft edge would be a seam.
            whole_of(whole)
        };
        let stored = turned(layer.source.stored().unwrap_or(size));
        self.scaled(layer, turns, crop.on_copy(whole, stored), sprite, ingredients)
    }

    /// A layer at an odd angle: reduced to the size it is drawn at, then looked up pixel by pixel.
    fn turned(
        &self,
        layer: &PlannedLayer,
        (width, height): (u32, u32),
        window: Window,
        ingredients: &Ingredients,
    ) -> Result<Arc<Pixmap>, RenderError> {
        let placement = &layer.placement;
        let reduced = |side: u32| {
            if placement.scale < 1.0 {
                (libm::ceil(f64::from(side) * placement.scale) as u32).max(1)
            } else {
                side
            }
        };
        let size = (reduced(width), reduced(height));
        let (kx, ky) = (f64::from(size.0) / f64::from(width), f64::from(size.1) / f64::from(height));
        let inverse = inverse(placement, window, kx, ky);
        let Inverse { ux, uy, u0, vx, vy, v0 } = inverse;
        let key = CacheKey::Turned {
            source: pictured(layer),
            flip: placement.flip,
            reduced: size,
            inverse: [ux, uy, u0, vx, vy, v0].map(f64::to_bits),
            size: (window.width, window.height),
        };
        self.cache.pixmap(key, || {
            let stored = layer.source.stored().unwrap_or((width, height));
            let source = if size == stored {
                self.oriented(layer, 0, ingredients)?
            } else {
                self.scaled(layer, 0, whole_of(stored), size, ingredients)?
            };
            Ok(transform(&source, &inverse, window.width, window.height))
        })
    }
}

/// A sprite laid side by side over a window.
fn repeated(sprite: &Pixmap, at: Window, window: Window) -> Pixmap {
    let mut out = Pixmap::filled(window.width, window.height, [0; 4]);
    let (period, sprite_row) = (i64::from(at.width), at.width as usize * 4);
    let first = (window.left - at.left).rem_euclid(period) as usize * 4;
    for y in 0..window.height {
        let from = (window.top + i64::from(y) - at.top).rem_euclid(i64::from(at.height)) as u32;
        let row = out.row_mut(y);
        let head = (sprite_row - first).min(row.len());
        let (head, rest) = row.split_at_mut(head);
        head.copy_from_slice(&sprite.row(from)[first..][..head.len()]);
        for part in rest.chunks_mut(sprite_row) {
            part.copy_from_slice(&sprite.row(from)[..part.len()]);
        }
    }
    out
}

/// Multiplies a picture by the alpha of another of the same size.
fn multiply_alpha(pixmap: &mut Pixmap, mask: &Pixmap) {
    for (pixel, mask) in pixmap.data_mut().chunks_exact_mut(4).zip(mask.data().chunks_exact(4)) {
        for sample in pixel {
            *sample = multiply(*sample, mask[3]);
        }
    }
}

fn pictured(layer: &PlannedLayer) -> Pictured {
    let mask = layer.mask.map(|mask| mask.digest);
    match &layer.source {
        Source::Picture(overlay) => Pictured::Overlay { digest: overlay.digest, mask },
        Source::Fill { fill, size } => Pictured::Fill { fill: *fill, size: *size, mask },
        Source::Text(text) => Pictured::Overlay { digest: text.font, mask },
    }
}

/// A distance between an edge and a whole pixel, to 1/65,536 of one. What a layer looks like in its window depends on
/// such distances and not on where the window lies, or a layer moved by whole pixels would not be found among the kept.
fn snapped(distance: f64) -> f64 {
    libm::round(distance * 65_536.0) / 65_536.0
}

/// The map from pixels of a window of the canvas back to pixels of the overlay reduced by `kx`, `ky`.
fn inverse(placement: &Placement, window: Window, kx: f64, ky: f64) -> Inverse {
    let (cos, sin) = placement.cos_sin();
    let (sx, sy) = (kx / placement.scale, ky / placement.scale);
    let (px, py) = placement.point;
    let (px, py) = (snapped(px - window.left as f64), snapped(py - window.top as f64));
    Inverse {
        ux: cos * sx,
        uy: sin * sx,
        u0: placement.pivot.0 * kx - (px * cos + py * sin) * sx,
        vx: -sin * sy,
        vy: cos * sy,
        v0: placement.pivot.1 * ky - (py * cos - px * sin) * sy,
    }
}
