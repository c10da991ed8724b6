//! What the golden recipes are made of: pictures of our own catalogue, made small and committed beside this file, a
//! photograph, and the fonts of the tests. They are part of the program, so that it needs no file on any target.

use std::sync::Arc;

use compositor::{
    Anchor, Asset, AssetError, Catalogue, Compositor, Focus, Ingredients, Kind, Limits, Normalised, Plan,
    normalise, normalise_font,
};

/// An anchor of a picture: its name, x, y and span.
type At = (&'static str, f64, f64, f64);

/// Name, kind, anchors as the catalogue has them, file.
const PICTURES: &[(&str, Kind, &[At], &[u8])] = &[
    (
        "tabby",
        Kind::Base,
        &[("head", 0.5, 0.2695, 0.332), ("eyes", 0.5, 0.4141, 0.2852), ("neck", 0.5, 0.6562, 0.2832)],
        include_bytes!("inputs/tabby.png"),
    ),
    ("paper", Kind::Base, &[], include_bytes!("inputs/paper.png")),
    ("photo", Kind::Base, &[], include_bytes!("../../../fuzz/assets/photo.jpg")),
    ("top-hat", Kind::Overlay, &[("head", 0.5, 0.7441, 0.6777)], include_bytes!("inputs/top-hat.png")),
    ("bow-tie", Kind::Overlay, &[("neck", 0.5, 0.4883, 0.957)], include_bytes!("inputs/bow-tie.png")),
    ("monocle", Kind::Overlay, &[("eyes", 0.1836, 0.3125, 0.9375)], include_bytes!("inputs/monocle.png")),
];

/// Where the tabby looks from: what `cover` keeps.
const FOCUS: Focus = Focus { x: 0.5, y: 0.4199 };

const FONTS: &[(&str, &[u8])] = &[
    ("sans", include_bytes!("../../../catalogue/fonts/sans.ttf")),
    ("blocks", include_bytes!("../fonts/blocks.ttf")),
    ("arabic", include_bytes!("../fonts/arabic.ttf")),
    ("hebrew", include_bytes!("../fonts/hebrew.ttf")),
    ("devanagari", include_bytes!("../fonts/devanagari.ttf")),
];

/// Files that an import has to convert: colour profile and orientation, four inks, a palette, lossy WebP, 16 bits.
const FOREIGN: &[(&str, &[u8])] = &[
    ("turned-p3.jpg", include_bytes!("inputs/turned-p3.jpg")),
    ("cmyk.jpg", include_bytes!("inputs/cmyk.jpg")),
    ("progressive-422.jpg", include_bytes!("inputs/progressive-422.jpg")),
    ("palette.gif", include_bytes!("inputs/palette.gif")),
    ("lossy.webp", include_bytes!("inputs/lossy.webp")),
    ("deep.png", include_bytes!("inputs/deep.png")),
];

/// A catalogue of all of it, with the files and a compositor that keeps nothing.
pub struct Stock {
    pub catalogue: Catalogue,
    pub ingredients: Ingredients,
    pub compositor: Compositor,
    /// Everything that was imported, by name.
    pub imports: Vec<(String, Normalised)>,
}

impl Stock {
    /// # Errors
    /// An input is no good.
    pub fn new() -> Result<Self, AssetError> {
        let limits = Limits::default();
        let (mut assets, mut imports) = (Vec::new(), Vec::new());
        for (id, kind, anchors, file) in PICTURES {
            let normal = normalise(file, &limits)?;
            assets.extend(asset(id, *kind, anchors, &normal));
            imports.push(((*id).to_owned(), normal));
        }
        for (id, file) in FONTS {
            let normal = normalise_font(file, &limits)?;
            assets.extend(asset(id, Kind::Font, &[], &normal));
            imports.push(((*id).to_owned(), normal));
        }
        for (name, file) in FOREIGN {
            imports.push(((*name).to_owned(), normalise(file, &limits)?));
        }
        let files = imports.iter().flat_map(|(_, normal)| normal.clone().into_files());
        let ingredients = files.map(|(digest, file)| (digest, Arc::from(file))).collect();
        let (catalogue, compositor) = (Catalogue::new(assets), Compositor::new(limits, 0));
        Ok(Stock { catalogue, ingredients, compositor, imports })
    }

    /// # Errors
    /// The recipe is wrong, in words.
    pub fn plan(&self, recipe: &str) -> Result<Plan, String> {
        let parsed = recipe.parse().map_err(|error| format!("{recipe}: {error}"))?;
        self.catalogue.resolve(&parsed, None).map_err(|error| format!("{recipe}: {error}"))
    }

    /// The finished file.
    ///
    /// # Errors
    /// As [`plan`](Self::plan), and where a render fails.
    pub fn compose(&self, recipe: &str) -> Result<Vec<u8>, String> {
        let composed = self.compositor.compose(&self.plan(recipe)?, &self.ingredients);
        composed.map(|composite| composite.bytes).map_err(|error| format!("{recipe}: {error}"))
    }
}

fn asset(id: &str, kind: Kind, anchors: &[At], normal: &Normalised) -> Option<Asset> {
    let mut asset = normal.asset(&id.parse().ok()?, kind);
    for &(name, x, y, span) in anchors {
        asset.anchors.insert(name.to_owned(), Anchor { x, y, span, angle: 0.0 });
    }
    asset.focus = (id == "tabby").then_some(FOCUS);
    Some(asset)
}
