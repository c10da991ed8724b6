//! The half of the studio that runs in a web worker: bringing a photo to its stored form and writing files, which take
//! seconds for a large picture. `worker.js` passes the messages on; `browser/worker.rs` is the other end.

use std::cell::RefCell;
use std::sync::Arc;

use compositor::{Asset, Catalogue, Compositor, Digest, Ingredients, Kind, Limits, Recipe, normalise};
use serde::{Deserialize, Serialize};

/// Larger canvases than this are the server's to draw: phones run out of memory.
pub const CANVAS_PIXELS: u64 = 24_000_000;
/// Decoded pictures kept between two files: the base of a photograph, mostly.
const CACHE_BYTES: usize = 128 << 20;

/// What a page asks for. Bytes travel beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Task {
    /// Bring a picture file to its stored form, and keep that.
    Import,
    /// Keep the bytes of an asset for later.
    Keep(Digest),
    /// Write the file of a recipe over these assets, whose bytes are kept.
    Write { assets: Vec<Asset>, path: String },
}

/// What came of it. Bytes travel beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Done {
    /// The bytes are those of the whole picture, and of its levels one after the other.
    Imported(Box<Asset>),
    Kept,
    Written {
        extension: String,
        media_type: String,
    },
}

/// One compositor, with what it draws from.
struct Workshop {
    compositor: Compositor,
    ingredients: Ingredients,
}

thread_local! {
    static WORKSHOP: RefCell<Workshop> = RefCell::new(Workshop::new());
}

impl Workshop {
    fn new() -> Self {
        let limits = Limits { canvas_pixels: CANVAS_PIXELS, ..Limits::default() };
        Workshop { compositor: Compositor::new(limits, CACHE_BYTES), ingredients: Ingredients::new() }
    }

    fn act(&mut self, task: Task, bytes: &[u8]) -> Result<(Done, Vec<u8>), String> {
        match task {
            Task::Import => self.import(bytes),
            Task::Keep(digest) => {
                self.ingredients.insert(digest, bytes.into());
                Ok((Done::Kept, Vec::new()))
            }
            Task::Write { assets, path } => self.write(assets, &path),
        }
    }

    fn import(&mut self, bytes: &[u8]) -> Result<(Done, Vec<u8>), String> {
        let normal = normalise(bytes, self.compositor.limits()).map_err(|error| error.to_string())?;
        let id = normal.digest.to_string().parse().map_err(|error| format!("{error}"))?;
        let done = Done::Imported(Box::new(normal.asset(&id, Kind::Base)));
        let mut bytes = Vec::new();
        for (digest, file) in normal.into_files() {
            bytes.extend_from_slice(&file);
            self.ingredients.insert(digest, Arc::from(file));
        }
        Ok((done, bytes))
    }

    fn write(&self, assets: Vec<Asset>, path: &str) -> Result<(Done, Vec<u8>), String> {
        let recipe = Recipe::parse(path).map_err(|error| error.to_string())?;
        let plan = Catalogue::new(assets).resolve(&recipe, None).map_err(|error| error.to_string())?;
        let composite =
            self.compositor.compose(&plan, &self.ingredients).map_err(|error| error.to_string())?;
        let done = Done::Written {
            extension: composite.format.extension().to_owned(),
            media_type: composite.format.media_type().to_owned(),
        };
        Ok((done, composite.bytes))
    }
}

/// Does a task that arrived as JSON; the facts go back the same way.
pub fn act(task: &str, bytes: &[u8]) -> Result<(String, Vec<u8>), String> {
    let task = serde_json::from_str(task).map_err(|error| error.to_string())?;
    let (done, made) = WORKSHOP.with_borrow_mut(|workshop| workshop.act(task, bytes))?;
    Ok((serde_json::to_string(&done).map_err(|error| error.to_string())?, made))
}

/// What `worker.js` calls: facts and bytes in a pair, or a refusal in words.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn work(task: &str, bytes: &[u8]) -> Result<js_sys::Array, wasm_bindgen::JsValue> {
    let (facts, made) = act(task, bytes)?;
    Ok(js_sys::Array::of2(&facts.into(), &js_sys::Uint8Array::from(made.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(side: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side, side);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&vec![90; (side * side * 3) as usize]).unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn ask(task: &Task, bytes: &[u8]) -> Result<(Done, Vec<u8>), String> {
        let (facts, made) = act(&serde_json::to_string(task).unwrap(), bytes)?;
        Ok((serde_json::from_str(&facts).unwrap(), made))
    }

    #[test]
    fn a_photo_is_imported_once_and_written_from_then_on() {
        let (imported, files) = ask(&Task::Import, &png(700)).unwrap();
        let Done::Imported(asset) = imported else { panic!("{imported:?}") };
        assert_eq!((asset.width, asset.height, asset.opaque, asset.levels.len()), (700, 700, true, 2));
        let (whole, levels) = files.split_at(asset.bytes as usize);
        assert_eq!(asset.digest, Digest::of(whole));
        assert_eq!(asset.levels[0].digest, Digest::of(&levels[..asset.levels[0].bytes as usize]));
        let asset = Asset { id: "me".parse().unwrap(), ..*asset };
        let write = Task::Write { assets: vec![asset], path: "/c/me;w=10.jpg".into() };
        let (written, bytes) = ask(&write, &[]).unwrap();
        assert_eq!(written, Done::Written { extension: "jpg".into(), media_type: "image/jpeg".into() });
        assert_eq!(normalise(&bytes, &Limits::default()).unwrap().width, 10);
    }

    #[test]
    fn a_refusal_is_a_sentence() {
        assert!(ask(&Task::Import, b"hat").unwrap_err().contains("PNG, JPEG"));
        let write = Task::Write { assets: vec![], path: "/c/me.png".into() };
        assert!(ask(&write, &[]).unwrap_err().contains("no asset `me`"));
    }
}
