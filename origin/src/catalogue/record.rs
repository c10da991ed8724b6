//! What the store keeps of one asset: its current version, and the older ones that a pin may still name.

use compositor::{Asset, Digest};
use serde::{Deserialize, Serialize};

/// An asset with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssetRecord {
    pub current: Version,
    /// Newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub older: Vec<Version>,
}

/// One content of an asset, with the metadata it has (or had when it was replaced).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub asset: Asset,
    /// The upload as it came.
    pub original: Digest,
    pub original_type: String,
    /// Unix seconds.
    pub added: u64,
}

impl AssetRecord {
    /// A record with one version.
    pub fn new(current: Version) -> Self {
        Self { current, older: Vec::new() }
    }

    /// The record after `next` took over: the version it replaces becomes the newest older one, unless the content is
    /// the same. Content that was there before comes back from the history.
    #[must_use]
    pub fn replaced_by(&self, next: Version) -> Self {
        let mut older = self.older.clone();
        if self.current.asset.digest != next.asset.digest {
            older.retain(|version| version.asset.digest != next.asset.digest);
            older.insert(0, self.current.clone());
        }
        Self { current: next, older }
    }

    /// The version with this content.
    pub fn version(&self, digest: &Digest) -> Option<&Version> {
        self.versions().find(|version| version.asset.digest == *digest)
    }

    /// The version that has this content, or has it as a level.
    pub fn version_of(&self, content: &Digest) -> Option<&Version> {
        self.versions().find(|version| version.asset.has_content(content))
    }

    /// Every version, the current one first.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.current).chain(&self.older)
    }
}
