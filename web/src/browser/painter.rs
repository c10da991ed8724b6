//! Draws the recipe with the compositor, once a frame at most: at the screen's size while a hand moves, at the recipe's
//! own size when it rests. Then it writes the file, whose bytes are the ones the server would send.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use compositor::{Composite, Compositor, Digest, Ingredients, Limits, Pixmap, Plan, Recipe};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{Clamped, JsCast, JsValue};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

use super::{fetch, log, save_file};
use crate::boot::Notice;
use crate::state::Studio;
use crate::studio::{edit, preview, share, silhouette};

/// Decoded pictures kept between frames.
const CACHE_BYTES: usize = 192 << 20;
/// Larger canvases than this are shown smaller: phones run out of memory.
const CANVAS_PIXELS: u64 = 24_000_000;
/// A picture that rests this long is written as a file.
const REST: Duration = Duration::from_millis(250);

/// The one compositor of this page, with what it draws from.
struct Painter {
    compositor: Compositor,
    ingredients: Ingredients,
    /// Asked for and not yet here.
    awaited: HashSet<Digest>,
    frame_asked: bool,
    /// The last file written, and the recipe it is of.
    finished: Option<(String, Composite)>,
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
            finished: None,
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
    if let Some(undrawn) = plan.undrawn() {
        let words = format!(
            "{} is part of the recipe language, but nobody draws it yet. Choose another.",
            undrawn.name
        );
        return leave_to_server(studio, words);
    }
    if fetch_missing(studio, canvas, &plan) {
        return; // the last picture stays until everything is here
    }
    let whole = fits_here(&plan);
    let plan =
        if moving || !whole { preview_plan(studio, &recipe, &plan, &canvas_element) } else { Some(plan) };
    let Some(plan) = plan else { return };
    match with(|painter| painter.compositor.draw(&plan, &painter.ingredients)) {
        Ok(pixmap) => show(studio, &canvas_element, &pixmap),
        Err(error) => return leave_to_server(studio, error.to_string()),
    }
    if !moving {
        rest(studio, &recipe, whole);
    }
}

fn preview_plan(studio: Studio, recipe: &Recipe, plan: &Plan, canvas: &HtmlCanvasElement) -> Option<Plan> {
    let on_screen = f64::from(canvas.client_width()) * window().device_pixel_ratio();
    let small = preview::at_width(recipe, plan.canvas(), (on_screen.ceil() as u32).max(1));
    studio.plan(&small).ok()
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
        let asset = catalogue.assets().iter().find(|asset| asset.digest == digest)?;
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

/// The picture stands: say so, learn the outlines of what is worn, and soon write the file.
fn rest(studio: Studio, recipe: &Recipe, whole: bool) {
    let path = recipe.to_path();
    learn_silhouettes(studio, recipe);
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
            if studio.shown.get_untracked() == recipe && !studio.is_moving() {
                let length = finish(studio, &recipe).map(|composite| composite.bytes.len() as u64);
                studio.bytes.set(length.ok());
            }
        },
        REST,
    );
}

/// The file of a recipe, written now unless it was written last.
fn finish(studio: Studio, recipe: &Recipe) -> Result<Composite, String> {
    let path = recipe.to_path();
    let plan = studio.plan(recipe)?;
    with(|painter| {
        // One's own photo keeps its name while its anchors move, so the plan's key decides.
        let name = format!("{path} {}", plan.key());
        if let Some((_, composite)) = painter.finished.as_ref().filter(|(of, _)| *of == name) {
            return Ok(composite.clone());
        }
        let composite =
            painter.compositor.compose(&plan, &painter.ingredients).map_err(|error| error.to_string())?;
        painter.finished = Some((name, composite.clone()));
        Ok(composite)
    })
}

/// Give the file to the person.
pub fn download(studio: Studio) {
    let recipe = studio.committed.get_untracked();
    let saved = finish(studio, &recipe).and_then(|composite| {
        let name = share::file_name(&recipe, composite.format.extension());
        save_file(&composite.bytes, composite.format.media_type(), &name)
            .map_err(|error| format!("{error:?}"))
    });
    if let Err(reason) = saved {
        studio.notice.set(Some(Notice::trouble(format!(
            "The file could not be written: {reason}. Its URL still works; copy that."
        ))));
    }
}

/// The outline of every overlay worn, from its picture drawn very small.
fn learn_silhouettes(studio: Studio, recipe: &Recipe) {
    for id in recipe.layers.iter().filter_map(edit::asset_of) {
        if studio.silhouettes.with_untracked(|known| known.contains_key(id)) {
            continue;
        }
        let side = silhouette::SIDE;
        let alone = Recipe::parse(&format!("/c/{id};w={side};h={side};fit=fill.png")).ok();
        let Some(plan) = alone.and_then(|alone| studio.plan(&alone).ok()) else { continue };
        let drawn = with(|painter| painter.compositor.draw(&plan, &painter.ingredients));
        let outline = drawn.ok().and_then(|pixmap| silhouette::Silhouette::from_rgba(pixmap.data()));
        if let Some(outline) = outline {
            studio.silhouettes.update(|known| drop(known.insert(id.clone(), outline)));
        }
    }
}
