//! Links: the record of a finished composite, by its key. Object first, then link: a link never points at nothing
//! that was once acknowledged; a lost link is rebuilt from the object at the next request; a link whose object is
//! gone is dropped and the composite rendered anew.

mod journal;
mod memory;

use std::io;
use std::path::Path;

use compositor::{CompositeKey, Digest, Format};
use serde::{Deserialize, Serialize};

use crate::config::LinksUrl;
use crate::store::Store;
use memory::Memory;

/// What is known of a finished composite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub key: CompositeKey,
    /// Canonical recipe, its format resolved.
    pub recipe: String,
    #[serde(with = "extension")]
    pub format: Format,
    pub width: u32,
    pub height: u32,
    /// Length of the object.
    pub bytes: u64,
    /// Content digests of everything that was drawn.
    pub ingredients: Vec<Digest>,
    /// Unix seconds.
    pub created: u64,
    /// Made the first time somebody asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<StoredPlaceholder>,
    /// Deliveries by this process and the ones before it that shut down in order; an estimate.
    #[serde(default)]
    pub hits: u64,
}

/// A format as its extension.
mod extension {
    use compositor::Format;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub fn serialize<S: Serializer>(format: &Format, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(format.extension())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
        let extension = String::deserialize(deserializer)?;
        Format::from_extension(&extension).ok_or_else(|| D::Error::custom("not a format"))
    }
}

/// What stands in for the picture while it loads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPlaceholder {
    /// Dominant colour, `#rrggbb`.
    pub colour: String,
    /// `ThumbHash`, base64.
    pub thumbhash: String,
}

/// Where links live.
#[derive(Clone, Debug)]
pub enum Links {
    /// This process, journalled beside a store on disk.
    Memory(Memory),
}

/// The links could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("links: {path}: {source}")]
pub struct LinksError {
    path: String,
    source: io::Error,
}

impl LinksError {
    fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.display().to_string(), source }
    }
}

impl Links {
    /// Opens the back end, with what it kept.
    pub fn open(url: LinksUrl, store: &Store) -> Result<Self, LinksError> {
        let LinksUrl::Memory = url;
        match store {
            Store::Files(files) => Memory::journalled(files.root()).map(Self::Memory),
            Store::Memory(_) => Ok(Self::Memory(Memory::default())),
        }
    }

    /// The link of a composite.
    pub fn get(&self, key: &CompositeKey) -> Option<Link> {
        let Self::Memory(memory) = self;
        memory.get(key)
    }

    /// Records a finished composite, whose object is stored already.
    pub fn set(&self, link: Link) -> Result<(), LinksError> {
        let Self::Memory(memory) = self;
        memory.set(link)
    }

    /// Forgets a composite.
    pub fn remove(&self, key: &CompositeKey) -> Result<(), LinksError> {
        let Self::Memory(memory) = self;
        memory.remove(key)
    }

    /// Counts one delivery.
    pub fn count_hits(&self, key: &CompositeKey, hits: u64) {
        let Self::Memory(memory) = self;
        memory.count_hits(key, hits);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let Self::Memory(memory) = self;
        memory.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes down what is only in memory; the last act of an orderly shutdown.
    pub fn flush(&self) -> Result<(), LinksError> {
        let Self::Memory(memory) = self;
        memory.flush()
    }
}
