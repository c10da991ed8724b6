//! What people say about an asset: kind, title, tags, anchors, focus, licence. One type for every way it arrives
//! (upload, patch, sidecar file), with the rules of a JSON merge patch (RFC 7396): a field that is absent stays as it
//! is, one that is null is cleared.

use std::collections::BTreeMap;

use compositor::asset::is_anchor_name;
use compositor::{Anchor, Asset, Focus, Kind};
use serde_json::{Map, Value};

use crate::fields::{FieldError, Fields, text, token};

const MAX_TEXT_CHARS: usize = 200;
const MAX_TAGS: usize = 32;
const MAX_TAG_CHARS: usize = 64;
const MAX_ANCHORS: usize = 32;

/// A change to an asset's metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    pub kind: Option<Kind>,
    pub title: Option<Option<String>>,
    pub tags: Option<Option<Vec<String>>>,
    pub licence: Option<Option<String>>,
    pub anchors: Option<Option<BTreeMap<String, Option<Anchor>>>>,
    pub focus: Option<Option<Focus>>,
}

/// A value that metadata cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct MetadataError {
    /// JSON pointer (RFC 6901).
    pub pointer: String,
    pub detail: String,
}

impl MetadataError {
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

impl From<FieldError> for MetadataError {
    fn from(FieldError { pointer, detail }: FieldError) -> Self {
        Self { pointer, detail }
    }
}

/// What a kind may be, in an error.
pub const KINDS: &str = "`base`, `overlay`, `font`";

/// The kind of this name.
pub fn kind(word: &str) -> Option<Kind> {
    [Kind::Base, Kind::Overlay, Kind::Font].into_iter().find(|kind| kind.word() == word)
}

impl TryFrom<&Value> for Metadata {
    type Error = MetadataError;

    fn try_from(json: &Value) -> Result<Self, MetadataError> {
        let known = ["kind", "title", "tags", "licence", "anchors", "focus"];
        let fields = Fields::of(json, "", &known)?;
        let anchors =
            fields.change("anchors", |anchors| anchors.as_object().cloned(), "an object or null")?;
        let focus = fields.change("focus", |focus| Some(focus.clone()), "an object or null")?;
        let read_tags = |tags: &Value| tags.as_array()?.iter().map(text).collect();
        Ok(Self {
            kind: fields.get("kind", |word| kind(word.as_str()?), KINDS)?,
            title: fields.change("title", text, "a string or null")?,
            tags: fields.change("tags", read_tags, "a list of strings or null")?,
            licence: fields.change("licence", text, "a string or null")?,
            anchors: anchors.map(|anchors| anchors.map(read_anchors).transpose()).transpose()?,
            focus: focus.map(|focus| focus.map(read_focus).transpose()).transpose()?,
        })
    }
}

fn read_anchors(anchors: Map<String, Value>) -> Result<BTreeMap<String, Option<Anchor>>, MetadataError> {
    let read = |(name, anchor): (String, Value)| {
        let anchor = if anchor.is_null() { None } else { Some(read_anchor(&name, &anchor)?) };
        Ok((name, anchor))
    };
    anchors.into_iter().map(read).collect()
}

fn read_anchor(name: &str, anchor: &Value) -> Result<Anchor, MetadataError> {
    let fields = Fields::of(anchor, &format!("/anchors/{}", token(name)), &["x", "y", "span", "angle"])?;
    let fraction = |name| fields.demand(name, Value::as_f64, "a fraction of the picture");
    let angle = fields.get("angle", Value::as_f64, "degrees clockwise")?.unwrap_or_default();
    Ok(Anchor { x: fraction("x")?, y: fraction("y")?, span: fraction("span")?, angle })
}

fn read_focus(focus: Value) -> Result<Focus, MetadataError> {
    let fields = Fields::of(&focus, "/focus", &["x", "y"])?;
    let fraction = |name| fields.demand(name, Value::as_f64, "a fraction of the picture, 0 to 1");
    Ok(Focus { x: fraction("x")?, y: fraction("y")? })
}

impl Metadata {
    /// The same, and of `other` what this does not mention.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            kind: self.kind.or(other.kind),
            title: self.title.or(other.title),
            tags: self.tags.or(other.tags),
            licence: self.licence.or(other.licence),
            anchors: self.anchors.or(other.anchors),
            focus: self.focus.or(other.focus),
        }
    }

    /// Changes the asset, if the result is one that an asset can be.
    pub fn apply(self, asset: &mut Asset) -> Result<(), MetadataError> {
        let mut changed = asset.clone();
        if let Some(kind) = self.kind {
            changed.kind = kind;
        }
        set(&mut changed.title, self.title.map(Option::unwrap_or_default));
        set(&mut changed.tags, self.tags.map(|tags| tidy(tags.unwrap_or_default())));
        set(&mut changed.licence, self.licence);
        set(&mut changed.focus, self.focus);
        match self.anchors {
            Some(Some(anchors)) => merge(&mut changed.anchors, anchors),
            Some(None) => changed.anchors.clear(),
            None => {}
        }
        check(&changed)?;
        *asset = changed;
        Ok(())
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn merge(anchors: &mut BTreeMap<String, Anchor>, changes: BTreeMap<String, Option<Anchor>>) {
    for (name, change) in changes {
        match change {
            Some(anchor) => anchors.insert(name, anchor),
            None => anchors.remove(&name),
        };
    }
}

fn tidy(tags: Vec<String>) -> Vec<String> {
    let mut tags: Vec<String> = tags.into_iter().map(|tag| tag.trim().to_owned()).collect();
    tags.sort();
    tags.dedup();
    tags
}

/// Every rule for metadata, in one place.
fn check(asset: &Asset) -> Result<(), MetadataError> {
    let refuse = |pointer: &str, detail: String| Err(MetadataError::new(pointer, detail));
    match (asset.media_type.starts_with("font/"), asset.kind) {
        (true, Kind::Base | Kind::Overlay) => {
            return refuse("/kind", "the file is a font; allowed: `font`".to_owned());
        }
        (false, Kind::Font) => {
            return refuse("/kind", "the file is an image; allowed: `base`, `overlay`".to_owned());
        }
        (true, Kind::Font) | (false, Kind::Base | Kind::Overlay) => {}
    }
    if !is_plain(&asset.title, MAX_TEXT_CHARS) {
        return refuse(
            "/title",
            format!("a title has at most {MAX_TEXT_CHARS} characters, none of them a control character"),
        );
    }
    if asset
        .licence
        .as_deref()
        .is_some_and(|licence| licence.is_empty() || !is_plain(licence, MAX_TEXT_CHARS))
    {
        return refuse("/licence", format!("a licence has 1 to {MAX_TEXT_CHARS} characters"));
    }
    let good_tag = |tag: &String| !tag.is_empty() && !tag.contains(',') && is_plain(tag, MAX_TAG_CHARS);
    if asset.tags.len() > MAX_TAGS || !asset.tags.iter().all(good_tag) {
        return refuse(
            "/tags",
            format!("at most {MAX_TAGS} tags of 1 to {MAX_TAG_CHARS} characters, without commas"),
        );
    }
    if asset.kind == Kind::Font && asset.focus.is_some() {
        return refuse("/focus", "a font has no focal point".to_owned());
    }
    if !asset.focus.is_none_or(|focus| focus.is_sane()) {
        return refuse("/focus", "x and y are fractions of the picture, from 0 to 1".to_owned());
    }
    check_anchors(asset)
}

fn check_anchors(asset: &Asset) -> Result<(), MetadataError> {
    let most = match asset.kind {
        Kind::Base => MAX_ANCHORS,
        Kind::Overlay => 1,
        Kind::Font => 0,
    };
    if asset.anchors.len() > most {
        let detail = format!("an asset of kind `{}` has at most {most} anchors", asset.kind.word());
        return Err(MetadataError::new("/anchors", detail));
    }
    for (name, anchor) in &asset.anchors {
        let pointer = || format!("/anchors/{}", token(name));
        if !is_anchor_name(name) {
            let detail = "an anchor's name is `[a-z][a-z0-9-]{0,31}` and no compass point";
            return Err(MetadataError::new(pointer(), detail));
        }
        if !anchor.is_sane() {
            let detail = "x, y and span are fractions of the picture, span above 0, angle in degrees";
            return Err(MetadataError::new(pointer(), detail));
        }
    }
    Ok(())
}

fn is_plain(text: &str, most_chars: usize) -> bool {
    text.chars().count() <= most_chars && !text.chars().any(char::is_control)
}
