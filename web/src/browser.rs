//! The little that only a browser can do: draw on the screen, fetch, copy, save files, read one's own photo. Thin;
//! what is worth deciding is decided in `studio` and `compositor`.

mod fetch;
mod painter;
mod photo;
mod worker;

use std::time::Duration;

use compositor::Recipe;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::{ev, leptos_dom};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

pub use painter::{download, paint_on};
pub use photo::{REFUSAL_ID, save as save_photo, take as take_photo};

use crate::boot::{Notice, Tone};
use crate::state::Studio;
use crate::studio::served::Served;
use crate::studio::{gesture, share};

/// A change that stands this long is worth asking the server about.
const SETTLED: Duration = Duration::from_millis(700);

/// How long a calm notice stays.
const PASSING: Duration = Duration::from_secs(7);

/// Wakes the page up: everything that is not an answer to a click on one element.
pub fn wake(studio: Studio) {
    Effect::new(move |_| studio.awake.set(true));
    Effect::new(move |_| mirror(studio));
    Effect::new(move |_| show_chosen());
    Effect::new(move |_| let_pass(studio));
    Effect::new(move |_| studio.committed.with(|_| ask_who_serves(studio)));
    Effect::new(move |_| {
        let keys = window_event_listener(ev::keydown, move |key| shortcut(studio, &key));
        let paste = window_event_listener(ev::paste, move |paste| pasted(studio, &paste));
        let online = window_event_listener(ev::online, move |_| studio.catalogue.update(|_| {}));
        on_cleanup(move || {
            keys.remove();
            paste.remove();
            online.remove();
        });
    });
}

/// The address bar and the title say what lies on the table. An address that could not be shown stays until there is
/// something to say instead, so that it can be corrected.
fn mirror(studio: Studio) {
    let url = studio.committed.with(share::studio_path);
    document().set_title(&format!("{} · Milliner", studio.caption()));
    if studio.wrong_address.get() {
        return;
    }
    if let Ok(history) = window().history() {
        // Refused only when asked far too often; the next change says it again.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&url));
    }
}

/// Bring what is chosen into sight on its shelf; later somebody scrolls as they like.
fn show_chosen() {
    for shelf in [".cats", ".hats"] {
        let chosen = document().query_selector(&format!("{shelf} [aria-current=true]")).ok().flatten();
        let list = document().query_selector(&format!("{shelf} ul")).ok().flatten();
        if let (Some(chosen), Some(list)) = (chosen, list) {
            let (item, view) = (chosen.get_bounding_client_rect(), list.get_bounding_client_rect());
            let centred =
                |start: f64, length: f64, from: f64, room: f64| (start - from + (length - room) / 2.0) as i32;
            list.set_scroll_left(
                list.scroll_left() + centred(item.left(), item.width(), view.left(), view.width()),
            );
            list.set_scroll_top(
                list.scroll_top() + centred(item.top(), item.height(), view.top(), view.height()),
            );
        }
    }
}

/// Once a recipe stands, ask the delivery URL for it: that warms the caches for whoever gets the link, and tells who answers.
fn ask_who_serves(studio: Studio) {
    let asked = studio.committed.get_untracked();
    studio.served.set(Served::Unasked);
    set_timeout(
        move || {
            if studio.committed.get_untracked() != asked || studio.is_private() {
                return;
            }
            spawn_local(async move {
                let served = fetch::who_serves(&share::picture_url(&studio.delivery(), &asked)).await;
                if studio.committed.get_untracked() == asked {
                    studio.notice.update(|notice| *notice = trouble_of(studio, &served).or(notice.take()));
                    studio.served.set(served);
                }
            });
        },
        SETTLED,
    );
}

/// What a person should know of an answer.
fn trouble_of(studio: Studio, served: &Served) -> Option<Notice> {
    match served {
        Served::Refused(words) => {
            Some(Notice::trouble(format!("The server does not give this picture: {words}")))
        }
        Served::Unreachable if !studio.is_drawing() => Some(Notice::trouble(
            "The server does not answer. Check the connection, or load this page again in a minute.",
        )),
        Served::Unreachable => Some(Notice::trouble(
            "The server does not answer. You can go on here; links work again when it is back.",
        )),
        Served::DrawnAtTheEdge => Some(Notice::calm(
            "The origin does not answer, so this picture was rendered at the edge. It is the same picture.",
        )),
        Served::Unasked | Served::Cached | Served::Passed | Served::Stale => None,
    }
}

/// Good news goes by itself; trouble stays until it is read.
fn let_pass(studio: Studio) {
    let Some(notice) = studio.notice.get().filter(|notice| notice.tone == Tone::Calm) else { return };
    set_timeout(
        move || {
            if studio.notice.with_untracked(|now| now.as_ref() == Some(&notice)) {
                studio.notice.set(None);
            }
        },
        PASSING,
    );
}

fn shortcut(studio: Studio, key: &ev::KeyboardEvent) {
    if !(key.ctrl_key() || key.meta_key()) || is_typing(key) {
        return;
    }
    match (key.key().to_ascii_lowercase().as_str(), key.shift_key()) {
        ("z", false) => studio.undo(),
        ("z", true) | ("y", _) => studio.redo(),
        _ => return,
    }
    key.prevent_default();
}

/// Text fields have their own undo.
fn is_typing(key: &ev::KeyboardEvent) -> bool {
    let element = key.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    element.is_some_and(|element| {
        element.matches("input[type=text], input[type=password], textarea").unwrap_or(false)
    })
}

fn pasted(studio: Studio, paste: &ev::ClipboardEvent) {
    let file = paste.clipboard_data().and_then(|data| data.files()).and_then(|files| files.get(0));
    if let Some(file) = file {
        paste.prevent_default();
        take_photo(studio, file);
    }
}

/// Let something just put on fall into its place, frame by frame, unless motion is unwelcome.
pub fn settle(studio: Studio, index: usize) {
    let calm = window()
        .match_media("(prefers-reduced-motion: reduce)")
        .ok()
        .flatten()
        .is_some_and(|query| query.matches());
    if !calm {
        fall(studio, index, studio.committed.get_untracked(), js_sys::Date::now());
    }
}

fn fall(studio: Studio, index: usize, resting: Recipe, since: f64) {
    request_animation_frame(move || {
        let elapsed = js_sys::Date::now() - since;
        // Whoever takes hold of something, or changes anything, ends it.
        if studio.committed.get_untracked() != resting || studio.held.get_untracked() {
            return;
        }
        if elapsed >= gesture::SETTLING_MS {
            return studio.drop_draft();
        }
        if let Some(layer) = resting.layers.get(index) {
            studio.move_to(index, gesture::lifted(layer, gesture::settling(elapsed)));
        }
        fall(studio, index, resting, since);
    });
}

/// Copy a text and say so. Where the clipboard is closed to pages (no secure context), select the field instead.
pub fn copy(studio: Studio, text: String, what: &'static str, field: NodeRef<html::Input>) {
    spawn_local(async move {
        let copied = match clipboard() {
            Some(clipboard) => JsFuture::from(clipboard.write_text(&text)).await.is_ok(),
            None => false,
        };
        if copied {
            studio.notice.set(Some(Notice::calm(format!("{what} copied."))));
            return;
        }
        if let Some(field) = field.get_untracked() {
            field.set_value(&text);
            let _ = field.focus();
            field.select();
        }
        studio.notice.set(Some(Notice::calm(
            "This browser keeps its clipboard closed here. Press Ctrl+C to copy what is selected.",
        )));
    });
}

/// The clipboard, which insecure pages do not have at all.
fn clipboard() -> Option<web_sys::Clipboard> {
    let navigator: JsValue = window().navigator().into();
    js_sys::Reflect::get(&navigator, &"clipboard".into()).ok()?.dyn_into().ok()
}

/// Bring what is said in the panel into sight, also where the panel is a folded sheet.
fn reveal(id: &str) {
    let Some(element) = document().get_element_by_id(id) else { return };
    let sheet = document()
        .get_element_by_id("sheet")
        .and_then(|sheet| sheet.dyn_into::<web_sys::HtmlInputElement>().ok());
    if let (None, Some(sheet)) =
        (element.dyn_ref::<web_sys::HtmlElement>().and_then(web_sys::HtmlElement::offset_parent), sheet)
    {
        sheet.set_checked(true);
    }
    element.scroll_into_view();
}

/// Hand a file to the person.
fn save_file(bytes: &js_sys::Uint8Array, media_type: &str, name: &str) -> Result<(), JsValue> {
    let url = blob_url(bytes, media_type)?;
    let link: web_sys::HtmlAnchorElement = document().create_element("a")?.dyn_into()?;
    link.set_href(&url);
    link.set_download(name);
    link.click();
    // The click has taken the file by then.
    set_timeout(move || drop(web_sys::Url::revoke_object_url(&url)), Duration::from_secs(30));
    Ok(())
}

/// A URL under which this page alone can see these bytes.
fn blob_url(bytes: &js_sys::Uint8Array, media_type: &str) -> Result<String, JsValue> {
    let parts = js_sys::Array::of1(bytes);
    let options = web_sys::BlobPropertyBag::new();
    options.set_type(media_type);
    web_sys::Url::create_object_url_with_blob(&web_sys::Blob::new_with_u8_array_sequence_and_options(
        &parts, &options,
    )?)
}

/// Logs what nobody can act on but a developer.
fn log(what: &str, error: &JsValue) {
    leptos_dom::logging::console_warn(&format!("{what}: {error:?}"));
}
