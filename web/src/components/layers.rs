//! What is worn, top to bottom: pick, raise, lower, take off. Every control is a link to the table after it.

use compositor::recipe::Content;
use leptos::ev;
use leptos::prelude::*;

use super::glyph::Glyph;
use super::{focus, focus_after_taking_off, is_plain, shelf};
use crate::state::use_studio;
use crate::studio::{edit, share};

#[component]
pub fn Layers() -> impl IntoView {
    let studio = use_studio();
    let count = Memo::new(move |_| studio.committed.with(|recipe| recipe.layers.len()));
    view! {
        <section class="part" aria-labelledby="worn">
            <header><h2 id="worn">"Wearing"</h2></header>
            <Show when=move || count.get() == 0>
                <div class="empty">
                    <svg viewBox="0 0 56 56" aria-hidden="true"><path d="M8 38c0-4 8-5 20-5s20 1 20 5-8 6-20 6-20-2-20-6Zm9-5 2-19c0-3 4-5 9-5s9 2 9 5l2 19"/></svg>
                    <p>"Nothing yet. Choose a hat from the shelf."</p>
                </div>
            </Show>
            <ol class="worn" on:keydown=shelf::walk>
                // A row belongs to a place in the stack and shows what lies there.
                <For each=move || (0..count.get()).rev() key=|index| *index let:index>
                    <Row index/>
                </For>
            </ol>
            <Show when=move || { count.get() > 0 && studio.selected.get().is_none() }>
                <p class="quiet">"Drag it on the picture, or pick it here for its numbers."</p>
            </Show>
        </section>
    }
}

#[component]
fn Row(index: usize) -> impl IntoView {
    let studio = use_studio();
    let in_hand = Memo::new(move |_| studio.selected.get() == Some(index));
    let top = Memo::new(move |_| studio.committed.with(|recipe| index + 1 >= recipe.layers.len()));
    let picture = Memo::new(move |_| {
        studio.layer(index).as_ref().and_then(edit::asset_of).map(|id| studio.thumbnail(id))
    });
    let glyph = Memo::new(move |_| match studio.layer(index).map(|layer| layer.content) {
        Some(Content::Text(_)) => Glyph::Text,
        _ => Glyph::Colour,
    });
    let pick = move |click: ev::MouseEvent| {
        if is_plain(&click) {
            click.prevent_default();
            studio.selected.set(Some(index));
        }
    };
    view! {
        <li data-selected=move || in_hand.get().to_string()>
            <a class="pick" id=row_id(index) on:click=pick aria-current=move || in_hand.get().then_some("true")
                href=move || studio.committed.with(|recipe| share::layer_path(recipe, index))>
                {move || match picture.get() {
                    Some(picture) => view! { <img src=picture width="160" height="160" alt="" decoding="async"/> }.into_any(),
                    None => glyph.get().view().into_any(),
                }}
                <span>{move || studio.layer_title(index)}</span>
            </a>
            <Move from=index to=index + 1 disabled=top.into() word="Raise" glyph=Glyph::Up/>
            <Move from=index to=index.saturating_sub(1) disabled=Signal::stored(index == 0) word="Lower" glyph=Glyph::Down/>
            <TakeOff index/>
        </li>
    }
}

fn row_id(index: usize) -> String {
    format!("worn-{index}")
}

#[component]
fn Move(from: usize, to: usize, disabled: Signal<bool>, word: &'static str, glyph: Glyph) -> impl IntoView {
    let studio = use_studio();
    let restack = move |click: ev::MouseEvent| {
        if is_plain(&click) {
            click.prevent_default();
            if !disabled.get_untracked() {
                studio.restack(from, to);
                focus(&row_id(to));
            }
        }
    };
    let href = move || {
        let restacked = studio.committed.with(|recipe| edit::restack(recipe, from, to));
        (!disabled.get()).then(|| share::layer_path(&restacked, to))
    };
    let label = move || format!("{word} {}", studio.layer_title(from));
    view! {
        <a class="tool" role="link" href=href aria-disabled=move || disabled.get().then_some("true") aria-label=label title=label
            on:click=restack>
            {glyph.view()}
        </a>
    }
}

#[component]
fn TakeOff(index: usize) -> impl IntoView {
    let studio = use_studio();
    let take_off = move |click: ev::MouseEvent| {
        if is_plain(&click) {
            click.prevent_default();
            studio.take_off(index);
            focus_after_taking_off(index, row_id);
        }
    };
    let href = move || studio.committed.with(|recipe| share::studio_path(&edit::take_off(recipe, index)));
    let label = move || format!("Take off {}", studio.layer_title(index));
    view! {
        <a class="tool" href=href aria-label=label title=label on:click=take_off>
            {Glyph::Remove.view()}
        </a>
    }
}
