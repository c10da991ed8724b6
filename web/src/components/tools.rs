//! Under the picture: what it is, how large, and the tools for the whole of it.

use leptos::ev;
use leptos::prelude::*;

use super::glyph::Glyph;
use super::is_plain;
use crate::browser;
use crate::state::use_studio;
use crate::studio::served::Served;
use crate::studio::{share, words};

#[component]
pub fn Tools() -> impl IntoView {
    let studio = use_studio();
    view! {
        <div class="under">
            <div class="caption">
                <h1>{move || studio.caption()}</h1>
                <Figures/>
            </div>
            <div class="tools">
                <button type="button" class="tool scripted-only" aria-label="Undo" title="Undo (Ctrl+Z)"
                    disabled=move || !studio.can_undo() on:click=move |_| studio.undo()>{Glyph::Undo.view()}</button>
                <button type="button" class="tool scripted-only" aria-label="Redo" title="Redo (Ctrl+Shift+Z)"
                    disabled=move || !studio.can_redo() on:click=move |_| studio.redo()>{Glyph::Redo.view()}</button>
                <Download/>
            </div>
        </div>
    }
}

/// Size, format, length of the file, and who answered for it; figures of one width, so that nothing dances.
#[component]
fn Figures() -> impl IntoView {
    let studio = use_studio();
    let size = move || {
        let (width, height) = studio.canvas();
        format!("{width} × {height}")
    };
    let format = move || {
        let plan = studio.committed.with(|recipe| studio.plan(recipe));
        plan.map_or_else(|_| String::new(), |plan| plan.format().extension().to_uppercase())
    };
    let bytes = move || studio.bytes.get().map(words::bytes);
    let from = move || match studio.served.get() {
        _ if studio.is_private() => "only in this browser",
        Served::Unreachable if !studio.is_drawing() => "",
        served => served.words(),
    };
    view! {
        <p class="figures">
            <span>{size}</span>
            <span>{format}</span>
            <span data-bytes=move || studio.bytes.get().map(|bytes| bytes.to_string())>{bytes}</span>
            <span>{from}</span>
        </p>
    }
}

/// The file, written by the compositor in this browser; the very bytes the link would fetch.
#[component]
fn Download() -> impl IntoView {
    let studio = use_studio();
    let url = move || studio.committed.with(|recipe| share::picture_url(&studio.delivery(), recipe));
    let name = move || studio.committed.with(|recipe| share::file_name(recipe, recipe.format.word()));
    let has_file = move || studio.has_file();
    let download = move |click: ev::MouseEvent| {
        if is_plain(&click) && studio.is_drawing() && studio.whole.get_untracked() {
            click.prevent_default();
            browser::download(studio);
        }
    };
    view! {
        <a class="button main" role="link" href=move || has_file().then(url) download=name on:click=download
            aria-disabled=move || (!has_file()).then_some("true") aria-busy=move || studio.writing.get().then_some("true")>
            {Glyph::Download.view()}
            {move || if studio.writing.get() { "Writing…" } else { "Download" }}
        </a>
    }
}
