//! The compositor for JavaScript: thin names over the crate `compositor`, and nothing of its own.
//!
//! Everything here is synchronous and does no I/O; fetching the catalogue and its pictures is the
//! work of `js/client.js`. What a function gives back is a plain JavaScript object, described in
//! `types.d.ts`; what it refuses is an `Error` with `code`, `pointer` and `message`.

#![warn(missing_docs)]

use compositor::{Digest, Limits, RENDER_VERSION, Recipe};
use wasm_bindgen::prelude::*;

mod failure;
mod json;
mod milliner;
mod object;
mod room;

pub use failure::Failure;
pub use milliner::Milliner;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.d.ts");

/// Version of the renderer. Composites with one key have the same bytes wherever this number is the same.
#[wasm_bindgen(js_name = renderVersion)]
pub fn render_version() -> u32 {
    RENDER_VERSION
}

/// The one canonical spelling of a recipe path.
#[wasm_bindgen]
pub fn canonical(path: &str) -> Result<String, Failure> {
    Ok(Recipe::parse(path)?.to_path())
}

/// A recipe path taken apart: base, layers bottom to top, and format, defaults left out.
#[wasm_bindgen(unchecked_return_type = "Recipe")]
pub fn parse(path: &str) -> Result<JsValue, Failure> {
    object::from_json(&json::of_recipe(&Recipe::parse(path)?))
}

/// The canonical path of a recipe that is given as an object: the inverse of `parse`.
#[wasm_bindgen(js_name = toPath)]
pub fn to_path(
    #[wasm_bindgen(unchecked_param_type = "Recipe | string")] recipe: &JsValue,
) -> Result<String, Failure> {
    Ok(Recipe::from_json(&object::to_json(recipe)?)?.to_path())
}

/// The content address of some bytes: BLAKE3, in hex.
#[wasm_bindgen]
pub fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// A picture as the catalogue stores it: upright, sRGB, without metadata, PNG or JPEG.
#[wasm_bindgen(unchecked_return_type = "Normalised")]
pub fn normalise(bytes: &[u8]) -> Result<JsValue, Failure> {
    let normalised = compositor::normalise(bytes, &Limits::default())?;
    let levels = js_sys::Array::new();
    for copy in &normalised.levels {
        levels.push(&object::new([
            ("file", object::bytes(&copy.bytes)),
            ("digest", copy.level.digest.to_string().into()),
            ("width", copy.level.width.into()),
            ("height", copy.level.height.into()),
            ("bytes", (copy.bytes.len() as u32).into()),
        ]));
    }
    Ok(object::new([
        ("levels", levels.into()),
        ("bytes", object::bytes(&normalised.bytes)),
        ("mediaType", normalised.media_type.into()),
        ("width", normalised.width.into()),
        ("height", normalised.height.into()),
        ("opaque", normalised.opaque.into()),
        ("digest", normalised.digest.to_string().into()),
    ]))
}
