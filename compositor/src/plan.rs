//! Resolving: recipe + catalogue → [`Plan`], in which nothing is left to default.
//!
//! The plan knows every ingredient by its content digest, where every layer lands, which format comes out, the key,
//! and what the render will cost. Drawing (`render.rs`) only follows it.

use std::fmt::Write as _;

use crate::asset::{Anchor, Asset, AssetId, AssetRef, Digest, Kind};
use crate::catalogue::Catalogue;
use crate::codec::Format;
use crate::error::ResolveError;
use crate::fit::{Fitted, fit};
use crate::key::CompositeKey;
use crate::limits::Limits;
use crate::negotiate::negotiate;
use crate::placement::{Hold, Placement, hold, place};
use crate::recipe::{
    At, BlendMode, Colour, Content, Decimal, Fit, Layer, Length, Operator, Position, Recipe, Requested, Tile,
};
use crate::render::visible;

/// A recipe resolved against one state of the catalogue.
#[derive(Clone, Debug)]
pub struct Plan {
    recipe: Recipe,
    negotiated: bool,
    immutable: bool,
    key: CompositeKey,
    pub(crate) format: Format,
    pub(crate) base: Ingredient,
    pub(crate) fitted: Fitted,
    pub(crate) layers: Vec<PlannedLayer>,
    /// Has the canvas no transparent pixel, whatever the layers do?
    pub(crate) opaque: bool,
    undrawn: Option<Undrawn>,
}

/// One picture that a plan needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ingredient {
    pub digest: Digest,
    pub size: (u32, u32),
    pub opaque: bool,
}

/// An overlay and where it lands.
#[derive(Clone, Debug)]
pub(crate) struct PlannedLayer {
    pub overlay: Ingredient,
    pub placement: Placement,
    pub opacity: Decimal,
}

/// A part of the recipe language that parses but is not drawn yet: 501, never a wrong picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undrawn {
    /// Where the recipe asks for it, as a JSON pointer.
    pub pointer: String,
    /// What it asks for, in the recipe's words.
    pub name: String,
}

impl Catalogue {
    /// Resolves a recipe. `accept` is the request's `Accept`, which chooses the format of an `auto` recipe.
    ///
    /// # Errors
    /// What the recipe names and the catalogue does not have.
    pub fn resolve(&self, recipe: &Recipe, accept: Option<&str>) -> Result<Plan, ResolveError> {
        let base = self.picture("/base", &recipe.base.asset, Kind::Base)?;
        let fitted = fit((base.width, base.height), &recipe.base, base.focus);
        let opaque = (base.opaque && recipe.base.fit != Fit::Contain || recipe.base.background.a == 255)
            && recipe.base.radius == Length::ZERO;
        let format = choose_format(recipe, accept, opaque)?;
        let mut recipe = recipe.clone();
        let negotiated = recipe.is_auto();
        recipe.format = Requested::from(format);
        recipe.canonicalise();

        let mut resolved = Resolved::new(self, &recipe, base);
        let mut layers = Vec::with_capacity(recipe.layers.len());
        for (i, layer) in recipe.layers.iter().enumerate() {
            resolved.mask(i, layer)?;
            let Content::Asset(asset) = &layer.content else { continue };
            let overlay = self.picture(&format!("/layers/{i}"), asset, Kind::Overlay)?;
            let hold =
                hold(base, overlay, layer.at.as_ref()).map_err(|name| unknown_anchor(i, base, name))?;
            resolved.hold(i, hold);
            let size = (overlay.width, overlay.height);
            let placement =
                place(layer, hold, size, (base.width, base.height), &fitted, recipe.base.dpr.to_f64());
            layers.push(PlannedLayer { overlay: Ingredient::of(overlay), placement, opacity: layer.opacity });
        }
        let key = resolved.key();
        let immutable = recipe.is_pinned() && resolved.used.is_empty();
        let undrawn = undrawn(&recipe, format);
        let base = Ingredient::of(base);
        Ok(Plan { recipe, negotiated, immutable, key, format, base, fitted, layers, opaque, undrawn })
    }

    fn picture(&self, pointer: &str, asset: &AssetRef, wanted: Kind) -> Result<&Asset, ResolveError> {
        let found = self.find(pointer, asset)?;
        if found.kind == Kind::Font || found.width == 0 || found.height == 0 {
            let allowed = if wanted == Kind::Base { "a base" } else { "an overlay or a base" };
            let (pointer, id) = (pointer.to_owned(), asset.id.clone());
            return Err(ResolveError::WrongKind { pointer, id, kind: found.kind.word(), allowed });
        }
        Ok(found)
    }
}

impl Ingredient {
    fn of(asset: &Asset) -> Self {
        Ingredient { digest: asset.digest, size: (asset.width, asset.height), opaque: asset.opaque }
    }

    fn pixels(&self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1)
    }
}

fn unknown_anchor(layer: usize, base: &Asset, anchor: String) -> ResolveError {
    let mut known: Vec<&str> = base.anchors.keys().map(String::as_str).collect();
    if known.is_empty() {
        known.push("none");
    }
    let known = known.join(", ");
    ResolveError::UnknownAnchor {
        pointer: format!("/layers/{layer}/at"),
        base: base.id.clone(),
        anchor,
        known,
    }
}

/// The format, or the best one that `Accept` allows: the smallest first, transparency kept where there is any.
fn choose_format(recipe: &Recipe, accept: Option<&str>, opaque: bool) -> Result<Format, ResolveError> {
    if let Some(format) = recipe.format.fixed() {
        return Ok(format);
    }
    let mut offers = if opaque { vec![Format::Jpeg, Format::Png] } else { vec![Format::Png, Format::Jpeg] };
    if recipe.base.quality == Some(100) {
        offers.insert(0, Format::Webp); // lossless: smaller than PNG, with alpha
    }
    negotiate(accept, &offers).ok_or_else(|| {
        let offered: Vec<&str> = offers.iter().map(|format| format.media_type()).collect();
        ResolveError::NotAcceptable { offered: offered.join(", ") }
    })
}

/// The text that the key is made of: the canonical recipe with digests for names, then the anchors and focal point it
/// used. What a default resolved to stands here in place of the default, so that both spellings share one key.
struct Resolved<'a> {
    catalogue: &'a Catalogue,
    recipe: Recipe,
    used: String,
}

impl<'a> Resolved<'a> {
    fn new(catalogue: &'a Catalogue, recipe: &Recipe, base: &Asset) -> Self {
        let mut resolved = Resolved { catalogue, recipe: recipe.clone(), used: String::new() };
        let canvas = &mut resolved.recipe.base;
        let crops = canvas.fit == Fit::Cover && canvas.width.is_some() && canvas.height.is_some();
        if crops && !matches!(canvas.position, Some(Position::Gravity(_))) {
            canvas.position = base.focus.map(|_| Position::Focus);
            if let Some(focus) = base.focus {
                resolved.note(format_args!("focus {} {}", focus.x, focus.y));
            }
        }
        resolved
    }

    fn note(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.used, "{line}"); // writing to a String cannot fail
    }

    fn hold(&mut self, layer: usize, hold: Hold) {
        let at = match hold {
            Hold::Gravity(gravity) => Some(At::Gravity(gravity)),
            Hold::Anchors { base, overlay } => {
                let numbers = |a: Anchor| format!("{} {} {} {}", a.x, a.y, a.span, a.angle);
                self.note(format_args!("layer {layer} {} on {}", numbers(overlay), numbers(base)));
                None
            }
        };
        if let Some(layer) = self.recipe.layers.get_mut(layer) {
            layer.at = at;
        }
    }

    /// Masks are checked like every other name in the recipe, also while they are not drawn.
    fn mask(&self, layer: usize, given: &Layer) -> Result<(), ResolveError> {
        match &given.mask {
            Some(mask) => {
                self.catalogue.picture(&format!("/layers/{layer}/mask"), mask, Kind::Overlay).map(|_| ())
            }
            None => Ok(()),
        }
    }

    fn key(&self) -> CompositeKey {
        let path = self.recipe.print(self);
        CompositeKey::of(&format!("{path}\n{}", self.used))
    }
}

impl crate::recipe::Names for Resolved<'_> {
    fn asset(&self, asset: &AssetRef) -> String {
        // Everything drawn was found before; what was not found keeps its name, which no digest can equal.
        self.catalogue.find("", asset).map_or_else(|_| asset.to_string(), |found| found.digest.to_string())
    }
}

/// The first thing in the recipe that is not drawn yet.
fn undrawn(recipe: &Recipe, format: Format) -> Option<Undrawn> {
    let missing = |pointer: String, name: String| Some(Undrawn { pointer, name });
    if recipe.base.radius != Length::ZERO {
        return missing("/base/radius".into(), "`radius`".into());
    }
    for (i, layer) in recipe.layers.iter().enumerate() {
        let at = |part: &str| format!("/layers/{i}{part}");
        match &layer.content {
            Content::Text(_) => return missing(at(""), "`~text`".into()),
            Content::Fill(_) => return missing(at(""), "`~fill`".into()),
            Content::Asset(_) => {}
        }
        if layer.blend != BlendMode::Normal {
            return missing(at("/blend"), format!("`blend={}`", layer.blend.word()));
        }
        if layer.operator != Operator::SourceOver {
            return missing(at("/op"), format!("`op={}`", layer.operator.word()));
        }
        if layer.tile != Tile::None {
            return missing(at("/tile"), format!("`tile={}`", layer.tile.word()));
        }
        if layer.shadow.is_some() {
            return missing(at("/shadow"), "`shadow`".into());
        }
        if layer.mask.is_some() {
            return missing(at("/mask"), "`mask`".into());
        }
    }
    match format {
        Format::Avif => missing("/format".into(), "`avif` output".into()),
        Format::Webp if recipe.base.quality != Some(100) => {
            missing("/format".into(), "lossy `webp` output (`q=100` is lossless and drawn)".into())
        }
        _ => None,
    }
}

impl Plan {
    /// The content address of the composite.
    pub fn key(&self) -> CompositeKey {
        self.key
    }

    /// The recipe with its format resolved.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The canonical path with the format resolved: what `Content-Location` says.
    pub fn canonical_path(&self) -> String {
        self.recipe.to_path()
    }

    /// The path of the finished composite by its key, `/i/{key}.{ext}`.
    pub fn immutable_path(&self) -> String {
        format!("/i/{}.{}", self.key, self.format.extension())
    }

    /// What comes out.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Was the format chosen from `Accept`, so that the answer varies with it?
    pub fn is_auto(&self) -> bool {
        self.negotiated
    }

    /// Can the answer never change? Every asset is pinned to its content, and no anchor or focal point was used: those
    /// may be edited while the content stays.
    pub fn is_pinned(&self) -> bool {
        self.immutable
    }

    /// Canvas width and height in device pixels.
    pub fn canvas(&self) -> (u32, u32) {
        self.fitted.canvas
    }

    /// Content digests of everything that is drawn, base first, each once.
    pub fn ingredients(&self) -> Vec<Digest> {
        let mut digests = Vec::with_capacity(1 + self.layers.len());
        for ingredient in self.pictures() {
            if !digests.contains(&ingredient.digest) {
                digests.push(ingredient.digest);
            }
        }
        digests
    }

    pub(crate) fn pictures(&self) -> impl Iterator<Item = &Ingredient> {
        std::iter::once(&self.base).chain(self.layers.iter().map(|layer| &layer.overlay))
    }

    /// Ids of the assets whose ingredients these are.
    pub fn asset_ids(&self) -> Vec<AssetId> {
        self.recipe.asset_ids()
    }

    /// The first part of the recipe that is not drawn yet, if any.
    pub fn undrawn(&self) -> Option<&Undrawn> {
        self.undrawn.as_ref()
    }

    /// Are the bytes the same wherever they are rendered? True for PNG, JPEG and lossless WebP.
    pub fn lossless_everywhere(&self) -> bool {
        match self.format {
            Format::Png | Format::Jpeg => true,
            Format::Webp => self.recipe.base.quality == Some(100),
            Format::Avif => false,
        }
    }

    /// Quality of a lossy format: as given, or the format's default.
    pub(crate) fn quality(&self) -> u8 {
        self.recipe.base.quality.unwrap_or(if self.format == Format::Avif { 50 } else { 80 })
    }

    pub(crate) fn background(&self) -> Colour {
        self.recipe.base.background
    }

    /// Predicted peak of working memory in bytes, from sizes alone: every source decoded, the largest one twice more (as
    /// read and as turned), the canvas four times (background, fitted base, a layer, and as the encoder wants it), and
    /// the widest intermediate of a scaling, which has the source's width and the canvas's height.
    pub fn working_bytes(&self) -> u64 {
        const BYTES_PER_PIXEL: u64 = 4;
        let (width, height) = (u64::from(self.fitted.canvas.0), u64::from(self.fitted.canvas.1));
        let mut counted: Vec<Digest> = Vec::new();
        let (mut sources, mut largest, mut between) = (0_u64, 0_u64, 0_u64);
        for picture in self.pictures() {
            largest = largest.max(picture.pixels());
            // A layer may be turned by quarters, so either side can be its width; a fitted base never is.
            let side = picture.size.0.max(picture.size.1);
            between =
                between.max(u64::from(side).saturating_mul(height.max(u64::from(self.fitted.dest.height))));
            if !counted.contains(&picture.digest) {
                counted.push(picture.digest);
                sources = sources.saturating_add(picture.pixels());
            }
        }
        let canvas = width.saturating_mul(height).saturating_mul(4);
        sources
            .saturating_add(2 * largest)
            .saturating_add(canvas)
            .saturating_add(between)
            .saturating_mul(BYTES_PER_PIXEL)
    }

    /// Checks the plan against limits, before anything is decoded.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), crate::error::RenderError> {
        let refuse = |what, needed, allowed| Err(crate::error::RenderError::Limit { what, needed, allowed });
        let (width, height) = self.fitted.canvas;
        let canvas = u64::from(width) * u64::from(height);
        if canvas > limits.canvas_pixels {
            return refuse("canvas, in pixels,", canvas, limits.canvas_pixels);
        }
        if width > u32::from(u16::MAX) || height > u32::from(u16::MAX) {
            return refuse("canvas side, in pixels,", u64::from(width.max(height)), u64::from(u16::MAX));
        }
        if self.layers.len() > limits.layers {
            return refuse("number of layers", self.layers.len() as u64, limits.layers as u64);
        }
        if let Some(source) = self.pictures().find(|picture| picture.pixels() > limits.source_pixels) {
            return refuse("source image, in pixels,", source.pixels(), limits.source_pixels);
        }
        let drawn = self
            .layers
            .iter()
            .filter_map(|layer| visible(&layer.placement, layer.overlay.size, self.fitted.canvas));
        let drawn: u64 = drawn.map(|window| u64::from(window.width) * u64::from(window.height)).sum();
        if drawn > limits.drawn_pixels {
            return refuse("area of all layers, in pixels,", drawn, limits.drawn_pixels);
        }
        if self.working_bytes() > limits.working_bytes {
            return refuse("working memory, in bytes,", self.working_bytes(), limits.working_bytes);
        }
        Ok(())
    }
}
