//! Taking the picture elsewhere: its URL, a tag for a page, Markdown.

use leptos::html;
use leptos::prelude::*;

use super::glyph::Glyph;
use crate::browser;
use crate::state::use_studio;
use crate::studio::share;

#[component]
pub fn Share() -> impl IntoView {
    let studio = use_studio();
    let url = Signal::derive(move || {
        studio.committed.with(|recipe| share::picture_url(&studio.delivery(), recipe))
    });
    let tag = move || share::img_tag(&url.get_untracked(), studio.canvas(), &studio.caption());
    let markdown = move || share::markdown(&url.get_untracked(), &studio.caption());
    let field = NodeRef::<html::Input>::new();
    let select = move |_| {
        if let Some(field) = field.get_untracked() {
            field.select();
        }
    };
    let copy = move |text: String, what: &'static str| browser::copy(studio, text, what, field);
    view! {
        <section class="part share stitched" aria-labelledby="share">
            <header><h2 id="share">"Share"</h2></header>
            <Show when=move || studio.is_private()>
                <p class="quiet">"Save your photo first; until then this link works for nobody else."</p>
            </Show>
            <div class="row">
                <span class="input">
                    <input type="text" readonly aria-label="URL of the picture" node_ref=field value=url prop:value=url on:focus=select/>
                </span>
            </div>
            <div class="row scripted-only" role="group" aria-label="Copy">
                <button type="button" class="button" on:click=move |_| copy(url.get_untracked(), "URL")>{Glyph::Copy.view()} "URL"</button>
                <button type="button" class="button" on:click=move |_| copy(tag(), "Image tag")>{Glyph::Copy.view()} "<img>"</button>
                <button type="button" class="button" on:click=move |_| copy(markdown(), "Markdown")>{Glyph::Copy.view()} "Markdown"</button>
            </div>
        </section>
    }
}
