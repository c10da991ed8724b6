//! What went wrong, as JavaScript sees it: an `Error` named `MillinerError` with a stable `code` to
//! branch on, the `pointer` into the recipe where there is one, and a sentence for people.

use compositor::{AssetError, ParseError, RenderError, ResolveError};
use wasm_bindgen::JsValue;

use crate::object;

/// An error on its way to JavaScript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Stable word to branch on, listed in `types.d.ts`.
    pub code: &'static str,
    /// Place in the recipe as a JSON pointer (RFC 6901), when the recipe is to blame.
    pub pointer: Option<String>,
    /// One sentence.
    pub message: String,
}

impl Failure {
    /// An error that is not about a place in a recipe.
    pub(crate) fn new(code: &'static str, message: &impl ToString) -> Failure {
        Failure { code, pointer: None, message: message.to_string() }
    }

    fn at(code: &'static str, pointer: &str, message: &impl ToString) -> Failure {
        Failure { pointer: Some(pointer.to_owned()), ..Failure::new(code, message) }
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Failure::at("bad-recipe", error.pointer(), &error)
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        let code = match &error {
            ResolveError::UnknownAsset { .. } => "unknown-asset",
            ResolveError::UnknownVersion { .. } => "unknown-version",
            ResolveError::AmbiguousVersion { .. } => "ambiguous-version",
            ResolveError::WrongKind { .. } => "wrong-kind",
            ResolveError::UnknownAnchor { .. } => "unknown-anchor",
            ResolveError::NotAcceptable { .. } => "not-acceptable",
            ResolveError::TooLarge { .. } => "limit",
        };
        Failure::at(code, error.pointer(), &error)
    }
}

impl From<AssetError> for Failure {
    fn from(error: AssetError) -> Self {
        let code = match &error {
            AssetError::Limit { .. } => "limit",
            _ => "bad-image",
        };
        Failure::new(code, &error)
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        match &error {
            RenderError::NotDrawn { pointer, .. } => Failure::at("not-drawn", pointer, &error),
            RenderError::Missing { .. } => Failure::new("missing-ingredient", &error),
            RenderError::Asset { .. } => Failure::new("bad-image", &error),
            RenderError::Limit { pointer, .. } => Failure::at("limit", pointer, &error),
            RenderError::Encode { .. } => Failure::new("encode", &error),
        }
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        let error = js_sys::Error::new(&failure.message);
        error.set_name("MillinerError");
        object::set(&error, "code", &failure.code.into());
        object::set(&error, "pointer", &failure.pointer.into());
        error.into()
    }
}
