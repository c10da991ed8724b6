//! The sign over the door: the name, the way to the API's documentation, and the light switch.

use leptos::prelude::*;

use super::glyph::Glyph;

#[component]
pub fn Header(docs: String) -> impl IntoView {
    view! {
        <header class="top">
            <a class="name" href="/">
                <Hat/>
                "Milliner"
            </a>
            <p class="motto">"Put a hat on it."</p>
            <nav aria-label="Milliner">
                <a href=docs>"API"</a>
                <ThemeSwitch/>
            </nav>
        </header>
    }
}

/// The sign itself, in the felt of the theme.
#[component]
pub fn Hat() -> impl IntoView {
    view! {
        <svg viewBox="0 0 32 32" aria-hidden="true">
            <path class="hat-crown" d="M8.6 7.2c0-1.7 3.3-3 7.4-3s7.4 1.3 7.4 3l-.9 13.6c2.9.4 6 1.3 6 2.9 0 2.5-5.6 4.5-12.5 4.5S3.5 26.2 3.5 23.7c0-1.6 3.1-2.5 6-2.9Z"/>
            <path class="hat-band" d="M9.3 17.6c1.8.9 4.1 1.3 6.7 1.3s4.9-.4 6.7-1.3l-.2 3.6c-1.8.9-4 1.3-6.5 1.3s-4.7-.4-6.5-1.3Z"/>
            <path class="hat-thread" d="M10.3 19.8c1.7.7 3.6 1 5.7 1s4-.3 5.7-1"/>
        </svg>
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    fn next(self) -> Self {
        match self {
            Theme::System => Theme::Light,
            Theme::Light => Theme::Dark,
            Theme::Dark => Theme::System,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    fn glyph(self) -> Glyph {
        match self {
            Theme::System => Glyph::System,
            Theme::Light => Glyph::Sun,
            Theme::Dark => Glyph::Moon,
        }
    }

    /// As chosen before in this browser; `theme.js` has already applied it.
    fn remembered() -> Self {
        match document().document_element().and_then(|root| root.get_attribute("data-theme")).as_deref() {
            Some("light") => Theme::Light,
            Some("dark") => Theme::Dark,
            _ => Theme::System,
        }
    }

    /// Apply and remember. A browser without storage forgets, which is its wish.
    fn apply(self) {
        let Some(root) = document().document_element() else { return };
        let storage = window().local_storage().ok().flatten();
        let _ = match self {
            Theme::System => root.remove_attribute("data-theme"),
            Theme::Light | Theme::Dark => root.set_attribute("data-theme", self.word()),
        };
        if let Some(storage) = storage {
            let _ = storage.set_item("milliner-theme", self.word());
        }
    }
}

#[component]
fn ThemeSwitch() -> impl IntoView {
    let theme = RwSignal::new(Theme::System);
    Effect::new(move |_| theme.set(Theme::remembered()));
    let turn = move |_| {
        let next = theme.get_untracked().next();
        next.apply();
        theme.set(next);
    };
    let label = move || format!("Theme: {}. Switch to {}.", theme.get().word(), theme.get().next().word());
    view! {
        <button type="button" class="tool scripted-only" on:click=turn aria-label=label title=label>
            {move || theme.get().glyph().view()}
        </button>
    }
}
