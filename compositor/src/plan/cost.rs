//! What a plan will cost, from sizes alone, and whether limits allow it: memory, pixels, and the part of the recipe that
//! is to blame.

use super::{Ingredient, Plan, PlannedLayer, Source};
use crate::asset::Digest;
use crate::codec;
use crate::error::RenderError;
use crate::footprint::{Footprint, footprint};
use crate::limits::{Limit, Limits};

/// What a text's glyphs and outlines may take in memory.
const TEXT_BYTES: u64 = 8 << 20;
/// What codecs work in whatever a picture's size: tables, mostly.
const CODEC_BYTES: u64 = 256 << 10;
const BYTES_PER_PIXEL: u64 = 4;
/// What the weights of a scaling take for each row and column of what it reads and of what it makes, in pixels.
const WEIGHTS_PIXELS: u64 = 32;

/// What to do about a canvas, a layer, an image that is over a limit.
const SMALLER_CANVAS: &str = "lower `w`, `h` or `dpr`";
const SMALLER_LAYER: &str = "lower its `scale`, or `w`, `h` or `dpr` of the base";
const SMALLER_IMAGE: &str = "use a smaller image there";

impl PlannedLayer {
    /// Pixels that are held while the layer is drawn, whatever its source takes.
    fn held_pixels(&self, footprint: &Footprint, (width, height): (u32, u32)) -> u64 {
        let canvas = u64::from(width) * u64::from(height);
        let shaded = if self.shadow.is_some() { footprint.spread.pixels().saturating_mul(2) } else { 0 };
        let generated = match &self.source {
            Source::Picture(_) => 0,
            Source::Fill { .. } => canvas,
            // Outlines, and coverage in two precisions.
            Source::Text(text) => (text.font_bytes + TEXT_BYTES) / BYTES_PER_PIXEL + 2 * canvas,
        };
        footprint.pixels().saturating_add(shaded).saturating_add(generated)
    }
}

impl Plan {
    /// The windows of every layer that covers anything.
    fn footprints(&self) -> impl Iterator<Item = (&PlannedLayer, Footprint)> {
        self.layers.iter().filter_map(|layer| Some((layer, footprint(layer, self.fitted.canvas)?)))
    }

    /// Predicted peak of working memory in bytes, from sizes alone: every source decoded, the largest one twice more (as
    /// read and as turned), the canvas four times (background, fitted base, as the encoder wants it, and the file) and
    /// what a C library keeps of it, every layer as it is drawn, repeated and shaded. The samples between the two passes
    /// of a scaling, of the source's width and the height it is scaled to, are held a row at a time but counted whole:
    /// they are its work, and nothing else bounds that for a picture of a strange shape. Its weights are counted by rows
    /// and columns. On top stands what codecs work in.
    pub fn working_bytes(&self) -> u64 {
        let (width, height) = (u64::from(self.fitted.canvas.0), u64::from(self.fitted.canvas.1));
        let mut counted: Vec<Digest> = Vec::new();
        let (mut sources, mut largest, mut between, mut layers) = (0_u64, 0_u64, 0_u64, 0_u64);
        let sides = |(width, height): (u32, u32)| u64::from(width) + u64::from(height);
        let (mut read, mut made) =
            (0, sides(self.fitted.canvas).max(sides((self.fitted.dest.width, self.fitted.dest.height))));
        for picture in self.pictures() {
            largest = largest.max(picture.pixels());
            read = read.max(sides(picture.stored));
            // A layer may be turned by quarters, so either side can be its width; a fitted base never is.
            let side = picture.stored.0.max(picture.stored.1);
            between =
                between.max(u64::from(side).saturating_mul(height.max(u64::from(self.fitted.dest.height))));
            if !counted.contains(&picture.digest) {
                counted.push(picture.digest);
                sources = sources.saturating_add(picture.pixels());
            }
        }
        let canvas = width
            .saturating_mul(height)
            .saturating_mul(4 + codec::held_by_encoder(self.format, self.quality()));
        for (layer, footprint) in self.footprints() {
            let side = layer.source.stored().map_or(0, |(width, height)| u64::from(width.max(height)));
            between = between.max(side.saturating_mul(u64::from(footprint.sprite.height)));
            made = made.max(sides((footprint.sprite.width, footprint.sprite.height)));
            layers = layers.saturating_add(layer.held_pixels(&footprint, self.fitted.canvas));
        }
        sources
            .saturating_add(layers)
            .saturating_add(2 * largest)
            .saturating_add(canvas)
            .saturating_add(between)
            .saturating_add((read + made).saturating_mul(WEIGHTS_PIXELS))
            .saturating_mul(BYTES_PER_PIXEL)
            .saturating_add(CODEC_BYTES)
    }

    /// Checks the plan against limits, before anything is decoded.
    ///
    /// # Errors
    /// [`RenderError::Limit`]: the first limit it is over, and which part of the recipe is at fault.
    pub fn check(&self, limits: &Limits) -> Result<(), RenderError> {
        let over = |limit, needed, allowed, (pointer, advice): (String, _)| {
            if needed <= allowed {
                return Ok(());
            }
            Err(RenderError::Limit { pointer, advice, limit, needed, allowed })
        };
        let base = || ("/base".to_owned(), SMALLER_CANVAS);
        let (width, height) = self.fitted.canvas;
        over(Limit::CanvasPixels, self.canvas_pixels(), limits.canvas_pixels, base())?;
        let longest = codec::longest_side(self.format, self.quality());
        over(Limit::CanvasSide, u64::from(width.max(height)), u64::from(longest), base())?;
        let layers = ("/layers".to_owned(), "leave layers out");
        over(Limit::Layers, self.layers.len() as u64, limits.layers as u64, layers)?;
        for (pointer, picture) in self.placed_pictures() {
            over(Limit::SourcePixels, picture.pixels(), limits.source_pixels, (pointer, SMALLER_IMAGE))?;
        }
        let drawn = self.footprints().map(|(_, footprint)| footprint.pixels() / 3);
        let drawn = drawn.fold(0, u64::saturating_add);
        let largest = self.footprints().max_by_key(|(_, footprint)| footprint.pixels());
        let largest = largest.map_or_else(base, |(layer, _)| (layer.pointer(), SMALLER_LAYER));
        over(Limit::DrawnPixels, drawn, limits.drawn_pixels, largest)?;
        over(Limit::WorkingBytes, self.working_bytes(), limits.working_bytes, self.heaviest())
    }

    fn canvas_pixels(&self) -> u64 {
        u64::from(self.fitted.canvas.0) * u64::from(self.fitted.canvas.1)
    }

    /// Every picture with its place in the recipe.
    fn placed_pictures(&self) -> impl Iterator<Item = (String, &Ingredient)> {
        let of_layers = self.layers.iter().flat_map(|layer| layer.pictures().map(|p| (layer.pointer(), p)));
        std::iter::once(("/base".to_owned(), &self.base)).chain(of_layers)
    }

    /// The part of the recipe that takes most of the memory, and what to do about it.
    fn heaviest(&self) -> (String, &'static str) {
        let canvas = (self.canvas_pixels().saturating_mul(4), "/base".to_owned(), SMALLER_CANVAS);
        // As read, as turned, as kept.
        let pictures = self.placed_pictures();
        let pictures = pictures.map(|(pointer, picture)| (3 * picture.pixels(), pointer, SMALLER_IMAGE));
        let layers = self.footprints().map(|(layer, footprint)| {
            (layer.held_pixels(&footprint, self.fitted.canvas), layer.pointer(), SMALLER_LAYER)
        });
        let parts = std::iter::once(canvas).chain(layers).chain(pictures);
        let heaviest = parts.max_by_key(|(pixels, ..)| *pixels);
        heaviest.map_or_else(|| (String::new(), SMALLER_CANVAS), |(_, pointer, advice)| (pointer, advice))
    }
}
