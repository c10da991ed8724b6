//! The studio of Milliner: one page that puts hats on cats, rendered on the server and taken over by WebAssembly.
//!
//! `studio` is what somebody is making, without a page; `state` holds it in signals; `pages` and `components` show it on
//! both sides; `browser` does the little that only a browser can, `worker` what would hold a page up; `server` (feature
//! `ssr`) answers requests.
//! Both sides render the same first view from the same [`boot::Boot`], so hydration finds what it expects.

#![expect(
    clippy::large_types_passed_by_value,
    reason = "`Studio` is a bundle of signal handles, and every closure of a view takes a copy of it anyway"
)]

pub mod app;
pub mod boot;
mod browser;
mod components;
mod pages;
#[cfg(feature = "ssr")]
pub mod server;
mod state;
pub mod studio;
pub mod worker;

/// Takes the server's page over. Runs when the module is loaded; in a worker there is no page.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen(start)]
pub fn hydrate() {
    use leptos::prelude::document;

    if web_sys::window().is_none() {
        return;
    }
    let script = document().get_element_by_id(boot::ELEMENT_ID).and_then(|script| script.text_content());
    // A page without it stands alone and needs no taking over.
    if let Some(boot) = script.and_then(|script| serde_json::from_str::<boot::Boot>(&script).ok()) {
        leptos::mount::hydrate_body(move || leptos::view! { <app::App boot/> });
    }
}
