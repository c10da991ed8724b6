//! One's own photo as base. It stays in this browser until somebody presses Save.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;

use super::glyph::Glyph;
use crate::browser;
use crate::state::{Photo, Studio, use_studio};

#[component]
pub fn OwnPhoto() -> impl IntoView {
    let studio = use_studio();
    let input = NodeRef::<html::Input>::new();
    let taken = move |_: ev::Event| {
        let file = input.get_untracked().and_then(|input| input.files()).and_then(|files| files.get(0));
        if let Some(file) = file {
            browser::take_photo(studio, file);
        }
        if let Some(input) = input.get_untracked() {
            input.set_value(""); // choosing the same file again is a choice, too
        }
    };
    let refused = move || studio.photo_refused.get();
    let there = move || studio.photo.with(Option::is_some);
    view! {
        <section class="part drop stitched scripted-only" aria-labelledby="own">
            <header><h2 id="own">"Your own photo"</h2></header>
            <label class="button" aria-busy=move || studio.reading.get().then_some("true")>
                {Glyph::Photo.view()}
                {move || if studio.reading.get() { "Reading your photo…" } else { "Choose, paste or drop a picture" }}
                <input type="file" accept="image/png,image/jpeg,image/webp,image/gif" node_ref=input on:change=taken
                    disabled=studio.reading aria-invalid=move || refused().is_some().then_some("true")
                    aria-describedby=move || refused().is_some().then_some(browser::REFUSAL_ID)/>
            </label>
            {move || refused().map(|sentence| view! { <p class="wrong" role="alert" id=browser::REFUSAL_ID>{sentence}</p> })}
            <Show when=there fallback=|| view! { <p class="quiet">"It stays in this browser until you save it."</p> }>
                <Placing/>
                <Save/>
            </Show>
        </section>
    }
}

/// Where hats sit on it.
#[component]
fn Placing() -> impl IntoView {
    let studio = use_studio();
    let placing = move || studio.photo.with(|photo| photo.as_ref().is_some_and(|photo| photo.placing));
    let toggle = move |_| {
        studio.photo.update(|photo| {
            if let Some(photo) = photo {
                photo.placing = !photo.placing;
            }
        });
    };
    let span = move || head(studio, |anchor| anchor.span);
    let angle = move || head(studio, |anchor| anchor.angle);
    view! {
        <button type="button" class="button" aria-pressed=move || placing().to_string() on:click=toggle>
            {move || if placing() { "Done placing" } else { "Place head, eyes and neck" }}
        </button>
        <Show when=placing>
            <p class="quiet">"Drag the three pins on the picture, then say how wide the head is and how far it tilts."</p>
            <label class="field">
                <span class="label">"head width"</span>
                <input type="range" min="0.05" max="1" step="0.01" prop:value=span
                    on:input=move |input| resize(studio, &event_target_value(&input))/>
            </label>
            <label class="field">
                <span class="label">"tilt"</span>
                <input type="range" min="-45" max="45" step="1" prop:value=angle
                    on:input=move |input| tilt(studio, &event_target_value(&input))/>
            </label>
        </Show>
    }
}

fn head(studio: Studio, read: fn(&compositor::Anchor) -> f64) -> String {
    studio.photo.with(|photo| {
        photo.as_ref().and_then(|photo| photo.asset.anchors.get("head").map(read)).unwrap_or(0.0).to_string()
    })
}

/// The head, and the rest of the face in its proportions.
fn resize(studio: Studio, typed: &str) {
    let Ok(width) = typed.parse::<f64>() else { return };
    studio.change_photo(|asset| {
        for (name, of_head) in Photo::PROPORTIONS {
            if let Some(anchor) = asset.anchors.get_mut(name) {
                anchor.span = (width * of_head).clamp(0.01, 1.0);
            }
        }
    });
}

fn tilt(studio: Studio, typed: &str) {
    let Ok(angle) = typed.parse::<f64>() else { return };
    studio.change_photo(|asset| asset.anchors.values_mut().for_each(|anchor| anchor.angle = angle));
}

/// Where the form says why nothing was saved.
const SAVE_REFUSAL_ID: &str = "save-refused";

/// Give it to the server, so that its URL works for everybody.
#[component]
fn Save() -> impl IntoView {
    let studio = use_studio();
    let key = NodeRef::<html::Input>::new();
    let refused = move || studio.save_refused.get();
    let saved = move || studio.photo.with(|photo| photo.as_ref().is_some_and(|photo| photo.saved));
    let save = move |submit: ev::SubmitEvent| {
        submit.prevent_default();
        let key = key.get_untracked().map(|key| key.value()).unwrap_or_default();
        browser::save_photo(studio, key);
    };
    view! {
        <form class="drop" on:submit=save>
            <label class="field">
                <span class="label">"API key, if the server asks for one"</span>
                <span class="input"><input type="password" autocomplete="off" node_ref=key
                    aria-describedby=move || refused().is_some().then_some(SAVE_REFUSAL_ID)/></span>
            </label>
            {move || refused().map(|sentence| view! { <p class="wrong" role="alert" id=SAVE_REFUSAL_ID>{sentence}</p> })}
            <div class="row">
                <input type="submit" class="button main" disabled=saved value=move || if saved() { "Saved" } else { "Save to the catalogue" }/>
            </div>
        </form>
    }
}
