//! The only parser of recipes: a recipe URL's path in, a canonical [`Recipe`] or the first mistake out.
//!
//! The grammar is `/c/{base}/{layer}….{format}`, each element a name and matrix parameters (RFC 3986, section 3.3).
//! Percent-encoding is undone per segment first, so `%40` and `@` are the same. Nothing is clamped in silence: every
//! refusal names the segment, the parameter, what was given and what is allowed.

use std::str::FromStr;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use percent_encoding::percent_decode_str;

use super::{
    Align, At, Base, BlendMode, Colour, Content, Decimal, Fill, Fit, Flip, Gradient, GradientShape, Gravity,
    Layer, Length, MAX_LAYERS, MAX_SIDE, Operator, Position, Recipe, Requested, Shadow, Text, Tile,
};
use crate::asset::{AssetId, AssetRef, is_anchor_name};
use crate::error::ParseError;

/// Longest path that is looked at, in bytes; more than 17 elements with every parameter need.
const MAX_PATH_BYTES: usize = 16 * 1024;
/// Longest text of a `~text` layer, in bytes of UTF-8.
const MAX_TEXT_BYTES: usize = 2000;

/// What is told where not even the beginning is right.
const FORM: &str = "`/c/{base}/{layer}….{format}`, such as `/c/tabby;w=800/top-hat.png`";

impl Recipe {
    /// Reads the path of a recipe URL (no host, no query).
    ///
    /// ```
    /// use compositor::Recipe;
    /// let error = Recipe::parse("/c/tabby;w=0/top-hat.png").unwrap_err();
    /// assert_eq!(error.pointer(), "/base/w");
    /// assert_eq!(error.to_string(), "`w` of base `tabby` is `0`; allowed: a whole number of CSS pixels, 1 to 8192");
    /// ```
    pub fn parse(path: &str) -> Result<Recipe, ParseError> {
        if path.len() > MAX_PATH_BYTES {
            let allowed = format!("at most {MAX_PATH_BYTES} bytes");
            return Err(ParseError::new("", "the path", format!("{} bytes long", path.len()), allowed));
        }
        let rest = path.strip_prefix("/c/").ok_or_else(|| ParseError::new("", "the path", path, FORM))?;
        if rest.is_empty() {
            return Err(ParseError::new("", "the recipe", "", FORM));
        }
        let decoded = rest
            .split('/')
            .enumerate()
            .map(|(i, segment)| decode_segment(i, segment))
            .collect::<Result<Vec<_>, _>>()?;
        parse_segments(&decoded)
    }
}

impl FromStr for Recipe {
    type Err = ParseError;

    fn from_str(path: &str) -> Result<Self, ParseError> {
        Recipe::parse(path)
    }
}

/// `/base`, `/layers/0`, …: where in the recipe the segment at `index` stands.
fn pointer_of(index: usize) -> String {
    if index == 0 { "/base".to_owned() } else { format!("/layers/{}", index - 1) }
}

fn decode_segment(index: usize, segment: &str) -> Result<String, ParseError> {
    let decoded = percent_decode_str(segment).decode_utf8().ok().filter(|s| !s.contains('/'));
    decoded.map(std::borrow::Cow::into_owned).ok_or_else(|| {
        ParseError::new(pointer_of(index), "a path segment", segment, "percent-encoded UTF-8 without `/`")
    })
}

fn parse_segments(segments: &[String]) -> Result<Recipe, ParseError> {
    let (last, before) = segments.split_last().expect("splitting a string gives at least one part");
    let (last, format) = last.rsplit_once('.').ok_or_else(|| {
        ParseError::new("/format", "the format", "missing", allowed_words(Requested::WORDS))
    })?;
    let format = word(Requested::WORDS, format)
        .ok_or_else(|| ParseError::new("/format", "the format", format, allowed_words(Requested::WORDS)))?;
    if before.len() > MAX_LAYERS {
        let allowed = format!("at most {MAX_LAYERS}");
        return Err(ParseError::new("/layers", "the number of layers", before.len().to_string(), allowed));
    }
    let elements = before.iter().map(String::as_str).chain([last]);
    let mut elements = elements.enumerate().map(|(i, text)| Element::split(pointer_of(i), text));
    let base = elements.next().expect("there is a last segment").and_then(|e| parse_base(&e))?;
    let layers = elements.map(|e| parse_layer(&e?)).collect::<Result<_, _>>()?;
    let mut recipe = Recipe { base, layers, format };
    recipe.canonicalise();
    Ok(recipe)
}

/// A segment cut into its name and parameters, each parameter at most once.
struct Element<'a> {
    pointer: String,
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Element<'a> {
    fn split(pointer: String, segment: &'a str) -> Result<Self, ParseError> {
        let mut parts = segment.split(';');
        let name = parts.next().unwrap_or_default();
        let mut element = Element { pointer, name, parameters: Vec::new() };
        for part in parts {
            let Some((parameter, value)) = part.split_once('=') else {
                let what = format!("a parameter of {}", element.title());
                return Err(ParseError::new(element.pointer, what, part, "`name=value`"));
            };
            if element.parameters.iter().any(|(known, _)| *known == parameter) {
                return Err(element.refuse(parameter, "given twice", "once"));
            }
            element.parameters.push((parameter, value));
        }
        Ok(element)
    }

    fn title(&self) -> String {
        let part = if self.pointer == "/base" { "base" } else { "layer" };
        format!("{part} `{}`", self.name)
    }

    /// An error about one parameter.
    fn refuse(&self, parameter: &str, given: &str, allowed: impl Into<String>) -> ParseError {
        let pointer = format!("{}/{parameter}", self.pointer);
        ParseError::new(pointer, format!("`{parameter}` of {}", self.title()), given, allowed)
    }

    /// An error about a parameter that the element does not have.
    fn unknown(&self, parameter: &str, known: &[&str]) -> ParseError {
        let pointer = format!("{}/{parameter}", self.pointer);
        let what = format!("a parameter of {}", self.title());
        ParseError::new(pointer, what, parameter, format!("`{}`", known.join("`, `")))
    }

    /// The parameter's value read by `read`, or an error that says what is `allowed`.
    fn value<T>(
        &self,
        (parameter, value): (&str, &str),
        read: impl Fn(&str) -> Option<T>,
        allowed: impl Into<String>,
    ) -> Result<T, ParseError> {
        read(value).ok_or_else(|| self.refuse(parameter, value, allowed))
    }
}

fn parse_base(element: &Element<'_>) -> Result<Base, ParseError> {
    let mut base = Base::new(asset_ref(&element.pointer, "the base", element.name)?);
    for &parameter in &element.parameters {
        match parameter.0 {
            "w" => base.width = Some(element.value(parameter, side, SIDE)?),
            "h" => base.height = Some(element.value(parameter, side, SIDE)?),
            "fit" => {
                base.fit = element.value(parameter, |v| word(Fit::WORDS, v), allowed_words(Fit::WORDS))?;
            }
            "pos" => base.position = Some(element.value(parameter, position, position_words())?),
            "bg" => base.background = element.value(parameter, colour, COLOUR)?,
            "dpr" => base.dpr = element.value(parameter, decimal_between("1", "4"), "a number, 1 to 4")?,
            "q" => {
                base.quality =
                    Some(element.value(parameter, whole_between(1, 100), "a whole number, 1 to 100")? as u8);
            }
            "radius" => {
                base.radius = element.value(parameter, length_between("0", "0.5", "0", "16384"), RADIUS)?;
            }
            name => return Err(element.unknown(name, BASE_PARAMETERS)),
        }
    }
    Ok(base)
}

fn parse_layer(element: &Element<'_>) -> Result<Layer, ParseError> {
    let content = match element.name {
        "~text" => Content::Text(parse_text(element)?),
        "~fill" => Content::Fill(parse_fill(element)?),
        name if name.starts_with('~') => {
            let what = "a generated layer";
            return Err(ParseError::new(&element.pointer, what, name, "`~text`, `~fill`"));
        }
        name => Content::Asset(asset_ref(&element.pointer, "a layer", name)?),
    };
    let own: &[&str] = match content {
        Content::Text(_) => TEXT_PARAMETERS,
        Content::Fill(_) => FILL_PARAMETERS,
        Content::Asset(_) => &[],
    };
    let mut layer = Layer::new(content);
    for &parameter in element.parameters.iter().filter(|(name, _)| !own.contains(name)) {
        set_layer_parameter(&mut layer, element, parameter, own)?;
    }
    Ok(layer)
}

fn set_layer_parameter(
    layer: &mut Layer,
    element: &Element<'_>,
    parameter: (&str, &str),
    own: &[&str],
) -> Result<(), ParseError> {
    match parameter.0 {
        "at" => layer.at = Some(element.value(parameter, at, AT)?),
        "x" => {
            layer.x = element.value(parameter, length_between("-100", "100", "-100000", "100000"), OFFSET)?;
        }
        "y" => {
            layer.y = element.value(parameter, length_between("-100", "100", "-100000", "100000"), OFFSET)?;
        }
        "scale" => {
            layer.scale =
                element.value(parameter, decimal_between("0.0001", "100"), "a number, 0.0001 to 100")?;
        }
        "rotate" => {
            layer.rotate = element.value(parameter, Decimal::parse, DEGREES)?;
        }
        "flip" => {
            layer.flip = element.value(parameter, |v| word(Flip::WORDS, v), allowed_words(Flip::WORDS))?;
        }
        "opacity" => {
            layer.opacity = element.value(parameter, decimal_between("0", "1"), "a number, 0 to 1")?;
        }
        "blend" => {
            layer.blend =
                element.value(parameter, |v| word(BlendMode::WORDS, v), allowed_words(BlendMode::WORDS))?;
        }
        "op" => {
            layer.operator =
                element.value(parameter, |v| word(Operator::WORDS, v), allowed_words(Operator::WORDS))?;
        }
        "tile" => {
            layer.tile = element.value(parameter, |v| word(Tile::WORDS, v), allowed_words(Tile::WORDS))?;
        }
        "shadow" => layer.shadow = Some(element.value(parameter, shadow, SHADOW)?),
        "mask" => layer.mask = Some(asset_ref(&format!("{}/mask", element.pointer), "`mask`", parameter.1)?),
        name => {
            let known: Vec<&str> = LAYER_PARAMETERS.iter().chain(own).copied().collect();
            return Err(element.unknown(name, &known));
        }
    }
    Ok(())
}

fn parse_text(element: &Element<'_>) -> Result<Text, ParseError> {
    let mut text = None;
    let mut parsed = Text {
        text: String::new(),
        font: None,
        size: DEFAULT_TEXT_SIZE,
        colour: Colour::BLACK,
        align: Align::default(),
        wrap: None,
    };
    for &parameter in &element.parameters {
        match parameter.0 {
            "t" => text = Some(element.value(parameter, base64_text, TEXT)?),
            "font" => {
                parsed.font = Some(element.value(parameter, |v| AssetId::from_str(v).ok(), ASSET_ID)?);
            }
            "size" => {
                parsed.size = element.value(parameter, length_between("0.001", "4", "1", "16384"), SIZE)?;
            }
            "color" => parsed.colour = element.value(parameter, colour, COLOUR)?,
            "align" => {
                parsed.align =
                    element.value(parameter, |v| word(Align::WORDS, v), allowed_words(Align::WORDS))?;
            }
            "wrap" => {
                parsed.wrap =
                    Some(element.value(parameter, length_between("0.001", "4", "1", "32768"), SIZE)?);
            }
            _ => {}
        }
    }
    parsed.text = text.ok_or_else(|| element.refuse("t", "missing", TEXT))?;
    Ok(parsed)
}

fn parse_fill(element: &Element<'_>) -> Result<Fill, ParseError> {
    let mut fill = Fill { colour: Colour::BLACK, gradient: None };
    let (mut to, mut shape, mut angle) = (None, None, None);
    for &parameter in &element.parameters {
        match parameter.0 {
            "color" => fill.colour = element.value(parameter, colour, COLOUR)?,
            "to" => to = Some(element.value(parameter, colour, COLOUR)?),
            "gradient" => {
                let words = allowed_words(GradientShape::WORDS);
                shape = Some(element.value(parameter, |v| word(GradientShape::WORDS, v), words)?);
            }
            "angle" => angle = Some(element.value(parameter, Decimal::parse, DEGREES)?),
            _ => {}
        }
    }
    let Some(to) = to else {
        let orphan = shape.map(|_| "gradient").or(angle.map(|_| "angle"));
        return orphan
            .map_or(Ok(fill), |name| Err(element.refuse(name, "given", "only with `to`, the other colour")));
    };
    let shape = shape.unwrap_or_default();
    if shape == GradientShape::Radial && angle.is_some() {
        return Err(element.refuse("angle", "given", "only with `gradient=linear`"));
    }
    fill.gradient = Some(Gradient { to, shape, angle: angle.unwrap_or(DEFAULT_ANGLE) });
    Ok(fill)
}

pub(super) const BASE_PARAMETERS: &[&str] = &["w", "h", "fit", "pos", "bg", "dpr", "q", "radius"];
pub(super) const LAYER_PARAMETERS: &[&str] =
    &["at", "x", "y", "scale", "rotate", "flip", "opacity", "blend", "op", "tile", "shadow", "mask"];
pub(super) const TEXT_PARAMETERS: &[&str] = &["t", "font", "size", "color", "align", "wrap"];
pub(super) const FILL_PARAMETERS: &[&str] = &["color", "to", "gradient", "angle"];

/// Line height of a text whose `size` is not given: a tenth of the canvas height.
pub(super) const DEFAULT_TEXT_SIZE: Length = Length::Fraction(Decimal::from_ten_thousandths(1000));

/// Direction of a gradient whose `angle` is not given: downwards.
pub(super) const DEFAULT_ANGLE: Decimal = Decimal::whole(180);

const DEGREES: &str = "degrees clockwise, a plain decimal";
const SIDE: &str = "a whole number of CSS pixels, 1 to 8192";
const COLOUR: &str = "`rrggbb` or `rrggbbaa`, hexadecimal";
const RADIUS: &str = "a fraction of the shorter side, 0 to 0.5, or pixels, 0px to 16384px";
const AT: &str = "an anchor name (`[a-z][a-z0-9-]*`, at most 32 characters) or a compass point";
const OFFSET: &str = "a fraction of the canvas, -100 to 100, or pixels, -100000px to 100000px";
const SIZE: &str = "a fraction of the canvas, 0.001 to 4, or pixels, from 1px";
const SHADOW: &str = "`dx,dy,blur,rrggbbaa`: three lengths (blur from 0) and a colour";
const TEXT: &str = "base64url (no padding) of 1 to 2000 bytes of UTF-8 text";
const ASSET_ID: &str = "an asset id, `[a-z0-9][a-z0-9-]{0,63}`";

fn asset_ref(pointer: &str, what: &str, given: &str) -> Result<AssetRef, ParseError> {
    AssetRef::from_str(given).map_err(|allowed| ParseError::new(pointer, what, given, allowed.to_string()))
}

fn word<T: Copy>(words: &[(&str, T)], given: &str) -> Option<T> {
    words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value)
}

fn allowed_words<T>(words: &[(&str, T)]) -> String {
    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    format!("`{}`", words.join("`, `"))
}

fn position_words() -> String {
    format!("`focus`, {}", allowed_words(Gravity::WORDS))
}

fn side(given: &str) -> Option<u32> {
    whole_between(1, MAX_SIDE)(given)
}

fn whole_between(least: u32, most: u32) -> impl Fn(&str) -> Option<u32> {
    move |given| {
        let digits = !given.is_empty() && given.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| given.parse().ok()).flatten().filter(|n| (least..=most).contains(n))
    }
}

fn decimal_between(least: &str, most: &str) -> impl Fn(&str) -> Option<Decimal> {
    let (least, most) = (Decimal::parse(least), Decimal::parse(most));
    move |given| Decimal::parse(given).filter(|n| least <= Some(*n) && Some(*n) <= most)
}

fn length_between(least: &str, most: &str, least_px: &str, most_px: &str) -> impl Fn(&str) -> Option<Length> {
    let (fraction, px) = (decimal_between(least, most), decimal_between(least_px, most_px));
    move |given| {
        let length = Length::parse(given)?;
        let in_range = match given.strip_suffix("px") {
            Some(number) => px(number),
            None => fraction(given),
        };
        in_range.map(|_| length)
    }
}

fn position(given: &str) -> Option<Position> {
    if given == "focus" { Some(Position::Focus) } else { word(Gravity::WORDS, given).map(Position::Gravity) }
}

fn at(given: &str) -> Option<At> {
    let gravity = word(Gravity::WORDS, given).map(At::Gravity);
    gravity.or_else(|| is_anchor_name(given).then(|| At::Anchor(given.to_owned())))
}

fn colour(given: &str) -> Option<Colour> {
    let bytes = given.as_bytes();
    if !matches!(bytes.len(), 6 | 8) || !bytes.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let channel = |i: usize| given.get(i..i + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
    let a = if bytes.len() == 8 { channel(6)? } else { 255 };
    let (r, g, b) = (channel(0)?, channel(2)?, channel(4)?);
    Some(if a == 0 { Colour::TRANSPARENT } else { Colour { r, g, b, a } })
}

fn shadow(given: &str) -> Option<Shadow> {
    let mut parts = given.split(',');
    let offset = length_between("-4", "4", "-16384", "16384");
    let blur = length_between("0", "1", "0", "4096");
    let shadow = Shadow {
        dx: offset(parts.next()?)?,
        dy: offset(parts.next()?)?,
        blur: blur(parts.next()?)?,
        colour: colour(parts.next()?)?,
    };
    parts.next().is_none().then_some(shadow)
}

fn base64_text(given: &str) -> Option<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(given).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    (!text.is_empty() && text.len() <= MAX_TEXT_BYTES).then_some(text)
}
