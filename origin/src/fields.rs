//! JSON objects read by hand, field by field: a refusal names the field, what was given and what is allowed, in our
//! words and not in a library's. Bodies of the API and the metadata of assets come in through here.

use compositor::near::{did_you_mean, nearest};
use serde_json::{Map, Value};

/// Longest piece of the caller's input that a refusal repeats, in characters.
const MAX_SHOWN: usize = 80;

/// The fields of an object, none of them unknown.
pub struct Fields<'a> {
    pointer: String,
    fields: &'a Map<String, Value>,
}

/// A field that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct FieldError {
    /// JSON pointer (RFC 6901).
    pub pointer: String,
    pub detail: String,
}

impl<'a> Fields<'a> {
    /// The fields of the object at `pointer`, which may have the `known` ones.
    pub fn of(value: &'a Value, pointer: &str, known: &[&str]) -> Result<Self, FieldError> {
        let what = if pointer.is_empty() { "the body".to_owned() } else { format!("`{pointer}`") };
        let Value::Object(fields) = value else {
            let allowed = format!("an object with {}", list(known));
            return Err(FieldError { pointer: pointer.to_owned(), detail: refusal(&what, value, &allowed) });
        };
        match fields.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(unknown(pointer, name, known)),
            None => Ok(Self { pointer: pointer.to_owned(), fields }),
        }
    }

    /// Where a field stands.
    pub fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, token(name))
    }

    /// A field as `read` understands it. `None`: it is absent; `Some(None)`: it is null.
    pub fn change<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Value) -> Option<T>,
        allowed: &str,
    ) -> Result<Option<Option<T>>, FieldError> {
        let Some(value) = self.fields.get(name) else { return Ok(None) };
        if value.is_null() {
            return Ok(Some(None));
        }
        let refuse = || self.refuse(name, &refusal(&format!("`{name}`"), value, allowed));
        read(value).map(|read| Some(Some(read))).ok_or_else(refuse)
    }

    /// The same where null means nothing.
    pub fn get<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Value) -> Option<T>,
        allowed: &str,
    ) -> Result<Option<T>, FieldError> {
        self.change(name, read, allowed).map(Option::flatten)
    }

    /// The same where there must be one.
    pub fn demand<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Value) -> Option<T>,
        allowed: &str,
    ) -> Result<T, FieldError> {
        let missing = || self.refuse(name, &format!("`{name}` is missing; allowed: {allowed}"));
        self.get(name, read, allowed)?.ok_or_else(missing)
    }

    fn refuse(&self, name: &str, detail: &str) -> FieldError {
        FieldError { pointer: self.pointer(name), detail: detail.to_owned() }
    }
}

fn unknown(pointer: &str, name: &str, known: &[&str]) -> FieldError {
    let detail = format!("the field `{}` is unknown; {}", shown(name), allowed_names(name, known));
    FieldError { pointer: format!("{pointer}/{}", token(name)), detail }
}

fn refusal(what: &str, given: &Value, allowed: &str) -> String {
    format!("{what} is `{}`; allowed: {allowed}", shown(&given.to_string()))
}

/// What may stand in the place of a name that may not, and which of it may have been meant.
pub fn allowed_names(given: &str, known: &[&str]) -> String {
    let meant = did_you_mean(nearest(given, known.iter().copied()));
    format!("allowed: {}{meant}", if known.is_empty() { "none".to_owned() } else { list(known) })
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The caller's input, shortened.
pub fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SHOWN).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// A name as a part of a JSON pointer.
pub fn token(name: &str) -> String {
    shown(name).replace('~', "~0").replace('/', "~1")
}

/// The largest whole number that every reader of JSON holds exactly (RFC 8259, section 6).
const MOST: f64 = 9_007_199_254_740_991.0;

/// A whole number, however it is written: some write 5 as `5.0`, and JSON makes no difference.
pub fn whole(value: &Value) -> Option<u64> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=MOST).contains(number))?;
    Some(number as u64) // exact within these bounds
}

/// A whole number from 1.
pub fn positive(value: &Value) -> Option<u64> {
    whole(value).filter(|number| *number > 0)
}

/// A string.
pub fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refusals_name_the_field_what_was_given_and_what_is_allowed() {
        let refuse = |value: Value| {
            let fields = Fields::of(&value, "", &["title", "tags"]);
            let error = fields.and_then(|fields| fields.demand("title", text, "a text")).unwrap_err();
            (error.pointer, error.detail)
        };
        for (given, pointer, detail) in [
            (json!([1]), "", "the body is `[1]`; allowed: an object with `title`, `tags`"),
            (json!({}), "/title", "`title` is missing; allowed: a text"),
            (json!({"title": 5}), "/title", "`title` is `5`; allowed: a text"),
            (
                json!({"tag": "a"}),
                "/tag",
                "the field `tag` is unknown; allowed: `title`, `tags`; did you mean `tags`?",
            ),
            (json!({"a/b": 1}), "/a~1b", "the field `a/b` is unknown; allowed: `title`, `tags`"),
        ] {
            assert_eq!(refuse(given), (pointer.to_owned(), detail.to_owned()));
        }
    }

    #[test]
    fn null_is_told_from_absent() {
        let value = json!({"title": null});
        let fields = Fields::of(&value, "", &["title", "tags"]).unwrap();
        assert_eq!(fields.change("title", text, "a text"), Ok(Some(None)));
        assert_eq!(fields.change("tags", text, "a text"), Ok(None));
        assert_eq!(fields.get("title", text, "a text"), Ok(None));
    }

    #[test]
    fn numbers_are_whole_however_they_are_written() {
        for (given, number) in [
            (json!(5), Some(5)),
            (json!(5.0), Some(5)),
            (json!(9_007_199_254_740_991_u64), Some(9_007_199_254_740_991)),
            (json!(9_007_199_254_740_992_u64), None),
            (json!(5.5), None),
            (json!(-1), None),
            (json!("5"), None),
        ] {
            assert_eq!(whole(&given), number, "{given}");
        }
        assert_eq!((positive(&json!(0)), positive(&json!(1))), (None, Some(1)));
    }

    #[test]
    fn long_input_is_shortened() {
        assert_eq!(shown(&"é".repeat(81)).chars().count(), 81);
        assert!(shown(&"é".repeat(81)).ends_with('…'));
    }
}
