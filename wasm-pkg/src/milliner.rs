//! `Milliner`: a catalogue, the pictures fetched so far, and a compositor that keeps what it decoded.
//! A page makes one and asks it for every preview.

use std::collections::BTreeMap;
use std::sync::Arc;

use compositor::asset::is_anchor_name;
use compositor::{
    Anchor, Asset, AssetId, Catalogue, Compositor, Digest, Focus, Ingredients, Kind, Limits, Normalised,
    Plan, Recipe,
};
use js_sys::{Uint8Array, Uint8ClampedArray};
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use crate::room::Room;
use crate::{Failure, object};

/// Decoded pictures kept between two renders: a base and a few hats at full size.
const CACHE_BYTES: usize = 96 << 20;

/// Renders recipes of one catalogue.
#[wasm_bindgen]
pub struct Milliner {
    catalogue: Catalogue,
    ingredients: Ingredients,
    compositor: Compositor,
}

/// What a caller says about a picture of their own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Details {
    kind: Kind,
    #[serde(default)]
    title: String,
    #[serde(default)]
    anchors: BTreeMap<String, Anchor>,
    focus: Option<Focus>,
}

impl Details {
    /// Numbers come from outside; what the server would refuse is refused here, too.
    fn check(&self) -> Result<(), Failure> {
        let anchors = self.anchors.iter().all(|(name, anchor)| is_anchor_name(name) && anchor.is_sane());
        let focus = self.focus.is_none_or(|focus| focus.is_sane());
        match (anchors, focus) {
            (false, _) => Err(Failure::new(
                "bad-argument",
                &"an anchor has a name in [a-z][a-z0-9-]{0,31} and a finite point, a span above 0, an angle",
            )),
            (_, false) => Err(Failure::new("bad-argument", &"a focal point has x and y from 0 to 1")),
            _ => Ok(()),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "wasm-bindgen hands optional text over by value")]
#[wasm_bindgen]
impl Milliner {
    /// An empty one. `cacheBytes` bounds the decoded pictures it keeps (96 MiB when left out).
    #[wasm_bindgen(constructor)]
    pub fn new(#[wasm_bindgen(js_name = cacheBytes)] cache_bytes: Option<u32>) -> Milliner {
        let cache_bytes = cache_bytes.map_or(CACHE_BYTES, |bytes| bytes as usize);
        Milliner {
            catalogue: Catalogue::default(),
            ingredients: Ingredients::new(),
            compositor: Compositor::new(Limits::default(), cache_bytes),
        }
    }

    /// Take over the manifest of `GET /v1/catalogue`. Pictures added before stay usable by digest.
    #[wasm_bindgen(js_name = setCatalogue)]
    pub fn set_catalogue(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Catalogue | string")] manifest: &JsValue,
    ) -> Result<(), Failure> {
        self.catalogue = match manifest.as_string() {
            Some(text) => {
                serde_json::from_str(&text).map_err(|error| Failure::new("bad-catalogue", &error))?
            }
            None => {
                object::to_json(manifest).map_err(|failure| Failure { code: "bad-catalogue", ..failure })?
            }
        };
        Ok(())
    }

    /// Digest of the catalogue in use.
    #[wasm_bindgen(getter, js_name = catalogueVersion)]
    pub fn catalogue_version(&self) -> String {
        self.catalogue.version().to_owned()
    }

    /// The current version of an asset, as the manifest describes it.
    #[wasm_bindgen(unchecked_return_type = "Asset | undefined")]
    pub fn asset(&self, id: &str) -> Result<JsValue, Failure> {
        self.catalogue.get(id).map_or(Ok(JsValue::UNDEFINED), object::from_json)
    }

    /// Add the stored bytes of an asset. They must be what the digest says.
    #[wasm_bindgen(js_name = addIngredient)]
    pub fn add_ingredient(&mut self, digest: &str, bytes: &[u8]) -> Result<(), Failure> {
        let expected: Digest = digest.parse().map_err(|error| Failure::new("bad-argument", &error))?;
        let found = Digest::of(bytes);
        if found != expected {
            let message = format!("these bytes are {found}, not {expected}");
            return Err(Failure::new("wrong-digest", &message));
        }
        self.ingredients.insert(found, bytes.into());
        Ok(())
    }

    /// Add a picture of the page's own to the catalogue, for this page only; it never leaves the browser.
    #[wasm_bindgen(js_name = addAsset, unchecked_return_type = "Asset")]
    pub fn add_asset(
        &mut self,
        id: &str,
        bytes: &[u8],
        #[wasm_bindgen(unchecked_param_type = "AssetDetails")] details: &JsValue,
    ) -> Result<JsValue, Failure> {
        let id: AssetId = id.parse().map_err(|error| Failure::new("bad-argument", &error))?;
        let details: Details = object::to_json(details)?;
        details.check()?;
        let normalised = compositor::normalise(bytes, &Limits::default())?;
        let asset = describe(id, details, &normalised);
        self.ingredients.extend(normalised.into_files().map(|(digest, file)| (digest, Arc::from(file))));
        let described = object::from_json(&asset)?;
        let mut assets = self.catalogue.assets().to_vec();
        assets.push(asset);
        self.catalogue = Catalogue::new(assets);
        Ok(described)
    }

    /// Digests of the ingredients that a render of this recipe still needs.
    pub fn missing(&self, path: &str, accept: Option<String>) -> Result<Vec<String>, Failure> {
        let plan = self.plan(path, accept.as_deref())?;
        Ok(self.compositor.missing(&plan, &self.ingredients).iter().map(Digest::to_string).collect())
    }

    /// The finished picture: the same bytes, under the same key, that the server delivers. They are written `into` a buffer
    /// of the caller's, if there is one: `bytes` is a view of it, good until the buffer is used again. If it is too short,
    /// `bytes` is an array of its own; what was in the buffer is lost either way.
    #[wasm_bindgen(unchecked_return_type = "Composite")]
    pub fn render(
        &self,
        path: &str,
        #[wasm_bindgen(unchecked_optional_param_type = "string | null")] accept: Option<String>,
        #[wasm_bindgen(unchecked_optional_param_type = "Uint8Array<ArrayBuffer> | null")] into: Option<
            Uint8Array,
        >,
    ) -> Result<JsValue, Failure> {
        let plan = self.plan(path, accept.as_deref())?;
        let bytes = match into {
            Some(buffer) => {
                let mut room = Room::new(buffer);
                self.compositor.compose_to(&plan, &self.ingredients, &mut |piece| room.take(piece))?;
                room.file().into()
            }
            None => object::bytes(&self.compositor.compose(&plan, &self.ingredients)?.bytes),
        };
        let (width, height) = plan.canvas();
        Ok(object::new([
            ("bytes", bytes),
            ("mediaType", plan.format().media_type().into()),
            ("key", plan.key().to_string().into()),
            ("path", plan.canonical_path().into()),
            ("immutablePath", plan.immutable_path().into()),
            ("width", width.into()),
            ("height", height.into()),
        ]))
    }

    /// The picture as straight RGBA, ready for `new ImageData(data, width, height)`: no encoding, for every frame.
    #[wasm_bindgen(unchecked_return_type = "Drawing")]
    pub fn draw(&self, path: &str) -> Result<JsValue, Failure> {
        let plan = self.plan(path, None)?;
        let pixmap = self.compositor.draw(&plan, &self.ingredients)?;
        Ok(object::new([
            ("data", Uint8ClampedArray::from(pixmap.to_straight_rgba().as_slice()).into()),
            ("width", pixmap.width().into()),
            ("height", pixmap.height().into()),
        ]))
    }

    /// What a render would be: canonical path, key, size, ingredients, memory. Draws nothing.
    #[wasm_bindgen(unchecked_return_type = "Explanation")]
    pub fn explain(&self, path: &str, accept: Option<String>) -> Result<JsValue, Failure> {
        let plan = self.plan(path, accept.as_deref())?;
        let (width, height) = plan.canvas();
        object::from_json(&serde_json::json!({
            "path": plan.canonical_path(),
            "key": plan.key().to_string(),
            "immutablePath": plan.immutable_path(),
            "mediaType": plan.format().media_type(),
            "width": width,
            "height": height,
            "pinned": plan.is_pinned(),
            "ingredients": plan.ingredients(),
            "files": plan.files(),
            "workingBytes": plan.working_bytes(),
            "undrawn": plan.undrawn().map(|undrawn| serde_json::json!({
                "pointer": undrawn.pointer, "name": undrawn.name,
            })),
        }))
    }

    fn plan(&self, path: &str, accept: Option<&str>) -> Result<Plan, Failure> {
        Ok(self.catalogue.resolve(&Recipe::parse(path)?, accept)?)
    }
}

fn describe(id: AssetId, details: Details, normalised: &Normalised) -> Asset {
    let Details { kind, title, anchors, focus } = details;
    Asset { title, anchors, focus, ..normalised.asset(&id, kind) }
}
