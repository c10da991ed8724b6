//! Draws the recipe with the compositor, once a frame at most: at the screen's size while a hand moves, at the recipe's
//! own size when it rests. Then it has the worker write the file, whose bytes are the ones the server would send.
//!
//! At the screen's size a large picture is read from one of its levels; at its own size the worker alone decodes it.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use compositor::{Asset, Catalogue, Compositor, Digest, Ingredients, Limits, Pixmap, Plan, Recipe};
use js_sys::Promise;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{Clamped, JsCast, JsValue};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

use super::{fetch, log, save_file, worker};
use crate::boot::Notice;
use crate::state::Studio;
use crate::studio::{edit, preview, share, silhouette};
use crate::worker::{CANVAS_PIXELS, Done, Task};

/// Decoded pictures kept between frames.
const CACHE_BYTES: usize = 192 << 20;
/// Pictures of more pixels than this are too slow to decode between two frames.
const LARGE: u64 = 4_000_000;
/// A picture that rests this long is written as a file.
const REST: Duration = Duration::from_millis(250);

/// The one compositor of this page, with what it draws from.
struct Painter {
    compositor: Compositor,
    ingredients: Ingredients,
    /// Asked for and not yet here.
    awaited: HashSet<Digest>,
    frame_asked: bool,
    /// The last file asked for, and the recipe it is of.
    file: Option<(String, Promise)>,
    /// A file that nobody waits for is being written.
    busy: bool,
}

thread_local! {
    static PAINTER: RefCell<Painter> = RefCell::new(Painter::new());
}

impl Painter {
    fn new() -> Self {
        let limits = Limits { canvas_pixels: CANVAS_PIXELS, ..Limits::default() };
        Painter {
            compositor: Compositor::new(limits, CACHE_BYTES),
            ingredients: Ingredients::new(),
            awaited: HashSet::new(),
            frame_asked: false,
            file: None,
            busy: false,
        }
    }
}

fn with<T>(act: impl FnOnce(&mut Painter) -> T) -> T {
    PAINTER.with_borrow_mut(act)
}

/// The bytes of a picture that no server has.
pub fn provide(digest: Digest, bytes: Arc<[u8]>) {
    with(|painter| painter.ingredients.insert(digest, bytes));
}

/// Keep `canvas` showing the studio's recipe.
pub fn paint_on(studio: Studio, canvas: NodeRef<html::Canvas>) {
    Effect::new(move |_| {
        studio.shown.track();
        studio.catalogue.track();
        // A hand that lets go changes no recipe, but the size it is drawn at. Read, because a memo nobody reads is idle.
        let _ = studio.moving.get();
        ask_frame(studio, canvas);
    });
}

fn ask_frame(studio: Studio, canvas: NodeRef<html::Canvas>) {
    let first = with(|painter| !std::mem::replace(&mut painter.frame_asked, true));
    if first {
        request_animation_frame(move || {
            with(|painter| painter.frame_asked = false);
            paint(studio, canvas);
        });
    }
}

fn paint(studio: Studio, canvas: NodeRef<html::Canvas>) {
    let Some(canvas_element) = canvas.get_untracked() else { return };
    let recipe = studio.shown.get_untracked();
    let moving = studio.is_moving();
    let plan = match studio.plan(&recipe) {
        Ok(plan) => plan,
        Err(sentence) => return leave_to_server(studio, sentence),
    };
    let catalogue = studio.catalogue.get_untracked();
    let whole = fits_here(&plan) && plan.undrawn().is_none();
    let shown = if whole && !moving && plan.largest_decoded() <= LARGE {
        Some(plan.clone())
    } else {
        preview_plan(&catalogue, &recipe, &plan, &canvas_element)
    };
    let Some(shown) = shown else { return };
    // What the file is made of is on its way while the preview is looked at.
    let awaits_file = !moving && fetch_missing(studio, canvas, &plan);
    if fetch_missing(studio, canvas, &shown) {
        return; // the last picture stays until everything is here
    }
    match with(|painter| painter.compositor.draw(&shown, &painter.ingredients)) {
        Ok(pixmap) => show(studio, &canvas_element, &pixmap),
        Err(error) => return leave_to_server(studio, error.to_string()),
    }
    if !moving && !awaits_file {
        learn_silhouettes(studio, canvas, &catalogue, &recipe);
        measure_texts(studio, canvas, &catalogue, &recipe);
        rest(studio, &recipe, whole);
    }
}

fn preview_plan(
    catalogue: &Catalogue,
    recipe: &Recipe,
    plan: &Plan,
    canvas: &HtmlCanvasElement,
) -> Option<Plan> {
    let on_screen = f64::from(canvas.client_width()) * window().device_pixel_ratio();
    let small = preview::at_width(recipe, plan.canvas(), on_screen.ceil() as u32);
    edit::plan(catalogue, &small).ok()
}

/// Ask the worker for a file, after it has everything of these assets that is here.
fn ask_worker(studio: Studio, assets: &[Asset], task: &Task) -> Result<Promise, String> {
    let script = studio.worker();
    for digest in assets.iter().flat_map(Asset::contents) {
        let bytes = with(|painter| painter.ingredients.get(&digest).cloned());
        if let Some(bytes) = bytes {
            worker::keep(&script, digest, &bytes)?;
        }
    }
    worker::ask(&script, task, None)
}

/// Is the whole picture small enough for this browser? A larger one is shown at the screen's size, and its file is the
/// server's to write.
fn fits_here(plan: &Plan) -> bool {
    let (width, height) = plan.canvas();
    u64::from(width) * u64::from(height) <= CANVAS_PIXELS
}

fn leave_to_server(studio: Studio, reason: String) {
    studio.notice.set(Some(Notice::trouble(reason.clone())));
    studio.left_to_server.set(Some(reason));
    studio.bytes.set(None);
}

/// Ask for what the plan needs and is not here; says whether anything is missing.
fn fetch_missing(studio: Studio, canvas: NodeRef<html::Canvas>, plan: &Plan) -> bool {
    let missing = with(|painter| painter.compositor.missing(plan, &painter.ingredients));
    for digest in &missing {
        if with(|painter| painter.awaited.insert(*digest)) {
            fetch_ingredient(studio, canvas, *digest);
        }
    }
    !missing.is_empty()
}

fn fetch_ingredient(studio: Studio, canvas: NodeRef<html::Canvas>, digest: Digest) {
    let named = studio.catalogue.with_untracked(|catalogue| {
        let asset = catalogue.assets().iter().find(|asset| asset.has_content(&digest))?;
        Some((asset.id.clone(), asset.title.clone()))
    });
    let Some((id, title)) = named else { return };
    let url = format!("{}/v1/assets/{id}/content?digest={digest}", studio.delivery());
    spawn_local(async move {
        let fetched = fetch::bytes(&url).await;
        with(|painter| painter.awaited.remove(&digest));
        match fetched {
            Ok(bytes) => {
                provide(digest, bytes.into());
                ask_frame(studio, canvas);
            }
            Err(reason) => {
                leave_to_server(
                    studio,
                    format!(
                        "The picture of {title} did not arrive: {reason}. It is tried again with your next change."
                    ),
                );
            }
        }
    });
}

fn show(studio: Studio, canvas: &HtmlCanvasElement, pixmap: &Pixmap) {
    if let Err(error) = put(canvas, pixmap) {
        log("the canvas refuses the picture", &error);
        return leave_to_server(
            studio,
            "This browser does not let pages draw. The server renders the picture instead.".into(),
        );
    }
    if studio.left_to_server.with_untracked(Option::is_some) {
        studio.left_to_server.set(None);
        studio.notice.set(None);
    }
}

fn put(canvas: &HtmlCanvasElement, pixmap: &Pixmap) -> Result<(), JsValue> {
    let (width, height) = pixmap.size();
    if (canvas.width(), canvas.height()) != (width, height) {
        canvas.set_width(width);
        canvas.set_height(height);
    }
    let context = canvas.get_context("2d")?.ok_or("no 2d context")?.dyn_into::<CanvasRenderingContext2d>()?;
    let pixels = pixmap.to_straight_rgba();
    let image = ImageData::new_with_u8_clamped_array_and_sh(Clamped(&pixels), width, height)?;
    context.put_image_data(&image, 0.0, 0.0)
}

/// The picture stands: say so, and soon have its file written.
fn rest(studio: Studio, recipe: &Recipe, whole: bool) {
    let path = recipe.to_path();
    if studio.drawn.with_untracked(|drawn| drawn.as_ref() != Some(&path)) {
        studio.bytes.set(None);
    }
    studio.drawn.set(Some(path));
    studio.whole.set(whole);
    if !whole {
        return;
    }
    let recipe = recipe.clone();
    set_timeout(
        move || {
            if stands(studio, &recipe) && !with(|painter| std::mem::replace(&mut painter.busy, true)) {
                spawn_local(measure(studio, recipe));
            }
        },
        REST,
    );
}

fn stands(studio: Studio, recipe: &Recipe) -> bool {
    studio.shown.with_untracked(|shown| shown == recipe) && !studio.is_moving()
}

/// Learn the length of the file, and again if the table has changed by then: one file at a time, and none that nobody
/// wants any more.
async fn measure(studio: Studio, mut recipe: Recipe) {
    loop {
        let length = file(studio, &recipe).await.map(|(_, bytes)| u64::from(bytes.length()));
        if stands(studio, &recipe) || studio.is_moving() {
            with(|painter| painter.busy = false);
            studio.bytes.set(length.ok().filter(|_| stands(studio, &recipe)));
            return;
        }
        recipe = studio.shown.get_untracked();
    }
}

/// The file of a recipe, written now unless it was asked for last.
async fn file(studio: Studio, recipe: &Recipe) -> worker::Outcome {
    let path = recipe.to_path();
    // One's own photo keeps its name while its anchors move, so the plan's key decides.
    let name = format!("{path} {}", studio.plan(recipe)?.key());
    let known =
        with(|painter| painter.file.as_ref().filter(|(of, _)| *of == name).map(|(_, file)| file.clone()));
    let file = if let Some(file) = known {
        file
    } else {
        let assets = studio.catalogue.with_untracked(|catalogue| edit::assets_of(catalogue, recipe));
        let file = ask_worker(studio, &assets, &Task::Write { assets: assets.clone(), path })?;
        with(|painter| painter.file = Some((name, file.clone())));
        file
    };
    let outcome = worker::outcome(file).await;
    if outcome.is_err() {
        with(|painter| painter.file = None);
    }
    outcome
}

/// Give the file to the person.
pub fn download(studio: Studio) {
    if studio.writing.get_untracked() {
        return;
    }
    studio.writing.set(true);
    spawn_local(async move {
        let recipe = studio.committed.get_untracked();
        let saved = file(studio, &recipe).await.and_then(|(done, bytes)| {
            let Done::Written { extension, media_type } = done else { return Err("no file came".to_owned()) };
            save_file(&bytes, &media_type, &share::file_name(&recipe, &extension))
                .map_err(|error| format!("{error:?}"))
        });
        studio.writing.set(false);
        if let Err(reason) = saved {
            studio.notice.set(Some(Notice::trouble(format!(
                "The file could not be written: {reason}. Its URL still works; copy that."
            ))));
        }
    });
}

/// The outline of every overlay worn, from its picture drawn very small.
fn learn_silhouettes(studio: Studio, canvas: NodeRef<html::Canvas>, catalogue: &Catalogue, recipe: &Recipe) {
    for id in recipe.layers.iter().filter_map(edit::asset_of) {
        if studio.silhouettes.with_untracked(|known| known.contains_key(id)) {
            continue;
        }
        let side = silhouette::SIDE;
        let alone = Recipe::parse(&format!("/c/{id};w={side};h={side};fit=fill.png")).ok();
        let Some(plan) = alone.and_then(|alone| edit::plan(catalogue, &alone).ok()) else { continue };
        if fetch_missing(studio, canvas, &plan) {
            continue; // when it is here, the next frame learns it
        }
        let drawn = with(|painter| painter.compositor.draw(&plan, &painter.ingredients));
        let outline = drawn.ok().and_then(|pixmap| silhouette::Silhouette::from_rgba(pixmap.data()));
        if let Some(outline) = outline {
            studio.silhouettes.update(|known| drop(known.insert(id.clone(), outline)));
        }
    }
}

/// Width of the canvas that texts are measured on.
const MEASURED: u32 = 320;

/// Where the letters of every text are, from a drawing of nothing else.
fn measure_texts(studio: Studio, canvas: NodeRef<html::Canvas>, catalogue: &Catalogue, recipe: &Recipe) {
    for alone in (0..recipe.layers.len()).filter_map(|index| preview::text_alone(recipe, index)) {
        let name = alone.to_path();
        if studio.inks.with_untracked(|known| known.contains_key(&name)) {
            continue;
        }
        let Ok(size) = edit::plan(catalogue, &alone).map(|plan| plan.canvas()) else { continue };
        let Ok(plan) = edit::plan(catalogue, &preview::at_width(&alone, size, MEASURED)) else { continue };
        if fetch_missing(studio, canvas, &plan) {
            continue; // so small a picture reads another level of the base; when that is here, the next frame measures
        }
        let drawn = with(|painter| painter.compositor.draw(&plan, &painter.ingredients));
        let ink = drawn.ok().and_then(|pixmap| silhouette::ink(pixmap.data(), pixmap.size()));
        if let Some(ink) = ink {
            studio.inks.update(|known| {
                known.insert(name, ink);
            });
        }
    }
}
