//! Recipes as JSON: the same field names as the URL, turned into the URL form and read by the one parser.

use std::fmt::Write as _;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::Recipe;
use crate::error::ParseError;

impl Recipe {
    /// Reads a recipe from JSON: `{"base": …, "layers": […], "format": "png"}`, or a string that holds a recipe path.
    ///
    /// An element is a name (`"tabby"`) or an object whose `id` is the name and whose other fields are the parameters.
    /// A `~text` layer may give its text plainly as `text` instead of base64url as `t`.
    ///
    /// ```
    /// use compositor::Recipe;
    /// let json = serde_json::json!({
    ///     "base": { "id": "tabby", "w": 800 },
    ///     "layers": [{ "id": "top-hat", "rotate": -8 }, "bow-tie"],
    ///     "format": "png",
    /// });
    /// assert_eq!(Recipe::from_json(&json)?.to_path(), "/c/tabby;w=800/top-hat;rotate=-8/bow-tie.png");
    /// # Ok::<(), compositor::ParseError>(())
    /// ```
    pub fn from_json(json: &Value) -> Result<Recipe, ParseError> {
        let object = match json {
            Value::String(path) => return Recipe::parse(path),
            Value::Object(object) => object,
            other => return Err(refuse("", "the recipe", other, "an object or a recipe path")),
        };
        if let Some(unknown) = object.keys().find(|key| !matches!(key.as_str(), "base" | "layers" | "format"))
        {
            return Err(ParseError::new(
                format!("/{unknown}"),
                "a field of the recipe",
                unknown,
                "`base`, `layers`, `format`",
            ));
        }
        let mut path = "/c/".to_owned();
        path.push_str(&element("/base", object.get("base").unwrap_or(&Value::Null))?);
        for (i, layer) in layers(object)?.iter().enumerate() {
            path.push('/');
            path.push_str(&element(&format!("/layers/{i}"), layer)?);
        }
        path.push('.');
        path.push_str(match object.get("format") {
            None => "auto",
            Some(Value::String(format)) => format,
            Some(other) => return Err(refuse("/format", "`format`", other, "a string")),
        });
        Recipe::parse(&path)
    }
}

fn layers(object: &Map<String, Value>) -> Result<&[Value], ParseError> {
    match object.get("layers") {
        None => Ok(&[]),
        Some(Value::Array(layers)) => Ok(layers),
        Some(other) => Err(refuse("/layers", "`layers`", other, "an array")),
    }
}

/// One element in its URL form, values percent-encoded so that no value can pass for grammar.
fn element(pointer: &str, json: &Value) -> Result<String, ParseError> {
    let object = match json {
        Value::String(name) => return plain(pointer, name),
        Value::Object(object) => object,
        other => return Err(refuse(pointer, "an element", other, "a name or an object with an `id`")),
    };
    let id = match object.get("id") {
        Some(Value::String(id)) => id,
        other => {
            return Err(refuse(
                &format!("{pointer}/id"),
                "`id`",
                other.unwrap_or(&Value::Null),
                "an element name",
            ));
        }
    };
    let mut segment = plain(&format!("{pointer}/id"), id)?;
    for (name, value) in object.iter().filter(|(name, _)| *name != "id") {
        let pointer = format!("{pointer}/{name}");
        let value = scalar(&pointer, name, value)?;
        let (name, value) = match name.as_str() {
            "text" => ("t", BASE64_URL_SAFE_NO_PAD.encode(value)),
            name => (name, value),
        };
        let (name, value) = (plain(&pointer, name)?, plain(&pointer, &value)?);
        let _ = write!(segment, ";{name}={value}"); // writing to a String cannot fail
    }
    Ok(segment)
}

fn scalar(pointer: &str, name: &str, value: &Value) -> Result<String, ParseError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        // Display of a float never writes an exponent, as JSON may.
        Value::Number(number) => Ok(number.as_f64().map_or_else(|| number.to_string(), |n| n.to_string())),
        other => Err(refuse(pointer, &format!("`{name}`"), other, "a string or a number")),
    }
}

/// Whatever a URL reserves is encoded; what the grammar itself reserves never gets this far (`plain`).
fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A name or value without the characters that structure a segment.
fn plain(pointer: &str, text: &str) -> Result<String, ParseError> {
    if text.contains([';', '=', '/']) {
        return Err(ParseError::new(pointer, "a name or value", text, "text without `;`, `=`, `/`"));
    }
    Ok(encode(text))
}

fn refuse(pointer: &str, what: &str, given: &Value, allowed: &str) -> ParseError {
    ParseError::new(pointer, what, given.to_string(), allowed)
}
