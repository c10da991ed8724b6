//! What a plan's key is made of.

use std::fmt::Write as _;

use super::Ingredient;
use crate::asset::{Anchor, Asset, AssetRef};
use crate::catalogue::Catalogue;
use crate::key::CompositeKey;
use crate::placement::Hold;
use crate::recipe::{At, Fit, Position, Recipe};

/// The text that the key is made of: the canonical recipe with digests for names, then the anchors and focal point it
/// used and the levels it reads. What a default resolved to stands here in place of the default, so that both spellings share one key.
pub(super) struct Resolved<'a> {
    catalogue: &'a Catalogue,
    recipe: Recipe,
    pub used: String,
}

impl<'a> Resolved<'a> {
    pub fn new(catalogue: &'a Catalogue, recipe: &Recipe, base: &Asset) -> Self {
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

    pub fn note(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.used, "{line}"); // writing to a String cannot fail
    }

    pub fn hold(&mut self, layer: usize, hold: Hold) {
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

    /// With `pictures` in the order in which they are drawn.
    pub fn key<'b>(&self, pictures: impl Iterator<Item = &'b Ingredient>) -> CompositeKey {
        let path = self.recipe.print(self);
        let mut text = format!("{path}\n{}", self.used);
        for (i, picture) in pictures.enumerate().filter(|(_, picture)| picture.is_level()) {
            let _ = writeln!(text, "picture {i} level {}", picture.digest); // as above
        }
        CompositeKey::of(&text)
    }
}

impl crate::recipe::Names for Resolved<'_> {
    fn asset(&self, asset: &AssetRef) -> String {
        // Everything drawn was found before; what was not found keeps its name, which no digest can equal.
        self.catalogue.find("", asset).map_or_else(|_| asset.to_string(), |found| found.digest.to_string())
    }
}
