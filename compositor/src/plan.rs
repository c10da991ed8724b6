//! Resolving: recipe + catalogue → [`Plan`], in which nothing is left to default.
//!
//! The plan knows every ingredient by its content digest, where every layer lands, which format comes out, the key,
//! and what the render will cost. Drawing (`render.rs`) only follows it.

mod cost;
mod ingredient;
mod resolved;

use std::collections::BTreeMap;

pub(crate) use ingredient::Ingredient;
use resolved::Resolved;

use crate::asset::{Asset, AssetId, AssetRef, Digest, Kind};
use crate::blend::{Mix, fractions};
use crate::catalogue::Catalogue;
use crate::codec::{self, Format, LOSSLESS};
use crate::error::ResolveError;
use crate::fit::{Crop, Fitted, fit};
use crate::key::CompositeKey;
use crate::negotiate::{names, negotiate};
use crate::placement::{Hold, Placement, hold, place, place_text};
use crate::recipe::{Colour, Content, Fill, Fit, Layer, Length, Recipe, Requested, Shadow, Text, Tile};
use crate::rounding::Rounding;
use crate::shadow::Cast;

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
}

/// A layer with every question answered.
#[derive(Clone, Debug)]
pub(crate) struct PlannedLayer {
    /// Its place in the recipe, from 0.
    pub index: usize,
    pub source: Source,
    /// A picture whose alpha multiplies the source's, stretched over all of it.
    pub mask: Option<Ingredient>,
    pub placement: Placement,
    pub tile: Tile,
    pub shadow: Option<Cast>,
    pub mix: Mix,
}

/// What a layer draws, before it is placed.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// An overlay.
    Picture(Ingredient),
    /// A fill as large as the canvas.
    Fill { fill: Fill, size: (u32, u32) },
    /// A text; its layer's placement is that of its block.
    Text(PlannedText),
}

/// A text in device pixels.
#[derive(Clone, Debug)]
pub(crate) struct PlannedText {
    pub text: Text,
    pub font: Digest,
    /// Length of the font's file.
    pub font_bytes: u64,
    pub size_px: f64,
    pub wrap_px: Option<f64>,
}

impl Source {
    /// Width and height in pixels of its own; `None`: only the font knows.
    pub fn size(&self) -> Option<(u32, u32)> {
        match self {
            Source::Picture(overlay) => Some(overlay.size),
            Source::Fill { size, .. } => Some(*size),
            Source::Text(_) => None,
        }
    }

    /// Width and height in pixels of what is read or made.
    pub fn stored(&self) -> Option<(u32, u32)> {
        self.picture().map_or_else(|| self.size(), |picture| Some(picture.stored))
    }

    pub fn picture(&self) -> Option<&Ingredient> {
        match self {
            Source::Picture(picture) => Some(picture),
            Source::Fill { .. } | Source::Text(_) => None,
        }
    }
}

impl PlannedLayer {
    /// The place in the recipe as a JSON pointer (RFC 6901).
    pub fn pointer(&self) -> String {
        format!("/layers/{}", self.index)
    }

    fn pictures(&self) -> impl Iterator<Item = &Ingredient> {
        self.source.picture().into_iter().chain(&self.mask)
    }

    /// Decides what the layer's pictures are read from, now that it has its place.
    fn choose_levels(&mut self, overlay: Option<&Asset>, mask: Option<&Asset>) {
        if let (Source::Picture(picture), Some(overlay)) = (&mut self.source, overlay) {
            *picture = Ingredient::reduced(overlay, 1.0 / self.placement.scale);
        }
        self.mask = mask.map(|mask| match self.source.stored() {
            Some(size) => Ingredient::stretched(mask, size),
            None => Ingredient::whole(mask), // how large a text is, only its font knows
        });
    }

    fn font(&self) -> Option<Digest> {
        match &self.source {
            Source::Text(text) => Some(text.font),
            Source::Picture(_) | Source::Fill { .. } => None,
        }
    }
}

/// A part of the recipe language that this build does not draw: 501, never a wrong picture.
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
            && recipe.base.radius == Length::ZERO
            && recipe.layers.iter().all(|layer| fractions(layer.operator).keeps_opaque());
        let format = choose_format(recipe, accept, opaque)?;
        let mut recipe = recipe.clone();
        let negotiated = recipe.is_auto();
        recipe.format = Requested::from(format);
        recipe.canonicalise();

        let dpr = recipe.base.dpr.to_f64();
        let mut resolved = Resolved::new(self, &recipe, base);
        let mut layers = Vec::with_capacity(recipe.layers.len());
        for (i, layer) in recipe.layers.iter().enumerate() {
            let mask = self.mask(i, layer)?;
            let mut overlay = None;
            let (source, anchors) = match &layer.content {
                Content::Asset(asset) => {
                    let found = self.picture(&format!("/layers/{i}"), asset, Kind::Overlay)?;
                    overlay = Some(found);
                    (Source::Picture(Ingredient::whole(found)), &found.anchors)
                }
                Content::Fill(fill) => (Source::Fill { fill: *fill, size: fitted.canvas }, &BTreeMap::new()),
                Content::Text(text) => {
                    let font = self.font(i, text)?;
                    if text.font.is_none() {
                        resolved.note(format_args!("layer {i} font {}", font.digest));
                    }
                    (Source::Text(planned_text(text, font, fitted.canvas, dpr)), &BTreeMap::new())
                }
            };
            let hold =
                hold(base, anchors, layer.at.as_ref()).map_err(|name| unknown_anchor(i, base, name))?;
            resolved.hold(i, hold);
            let mut planned = plan_layer((i, layer), source, hold, base, &fitted, dpr);
            planned.choose_levels(overlay, mask);
            layers.push(planned);
        }
        let base = Ingredient::reduced(base, fitted.reduction());
        let key = resolved.key(std::iter::once(&base).chain(layers.iter().flat_map(PlannedLayer::pictures)));
        let immutable = recipe.is_pinned() && resolved.used.is_empty();
        Ok(Plan { recipe, negotiated, immutable, key, format, base, fitted, layers, opaque })
    }

    fn mask(&self, layer: usize, given: &Layer) -> Result<Option<&Asset>, ResolveError> {
        let find = |mask| self.picture(&format!("/layers/{layer}/mask"), mask, Kind::Overlay);
        given.mask.as_ref().map(find).transpose()
    }

    fn font(&self, layer: usize, text: &Text) -> Result<&Asset, ResolveError> {
        let pointer = format!("/layers/{layer}/font");
        let id = text.font.clone().unwrap_or_else(AssetId::default_font);
        let found = self.find(&pointer, &AssetRef::latest(id.clone()))?;
        if found.kind == Kind::Font {
            return Ok(found);
        }
        Err(ResolveError::WrongKind { pointer, id, kind: found.kind.word(), allowed: "a font" })
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

/// A layer in device pixels.
fn plan_layer(
    (index, layer): (usize, &Layer),
    source: Source,
    hold: Hold,
    base: &Asset,
    fitted: &Fitted,
    dpr: f64,
) -> PlannedLayer {
    let base_size = (base.width, base.height);
    PlannedLayer {
        index,
        placement: match source.size() {
            Some(size) => place(layer, hold, size, base_size, fitted, dpr),
            None => place_text(layer, hold, base_size, fitted, dpr),
        },
        shadow: layer.shadow.map(|shadow| cast(shadow, fitted.canvas, dpr)),
        mix: Mix { blend: layer.blend, operator: layer.operator, opacity: layer.opacity },
        tile: layer.tile,
        source,
        mask: None,
    }
}

fn planned_text(text: &Text, font: &Asset, canvas: (u32, u32), dpr: f64) -> PlannedText {
    PlannedText {
        font: font.digest,
        font_bytes: font.bytes,
        size_px: text.size.device_px(f64::from(canvas.1), dpr),
        wrap_px: text.wrap.map(|wrap| wrap.device_px(f64::from(canvas.0), dpr)),
        text: text.clone(),
    }
}

fn cast(shadow: Shadow, canvas: (u32, u32), dpr: f64) -> Cast {
    let (width, height) = (f64::from(canvas.0), f64::from(canvas.1));
    let whole = |length: f64| libm::round(length) as i64;
    Cast {
        offset: (whole(shadow.dx.device_px(width, dpr)), whole(shadow.dy.device_px(height, dpr))),
        blur: shadow.blur.device_px(width, dpr),
        colour: shadow.colour,
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
    let lossless = recipe.base.quality == Some(LOSSLESS);
    // Smallest first; at quality 100 lossless WebP, which AVIF is not. Who names neither may not read them.
    let modern = if lossless { vec![Format::Webp] } else { vec![Format::Avif, Format::Webp] };
    offers.splice(0..0, modern.into_iter().filter(|format| names(accept, *format)));
    negotiate(accept, &offers).ok_or_else(|| {
        let offered: Vec<&str> = offers.iter().map(|format| format.media_type()).collect();
        ResolveError::NotAcceptable { offered: offered.join(", ") }
    })
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

    /// Content digests of the assets that are drawn, base first, each once.
    pub fn ingredients(&self) -> Vec<Digest> {
        self.digests(|picture| picture.asset)
    }

    /// Content digests of the files to read: of an asset that is drawn small, one of its levels.
    pub fn files(&self) -> Vec<Digest> {
        self.digests(|picture| picture.digest)
    }

    fn digests(&self, of: impl Fn(&Ingredient) -> Digest) -> Vec<Digest> {
        let of_layer =
            |layer: &PlannedLayer| layer.pictures().map(&of).chain(layer.font()).collect::<Vec<_>>();
        let mut digests = vec![of(&self.base)];
        for digest in self.layers.iter().flat_map(of_layer) {
            if !digests.contains(&digest) {
                digests.push(digest);
            }
        }
        digests
    }

    /// Pixels of the largest picture that has to be decoded.
    pub fn largest_decoded(&self) -> u64 {
        self.pictures().map(Ingredient::pixels).max().unwrap_or_default()
    }

    pub(crate) fn pictures(&self) -> impl Iterator<Item = &Ingredient> {
        std::iter::once(&self.base).chain(self.layers.iter().flat_map(PlannedLayer::pictures))
    }

    /// Ids of the assets whose ingredients these are.
    pub fn asset_ids(&self) -> Vec<AssetId> {
        self.recipe.asset_ids()
    }

    /// The first part of the recipe that this build does not draw, if any.
    pub fn undrawn(&self) -> Option<Undrawn> {
        let name = || format!("lossy `{}`", self.format.extension());
        let unwritten = !codec::writes(self.format, self.quality());
        unwritten.then(|| Undrawn { pointer: "/format".to_owned(), name: name() })
    }

    /// Are the bytes the same wherever they are rendered? True for PNG, JPEG and lossless WebP.
    pub fn lossless_everywhere(&self) -> bool {
        match self.format {
            Format::Png | Format::Jpeg => true,
            Format::Webp => self.quality() == LOSSLESS,
            Format::Avif => false,
        }
    }

    /// Quality of a lossy format: as given, or the format's default.
    pub(crate) fn quality(&self) -> u8 {
        self.recipe.base.quality.unwrap_or(if self.format == Format::Avif { 50 } else { 80 })
    }

    /// The part of the base's file that is shown.
    pub(crate) fn base_crop(&self) -> Crop {
        self.fitted.crop.on_copy(self.base.size, self.base.stored)
    }

    pub(crate) fn background(&self) -> Colour {
        self.recipe.base.background
    }

    /// How the corners of the whole picture are rounded, if they are.
    pub(crate) fn rounding(&self) -> Option<Rounding> {
        let canvas = self.fitted.canvas;
        let shorter = f64::from(canvas.0.min(canvas.1));
        let radius = self.recipe.base.radius.device_px(shorter, self.recipe.base.dpr.to_f64());
        (radius > 0.0).then(|| Rounding { radius: radius.min(shorter / 2.0), canvas })
    }
}
