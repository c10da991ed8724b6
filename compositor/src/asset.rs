//! What a catalogue holds: assets, their names, content digests and anchors.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The validated name of an asset: `[a-z0-9][a-z0-9-]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetId(String);

impl AssetId {
    /// The font of a text that names none: `sans`.
    pub fn default_font() -> Self {
        AssetId("sans".to_owned())
    }
}

/// A name that is not an asset id, or a pin that is not a digest prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not an asset id.
    #[error("an asset id, `[a-z0-9][a-z0-9-]{{0,63}}`, optionally pinned with `@` and 10 to 64 hex digits")]
    Id,
    /// Not a digest.
    #[error("64 hex digits")]
    Digest,
}

impl FromStr for AssetId {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let valid = (1..=64).contains(&name.len())
            && name.bytes().all(|b| letter(b) || b == b'-')
            && name.bytes().next().is_some_and(letter);
        if valid { Ok(AssetId(name.to_owned())) } else { Err(NameError::Id) }
    }
}

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for AssetId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// An asset as a recipe names it: by id, and optionally pinned to a content digest prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetRef {
    /// Which asset.
    pub id: AssetId,
    /// 10 to 64 lower-case hex digits that the content digest begins with.
    pub pin: Option<String>,
}

impl AssetRef {
    /// The asset's newest version.
    pub fn latest(id: AssetId) -> Self {
        AssetRef { id, pin: None }
    }
}

impl FromStr for AssetRef {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let Some((id, pin)) = name.split_once('@') else {
            return Ok(AssetRef::latest(name.parse()?));
        };
        let pin = pin.to_ascii_lowercase();
        let valid = (10..=64).contains(&pin.len()) && pin.bytes().all(|b| b.is_ascii_hexdigit());
        if valid { Ok(AssetRef { id: id.parse()?, pin: Some(pin) }) } else { Err(NameError::Id) }
    }
}

impl fmt::Display for AssetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pin {
            Some(pin) => write!(f, "{}@{pin}", self.id),
            None => self.id.fmt(f),
        }
    }
}

/// The BLAKE3 digest of an asset's stored bytes: its content address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = NameError;

    fn from_str(hex: &str) -> Result<Self, NameError> {
        read_hex(hex).map(Digest).ok_or(NameError::Digest)
    }
}

pub(crate) fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Exactly `N` bytes of lower-case hex.
pub(crate) fn read_hex<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    let digits = hex.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Serialises a type by its `Display`, deserialises it by its `FromStr`.
macro_rules! serde_as_string {
    ($($name:ident),+) => { $(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+ };
}
pub(crate) use serde_as_string;
serde_as_string!(AssetId, AssetRef, Digest);

/// A named place on a picture: a point, the length it spans, and its tilt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anchor {
    /// From the left, as a fraction of the picture's width.
    pub x: f64,
    /// From the top, as a fraction of the picture's height.
    pub y: f64,
    /// What it measures there (a head's width, say), as a fraction of the picture's width; above 0.
    pub span: f64,
    /// Tilt in degrees clockwise.
    #[serde(default)]
    pub angle: f64,
}

impl Anchor {
    /// Are all four numbers finite and of a believable size (points within 10 pictures, spans from 0.0001 to 10)?
    pub fn is_sane(&self) -> bool {
        let point = |v: f64| v.is_finite() && v.abs() <= 10.0;
        point(self.x)
            && point(self.y)
            && (0.0001..=10.0).contains(&self.span)
            && self.angle.is_finite()
            && self.angle.abs() <= 360.0
    }
}

/// The point that matters most in a picture; `cover` keeps it in view.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Focus {
    /// From the left, 0 to 1 of the width.
    pub x: f64,
    /// From the top, 0 to 1 of the height.
    pub y: f64,
}

impl Focus {
    /// Does the point lie in the picture?
    pub fn is_sane(&self) -> bool {
        (0.0..=1.0).contains(&self.x) && (0.0..=1.0).contains(&self.y)
    }
}

/// Is this a name that an anchor can have: `[a-z][a-z0-9-]{0,31}`, and no compass point?
pub fn is_anchor_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && name.as_bytes()[0].is_ascii_lowercase()
        && !crate::recipe::Gravity::WORDS.iter().any(|(word, _)| *word == name)
}

/// What an asset is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A picture to put things on.
    Base,
    /// A picture to put on a base.
    Overlay,
    /// A font for `~text`.
    Font,
}

impl Kind {
    /// `base`, `overlay` or `font`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Base => "base",
            Kind::Overlay => "overlay",
            Kind::Font => "font",
        }
    }
}

/// One asset of the catalogue, at one version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// Its name.
    pub id: AssetId,
    /// Content address of the stored (normalised) bytes.
    pub digest: Digest,
    /// What it is for.
    pub kind: Kind,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Length of the stored bytes.
    pub bytes: u64,
    /// Media type of the stored bytes.
    pub media_type: String,
    /// Has it no transparent pixel?
    pub opaque: bool,
    /// Smaller copies, each half as wide and high as the one before: who draws it small need not read all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<Level>,
    /// For people.
    #[serde(default)]
    pub title: String,
    /// For finding and purging it.
    #[serde(default)]
    pub tags: Vec<String>,
    /// SPDX expression, or whatever its owner says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// A base: the places things sit on. An overlay: the place it sits by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub anchors: BTreeMap<String, Anchor>,
    /// What `cover` keeps in view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<Focus>,
}

/// A smaller copy of an asset's picture, of the same media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Content address of its bytes.
    pub digest: Digest,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Length of its bytes.
    pub bytes: u64,
}

impl Asset {
    /// Content addresses of everything that is stored of it: all of it first, then its levels.
    pub fn contents(&self) -> impl Iterator<Item = Digest> {
        std::iter::once(self.digest).chain(self.levels.iter().map(|level| level.digest))
    }

    /// Is this all of it, or one of its levels?
    pub fn has_content(&self, digest: &Digest) -> bool {
        self.contents().any(|content| content == *digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_strict() {
        for good in ["a", "top-hat", "0", "a-", &"x".repeat(64)] {
            assert!(good.parse::<AssetId>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a.b", "../x", "a/b", "é", &"x".repeat(65)] {
            assert!(bad.parse::<AssetId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn pins_are_ten_or_more_hex_digits() {
        assert_eq!("mug@3F9A0C12D4".parse::<AssetRef>().unwrap().to_string(), "mug@3f9a0c12d4");
        for bad in ["mug@", "mug@3f9a0c12d", "mug@zzzzzzzzzz", "@3f9a0c12d4", "mug@3f9a0c12d4@3f9a0c12d4"] {
            assert!(bad.parse::<AssetRef>().is_err(), "{bad}");
        }
    }

    #[test]
    fn digests_read_what_they_print() {
        let digest = Digest::of(b"hat");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("AB".repeat(32).parse::<Digest>().is_err());
    }
}
