//! Small line drawings for buttons, one hand for all; decoration only, the words are on the button.

use leptos::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Glyph {
    Undo,
    Redo,
    Download,
    Copy,
    Up,
    Down,
    Remove,
    Photo,
    Text,
    Colour,
    Close,
    Sun,
    Moon,
    System,
}

impl Glyph {
    fn path(self) -> &'static str {
        match self {
            Glyph::Undo => "M8 5 4 9l4 4M4.5 9H13a4 4 0 0 1 0 8h-3",
            Glyph::Redo => "m12 5 4 4-4 4M15.5 9H7a4 4 0 0 0 0 8h3",
            Glyph::Download => "M10 3v9.5M6 9l4 4 4-4M4 16.5h12",
            Glyph::Copy => {
                "M7.5 7.5v-3a1.2 1.2 0 0 1 1.2-1.2h6.6a1.2 1.2 0 0 1 1.2 1.2v6.6a1.2 1.2 0 0 1-1.2 1.2h-3M4.7 7.5h6.6a1.2 1.2 0 0 1 1.2 1.2v6.6a1.2 1.2 0 0 1-1.2 1.2H4.7a1.2 1.2 0 0 1-1.2-1.2V8.7a1.2 1.2 0 0 1 1.2-1.2Z"
            }
            Glyph::Up => "m5.5 12 4.5-4.5 4.5 4.5",
            Glyph::Down => "m5.5 8 4.5 4.5L14.5 8",
            Glyph::Remove => "M4 6h12M8 6V4h4v2M6 6l.7 10.5h6.6L14 6M8.7 9v5M11.3 9v5",
            Glyph::Photo => {
                "M3.5 6.5h3l1.2-2h4.6l1.2 2h3v9.5h-13ZM10 13.5a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2Z"
            }
            Glyph::Text => "M4.5 6.5V4h11v2.5M10 4v12M7.5 16h5",
            Glyph::Colour => "M10 3s5 5.4 5 9a5 5 0 0 1-10 0c0-3.6 5-9 5-9ZM7.6 12.4a2.5 2.5 0 0 0 2 2.2",
            Glyph::Close => "m6 6 8 8m0-8-8 8",
            Glyph::Sun => {
                "M10 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4ZM10 2.5v1.5M10 16v1.5M2.5 10H4M16 10h1.5M4.7 4.7l1 1M14.3 14.3l1 1M15.3 4.7l-1 1M5.7 14.3l-1 1"
            }
            Glyph::Moon => "M16 11.7A6.5 6.5 0 1 1 8.3 4a5.2 5.2 0 0 0 7.7 7.7Z",
            Glyph::System => "M3 4.5h14v9H3ZM7.5 16.5h5M10 13.5v3",
        }
    }

    pub fn view(self) -> impl IntoView {
        view! { <svg class="glyph" viewBox="0 0 20 20" aria-hidden="true"><path d=self.path()/></svg> }
    }
}
