//! The studio: cats down the left wall, hats along the bench, the table in the middle, the panel at the right (on a
//! phone a sheet at the bottom edge, folded with a checkbox so that it needs no script).

use leptos::prelude::*;

use crate::components::glyph::Glyph;
use crate::components::layers::Layers;
use crate::components::numbers::{LayerNumbers, PictureNumbers};
use crate::components::own_photo::OwnPhoto;
use crate::components::share::Share;
use crate::components::shelf::{Cats, Hats};
use crate::components::stage::Stage;
use crate::components::tools::Tools;

#[component]
pub fn StudioPage() -> impl IntoView {
    view! {
        <main class="studio">
            <Cats/>
            <section class="table" aria-label="The table">
                <Stage/>
                <Tools/>
            </section>
            <Hats/>
            <aside class="panel" aria-label="Layers, numbers and sharing">
                <input type="checkbox" class="sheet-switch" id="sheet"/>
                <label class="sheet-handle" for="sheet">"Layers, numbers, sharing" {Glyph::Up.view()}</label>
                <div class="panel-body">
                    <Layers/>
                    <LayerNumbers/>
                    <PictureNumbers/>
                    <Share/>
                    <OwnPhoto/>
                </div>
            </aside>
        </main>
    }
}
