//! What a layer is made of, where it is not a picture, and how it mixes with what lies below: the fields of text and
//! colour, and a disclosure with blend mode, shadow, tiling and mask.

use compositor::Kind;
use compositor::recipe::{
    Align, BlendMode, Content, Fill, Gradient, GradientShape, Operator, Shadow, Text, Tile,
};
use leptos::prelude::*;

use super::field::{Choice, Number, Tint, Words, Writing, fixed, hex, words_of};
use crate::state::{Studio, use_studio};
use crate::studio::edit::Part;

/// What a layer draws, as far as its fields depend on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Picture,
    Text,
    Colour { gradient: Option<GradientShape> },
}

fn made(content: &Content) -> Made {
    match content {
        Content::Asset(_) => Made::Picture,
        Content::Text(_) => Made::Text,
        Content::Fill(fill) => Made::Colour { gradient: fill.gradient.map(|gradient| gradient.shape) },
    }
}

/// The fields of a text or a colour; none for a picture.
#[component]
pub fn MadeOf(index: usize) -> impl IntoView {
    let studio = use_studio();
    let made = Memo::new(move |_| studio.layer(index).map(|layer| made(&layer.content)));
    move || match made.get() {
        None | Some(Made::Picture) => None,
        Some(Made::Text) => Some(view! { <Lettering index/> }.into_any()),
        Some(Made::Colour { gradient }) => Some(view! { <Colouring index gradient/> }.into_any()),
    }
}

#[component]
fn Lettering(index: usize) -> impl IntoView {
    let studio = use_studio();
    let part = Part::Layer(index);
    let of = move |read: fn(&Text) -> String| {
        Signal::derive(move || match studio.layer(index).map(|layer| layer.content) {
            Some(Content::Text(text)) => read(&text),
            _ => String::new(),
        })
    };
    let font = of(|text| text.font.as_ref().map(ToString::to_string).unwrap_or_default());
    let choosable = move || fonts(studio).len() > 2;
    view! {
        <div class="grid">
            <Writing part name="text" label="text" value=of(|text| text.text.clone())/>
            <Number part name="size" label="size" title="Height of a line, as a part of the picture's height; with px in pixels" step=0.01
                value=of(|text| text.size.to_string()) unit=fixed("")/>
            <Number part name="wrap" label="wrap" title="Width at which lines break, as a part of the picture's width; empty: only where you break them" step=0.05
                value=of(|text| text.wrap.map(|wrap| wrap.to_string()).unwrap_or_default()) unit=fixed("")/>
            <Choice part name="align" label="align" value=of(|text| text.align.word().to_owned()) options=words_of(Align::WORDS)/>
            <div class="full"><Tint part name="color" label="colour" empty="000000" value=of(|text| hex(text.colour))/></div>
            {move || choosable().then(|| view! {
                <Choice part name="font" label="font" value=font options=Signal::derive(move || fonts(studio))/>
            })}
        </div>
    }
}

/// The fonts of the catalogue, and first the one that is taken when none is named.
fn fonts(studio: Studio) -> Words {
    std::iter::once((String::new(), "default".to_owned())).chain(titled(studio, Kind::Font)).collect()
}

/// Assets of a kind with their titles.
fn titled(studio: Studio, kind: Kind) -> Words {
    studio.catalogue.with(|catalogue| {
        let of_kind = catalogue.assets().iter().filter(|asset| asset.kind == kind);
        of_kind.map(|asset| (asset.id.to_string(), asset.title.clone())).collect()
    })
}

#[component]
fn Colouring(index: usize, gradient: Option<GradientShape>) -> impl IntoView {
    let studio = use_studio();
    let part = Part::Layer(index);
    let fill = move |read: fn(&Fill) -> String| {
        Signal::derive(move || match studio.layer(index).map(|layer| layer.content) {
            Some(Content::Fill(fill)) => read(&fill),
            _ => String::new(),
        })
    };
    let to = fill(|fill| fill.gradient.map(|gradient| hex(gradient.to)).unwrap_or_default());
    let shape = fill(|fill| fill.gradient.map_or("linear", |gradient| gradient.shape.word()).to_owned());
    let angle =
        fill(|fill| fill.gradient.map(|Gradient { angle, .. }| angle.to_string()).unwrap_or_default());
    view! {
        <div class="grid halves">
            <Tint part name="color" label="colour" empty="000000" value=fill(|fill| hex(fill.colour))/>
            <Tint part name="to" label="changing to" empty="one colour" value=to/>
            {gradient.map(|_| view! {
                <Choice part name="gradient" label="gradient" value=shape options=words_of(GradientShape::WORDS)/>
            })}
            {(gradient == Some(GradientShape::Linear)).then(|| view! {
                <Number part name="angle" label="angle" step=5.0 value=angle unit=fixed("°")/>
            })}
        </div>
    }
}

/// Blend mode, shadow, tiling, mask.
#[component]
pub fn Effects(index: usize) -> impl IntoView {
    let studio = use_studio();
    let part = Part::Layer(index);
    let of = move |read: fn(&compositor::recipe::Layer) -> String| {
        Signal::derive(move || studio.layer(index).as_ref().map(read).unwrap_or_default())
    };
    let mask = of(|layer| layer.mask.as_ref().map(ToString::to_string).unwrap_or_default());
    // Open from the start where there is something to see; later as the person leaves it.
    let open = studio.layer(index).is_some_and(|layer| has_effects(&layer));
    view! {
        <details class="effects" open=open>
            <summary>"Effects"</summary>
            <div class="grid">
                <div class="wide"><Choice part name="blend" label="blend mode" value=of(|layer| layer.blend.word().to_owned())
                    options=words_of(BlendMode::WORDS)/></div>
                <Choice part name="tile" label="tile" value=of(|layer| layer.tile.word().to_owned()) options=tiles()/>
                <div class="wide"><Choice part name="op" label="operator" value=of(|layer| layer.operator.word().to_owned())
                    options=words_of(Operator::WORDS)/></div>
                <Choice part name="mask" label="mask" value=mask options=Signal::derive(move || masks(studio))/>
                <ShadowFields index/>
            </div>
        </details>
    }
}

fn has_effects(layer: &compositor::recipe::Layer) -> bool {
    layer.blend != BlendMode::Normal
        || layer.operator != Operator::SourceOver
        || layer.tile != Tile::None
        || layer.shadow.is_some()
        || layer.mask.is_some()
}

#[component]
fn ShadowFields(index: usize) -> impl IntoView {
    let studio = use_studio();
    let part = Part::Layer(index);
    let of = move |read: fn(&Shadow) -> String| {
        Signal::derive(move || {
            studio.layer(index).and_then(|layer| layer.shadow).as_ref().map(read).unwrap_or_default()
        })
    };
    let colour = of(|shadow| hex(shadow.colour));
    let is_on = Memo::new(move |_| !colour.get().is_empty());
    let toggle = move |change| {
        let colour = if event_target_checked(&change) { DEFAULT_SHADOW } else { "" };
        // What the studio itself suggests, and nothing at all, are always allowed.
        let _ = studio.set(part, "shadow-color", colour, crate::studio::history::Step::Single);
    };
    view! {
        <label class="check full scripted-only">
            <input type="checkbox" prop:checked=is_on on:change=toggle/>
            "Shadow"
        </label>
        <Number part name="shadow-x" label="shadow x" step=0.005 value=of(|shadow| shadow.dx.to_string()) unit=fixed("w")/>
        <Number part name="shadow-y" label="shadow y" step=0.005 value=of(|shadow| shadow.dy.to_string()) unit=fixed("h")/>
        <Number part name="shadow-blur" label="blur" step=0.005 value=of(|shadow| shadow.blur.to_string()) unit=fixed("w")/>
        <div class="full"><Tint part name="shadow-color" label="shadow colour" empty="no shadow" value=colour/></div>
    }
}

/// Black, half there.
const DEFAULT_SHADOW: &str = "00000080";

fn tiles() -> Signal<Words> {
    let title = |tile: Tile| match tile {
        Tile::None => "no",
        Tile::X => "across",
        Tile::Y => "down",
        Tile::Both => "both",
    };
    Signal::stored(
        Tile::WORDS.iter().map(|(word, tile)| ((*word).to_owned(), title(*tile).to_owned())).collect(),
    )
}

/// What can cut a layer by its shape.
fn masks(studio: Studio) -> Words {
    std::iter::once((String::new(), "none".to_owned())).chain(titled(studio, Kind::Overlay)).collect()
}
