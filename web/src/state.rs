//! The studio's state as signals: what is on the table, what is in hand, what was said. Components read it from the
//! context and change it only through the methods here, each of which is one thing a person does.

use std::collections::HashMap;
use std::sync::Arc;

use compositor::recipe::{Content, Layer};
use compositor::{Anchor, Asset, AssetId, Catalogue, Kind, Plan, Recipe};
use leptos::prelude::*;

use crate::boot::{Boot, Notice, Wrong};
use crate::browser;
use crate::studio::edit::{self, Material, Part, Worn};
use crate::studio::geometry::{Bounds, Frame, Placed, Point};
use crate::studio::gesture::Grabbed;
use crate::studio::history::{History, Step};
use crate::studio::served::Served;
use crate::studio::silhouette::Silhouette;
use crate::studio::{preview, words};

/// Handles to everything the studio knows; copied freely.
#[derive(Clone, Copy)]
pub struct Studio {
    /// The server's catalogue, and one's own photo beside it.
    pub catalogue: RwSignal<Arc<Catalogue>>,
    pub delivery: StoredValue<String>,
    worker: StoredValue<String>,
    history: RwSignal<History>,
    /// The recipe under a moving hand, not yet let go.
    draft: RwSignal<Option<Recipe>>,
    /// The recipe of now, without what a hand is still moving.
    pub committed: Memo<Recipe>,
    /// A hand, or its own weight, is moving something.
    pub moving: Memo<bool>,
    /// The recipe as it looks at this moment.
    pub shown: Memo<Recipe>,
    pub selected: RwSignal<Option<usize>>,
    /// Spoken to those who do not see the picture.
    pub announcement: RwSignal<String>,
    pub notice: RwSignal<Option<Notice>>,
    /// Canonical path of the recipe that this browser has drawn at its full size.
    pub drawn: RwSignal<Option<String>>,
    /// Why this browser leaves the drawing to the server, if it does.
    pub left_to_server: RwSignal<Option<String>>,
    /// Is the picture small enough that this browser writes its file?
    pub whole: RwSignal<bool>,
    /// Length of the finished file, once known.
    pub bytes: RwSignal<Option<u64>>,
    pub served: RwSignal<Served>,
    /// The page is taken over: keys, hands and live drawing work.
    pub awake: RwSignal<bool>,
    /// A hand is on the picture.
    pub held: RwSignal<bool>,
    /// Wear another hat over the first instead of in its place.
    pub stacking: RwSignal<bool>,
    pub photo: RwSignal<Option<Photo>>,
    /// A picture file is being read.
    pub reading: RwSignal<bool>,
    /// Why the last picture file cannot be used.
    pub photo_refused: RwSignal<Option<String>>,
    /// Why the photo was not saved.
    pub save_refused: RwSignal<Option<String>>,
    /// Somebody waits for the file of the picture.
    pub writing: RwSignal<bool>,
    pub silhouettes: RwSignal<HashMap<AssetId, Silhouette>>,
    /// Where the letters of a text are, by the recipe of that text alone.
    pub inks: RwSignal<HashMap<String, Bounds>>,
    /// The field that a form was sent with wrongly.
    wrong: StoredValue<Option<Wrong>>,
    /// The address bar shows what could not be shown.
    pub wrong_address: RwSignal<bool>,
}

/// One's own picture as base, known to this browser alone until it is saved.
#[derive(Clone, Debug)]
pub struct Photo {
    pub asset: Asset,
    pub bytes: Arc<[u8]>,
    /// Where this browser shows it from.
    pub url: String,
    pub saved: bool,
    /// Are its anchors being placed?
    pub placing: bool,
}

/// What happens to the table when a thing on a shelf is chosen.
pub enum Choice {
    Base(Recipe),
    Overlay(Worn),
}

impl Studio {
    /// From what the page was written from. `recipe` is canonical, so it parses; where it does not, the first base lies there.
    pub fn new(boot: Boot) -> Self {
        let recipe = Recipe::parse(&boot.recipe).ok().or_else(|| first_recipe(&boot.catalogue));
        let recipe = recipe.unwrap_or_else(bare_table);
        let history = RwSignal::new(History::new(recipe));
        let draft = RwSignal::new(None::<Recipe>);
        let committed = Memo::new(move |_| history.with(|history| history.present().clone()));
        let shown = Memo::new(move |_| draft.get().unwrap_or_else(|| committed.get()));
        Studio {
            catalogue: RwSignal::new(Arc::new(boot.catalogue)),
            delivery: StoredValue::new(boot.delivery),
            worker: StoredValue::new(boot.worker),
            history,
            draft,
            committed,
            moving: Memo::new(move |_| draft.with(Option::is_some)),
            shown,
            selected: RwSignal::new(boot.selected),
            announcement: RwSignal::new(String::new()),
            notice: RwSignal::new(boot.notice),
            drawn: RwSignal::new(None),
            left_to_server: RwSignal::new(None),
            whole: RwSignal::new(true),
            bytes: RwSignal::new(None),
            served: RwSignal::new(Served::default()),
            awake: RwSignal::new(false),
            held: RwSignal::new(false),
            stacking: RwSignal::new(false),
            photo: RwSignal::new(None),
            reading: RwSignal::new(false),
            photo_refused: RwSignal::new(None),
            save_refused: RwSignal::new(None),
            writing: RwSignal::new(false),
            silhouettes: RwSignal::new(HashMap::new()),
            inks: RwSignal::new(HashMap::new()),
            wrong: StoredValue::new(boot.wrong),
            wrong_address: RwSignal::new(boot.wrong_address),
        }
    }

    // What is.

    pub fn delivery(self) -> String {
        self.delivery.get_value()
    }

    /// URL of the script that runs in a worker.
    pub fn worker(self) -> String {
        self.worker.get_value()
    }

    /// The plan of a recipe under the present catalogue, or what is wrong in a sentence.
    pub fn plan(self, recipe: &Recipe) -> Result<Plan, String> {
        self.catalogue.with(|catalogue| edit::plan(catalogue, recipe))
    }

    /// The canvas of the recipe shown, in device pixels; a square where it cannot be resolved.
    pub fn canvas(self) -> (u32, u32) {
        self.shown.with(|recipe| self.plan(recipe).map_or((1, 1), |plan| plan.canvas()))
    }

    pub fn caption(self) -> String {
        self.committed.with(|recipe| self.catalogue.with(|catalogue| words::caption(recipe, catalogue)))
    }

    /// This browser draws the picture itself, and has begun.
    pub fn is_drawing(self) -> bool {
        self.drawn.with(Option::is_some) && self.left_to_server.with(Option::is_none)
    }

    /// Is there a file to be had: of what this browser has drawn, or else from a server that gives it?
    pub fn has_file(self) -> bool {
        let served = || {
            let refused =
                self.served.with(|served| matches!(served, Served::Refused(_) | Served::Unreachable));
            !refused && !self.is_private() && self.committed.with(|recipe| self.plan(recipe).is_ok())
        };
        match () {
            () if !self.awake.get() => true,
            () if self.left_to_server.with(Option::is_some) => served(),
            () => self.drawn.with(Option::is_some) && (self.whole.get() || !self.is_private()),
        }
    }

    /// A hand is moving something.
    pub fn is_moving(self) -> bool {
        self.draft.with_untracked(Option::is_some)
    }

    pub fn can_undo(self) -> bool {
        self.history.with(History::can_undo)
    }

    pub fn can_redo(self) -> bool {
        self.history.with(History::can_redo)
    }

    pub fn layer(self, index: usize) -> Option<Layer> {
        self.shown.with(|recipe| recipe.layers.get(index).cloned())
    }

    pub fn layer_title(self, index: usize) -> String {
        self.shown.with(|recipe| {
            let layer = recipe.layers.get(index);
            layer.map_or_else(String::new, |layer| {
                self.catalogue.with(|catalogue| words::layer_title(layer, catalogue))
            })
        })
    }

    /// Is the base a photo that nobody but this browser has?
    pub fn is_private(self) -> bool {
        self.photo.with(|photo| {
            let unsaved = photo.as_ref().filter(|photo| !photo.saved);
            unsaved.is_some_and(|photo| self.committed.with(|recipe| recipe.base.asset.id == photo.asset.id))
        })
    }

    /// How the base lies on the canvas of the recipe shown.
    pub fn frame(self) -> Option<Frame> {
        self.shown.with(|recipe| {
            self.catalogue.with(|catalogue| {
                Some(Frame::new(catalogue.get(recipe.base.asset.id.as_ref())?, &recipe.base))
            })
        })
    }

    /// Where a layer of the recipe shown lies.
    pub fn placed(self, index: usize) -> Option<(Frame, Placed)> {
        self.shown.with(|recipe| {
            self.catalogue.with(|catalogue| {
                let base = catalogue.get(recipe.base.asset.id.as_ref())?;
                let layer = recipe.layers.get(index)?;
                let frame = Frame::new(base, &recipe.base);
                let dpr = recipe.base.dpr.to_f64();
                let placed = match &layer.content {
                    Content::Asset(overlay) => {
                        Placed::new(&frame, base, catalogue.get(overlay.id.as_ref())?, layer, dpr)
                    }
                    Content::Fill(_) => Placed::new(&frame, base, &frame.filled(base), layer, dpr),
                    Content::Text(_) => Placed::of_text(&frame, base, layer, self.ink(recipe, index)?, dpr),
                };
                Some((frame, placed?))
            })
        })
    }

    /// Where the letters of a text were measured.
    fn ink(self, recipe: &Recipe, index: usize) -> Option<Bounds> {
        let alone = preview::text_alone(recipe, index)?.to_path();
        self.inks.with(|known| known.get(&alone).copied())
    }

    /// What is wrong with a field since the page was asked for.
    pub fn wrong_at(self, part: Part, name: &str) -> Option<Wrong> {
        self.wrong.get_value().filter(|wrong| wrong.layer == part.layer() && wrong.field == name)
    }

    /// A small picture of an asset: served by the product, or out of this browser for one's own photo.
    pub fn thumbnail(self, id: &AssetId) -> String {
        let own = self.photo.with(|photo| {
            photo.as_ref().filter(|photo| photo.asset.id == *id).map(|photo| photo.url.clone())
        });
        own.unwrap_or_else(|| format!("{}/c/{id};w=160;h=160;fit=contain;q=100.webp", self.delivery()))
    }

    /// The part of a layer's picture that shows something.
    pub fn visible_part(self, index: usize) -> Bounds {
        let id = self.shown.with(|recipe| recipe.layers.get(index).and_then(edit::asset_of).cloned());
        self.silhouettes
            .with(|known| id.and_then(|id| known.get(&id)).map_or(Bounds::ALL, Silhouette::bounds))
    }

    /// The topmost layer under a point of the canvas. A colour lies over everything, so it is held where nothing else is.
    pub fn hit(self, at: Point) -> Option<usize> {
        let is_fill = |layer: &Layer| matches!(layer.content, Content::Fill(_));
        let fills: Vec<bool> = self.shown.with(|recipe| recipe.layers.iter().map(is_fill).collect());
        let topmost = |fill: bool| {
            (0..fills.len()).rev().find(|&index| fills[index] == fill && self.touches(index, at))
        };
        topmost(false).or_else(|| topmost(true))
    }

    fn touches(self, index: usize, at: Point) -> bool {
        let Some((_, placed)) = self.placed(index) else { return false };
        let fraction = placed.fraction(at);
        let id = self.shown.with(|recipe| recipe.layers.get(index).and_then(edit::asset_of).cloned());
        let inside = |v: f64| (0.0..=1.0).contains(&v);
        self.silhouettes.with(|known| match id.and_then(|id| known.get(&id)) {
            Some(silhouette) => silhouette.touches(fraction),
            None => inside(fraction.x) && inside(fraction.y),
        })
    }

    /// A layer as a hand takes hold of it.
    pub fn grab(self, index: usize) -> Option<Grabbed> {
        let (frame, placed) = self.placed(index)?;
        let dpr = self.shown.with(|recipe| recipe.base.dpr.to_f64());
        Some(Grabbed {
            layer: self.layer(index)?,
            pivot: placed.pivot,
            canvas: Point::new(frame.width, frame.height),
            dpr,
        })
    }

    /// What the table would look like with this asset chosen.
    pub fn choosing(self, asset: &Asset, stack: bool) -> Choice {
        self.committed.with(|recipe| match asset.kind {
            Kind::Base => Choice::Base(edit::choose_base(recipe, asset)),
            _ => {
                Choice::Overlay(self.catalogue.with(|catalogue| edit::wear(recipe, catalogue, asset, stack)))
            }
        })
    }

    // What somebody does.

    /// Put a finished change on the table.
    pub fn commit(self, recipe: Recipe, step: Step) {
        let layers = recipe.layers.len();
        self.draft.set(None);
        self.history.update(|history| history.commit(recipe, step, now_ms()));
        if self.selected.get_untracked().is_some_and(|index| index >= layers) {
            self.selected.set(layers.checked_sub(1));
        }
        self.notice.set(None);
        self.wrong_address.set(false);
    }

    /// Show a layer as a hand moves it.
    pub fn move_to(self, index: usize, layer: Layer) {
        let moved = self.committed.with_untracked(|recipe| edit::replace(recipe, index, layer));
        self.draft.set(Some(moved));
    }

    /// The hand lets go.
    pub fn let_go(self) {
        if let Some(recipe) = self.draft.get_untracked() {
            self.commit(recipe, Step::Single);
        }
    }

    /// The hand was interrupted: as if nothing had moved.
    pub fn drop_draft(self) {
        self.draft.set(None);
    }

    /// Choose something from a shelf.
    pub fn choose(self, asset: &Asset) {
        match self.choosing(asset, self.stacking.get_untracked()) {
            Choice::Base(recipe) => {
                self.commit(recipe, Step::Single);
                self.announcement.set(self.caption());
            }
            Choice::Overlay(worn) => self.wear(worn),
        }
    }

    /// Lay text or colour over everything.
    pub fn add(self, material: Material) {
        self.wear(self.committed.with_untracked(|recipe| edit::add(recipe, material)));
    }

    fn wear(self, worn: Worn) {
        match worn {
            Worn::Off(recipe) => self.commit(recipe, Step::Single),
            Worn::On(recipe, index) => {
                self.commit(recipe, Step::Single);
                self.selected.set(Some(index));
                browser::settle(self, index);
            }
            Worn::Full => {
                self.notice.set(Some(Notice::calm(
                    "Sixteen layers are the most one cat can wear. Take one off first.",
                )));
                return;
            }
        }
        self.announcement.set(self.caption());
    }

    /// Nudge a layer: by canvas fractions, a factor, degrees.
    pub fn nudge(self, index: usize, by: (f64, f64), factor: f64, turn: f64) {
        let Some(grabbed) = self.grab(index) else { return };
        let by = Point::new(by.0 * grabbed.canvas.x, by.1 * grabbed.canvas.y);
        let layer = grabbed.changed(by, factor, turn, false);
        self.announcement.set(words::whereabouts(&self.layer_title(index), &layer));
        let recipe = self.committed.with_untracked(|recipe| edit::replace(recipe, index, layer));
        self.commit(recipe, Step::Run(index));
    }

    pub fn take_off(self, index: usize) {
        let title = self.layer_title(index);
        let recipe = self.committed.with_untracked(|recipe| edit::take_off(recipe, index));
        self.commit(recipe, Step::Single);
        self.announcement.set(format!("{title} taken off. {}.", self.caption()));
    }

    pub fn restack(self, from: usize, to: usize) {
        let title = self.layer_title(from);
        let recipe = self.committed.with_untracked(|recipe| edit::restack(recipe, from, to));
        self.commit(recipe, Step::Single);
        self.selected.set(Some(to));
        self.announcement.set(format!("{title} is now layer {} from the bottom.", to + 1));
    }

    /// Type a field's value.
    ///
    /// # Errors
    /// What is wrong with it, in one sentence.
    pub fn set(self, part: Part, name: &str, value: &str, step: Step) -> Result<(), String> {
        let recipe = self.committed.with_untracked(|recipe| edit::set(recipe, part, name, value))?;
        self.plan(&recipe)?;
        self.commit(recipe, step);
        Ok(())
    }

    pub fn undo(self) {
        self.step(History::undo, "Undone");
    }

    pub fn redo(self) {
        self.step(History::redo, "Done again");
    }

    fn step(self, step: fn(&mut History) -> bool, word: &str) {
        let mut stepped = false;
        self.draft.set(None);
        self.history.update(|history| stepped = step(history));
        if stepped {
            let layers = self.committed.with_untracked(|recipe| recipe.layers.len());
            self.selected.update(|selected| *selected = selected.filter(|index| *index < layers));
            self.announcement.set(format!("{word}. {}.", self.caption()));
        }
    }

    /// Lay one's own photo on the table, under whatever is worn.
    pub fn adopt(self, photo: Photo) {
        let asset = photo.asset.clone();
        self.learn(asset.clone());
        self.photo.set(Some(photo));
        let recipe = self.committed.with_untracked(|recipe| edit::lay_photo(recipe, &asset));
        self.commit(recipe, Step::Single);
        self.announcement.set(self.caption());
    }

    /// Add an asset to the catalogue this browser knows, or replace it.
    pub fn learn(self, asset: Asset) {
        self.catalogue.update(|catalogue| {
            let mut assets = catalogue.assets().to_vec();
            assets.push(asset);
            *catalogue = Arc::new(Catalogue::new(assets));
        });
    }

    /// Put an anchor of one's own photo somewhere else, in fractions of the photo.
    pub fn place_anchor(self, name: &str, at: Point) {
        self.change_photo(|asset| {
            if let Some(anchor) = asset.anchors.get_mut(name) {
                anchor.x = at.x.clamp(0.0, 1.0);
                anchor.y = at.y.clamp(0.0, 1.0);
            }
        });
    }

    /// Change what is known of one's own photo.
    pub fn change_photo(self, change: impl FnOnce(&mut Asset)) {
        let mut changed = None;
        self.photo.update(|photo| {
            if let Some(photo) = photo {
                change(&mut photo.asset);
                photo.asset.anchors.values_mut().for_each(round);
                photo.saved = false;
                changed = Some(photo.asset.clone());
            }
        });
        if let Some(asset) = changed {
            self.learn(asset);
        }
    }
}

/// The studio that the page is about.
pub fn use_studio() -> Studio {
    expect_context::<Studio>()
}

/// What lies on the table when nobody asked for anything: the tabby in a top hat where there are both, else the first base.
pub fn first_recipe(catalogue: &Catalogue) -> Option<Recipe> {
    let both = catalogue.get("tabby").is_some() && catalogue.get("top-hat").is_some();
    let path = match catalogue.assets().iter().find(|asset| asset.kind == Kind::Base) {
        _ if both => "/c/tabby/top-hat.png".to_owned(),
        Some(base) => format!("/c/{}.png", base.id),
        None => return None,
    };
    Recipe::parse(&path).ok()
}

/// A recipe for a catalogue without any base; resolving it says so.
fn bare_table() -> Recipe {
    use compositor::recipe::{Base, Requested};
    let id: AssetId = "nothing".parse().unwrap_or_else(|_| unreachable!("a valid id"));
    Recipe { base: Base::new(compositor::AssetRef::latest(id)), layers: Vec::new(), format: Requested::Png }
}

/// Four decimals are finer than any hand, and read and print alike everywhere.
pub fn round(anchor: &mut Anchor) {
    for value in [&mut anchor.x, &mut anchor.y, &mut anchor.span, &mut anchor.angle] {
        *value = (*value * 10_000.0).round() / 10_000.0;
    }
}

#[cfg(feature = "hydrate")]
fn now_ms() -> f64 {
    js_sys::Date::now()
}

/// On the server nothing is ever committed.
#[cfg(not(feature = "hydrate"))]
fn now_ms() -> f64 {
    0.0
}
