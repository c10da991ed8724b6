//! The parts of the room. Each is a view of the studio's state and calls its methods; none keeps facts of its own.

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
    let id = id.to_owned();
    request_animation_frame(move || {
        let element = document().get_element_by_id(&id);
        if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
            let options = web_sys::FocusOptions::new();
            options.set_prevent_scroll(true);
            let _ = element.focus_with_options(&options);
        }
    });
}
