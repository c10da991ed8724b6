//! Every change a person can make to a recipe, as plain functions from one recipe to the next.
//!
//! The server uses them for links and forms, the browser for clicks and keys, so both halves of the studio mean the
//! same by the same gesture. Values typed by hand go through the grammar itself, the only judge of what is allowed.

use compositor::recipe::{At, Colour, Content, GradientShape, Layer, MAX_LAYERS, Shadow, Text};
use compositor::{Asset, AssetId, AssetRef, Catalogue, Limits, Plan, Recipe, Requested};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The part of a recipe that a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Base,
    Layer(usize),
}

impl Part {
    pub fn layer(self) -> Option<usize> {
        match self {
            Part::Base => None,
            Part::Layer(index) => Some(index),
        }
    }
}

/// A shadow that nobody has touched yet: offsets and blur.
const SHADOW: [&str; 3] = ["0.01", "0.015", "0.015"];
/// Its colour, where only a length of it was given.
const SHADOW_COLOUR: &str = "00000080";

/// What a value needs escaped inside a matrix parameter.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b',');

/// The plan of a recipe that can be rendered.
///
/// # Errors
/// What the catalogue does not have, or that the picture is too large, in one sentence.
pub fn plan(catalogue: &Catalogue, recipe: &Recipe) -> Result<Plan, String> {
    let plan = catalogue.resolve(recipe, None).map_err(|error| error.to_string())?;
    let limits = Limits::default();
    let (width, height) = plan.canvas();
    if u64::from(width) * u64::from(height) > limits.canvas_pixels
        || plan.working_bytes() > limits.working_bytes
    {
        return Err(format!(
            "{width} × {height} is more than can be rendered at once. Make the picture smaller."
        ));
    }
    Ok(plan)
}

/// The assets that a recipe is made of, as the catalogue has them.
pub fn assets_of(catalogue: &Catalogue, recipe: &Recipe) -> Vec<Asset> {
    recipe.asset_ids().iter().filter_map(|id| catalogue.get(id.as_ref())).cloned().collect()
}

/// Put everything that is worn on another base. Anchors that it lacks are left to the default.
pub fn choose_base(recipe: &Recipe, base: &Asset) -> Recipe {
    let mut next = recipe.clone();
    next.base.asset = AssetRef::latest(base.id.clone());
    for layer in &mut next.layers {
        if matches!(&layer.at, Some(At::Anchor(name)) if !base.anchors.contains_key(name)) {
            layer.at = None;
        }
    }
    next.canonicalise();
    next
}

/// Put everything that is worn on a photo. One without a transparent pixel is delivered as JPEG: as PNG it would be many
/// times the size for no visible gain.
pub fn lay_photo(recipe: &Recipe, photo: &Asset) -> Recipe {
    let next = choose_base(recipe, photo);
    if photo.opaque && next.format == Requested::Png {
        set_format(&next, "jpg").unwrap_or(next)
    } else {
        next
    }
}

/// What wearing something did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worn {
    /// It lies on top, as this layer.
    On(Recipe, usize),
    /// It was worn and is now taken off.
    Off(Recipe),
    /// There is no room for another layer.
    Full,
}

/// Put an overlay on, or take it off when it is worn already. Only one thing is worn at one anchor, so another hat
/// takes the place (and the adjustments) of the first, unless `stack` asks for both.
pub fn wear(recipe: &Recipe, catalogue: &Catalogue, overlay: &Asset, stack: bool) -> Worn {
    if let Some(index) = worn_at(recipe, &overlay.id).filter(|_| !stack) {
        return Worn::Off(take_off(recipe, index));
    }
    let mut next = recipe.clone();
    let rival = recipe.layers.iter().position(|layer| {
        slot(catalogue, layer).is_some_and(|slot| own_anchor(overlay) == Some(slot)) && !stack
    });
    if let Some(index) = rival {
        next.layers[index].content = Content::Asset(AssetRef::latest(overlay.id.clone()));
        return Worn::On(next, index);
    }
    if next.layers.len() >= MAX_LAYERS {
        return Worn::Full;
    }
    next.layers.push(Layer::new(Content::Asset(AssetRef::latest(overlay.id.clone()))));
    let top = next.layers.len() - 1;
    Worn::On(next, top)
}

/// The topmost layer that shows this asset.
pub fn worn_at(recipe: &Recipe, id: &AssetId) -> Option<usize> {
    recipe.layers.iter().rposition(|layer| asset_of(layer) == Some(id))
}

/// The asset a layer shows, if it shows one.
pub fn asset_of(layer: &Layer) -> Option<&AssetId> {
    match &layer.content {
        Content::Asset(asset) => Some(&asset.id),
        Content::Text(_) | Content::Fill(_) => None,
    }
}

/// Remove a layer.
pub fn take_off(recipe: &Recipe, index: usize) -> Recipe {
    let mut next = recipe.clone();
    if index < next.layers.len() {
        next.layers.remove(index);
    }
    next
}

/// Move a layer to another place in the stack; a place past an end is that end.
pub fn restack(recipe: &Recipe, from: usize, to: usize) -> Recipe {
    let mut next = recipe.clone();
    if from < next.layers.len() {
        let layer = next.layers.remove(from);
        next.layers.insert(to.min(next.layers.len()), layer);
    }
    next
}

/// Replace one layer.
pub fn replace(recipe: &Recipe, index: usize, layer: Layer) -> Recipe {
    let mut next = recipe.clone();
    if let Some(place) = next.layers.get_mut(index) {
        *place = layer;
    }
    next.canonicalise();
    next
}

/// Give a field the value somebody typed; an empty one returns it to its default. Fields are the parameters of the URL,
/// and those that are easier on people: `text` for `t`, and a shadow in four parts.
///
/// # Errors
/// One sentence that names what is allowed there.
pub fn set(recipe: &Recipe, part: Part, name: &str, value: &str) -> Result<Recipe, String> {
    let layer = part.layer().and_then(|index| recipe.layers.get(index));
    match (name, layer) {
        ("format", _) => set_format(recipe, value),
        ("text", Some(layer)) => set_text(recipe, part, layer, value),
        ("shadow-x" | "shadow-y" | "shadow-blur" | "shadow-color", Some(layer)) => {
            set_parameters(recipe, part, &[("shadow", &with_shadow(layer, name, value.trim()))])
        }
        ("bg" | "color", _) => set_parameters(recipe, part, &[(name, &colour(value))]),
        ("to", _) if value.trim().is_empty() => {
            set_parameters(recipe, part, &[("to", ""), ("gradient", ""), ("angle", "")])
        }
        ("to", _) => set_parameters(recipe, part, &[("to", &colour(value))]),
        // Fields of a form that say something about a gradient that is not there, or has no line.
        ("gradient" | "angle", Some(layer)) if gradient(layer).is_none() => Ok(recipe.clone()),
        ("angle", Some(layer)) if gradient(layer) == Some(GradientShape::Radial) => Ok(recipe.clone()),
        ("gradient", _) if value == "radial" => {
            set_parameters(recipe, part, &[("gradient", value), ("angle", "")])
        }
        _ => set_parameters(recipe, part, &[(name, value)]),
    }
}

fn set_parameters(recipe: &Recipe, part: Part, values: &[(&str, &str)]) -> Result<Recipe, String> {
    let path = recipe.to_path();
    let (elements, format) = split_format(&path);
    let set =
        |elements: String, (name, value): &(&str, &str)| with_parameter(&elements, part, name, value.trim());
    parse(&format!("{}.{format}", values.iter().try_fold(elements.to_owned(), set)?))
}

/// Words on the picture, spelled for the URL by the one printer of recipes and judged by its one parser.
fn set_text(recipe: &Recipe, part: Part, layer: &Layer, value: &str) -> Result<Recipe, String> {
    let (Content::Text(text), Some(index)) = (&layer.content, part.layer()) else {
        return Ok(recipe.clone());
    };
    if value.trim().is_empty() {
        return Err("Write something, or take the text off.".to_owned());
    }
    let text = Text { text: value.replace("\r\n", "\n"), ..text.clone() };
    let next = replace(recipe, index, Layer { content: Content::Text(text), ..layer.clone() });
    parse(&next.to_path()).map_err(|_| "This text is too long: 2000 bytes at most.".to_owned())
}

/// The shadow with one of its four parts changed; without a colour there is none.
fn with_shadow(layer: &Layer, name: &str, value: &str) -> String {
    let now = layer.shadow.map(|Shadow { dx, dy, blur, colour: Colour { r, g, b, a } }| {
        ([dx, dy, blur].map(|length| length.to_string()), format!("{r:02x}{g:02x}{b:02x}{a:02x}"))
    });
    let was_there = now.is_some();
    let (mut lengths, mut tint) = now.unwrap_or((SHADOW.map(str::to_owned), SHADOW_COLOUR.to_owned()));
    match name {
        "shadow-color" => tint = colour(value),
        _ if value.is_empty() && !was_there => return String::new(),
        _ => {
            let place =
                ["shadow-x", "shadow-y", "shadow-blur"].iter().position(|known| *known == name).unwrap_or(0);
            lengths[place] = if value.is_empty() { SHADOW[place].to_owned() } else { value.to_owned() };
        }
    }
    if tint.is_empty() { tint } else { format!("{},{tint}", lengths.join(",")) }
}

/// A colour as people write it, as the URL has it: with or without `#`, in three digits, or the word `transparent`.
fn colour(typed: &str) -> String {
    let digits = typed.trim().trim_start_matches('#');
    match digits {
        "transparent" | "none" => "00000000".to_owned(),
        _ if digits.len() == 3 && digits.is_ascii() => {
            digits.chars().flat_map(|digit| [digit, digit]).collect()
        }
        _ => digits.to_owned(),
    }
}

fn gradient(layer: &Layer) -> Option<GradientShape> {
    match &layer.content {
        Content::Fill(fill) => fill.gradient.map(|gradient| gradient.shape),
        Content::Text(_) | Content::Asset(_) => None,
    }
}

/// Something to add that is no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Material {
    Text,
    Colour,
}

impl Material {
    /// How it comes from the shelf: words that can be read on most pictures, a colour that leaves the picture visible.
    fn element(self) -> &'static str {
        match self {
            Material::Text => "~text;at=bottom;y=-0.05;t=SGVsbG8;color=ffffff",
            Material::Colour => "~fill;opacity=0.4;color=7b2036",
        }
    }
}

/// Lay text or colour over everything.
pub fn add(recipe: &Recipe, material: Material) -> Worn {
    let path = recipe.to_path();
    let (elements, format) = split_format(&path);
    let top = recipe.layers.len();
    match Recipe::parse(&format!("{elements}/{}.{format}", material.element())) {
        Ok(next) if top < MAX_LAYERS => Worn::On(next, top),
        _ => Worn::Full,
    }
}

/// Ask for another format. WebP here means lossless WebP, the one that every tier writes alike.
///
/// # Errors
/// One sentence that names the formats there are.
pub fn set_format(recipe: &Recipe, extension: &str) -> Result<Recipe, String> {
    let quality = match (extension, recipe.base.quality) {
        ("webp", _) => "100".to_owned(),
        (_, None | Some(100)) => String::new(),
        (_, Some(quality)) => quality.to_string(),
    };
    let path = recipe.to_path();
    let (elements, _) = split_format(&path);
    // Together, because a quality means nothing to a PNG and would be dropped from it.
    parse(&format!("{}.{extension}", with_parameter(elements, Part::Base, "q", &quality)?))
}

/// A canonical path always ends in a format.
fn split_format(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or((path, "png"))
}

fn parse(path: &str) -> Result<Recipe, String> {
    Recipe::parse(path).map_err(|error| error.to_string())
}

/// The path's elements with one parameter of one of them replaced, or dropped where the value is empty.
fn with_parameter(elements: &str, part: Part, name: &str, value: &str) -> Result<String, String> {
    // Escaped or not, these would end the parameter: a path is unescaped before it is taken apart.
    if let Some(mark) = value.chars().find(|c| matches!(c, ';' | '/' | '%')) {
        return Err(format!("`{name}` is `{value}`; `{mark}` cannot stand in a value"));
    }
    // "", "c", the base, then the layers
    let wanted = match part {
        Part::Base => 2,
        Part::Layer(index) => index + 3,
    };
    let same = |parameter: &&str| parameter.split_once('=').is_some_and(|(key, _)| key == name);
    let replaced = |element: &str| {
        let kept: Vec<&str> = element.split(';').filter(|parameter| !same(parameter)).collect();
        match value {
            "" => kept.join(";"),
            _ => format!("{};{name}={}", kept.join(";"), utf8_percent_encode(value, VALUE)),
        }
    };
    let edited = elements.split('/').enumerate();
    let edited: Vec<String> =
        edited.map(|(i, e)| if i == wanted { replaced(e) } else { e.to_owned() }).collect();
    Ok(edited.join("/"))
}

/// The anchor an overlay is worn by.
pub fn own_anchor(overlay: &Asset) -> Option<&str> {
    overlay.anchors.keys().next().map(String::as_str)
}

/// The anchor a layer occupies.
fn slot<'a>(catalogue: &'a Catalogue, layer: &'a Layer) -> Option<&'a str> {
    match &layer.at {
        Some(At::Anchor(name)) => Some(name),
        Some(At::Gravity(_)) => None,
        None => own_anchor(catalogue.get(asset_of(layer)?.as_ref())?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::sample;

    fn recipe(path: &str) -> Recipe {
        Recipe::parse(path).unwrap()
    }

    #[track_caller]
    fn check_set(path: &str, part: Part, name: &str, value: &str, expected: &str) {
        assert_eq!(set(&recipe(path), part, name, value).unwrap().to_path(), expected);
    }

    #[test]
    fn typed_values_go_through_the_grammar() {
        check_set(
            "/c/tabby/top-hat.png",
            Part::Layer(0),
            "rotate",
            " 352 ",
            "/c/tabby/top-hat;rotate=-8.png",
        );
        check_set("/c/tabby/top-hat;rotate=-8.png", Part::Layer(0), "rotate", "", "/c/tabby/top-hat.png");
        check_set("/c/tabby;w=800/top-hat.png", Part::Base, "h", "600", "/c/tabby;w=800;h=600/top-hat.png");
        check_set(
            "/c/tabby/top-hat;x=0.5/monocle.png",
            Part::Layer(1),
            "x",
            "12px",
            "/c/tabby/top-hat;x=0.5/monocle;x=12px.png",
        );
    }

    #[test]
    fn a_colour_is_typed_in_many_ways() {
        for (typed, expected) in [
            ("#7B2036", "/c/tabby;bg=7b2036.png"),
            ("fff", "/c/tabby;bg=ffffff.png"),
            ("7b203680", "/c/tabby;bg=7b203680.png"),
            ("transparent", "/c/tabby.png"),
            ("", "/c/tabby.png"),
        ] {
            check_set("/c/tabby;bg=000000.png", Part::Base, "bg", typed, expected);
        }
        assert!(set(&recipe("/c/tabby.png"), Part::Base, "bg", "felt").is_err());
    }

    #[test]
    fn words_are_spelled_for_the_url() {
        let text = "/c/tabby/~text;t=SGVsbG8;size=0.2.png";
        check_set(text, Part::Layer(0), "text", "Hat\r\n🎩", "/c/tabby/~text;t=SGF0CvCfjqk;size=0.2.png");
        check_set(text, Part::Layer(0), "size", "", "/c/tabby/~text;t=SGVsbG8.png");
        assert!(set(&recipe(text), Part::Layer(0), "text", " ").unwrap_err().starts_with("Write something"));
        assert!(set(&recipe(text), Part::Layer(0), "text", &"x".repeat(2001)).is_err());
    }

    #[test]
    fn a_shadow_is_set_part_by_part() {
        let (bare, shaded) = ("/c/tabby/top-hat.png", "/c/tabby/top-hat;shadow=0.01,2px,0,112233ff.png");
        check_set(
            bare,
            Part::Layer(0),
            "shadow-x",
            "4px",
            "/c/tabby/top-hat;shadow=4px,0.015,0.015,00000080.png",
        );
        check_set(bare, Part::Layer(0), "shadow-x", "", bare);
        check_set(
            bare,
            Part::Layer(0),
            "shadow-color",
            "#123",
            "/c/tabby/top-hat;shadow=0.01,0.015,0.015,112233ff.png",
        );
        check_set(
            shaded,
            Part::Layer(0),
            "shadow-blur",
            "0.5",
            "/c/tabby/top-hat;shadow=0.01,2px,0.5,112233ff.png",
        );
        check_set(shaded, Part::Layer(0), "shadow-color", "", bare);
        assert!(set(&recipe(bare), Part::Layer(0), "shadow-blur", "-1").is_err());
    }

    #[test]
    fn a_gradient_has_what_its_shape_needs() {
        let (plain, line) =
            ("/c/tabby/~fill;color=ff0000.png", "/c/tabby/~fill;color=ff0000;to=0000ff;angle=45.png");
        check_set(plain, Part::Layer(0), "to", "00f", "/c/tabby/~fill;color=ff0000;to=0000ff.png");
        check_set(plain, Part::Layer(0), "angle", "45", plain);
        check_set(line, Part::Layer(0), "to", "", plain);
        let radial = "/c/tabby/~fill;color=ff0000;to=0000ff;gradient=radial.png";
        check_set(line, Part::Layer(0), "gradient", "radial", radial);
        check_set(radial, Part::Layer(0), "angle", "45", radial);
    }

    #[test]
    fn text_and_colour_are_added_on_top() {
        let Worn::On(with_text, 1) = add(&recipe("/c/tabby/top-hat.png"), Material::Text) else {
            panic!("no text")
        };
        assert_eq!(
            with_text.to_path(),
            "/c/tabby/top-hat/~text;at=bottom;y=-0.05;t=SGVsbG8;color=ffffff.png"
        );
        assert!(matches!(add(&recipe("/c/tabby.png"), Material::Colour), Worn::On(_, 0)));
        assert_eq!(
            add(&recipe(&format!("/c/tabby{}.png", "/monocle".repeat(16))), Material::Text),
            Worn::Full
        );
    }

    #[test]
    fn a_value_cannot_escape_its_parameter() {
        for value in ["1;opacity=0", "1/monocle", "1.png?k=1", "%2f", "1 2", "NaN"] {
            assert!(set(&recipe("/c/tabby/top-hat.png"), Part::Layer(0), "x", value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_second_hat_takes_the_place_of_the_first() {
        let catalogue = sample::catalogue();
        let on = |path: &str, id: &str, stack| match wear(
            &recipe(path),
            &catalogue,
            catalogue.get(id).unwrap(),
            stack,
        ) {
            Worn::On(recipe, index) => format!("{index} {}", recipe.to_path()),
            Worn::Off(recipe) => format!("off {}", recipe.to_path()),
            Worn::Full => "full".to_owned(),
        };
        assert_eq!(on("/c/tabby.png", "top-hat", false), "0 /c/tabby/top-hat.png");
        assert_eq!(on("/c/tabby/top-hat;rotate=-8.png", "beret", false), "0 /c/tabby/beret;rotate=-8.png");
        assert_eq!(on("/c/tabby/top-hat.png", "beret", true), "1 /c/tabby/top-hat/beret.png");
        assert_eq!(on("/c/tabby/top-hat.png", "monocle", false), "1 /c/tabby/top-hat/monocle.png");
        assert_eq!(on("/c/tabby/top-hat/monocle.png", "top-hat", false), "off /c/tabby/monocle.png");
        assert_eq!(on(&format!("/c/tabby{}.png", "/monocle".repeat(16)), "top-hat", false), "full");
    }

    #[test]
    fn another_base_keeps_what_is_worn() {
        let catalogue = sample::catalogue();
        let next = choose_base(
            &recipe("/c/tabby;w=800/top-hat;at=head;x=0.1/monocle;at=top.png"),
            catalogue.get("mug").unwrap(),
        );
        assert_eq!(next.to_path(), "/c/mug;w=800/top-hat;x=0.1/monocle;at=top.png");
    }

    #[test]
    fn an_opaque_photo_is_delivered_as_jpeg() {
        let catalogue = sample::catalogue();
        let mut photo = catalogue.get("mug").unwrap().clone();
        let laid = |path: &str, photo: &Asset| lay_photo(&recipe(path), photo).to_path();
        assert_eq!(laid("/c/tabby/top-hat.png", &photo), "/c/mug/top-hat.jpg");
        assert_eq!(laid("/c/tabby;q=100/top-hat.webp", &photo), "/c/mug;q=100/top-hat.webp");
        photo.opaque = false;
        assert_eq!(laid("/c/tabby/top-hat.png", &photo), "/c/mug/top-hat.png");
    }

    #[test]
    fn what_no_server_renders_is_refused_in_words() {
        let catalogue = sample::catalogue();
        assert!(plan(&catalogue, &recipe("/c/tabby;w=4000/top-hat.png")).is_ok());
        let sentence = plan(&catalogue, &recipe("/c/tabby;w=8000/top-hat.png")).unwrap_err();
        assert!(sentence.starts_with("8000 × 8000 is more than can be rendered"), "{sentence}");
    }

    #[test]
    fn layers_move_in_the_stack() {
        let three = recipe("/c/tabby/top-hat/monocle/beret.png");
        assert_eq!(restack(&three, 0, 2).to_path(), "/c/tabby/monocle/beret/top-hat.png");
        assert_eq!(restack(&three, 2, 0).to_path(), "/c/tabby/beret/top-hat/monocle.png");
        assert_eq!(restack(&three, 1, 99).to_path(), "/c/tabby/top-hat/beret/monocle.png");
        assert_eq!(restack(&three, 9, 0), three);
    }

    #[test]
    fn webp_is_lossless_and_leaves_no_quality_behind() {
        let webp = set_format(&recipe("/c/tabby/top-hat.png"), "webp").unwrap();
        assert_eq!(webp.to_path(), "/c/tabby;q=100/top-hat.webp");
        assert_eq!(set_format(&webp, "jpg").unwrap().to_path(), "/c/tabby/top-hat.jpg");
        assert_eq!(set_format(&recipe("/c/tabby;q=60.jpg"), "avif").unwrap().base.quality, Some(60));
        assert!(set_format(&webp, "gif").is_err());
    }
}
