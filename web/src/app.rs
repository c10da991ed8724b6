//! The body of the page, the same on both sides of hydration.

use leptos::prelude::*;

use crate::boot::Boot;
use crate::browser;
use crate::components::header::Header;
use crate::pages::studio::StudioPage;
use crate::state::Studio;

#[component]
pub fn App(boot: Boot) -> impl IntoView {
    let docs = format!("{}/docs", boot.delivery.trim_end_matches('/'));
    let studio = Studio::new(boot);
    provide_context(studio);
    browser::wake(studio);
    view! {
        <a class="skip" href="#stage">"Skip to the picture"</a>
        <div class="room">
            <Header docs/>
            <StudioPage/>
        </div>
        <p class="hidden-text" role="status" aria-live="polite">{move || studio.announcement.get()}</p>
    }
}
