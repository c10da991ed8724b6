//! Pages without a studio: nothing here, or nothing to show yet. Plain HTML; no script takes them over.

use leptos::prelude::*;

use crate::components::header::Header;

/// What went missing, as a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No such page.
    Page,
    /// The origin does not answer and no catalogue was ever fetched.
    Origin,
    /// There is a catalogue, and no base in it.
    Catalogue,
}

impl Missing {
    pub fn title(self) -> &'static str {
        match self {
            Missing::Page => "No hat hangs here",
            Missing::Origin => "The workshop is closed for a moment",
            Missing::Catalogue => "The shelves are empty",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Missing::Page => {
                "The address is mistyped, or the page has moved. The studio is where it always was."
            }
            Missing::Origin => {
                "The origin does not answer, so there is no catalogue to show. Pictures that were rendered before are still served at their addresses. Load this page again in a minute."
            }
            Missing::Catalogue => {
                "Import a catalogue with `milliner import catalogue/`, then load this page again."
            }
        }
    }
}

#[component]
pub fn AlonePage(missing: Missing, docs: String) -> impl IntoView {
    view! {
        <div class="alone">
            <Header docs/>
            <main>
                <svg viewBox="0 0 120 120" aria-hidden="true">
                    <path class="sketch" d="M20 112c2-20 8-30 14-36-6-12-8-30-7-44 8 3 16 9 21 15 8-3 16-3 24 0 5-6 13-12 21-15 1 14-1 32-7 44 6 6 12 16 14 36"/>
                    <path class="sketch" d="M45 66c3-3 7-3 10 0M65 66c3-3 7-3 10 0M57 78c2 2 4 2 6 0M60 80v5"/>
                    <path class="sketch felt" d="M36 34c0-3 9-5 24-5s24 2 24 5-9 5-24 5-24-2-24-5Zm10-4 1-20c0-3 6-5 13-5s13 2 13 5l1 20"/>
                </svg>
                <h1>{missing.title()}</h1>
                <p>{missing.words()}</p>
                <a class="button main" href="/">"Back to the studio"</a>
            </main>
        </div>
    }
}
