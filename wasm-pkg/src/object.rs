//! JavaScript objects: built from fields, or carried over as JSON text, which engines parse faster
//! than any field-by-field walk across the boundary.

use js_sys::{JSON, Object, Reflect, Uint8Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

use crate::Failure;

/// A plain object with these fields.
pub fn new<const N: usize>(fields: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        set(&object, name, &value);
    }
    object.into()
}

/// Set one field of an object that we made ourselves, where that cannot fail.
pub fn set(object: &Object, name: &str, value: &JsValue) {
    let done = Reflect::set(object, &name.into(), value);
    debug_assert!(done.is_ok(), "a fresh object is not frozen");
}

/// A copy of these bytes that JavaScript owns.
pub fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// A serialisable value as a JavaScript one.
pub fn from_json(value: &impl Serialize) -> Result<JsValue, Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::new("bad-argument", &error))?;
    JSON::parse(&text).map_err(|_| Failure::new("bad-argument", &"this engine refuses valid JSON"))
}

/// A JavaScript value, or JSON text, as a Rust one.
pub fn to_json<T: DeserializeOwned>(value: &JsValue) -> Result<T, Failure> {
    let text = JSON::stringify(value).ok().and_then(|text| text.as_string());
    let text = text.ok_or_else(|| Failure::new("bad-argument", &"this value has no JSON form"))?;
    serde_json::from_str(&text).map_err(|error| Failure::new("bad-argument", &error))
}
