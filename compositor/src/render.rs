//! Drawing a plan: decode, fit, place, blend, encode. Nothing is decided here; the plan has every answer.

use std::collections::HashMap;
use std::sync::Arc;

use crate::affine::Affine;
use crate::asset::Digest;
use crate::blend::{Mix, composite};
use crate::cache::Cache;
use crate::codec::{self, Format, Output, Scratch, Strips};
use crate::crew::Crew;
use crate::error::{AssetError, RenderError};
use crate::fill::{self, premultiplied};
use crate::fit::{Crop, Rect, Window, whole_of};
use crate::footprint::{Footprint, bounds, edges, edges_of, finish, footprint, visible, whole};
use crate::limits::{Limit, Limits};
use crate::pixmap::{Pixmap, multiply};
use crate::placement::Placement;
use crate::plan::{Ingredient, Plan, PlannedLayer, PlannedText, Source, Undrawn};
use crate::recipe::{Fill, Flip, Text, Tile};
use crate::resample::{Inverse, scale, transform};
use crate::scene::{Band, Placed, Scene};
use crate::source;
use crate::text::{Face, Layout, layout};

/// The stored files that a plan reads, by content digest.
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

/// Renders plans, and keeps decoded, fitted, scaled and encoded pictures for the next one.
///
/// It can be shared between threads. What it keeps never changes a result, only how soon it is there.
pub struct Compositor {
    limits: Limits,
    cache: Cache<Kept>,
    crew: Crew,
}

/// Names of what is kept: a picture and what was done to it. Floats are kept by their bits.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Kept {
    Decoded(Digest),
    Ground(Ground),
    Masked { source: Pictured, mask: Digest },
    Oriented { source: Pictured, flip: Flip, quarter_turns: u8 },
    Scaled { source: Pictured, flip: Flip, quarter_turns: u8, crop: [u64; 4], size: (u32, u32) },
    Turned { source: Pictured, flip: Flip, reduced: (u32, u32), inverse: [u64; 6], size: (u32, u32) },
    Parts { ground: Ground, format: Format, quality: u8, opaque: bool },
}

/// A base fitted on its background.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Ground {
    base: Digest,
    crop: [u64; 4],
    dest: Rect,
    canvas: (u32, u32),
    background: [u8; 4],
}

/// What a layer is made of before it is placed.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Pictured {
    Overlay { digest: Digest, mask: Option<Digest> },
    Fill { fill: Fill, size: (u32, u32), mask: Option<Digest> },
}

impl Compositor {
    /// A compositor that keeps at most `cache_bytes` bytes of pictures; 0 keeps none.
    pub fn new(limits: Limits, cache_bytes: usize) -> Self {
        Compositor { limits, cache: Cache::new(cache_bytes), crew: Crew::new(0) }
    }

    /// The same with so many more threads to encode on, over all renders at once. Without, a render uses its caller's
    /// thread alone, as it does in WebAssembly in any case.
    #[must_use]
    pub fn with_helpers(self, helpers: usize) -> Self {
        Compositor { crew: Crew::new(helpers), ..self }
    }

    /// The limits it holds plans against.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Files of the plan whose bytes are not given. What the cache holds is not counted on: it may be gone when
    /// it is needed.
    pub fn missing(&self, plan: &Plan, ingredients: &Ingredients) -> Vec<Digest> {
        plan.files().into_iter().filter(|digest| !ingredients.contains_key(digest)).collect()
    }

    /// Draws and encodes.
    ///
    /// # Errors
    /// [`RenderError`]: a limit (checked before anything is decoded), a part of the language that is not drawn yet, a
    /// missing or broken ingredient.
    pub fn compose(&self, plan: &Plan, ingredients: &Ingredients) -> Result<Composite, RenderError> {
        let (width, height) = plan.canvas();
        let mut bytes = Vec::new();
        self.compose_to(plan, ingredients, &mut |piece| bytes.extend_from_slice(piece))?;
        Ok(Composite { bytes, format: plan.format, width, height })
    }

    /// Draws, encodes, and hands the file to `sink` piece by piece while the rest of it is being made: of a PNG or JPEG
    /// the first rows long before the last.
    ///
    /// # Errors
    /// As [`compose`](Self::compose); `sink` has had nothing then.
    pub fn compose_to(
        &self,
        plan: &Plan,
        ingredients: &Ingredients,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), RenderError> {
        if let Some(Undrawn { pointer, name }) = plan.undrawn() {
            return Err(RenderError::NotDrawn { pointer, name });
        }
        let scene = self.scene(plan, ingredients)?;
        let output = Output { format: plan.format, quality: plan.quality(), opaque: plan.opaque };
        match Strips::new(output, plan.canvas())? {
            Some(strips) => self.encode_strips(&strips, &scene, kept_parts(plan, output), sink),
            None => sink(&codec::encode(scene.draw(), output)?),
        }
        Ok(())
    }

    /// Draws without encoding.
    ///
    /// # Errors
    /// As [`compose`](Self::compose).
    pub fn draw(&self, plan: &Plan, ingredients: &Ingredients) -> Result<Pixmap, RenderError> {
        self.scene(plan, ingredients).map(Scene::draw)
    }

    /// Everything of the picture, not yet put together.
    fn scene(&self, plan: &Plan, ingredients: &Ingredients) -> Result<Scene, RenderError> {
        plan.check(&self.limits)?;
        let ground = self.ground(plan, ingredients)?;
        let mut layers = Vec::with_capacity(plan.layers.len());
        for layer in plan.layers.iter().filter(|layer| !layer.mix.is_idle()) {
            let (pixmap, at) = match self.placed(layer, plan.canvas(), ingredients)? {
                Some((pixmap, at)) => (pixmap, Some(at)),
                None => (Arc::default(), None),
            };
            layers.push(Placed { pixmap, at, mix: layer.mix });
        }
        Ok(Scene { ground, layers, rounding: plan.rounding() })
    }

    /// Encodes what layers touch; everything else was encoded before, or is now and kept.
    fn encode_strips(&self, strips: &Strips, scene: &Scene, kept: Kept, sink: &mut dyn FnMut(&[u8])) {
        let known = self.cache.parts(&kept);
        let mut of_ground = known.map_or_else(|| vec![None; strips.parts() as usize], Arc::unwrap_or_clone);
        let touched: Vec<bool> = (0..strips.parts())
            .map(|part| strips.covers(part, |rows, columns| scene.touches(rows, columns)))
            .collect();
        let is_wanted = |part: &usize| touched[*part] || of_ground[*part].is_none();
        let wanted: Vec<usize> = (0..touched.len()).filter(is_wanted).collect();
        let encode = |(band, scratch): &mut (Band<'_>, Scratch), part: usize| {
            let number = part as u32;
            let rows = if touched[part] { band.rows(strips.rows(number)) } else { scene.ground.rows() };
            (part, strips.encode(rows, number, scratch))
        };
        let (mut file, mut written, mut learned) = (strips.file(sink), 0, false);
        self.crew.in_order(
            &wanted,
            || (scene.band(), Scratch::default()),
            encode,
            |(part, encoded)| {
                of_ground[written..part].iter().flatten().for_each(|known| file.push(known));
                file.push(&encoded);
                written = part + 1;
                if !touched[part] {
                    of_ground[part] = Some(Arc::new(encoded));
                    learned = true;
                }
            },
        );
        of_ground[written..].iter().flatten().for_each(|known| file.push(known));
        file.end();
        if learned {
            self.cache.put_parts(kept, of_ground);
        }
    }

    /// The background with the fitted base on it.
    fn ground(&self, plan: &Plan, ingredients: &Ingredients) -> Result<Arc<Pixmap>, RenderError> {
        let (canvas, base) = (plan.canvas(), &plan.base);
        let dest = plan.fitted.dest;
        let background = premultiplied(plan.background());
        let as_it_is = (dest.width, dest.height) == base.stored
            && canvas == base.stored
            && plan.fitted.crop == whole_of(base.size);
        if as_it_is && (base.opaque || background == [0; 4]) {
            return self.decoded(base, ingredients);
        }
        self.cache.pixmap(Kept::Ground(ground_of(plan)), || {
            let source = self.decoded(base, ingredients)?;
            let fitted = scale(&source, plan.base_crop(), dest.width, dest.height);
            if fitted.size() == canvas && (base.opaque || background == [0; 4]) {
                return Ok(fitted);
            }
            let mut ground = Pixmap::filled(canvas.0, canvas.1, background);
            for y in 0..dest.height {
                let row = &mut ground.row_mut(dest.y + y)[dest.x as usize * 4..][..dest.width as usize * 4];
                composite(row, fitted.row(y), &Mix::OVER);
            }
            Ok(ground)
        })
    }

    fn decoded(
        &self,
        ingredient: &Ingredient,
        ingredients: &Ingredients,
    ) -> Result<Arc<Pixmap>, RenderError> {
        let digest = ingredient.digest;
        self.cache.pixmap(Kept::Decoded(digest), || {
            let bytes = ingredients.get(&digest).ok_or(RenderError::Missing { digest })?;
            let pixmap = source::decode(bytes, &self.limits)
                .map_err(|source| RenderError::Asset { digest, source })?;
            if pixmap.size() != ingredient.stored {
                let reason = format!(
                    "it has {}×{} pixels, the catalogue says {}×{}",
                    pixmap.width(),
                    pixmap.height(),
                    ingredient.stored.0,
                    ingredient.stored.1
                );
                return Err(RenderError::Asset {
                    digest,
                    source: AssetError::Malformed { format: "stored", reason },
                });
            }
            Ok(pixmap)
        })
    }

    /// A layer as it will lie on the canvas, and where: placed, repeated, with its shadow. `None`: nowhere.
    fn placed(
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
        let kept = Kept::Masked { source: pictured(layer), mask: mask.digest };
        self.cache.pixmap(kept, || {
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
        let kept = Kept::Oriented { source: pictured(layer), flip, quarter_turns };
        self.cache.pixmap(kept, || {
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
        let kept = Kept::Scaled { source: pictured(layer), flip, quarter_turns, crop: bits(crop), size };
        self.cache.pixmap(kept, || {
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
        let kept = Kept::Turned {
            source: pictured(layer),
            flip: placement.flip,
            reduced: size,
            inverse: [ux, uy, u0, vx, vy, v0].map(f64::to_bits),
            size: (window.width, window.height),
        };
        self.cache.pixmap(kept, || {
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

fn bits(crop: Crop) -> [u64; 4] {
    [crop.x.to_bits(), crop.y.to_bits(), crop.width.to_bits(), crop.height.to_bits()]
}

fn ground_of(plan: &Plan) -> Ground {
    Ground {
        base: plan.base.digest,
        crop: bits(plan.base_crop()),
        dest: plan.fitted.dest,
        canvas: plan.canvas(),
        background: premultiplied(plan.background()),
    }
}

fn kept_parts(plan: &Plan, output: Output) -> Kept {
    let Output { format, quality, opaque } = output;
    // PNG has no quality: one set of parts serves all.
    let quality = if format == Format::Png { 0 } else { quality };
    Kept::Parts { ground: ground_of(plan), format, quality, opaque }
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
