//! The little that only a browser can do: draw on the screen, fetch, copy, save files, read one's own photo. Thin;
//! what is worth deciding is decided in `studio` and `compositor`.

mod fetch;
mod painter;
mod photo;

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::{ev, leptos_dom};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

pub use painter::{download, paint_on};
pub use photo::{save as save_photo, take as take_photo};

use crate::boot::Notice;
use crate::state::Studio;
use crate::studio::served::Served;
use crate::studio::share;

/// A change that stands this long is worth asking the server about.
const SETTLED: Duration = Duration::from_millis(700);

/// Wakes the page up: everything that is not an answer to a click on one element.
pub fn wake(studio: Studio) {
    Effect::new(move |_| studio.awake.set(true));
    Effect::new(move |_| mirror(studio));
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

/// The address bar and the title always say what lies on the table.
fn mirror(studio: Studio) {
    let url = studio.committed.with(share::studio_path);
    document().set_title(&format!("{} · Milliner", studio.caption()));
    if let Ok(history) = window().history() {
        // Refused only when asked far too often; the next change says it again.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&url));
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
                    studio.served.set(served);
                }
            });
        },
        SETTLED,
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
    element.is_some_and(|element| element.matches("input[type=text], input[type=password]").unwrap_or(false))
}

fn pasted(studio: Studio, paste: &ev::ClipboardEvent) {
    let file = paste.clipboard_data().and_then(|data| data.files()).and_then(|files| files.get(0));
    if let Some(file) = file {
        paste.prevent_default();
        take_photo(studio, file);
    }
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
        studio.notice.set(Some(Notice::calm("This browser keeps its clipboard closed here. Press Ctrl+C to copy what is selected.")));
    });
}

/// The clipboard, which insecure pages do not have at all.
fn clipboard() -> Option<web_sys::Clipboard> {
    let navigator: JsValue = window().navigator().into();
    js_sys::Reflect::get(&navigator, &"clipboard".into()).ok()?.dyn_into().ok()
}

/// Hand a file to the person.
fn save_file(bytes: &[u8], media_type: &str, name: &str) -> Result<(), JsValue> {
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
fn blob_url(bytes: &[u8], media_type: &str) -> Result<String, JsValue> {
    let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(bytes));
    let options = web_sys::BlobPropertyBag::new();
    options.set_type(media_type);
    web_sys::Url::create_object_url_with_blob(&web_sys::Blob::new_with_u8_array_sequence_and_options(&parts, &options)?)
}

/// Logs what nobody can act on but a developer.
fn log(what: &str, error: &JsValue) {
    leptos_dom::logging::console_warn(&format!("{what}: {error:?}"));
}
