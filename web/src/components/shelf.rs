//! A shelf of thumbnails, each a real composite served by the product and a link to the table with it chosen. Arrow
//! keys walk along the shelf; it is one stop for the tab key.

use compositor::{Asset, AssetId, Kind};
use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::glyph::Glyph;
use super::is_plain;
use crate::state::{Choice, Studio, use_studio};
use crate::studio::edit::{self, Worn};
use crate::studio::share;

#[component]
pub fn Cats() -> impl IntoView {
    view! {
        <nav class="shelf cats" aria-labelledby="cats">
            <header><h2 id="cats">"Cats"</h2></header>
            <Row kind=Kind::Base/>
        </nav>
    }
}

#[component]
pub fn Hats() -> impl IntoView {
    let studio = use_studio();
    view! {
        <nav class="shelf hats stitched" aria-labelledby="hats">
            <header>
                <h2 id="hats">"Hats and finery"</h2>
                <label class="check scripted-only" title="Keep the hat that is on, and put the next one over it">
                    <input type="checkbox" prop:checked=studio.stacking
                        on:change=move |change| studio.stacking.set(event_target_checked(&change))/>
                    "Stack"
                </label>
            </header>
            <Row kind=Kind::Overlay/>
        </nav>
    }
}

#[component]
fn Row(kind: Kind) -> impl IntoView {
    let studio = use_studio();
    let assets = move || {
        let of_kind = |asset: &&Asset| asset.kind == kind;
        studio
            .catalogue
            .with(|catalogue| catalogue.assets().iter().filter(of_kind).cloned().collect::<Vec<_>>())
    };
    let focused = RwSignal::new(None::<AssetId>);
    // While the keyboard is on the shelf its stop is where it is; else on what is chosen, so that it comes back there.
    let stop = Memo::new(move |_| {
        let assets = assets();
        let chosen = || assets.iter().find(|asset| is_chosen(studio, asset)).or(assets.first());
        focused.get().or_else(|| chosen().map(|asset| asset.id.clone()))
    });
    let left = move |leaving: ev::FocusEvent| {
        let list = leaving.current_target().and_then(|list| list.dyn_into::<web_sys::Node>().ok());
        let next = leaving.related_target().and_then(|next| next.dyn_into::<web_sys::Node>().ok());
        if !list.is_some_and(|list| list.contains(next.as_ref())) {
            focused.set(None);
        }
    };
    let materials = (kind == Kind::Overlay).then(|| {
        // Without a font there is nothing to write with.
        let font = AssetId::default_font();
        let writes = studio.catalogue.with_untracked(|catalogue| catalogue.get(font.as_ref()).is_some());
        view! {
            {writes.then(|| view! { <Material material=edit::Material::Text title="Add text" glyph=Glyph::Text/> })}
            <Material material=edit::Material::Colour title="Add colour" glyph=Glyph::Colour/>
        }
    });
    view! {
        <ul on:keydown=walk on:focusout=left>
            {materials}
            <For each=assets key=|asset| (asset.id.clone(), asset.digest) let:asset>
                <Swatch asset focused stop/>
            </For>
        </ul>
    }
}

/// Text or colour, which are no pictures but hang here, too. A stop of its own for the tab key.
#[component]
fn Material(material: edit::Material, title: &'static str, glyph: Glyph) -> impl IntoView {
    let studio = use_studio();
    let href = move || match studio.committed.with(|recipe| edit::add(recipe, material)) {
        Worn::On(recipe, layer) => share::layer_path(&recipe, layer),
        Worn::Off(_) | Worn::Full => studio.committed.with(share::studio_path),
    };
    let add = move |click: ev::MouseEvent| {
        if is_plain(&click) {
            click.prevent_default();
            studio.add(material);
        }
    };
    view! {
        <li>
            <a class="swatch material" href=href on:click=add>
                {glyph.view()}
                <span>{title}</span>
            </a>
        </li>
    }
}

#[component]
fn Swatch(asset: Asset, focused: RwSignal<Option<AssetId>>, stop: Memo<Option<AssetId>>) -> impl IntoView {
    let studio = use_studio();
    let id = StoredValue::new(asset.id.clone());
    // Without scripts there are no arrow keys, so every link is a stop.
    let passed_by =
        move || studio.awake.get() && stop.with(|stop| id.with_value(|id| stop.as_ref() != Some(id)));
    let title = if asset.title.is_empty() { asset.id.to_string() } else { asset.title.clone() };
    let asset = StoredValue::new(asset);
    let chosen = Memo::new(move |_| asset.with_value(|asset| is_chosen(studio, asset)));
    let href = move || asset.with_value(|asset| href(studio, asset));
    let choose = move |click: ev::MouseEvent| {
        if is_plain(&click) {
            click.prevent_default();
            asset.with_value(|asset| studio.choose(asset));
        }
    };
    view! {
        <li>
            <a class="swatch" href=href aria-current=move || chosen.get().then_some("true") on:click=choose
                tabindex=move || passed_by().then_some("-1") on:focus=move |_| focused.set(Some(id.get_value()))>
                <img src=move || id.with_value(|id| studio.thumbnail(id)) width="160" height="160" alt="" loading="lazy" decoding="async"/>
                <span>{title}</span>
            </a>
        </li>
    }
}

fn is_chosen(studio: Studio, asset: &Asset) -> bool {
    studio.committed.with(|recipe| match asset.kind {
        Kind::Base => recipe.base.asset.id == asset.id,
        _ => edit::worn_at(recipe, &asset.id).is_some(),
    })
}

/// The table after choosing it, for those who follow the link.
fn href(studio: Studio, asset: &Asset) -> String {
    match studio.choosing(asset, false) {
        Choice::Base(recipe) | Choice::Overlay(Worn::Off(recipe)) => share::studio_path(&recipe),
        Choice::Overlay(Worn::On(recipe, layer)) => share::layer_path(&recipe, layer),
        Choice::Overlay(Worn::Full) => studio.committed.with(share::studio_path),
    }
}

/// Arrow keys, Home and End move the focus along a row of links or buttons.
pub fn walk(key: ev::KeyboardEvent) {
    let towards = match key.key().as_str() {
        "ArrowRight" | "ArrowDown" => Towards::Next,
        "ArrowLeft" | "ArrowUp" => Towards::Previous,
        "Home" => Towards::First,
        "End" => Towards::Last,
        _ => return,
    };
    let target = key.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let Some(item) = target.as_ref().and_then(|element| element.closest("li").ok().flatten()) else { return };
    let parent = item.parent_element();
    let next = match towards {
        Towards::Next => item.next_element_sibling(),
        Towards::Previous => item.previous_element_sibling(),
        Towards::First => parent.and_then(|list| list.first_element_child()),
        Towards::Last => parent.and_then(|list| list.last_element_child()),
    };
    let link = next.and_then(|item| item.query_selector("a, button").ok().flatten());
    if let Some(link) = link.and_then(|link| link.dyn_into::<web_sys::HtmlElement>().ok()) {
        key.prevent_default();
        let _ = link.focus();
    }
}

enum Towards {
    Next,
    Previous,
    First,
    Last,
}
