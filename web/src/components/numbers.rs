//! The numbers behind the picture, named as the URL names them. Without JavaScript each group is a form whose answer is
//! the table with those numbers; with it every field takes effect as it changes.

use compositor::recipe::{At, Fit, Flip, Gravity, Length, Requested};
use leptos::prelude::*;

use super::effects::{Effects, MadeOf};
use super::field::{Choice, Number, Tint, Words, fixed, hex, words_of};
use crate::state::{Studio, use_studio};
use crate::studio::edit::Part;
use crate::studio::history::Step;

/// The numbers of the layer in hand.
#[component]
pub fn LayerNumbers() -> impl IntoView {
    let studio = use_studio();
    let selected = Memo::new(move |_| {
        let layers = studio.committed.with(|recipe| recipe.layers.len());
        studio.selected.get().filter(|index| *index < layers)
    });
    view! {
        {move || selected.get().map(|index| view! { <LayerForm index/> })}
    }
}

#[component]
fn LayerForm(index: usize) -> impl IntoView {
    let studio = use_studio();
    let part = Part::Layer(index);
    let of = move |read: fn(&compositor::recipe::Layer) -> String| {
        Signal::derive(move || studio.layer(index).as_ref().map(read).unwrap_or_default())
    };
    let percent = |length: Length| matches!(length, Length::Fraction(_));
    let x_unit = Signal::derive(move || studio.layer(index).is_none_or(|layer| percent(layer.x)));
    let y_unit = Signal::derive(move || studio.layer(index).is_none_or(|layer| percent(layer.y)));
    view! {
        <form class="part stitched" method="get" action="/studio" aria-labelledby="in-hand" on:submit=|submit| submit.prevent_default()>
            <header><h2 id="in-hand">{move || studio.layer_title(index)}</h2></header>
            <Carried/>
            <input type="hidden" name="layer" value=index.to_string()/>
            <MadeOf index/>
            <div class="grid">
                <Number part name="x" label="x" title="To the right, as a part of the picture's width; with px in pixels" step=0.01 value=of(|layer| layer.x.to_string()) unit=unit_of(x_unit, "width")/>
                <Number part name="y" label="y" title="Down, as a part of the picture's height; with px in pixels" step=0.01 value=of(|layer| layer.y.to_string()) unit=unit_of(y_unit, "height")/>
                <Number part name="scale" label="scale" step=0.05 value=of(|layer| layer.scale.to_string()) unit=fixed("×")/>
                <Number part name="rotate" label="rotate" step=1.0 value=of(|layer| layer.rotate.to_string()) unit=fixed("°")/>
                <Number part name="opacity" label="opacity" step=0.05 value=of(|layer| layer.opacity.to_string()) unit=fixed("")/>
                <Choice part name="flip" label="flip" value=of(|layer| layer.flip.word().to_owned()) options=flips()/>
                <div class="full"><Choice part name="at" label="at" value=of(|layer| at_word(layer.at.as_ref()))
                    options=Signal::derive(move || places(studio))/></div>
            </div>
            <Effects index/>
            <Apply/>
        </form>
    }
}

/// The numbers of the whole picture.
#[component]
pub fn PictureNumbers() -> impl IntoView {
    let studio = use_studio();
    let of = move |read: fn(&compositor::recipe::Base) -> String| {
        Signal::derive(move || studio.shown.with(|recipe| read(&recipe.base)))
    };
    let side = |side: Option<u32>| side.map(|side| side.to_string()).unwrap_or_default();
    let width = Signal::derive(move || studio.shown.with(|recipe| side(recipe.base.width)));
    let height = Signal::derive(move || studio.shown.with(|recipe| side(recipe.base.height)));
    let own = move |pick: fn((u32, u32)) -> u32| Signal::derive(move || pick(studio.canvas()).to_string());
    let part = Part::Base;
    view! {
        <form class="part stitched" method="get" action="/studio" aria-labelledby="picture" on:submit=|submit| submit.prevent_default()>
            <header><h2 id="picture">"Picture"</h2></header>
            <Carried/>
            <div class="grid">
                <Number part name="w" label="width" step=10.0 value=width placeholder=own(|canvas| canvas.0) unit=fixed("px")/>
                <Number part name="h" label="height" step=10.0 value=height placeholder=own(|canvas| canvas.1) unit=fixed("px")/>
                <Choice part name="fit" label="fit" value=of(|base| base.fit.word().to_owned()) options=words_of(Fit::WORDS)
                    disabled=Signal::derive(move || studio.shown.with(|recipe| recipe.base.width.is_none() || recipe.base.height.is_none()))/>
                <div class="full"><Formats/></div>
                <Number part name="radius" label="corners" title="Corner radius, as a part of the shorter side; with px in pixels" step=0.01
                    value=of(|base| base.radius.to_string()) unit=fixed("")/>
                <div class="wide"><Tint part name="bg" label="background" empty="transparent" value=of(|base| hex(base.background))/></div>
            </div>
            <Apply/>
        </form>
    }
}

/// The recipe that a form starts from.
#[component]
fn Carried() -> impl IntoView {
    let studio = use_studio();
    view! { <input type="hidden" name="recipe" value=move || studio.committed.with(compositor::Recipe::to_path)/> }
}

/// Only those without scripts need to press anything.
#[component]
fn Apply() -> impl IntoView {
    view! { <button class="button plain-only" type="submit">"Apply"</button> }
}

#[component]
fn Formats() -> impl IntoView {
    let studio = use_studio();
    // Lossy WebP and AVIF are drawn here and written by the server.
    let choose = move |format: Requested| drop(studio.set(Part::Base, "format", format.word(), Step::Single));
    let is = move |format| Signal::derive(move || studio.committed.with(|recipe| recipe.format == format));
    let choices = [
        (Requested::Png, "PNG"),
        (Requested::Jpeg, "JPEG"),
        (Requested::Webp, "WebP"),
        (Requested::Avif, "AVIF"),
        (Requested::Auto, "auto"),
    ];
    view! {
        <fieldset class="field">
            <legend>"format"</legend>
            <div class="choices">
                {choices.map(|(format, title)| view! {
                    <label>
                        <input type="radio" name="format" value=format.word() checked=is(format).get_untracked() prop:checked=is(format)
                            on:change=move |_| choose(format)/>
                        <span>{title}</span>
                    </label>
                }).into_iter().collect_view()}
            </div>
        </fieldset>
    }
}

/// Fractions are of a canvas side; a length in pixels says so itself.
fn unit_of(is_fraction: Signal<bool>, side: &'static str) -> Signal<&'static str> {
    let short = if side == "width" { "w" } else { "h" };
    Signal::derive(move || if is_fraction.get() { short } else { "" })
}

fn flips() -> Signal<Words> {
    let title = |flip: Flip| match flip {
        Flip::None => "no",
        Flip::Horizontal => "across",
        Flip::Vertical => "over",
        Flip::Both => "both",
    };
    Signal::stored(
        Flip::WORDS.iter().map(|(word, flip)| ((*word).to_owned(), title(*flip).to_owned())).collect(),
    )
}

fn at_word(at: Option<&At>) -> String {
    match at {
        None => String::new(),
        Some(At::Anchor(name)) => name.clone(),
        Some(At::Gravity(gravity)) => gravity.word().to_owned(),
    }
}

/// Where a layer can be held: as designed, by the base's anchors, at the compass points.
fn places(studio: Studio) -> Words {
    let base = studio.committed.with(|recipe| recipe.base.asset.id.clone());
    let anchors: Vec<String> = studio.catalogue.with(|catalogue| {
        catalogue.get(base.as_ref()).map(|base| base.anchors.keys().cloned().collect()).unwrap_or_default()
    });
    let gravities = Gravity::WORDS.iter().map(|(word, _)| (*word).to_owned());
    let named = anchors.into_iter().chain(gravities).map(|word| (word.clone(), word.replace('-', " ")));
    std::iter::once((String::new(), "where it belongs".to_owned())).chain(named).collect()
}
