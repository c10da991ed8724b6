//! The only printer of recipes: parameters in the order of the contract's tables, defaults dropped, one spelling each.
//!
//! The key's preimage prints through the same code, with every asset's full digest in place of its name.

use std::fmt::{self, Write as _};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

use super::parse::{DEFAULT_ANGLE, DEFAULT_TEXT_SIZE};
use super::{
    Align, At, Base, BlendMode, Colour, Content, Decimal, Fill, Fit, Flip, GradientShape, Layer, Length,
    Operator, Position, Recipe, Shadow, Text, Tile,
};
use crate::asset::{AssetId, AssetRef};

/// Puts a name in the place of an asset: the id and pin as they stand, or, in a key, the full digest.
pub(crate) trait Names {
    /// The name of an asset, pinned or not.
    fn asset(&self, asset: &AssetRef) -> String;
    /// The name of a font.
    fn font(&self, id: &AssetId) -> String {
        self.asset(&AssetRef::latest(id.clone()))
    }
}

struct AsWritten;

impl Names for AsWritten {
    fn asset(&self, asset: &AssetRef) -> String {
        asset.to_string()
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_path())
    }
}

impl Recipe {
    /// The canonical path, `/c/…`.
    pub fn to_path(&self) -> String {
        self.print(&AsWritten)
    }

    /// The canonical path with assets named by `names`.
    pub(crate) fn print(&self, names: &impl Names) -> String {
        let mut path = "/c/".to_owned();
        path.push_str(&names.asset(&self.base.asset));
        print_base(&mut path, &self.base);
        for layer in &self.layers {
            path.push('/');
            print_layer(&mut path, layer, names);
        }
        path.push('.');
        path.push_str(self.format.word());
        path
    }
}

fn print_base(path: &mut String, base: &Base) {
    parameter(path, "w", base.width);
    parameter(path, "h", base.height);
    parameter(path, "fit", changed(base.fit, Fit::default()).map(Fit::word));
    parameter(path, "pos", base.position.map(position));
    parameter(path, "bg", changed(base.background, Colour::TRANSPARENT).map(colour));
    parameter(path, "dpr", changed(base.dpr, Decimal::ONE));
    parameter(path, "q", base.quality);
    parameter(path, "radius", changed(base.radius, Length::ZERO));
}

fn print_layer(path: &mut String, layer: &Layer, names: &impl Names) {
    match &layer.content {
        Content::Asset(asset) => path.push_str(&names.asset(asset)),
        Content::Text(_) => path.push_str("~text"),
        Content::Fill(_) => path.push_str("~fill"),
    }
    parameter(path, "at", layer.at.as_ref().map(at));
    parameter(path, "x", changed(layer.x, Length::ZERO));
    parameter(path, "y", changed(layer.y, Length::ZERO));
    parameter(path, "scale", changed(layer.scale, Decimal::ONE));
    parameter(path, "rotate", changed(layer.rotate, Decimal::ZERO));
    parameter(path, "flip", changed(layer.flip, Flip::None).map(Flip::word));
    parameter(path, "opacity", changed(layer.opacity, Decimal::ONE));
    parameter(path, "blend", changed(layer.blend, BlendMode::default()).map(BlendMode::word));
    parameter(path, "op", changed(layer.operator, Operator::default()).map(Operator::word));
    parameter(path, "tile", changed(layer.tile, Tile::None).map(Tile::word));
    parameter(path, "shadow", layer.shadow.as_ref().map(shadow));
    parameter(path, "mask", layer.mask.as_ref().map(|mask| names.asset(mask)));
    match &layer.content {
        Content::Asset(_) => {}
        Content::Text(text) => print_text(path, text, names),
        Content::Fill(fill) => print_fill(path, fill),
    }
}

fn print_text(path: &mut String, text: &Text, names: &impl Names) {
    parameter(path, "t", Some(BASE64_URL_SAFE_NO_PAD.encode(&text.text)));
    parameter(path, "font", text.font.as_ref().map(|font| names.font(font)));
    parameter(path, "size", changed(text.size, DEFAULT_TEXT_SIZE));
    parameter(path, "color", changed(text.colour, Colour::BLACK).map(colour));
    parameter(path, "align", changed(text.align, Align::default()).map(Align::word));
    parameter(path, "wrap", text.wrap);
}

fn print_fill(path: &mut String, fill: &Fill) {
    parameter(path, "color", changed(fill.colour, Colour::BLACK).map(colour));
    let Some(gradient) = &fill.gradient else { return };
    parameter(path, "to", Some(colour(gradient.to)));
    parameter(path, "gradient", changed(gradient.shape, GradientShape::default()).map(GradientShape::word));
    if gradient.shape == GradientShape::Linear {
        parameter(path, "angle", changed(gradient.angle, DEFAULT_ANGLE));
    }
}

fn parameter(path: &mut String, name: &str, value: Option<impl fmt::Display>) {
    if let Some(value) = value {
        let _ = write!(path, ";{name}={value}"); // writing to a String cannot fail
    }
}

fn changed<T: PartialEq>(value: T, default: T) -> Option<T> {
    (value != default).then_some(value)
}

fn position(position: Position) -> &'static str {
    match position {
        Position::Focus => "focus",
        Position::Gravity(gravity) => gravity.word(),
    }
}

fn at(at: &At) -> &str {
    match at {
        At::Anchor(name) => name,
        At::Gravity(gravity) => gravity.word(),
    }
}

fn colour(colour: Colour) -> String {
    let Colour { r, g, b, a } = colour;
    if a == 255 { format!("{r:02x}{g:02x}{b:02x}") } else { format!("{r:02x}{g:02x}{b:02x}{a:02x}") }
}

fn shadow(shadow: &Shadow) -> String {
    let Shadow { dx, dy, blur, colour } = shadow;
    format!("{dx},{dy},{blur},{:02x}{:02x}{:02x}{:02x}", colour.r, colour.g, colour.b, colour.a)
}
