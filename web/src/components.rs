//! The parts of the room. Each is a view of the studio's state and calls its methods; none keeps facts of its own.

pub mod effects;
pub mod field;
pub mod glyph;
pub mod header;
pub mod layers;
pub mod numbers;
pub mod own_photo;
pub mod share;
pub mod shelf;
pub mod stage;
pub mod tools;

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// A click that means "here": not one that asks for a new tab or window.
pub fn is_plain(click: &ev::MouseEvent) -> bool {
    click.button() == 0 && !(click.ctrl_key() || click.meta_key() || click.alt_key())
}

/// Give the keyboard to an element once it is there. Without the element the focus stays where it is.
pub fn focus(id: &str) {
    focus_first(vec![format!("#{id}")]);
}

/// After a layer was taken off: the keyboard goes to the one that took its place, the one below, or back to the shelf.
pub fn focus_after_taking_off(index: usize, id_of: fn(usize) -> String) {
    let below = index.checked_sub(1).map(|below| format!("#{}", id_of(below)));
    let shelf = ".hats .swatch:not(.material):not([tabindex])".to_owned();
    focus_first(std::iter::once(format!("#{}", id_of(index))).chain(below).chain([shelf]).collect());
}

/// Give the keyboard to the first of these that is there.
fn focus_first(selectors: Vec<String>) {
    request_animation_frame(move || {
        let find = |selector: &String| document().query_selector(selector).ok().flatten();
        let element = selectors
            .iter()
            .find_map(find)
            .and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
        if let Some(element) = element {
            let options = web_sys::FocusOptions::new();
            options.set_prevent_scroll(true);
            let _ = element.focus_with_options(&options);
        }
    });
}
