//! A typed path in the store. Nobody else formats a store path, or says what a stored object is to those who meet it
//! without us: its content type, how long it may be kept, its class.

use std::fmt;

use compositor::{AssetId, CompositeKey, Digest, Format};

use super::Records;

/// Names one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKey {
    /// The record of an asset: its metadata and versions.
    Asset(AssetId),
    /// What is drawn from, by its content: a normalised image, or a font.
    Image(Digest),
    /// An upload as it came, by its content.
    Original(Digest),
    /// A finished composite.
    Composite(CompositeKey, Format),
    /// The record of a job.
    Job(crate::jobs::JobId),
    /// The record of an API key, by its public id (checked by [`crate::keys`]).
    ApiKey(crate::keys::KeyId),
}

impl ObjectKey {
    /// Does it change? What does not is named by its content or by what it was made of.
    pub const fn is_record(&self) -> bool {
        matches!(self, Self::Asset(_) | Self::ApiKey(_) | Self::Job(_))
    }

    /// The `Content-Type` of the object. A digest does not tell what kind of picture it is of.
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Asset(_) | Self::ApiKey(_) | Self::Job(_) => "application/json",
            Self::Image(_) | Self::Original(_) => "application/octet-stream",
            Self::Composite(_, format) => format.media_type(),
        }
    }

    /// The `Cache-Control` of the object.
    pub const fn cache_control(&self) -> &'static str {
        if self.is_record() { "no-cache" } else { "max-age=31536000, immutable" }
    }

    /// What may be cleared away, and for how long it is kept, is for whoever runs the store to say, by class.
    pub const fn class(&self) -> Option<&'static str> {
        match self {
            Self::Composite(..) => Some("composite"),
            Self::Asset(_) | Self::ApiKey(_) | Self::Job(_) | Self::Image(_) | Self::Original(_) => None,
        }
    }
}

impl fmt::Display for ObjectKey {
    /// The path: `kind/…`. Blobs are spread over 256 folders by the first two digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asset(id) => write!(f, "{}/{id}.json", Records::Assets.folder()),
            Self::ApiKey(id) => write!(f, "{}/{id}.json", Records::ApiKeys.folder()),
            Self::Job(id) => write!(f, "{}/{id}.json", Records::Jobs.folder()),
            Self::Image(digest) => write!(f, "images/{}", sharded(&digest.to_string())),
            Self::Original(digest) => write!(f, "originals/{}", sharded(&digest.to_string())),
            Self::Composite(key, format) => {
                write!(f, "composites/{}.{}", sharded(&key.to_string()), format.extension())
            }
        }
    }
}

impl Records {
    /// The folder that holds records of this kind.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Assets => "assets",
            Self::ApiKeys => "keys",
            Self::Jobs => "jobs",
        }
    }
}

fn sharded(hex: &str) -> String {
    format!("{}/{hex}", &hex[..2])
}
