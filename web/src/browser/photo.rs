//! One's own photo: read, normalised in the worker by the same code as at the origin, laid on the table, and saved when
//! asked to.

use std::collections::BTreeMap;
use std::sync::Arc;

use compositor::{Anchor, Asset, AssetId, Limits};
use js_sys::Uint8Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

use super::fetch::{self, Answer};
use super::{blob_url, log, painter, reveal, show_chosen, worker};
use crate::boot::Notice;
use crate::state::{self, Photo, Studio};
use crate::studio::refusal;
use crate::worker::{Done, Task};

/// Longest part of a file's name that goes into an asset id.
const MAX_NAME: usize = 40;

/// Where the page says why a picture file cannot be used.
pub const REFUSAL_ID: &str = "own-refused";

/// Take a picture file as base. Nothing leaves the browser.
pub fn take(studio: Studio, file: File) {
    if studio.reading.get_untracked() {
        return;
    }
    studio.photo_refused.set(None);
    studio.save_refused.set(None);
    studio.reading.set(true);
    studio.announcement.set("Reading your photo.".to_owned());
    spawn_local(async move {
        let photo = read(studio, &file).await;
        studio.reading.set(false);
        match photo {
            Ok(photo) => adopt(studio, photo),
            Err(sentence) => {
                studio.photo_refused.set(Some(sentence));
                request_animation_frame(|| reveal(REFUSAL_ID));
            }
        }
    });
}

fn adopt(studio: Studio, photo: Photo) {
    studio.adopt(photo);
    request_animation_frame(show_chosen);
    studio.notice.set(Some(Notice::calm(
        "Your photo is on the table, in this browser only. Place its head so that hats fit.",
    )));
}

/// The photo in its stored form, or a sentence that says what to do instead.
async fn read(studio: Studio, file: &File) -> Result<Photo, String> {
    let limit = Limits::default().body_bytes;
    if file.size() > limit as f64 {
        return Err(refusal::too_long(file.size() as u64, limit));
    }
    let buffer = JsFuture::from(file.array_buffer()).await;
    let bytes = Uint8Array::new(&buffer.map_err(|_| refusal::GONE.to_owned())?);
    if let Some(sentence) = refusal::foreign(&bytes.subarray(0, bytes.length().min(64)).to_vec()) {
        return Err(sentence.to_owned());
    }
    let asked = worker::ask(&studio.worker(), &Task::Import, Some(bytes));
    let (done, stored) = match asked {
        Ok(promise) => worker::outcome(promise).await,
        Err(reason) => Err(reason),
    }
    .map_err(|reason| refusal::unusable(&reason))?;
    photo_of(&file.name(), done, &stored).map_err(|reason| refusal::unusable(&reason))
}

fn photo_of(file_name: &str, done: Done, stored: &Uint8Array) -> Result<Photo, String> {
    let Done::Imported(asset) = done else {
        return Err("the studio misunderstood itself".to_owned());
    };
    let whole = kept(&asset, stored);
    let url = blob_url(&whole, &asset.media_type).map_err(|error| format!("{error:?}"))?;
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    let id = format!("{}-{}", slug(stem), &asset.digest.to_string()[..6]);
    let asset = Asset {
        id: id.parse::<AssetId>().map_err(|_| "its name".to_owned())?,
        title: if stem.is_empty() { "Your photo".to_owned() } else { stem.chars().take(80).collect() },
        tags: vec!["photo".to_owned()],
        anchors: guessed_face(asset.width, asset.height),
        ..*asset
    };
    Ok(Photo { asset, bytes: Arc::from(whole.to_vec()), url, saved: false, placing: true })
}

/// Has the painter know the files of an asset that came one after the other, and gives the first: the whole picture.
fn kept(asset: &Asset, files: &Uint8Array) -> Uint8Array {
    let lengths = std::iter::once(asset.bytes).chain(asset.levels.iter().map(|level| level.bytes));
    let mut start = 0;
    for (digest, length) in asset.contents().zip(lengths) {
        let end = start + length as u32;
        worker::note_kept(digest);
        painter::provide(digest, Arc::from(files.subarray(start, end).to_vec()));
        start = end;
    }
    files.slice(0, asset.bytes as u32)
}

impl Photo {
    /// Anchors of a face, with their spans as parts of the head's width.
    pub const PROPORTIONS: [(&'static str, f64); 3] = [("head", 1.0), ("eyes", 0.8), ("neck", 0.9)];
}

/// Where a portrait usually has its face; the person drags it to where it is. Spans are fractions of the width.
fn guessed_face(width: u32, height: u32) -> BTreeMap<String, Anchor> {
    let head = 0.4 * f64::from(height.min(width)) / f64::from(width);
    let heights = [("head", 0.24), ("eyes", 0.4), ("neck", 0.72)];
    let anchor = |((name, y), (_, of_head)): ((&str, f64), (&str, f64))| {
        let mut anchor = Anchor { x: 0.5, y, span: head * of_head, angle: 0.0 };
        state::round(&mut anchor);
        (name.to_owned(), anchor)
    };
    heights.into_iter().zip(Photo::PROPORTIONS).map(anchor).collect()
}

/// The letters and digits of a name, joined by single hyphens.
fn slug(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let joined: String = words.join("-").chars().take(MAX_NAME).collect();
    if joined.is_empty() { "photo".to_owned() } else { joined.trim_end_matches('-').to_owned() }
}

/// Send the photo to the catalogue, with where its head is.
pub fn save(studio: Studio, key: String) {
    let Some(photo) = studio.photo.get_untracked() else { return };
    studio.save_refused.set(None);
    studio.notice.set(Some(Notice::calm("Saving your photo…")));
    spawn_local(async move {
        let url = format!("{}/v1/assets/{}?{}", studio.delivery(), photo.asset.id, metadata(&photo.asset));
        match fetch::put(&url, &photo.asset.media_type, &key, &photo.bytes).await {
            Answer::Ok(response) => {
                saved(studio, &photo.asset);
                if let Err(error) = response.text() {
                    log("the answer to the upload", &error);
                }
            }
            Answer::Refused(words) => {
                refuse_to_save(studio, format!("The server did not take the photo: {words}"));
            }
            Answer::Unreachable => {
                let words = "The server does not answer, so the photo is still only here. Check the connection, then press Save again.";
                refuse_to_save(studio, words.to_owned());
            }
        }
    });
}

fn refuse_to_save(studio: Studio, sentence: String) {
    studio.notice.set(None);
    studio.save_refused.set(Some(sentence));
}

/// Marks the photo as saved, unless it was changed or replaced while it was on its way.
fn saved(studio: Studio, uploaded: &Asset) {
    studio.photo.update(|photo| {
        if let Some(photo) = photo.as_mut().filter(|photo| photo.asset == *uploaded) {
            photo.saved = true;
            photo.placing = false;
        }
    });
    studio.notice.set(Some(Notice::calm("Saved. The link now works for everybody.")));
}

/// An asset's metadata as the upload's query.
fn metadata(asset: &Asset) -> String {
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut pairs = vec![
        format!("kind={}", asset.kind.word()),
        format!("title={}", escaped(&asset.title)),
        format!("tags={}", escaped(&asset.tags.join(","))),
    ];
    for (name, anchor) in &asset.anchors {
        pairs.push(format!("anchor.{name}={},{},{},{}", anchor.x, anchor.y, anchor.span, anchor.angle));
    }
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_becomes_an_id() {
        for (name, id) in
            [("My Cat (2)", "my-cat-2"), ("IMG_0042", "img-0042"), ("猫", "photo"), ("--", "photo")]
        {
            assert_eq!(slug(name), id);
        }
        assert!(slug(&"long ".repeat(40)).len() <= MAX_NAME);
    }

    #[test]
    fn a_guessed_face_has_everything_a_cat_has() {
        let face = guessed_face(2000, 1000);
        assert_eq!(face.keys().collect::<Vec<_>>(), ["eyes", "head", "neck"]);
        assert!((face["head"].span - 0.2).abs() < 1e-9);
        assert!(face.values().all(Anchor::is_sane));
    }

    #[test]
    fn anchors_are_sent_with_four_decimals() {
        let face = guessed_face(4000, 3000);
        assert!((face["head"].span - 0.3).abs() < 1e-9);
        assert_eq!(face["eyes"].span.to_string(), "0.24");
    }
}
