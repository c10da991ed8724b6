//! Links: the record of a finished composite, by its key. Object first, then link: a link never points at nothing
//! that was once acknowledged; a lost link is rebuilt from the object at the next request; a link whose object is
//! gone is dropped and the composite rendered anew.

mod journal;
mod lease;
mod memory;
mod redis;

use std::io;
use std::path::Path;

use compositor::{CompositeKey, Digest, Format};
use serde::{Deserialize, Serialize};

use crate::fleet::{Fleet, FleetError};
use crate::store::Store;
use memory::Memory;

pub use lease::{Begun, Lease, Told};
pub use redis::{Redis, Settled};

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
    /// Digest of the object. Links of before it was kept have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// Content digests of everything that was drawn.
    pub ingredients: Vec<Digest>,
    /// Unix seconds.
    pub created: u64,
    /// Made the first time somebody asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<StoredPlaceholder>,
    /// Deliveries by instances that are running or shut down in order, as last counted; an estimate.
    #[serde(default)]
    pub hits: u64,
    /// Unix seconds of the last delivery that was counted; 0: none was.
    #[serde(default)]
    pub used: u64,
}

impl Link {
    /// Are these the bytes that were stored?
    pub fn is_of(&self, object: &[u8]) -> bool {
        self.bytes == object.len() as u64 && self.content.is_none_or(|content| content == Digest::of(object))
    }
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
    /// A Redis that all instances share.
    Redis(Redis),
}

/// The links could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    #[error("links: {path}: {source}")]
    Journal { path: String, source: io::Error },
    #[error("links: {0}")]
    Fleet(#[from] FleetError),
}

impl LinksError {
    fn new(path: &Path, source: io::Error) -> Self {
        Self::Journal { path: path.display().to_string(), source }
    }
}

impl Links {
    /// Opens the back end, with what it kept: the shared Redis, if there is one.
    pub fn open(fleet: Option<&Fleet>, store: &Store) -> Result<Self, LinksError> {
        if let Some(fleet) = fleet {
            return Ok(Self::Redis(Redis::new(fleet.clone())));
        }
        match store {
            Store::Files(files) => Memory::journalled(files.root()).map(Self::Memory),
            Store::Memory(_) | Store::S3(_) => Ok(Self::Memory(Memory::default())),
        }
    }

    /// The link of a composite.
    pub async fn get(&self, key: &CompositeKey) -> Result<Option<Link>, LinksError> {
        match self {
            Self::Memory(memory) => Ok(memory.get(key)),
            Self::Redis(redis) => redis.get(key).await,
        }
    }

    /// Records a finished composite, whose object is stored already.
    pub async fn set(&self, link: Link) -> Result<(), LinksError> {
        match self {
            Self::Memory(memory) => memory.set(link),
            Self::Redis(redis) => redis.set(&link).await,
        }
    }

    /// Forgets a composite.
    pub async fn remove(&self, key: &CompositeKey) -> Result<(), LinksError> {
        match self {
            Self::Memory(memory) => memory.remove(key),
            Self::Redis(redis) => redis.remove(key).await,
        }
    }

    /// Counts deliveries of a composite, if it has a link.
    pub async fn count_hits(&self, key: &CompositeKey, hits: u64) -> Result<(), LinksError> {
        match self {
            Self::Memory(memory) => {
                memory.count_hits(key, hits);
                Ok(())
            }
            Self::Redis(redis) => redis.count_hits(key, hits).await,
        }
    }

    /// At most so many composites that nobody was delivered since then (Unix seconds).
    pub async fn unused_since(&self, then: u64, most: usize) -> Result<Vec<CompositeKey>, LinksError> {
        match self {
            Self::Memory(memory) => Ok(memory.unused_since(then, most)),
            Self::Redis(redis) => redis.unused_since(then, most).await,
        }
    }

    /// The composites drawn from an ingredient.
    pub async fn drawn_from(&self, ingredient: &Digest) -> Result<Vec<CompositeKey>, LinksError> {
        match self {
            Self::Memory(memory) => Ok(memory.drawn_from(ingredient)),
            Self::Redis(redis) => redis.drawn_from(ingredient).await,
        }
    }

    /// May this process render the composite? `mistrusted`: the link there is points at nothing. Where nobody can be
    /// asked it may.
    pub async fn begin(&self, key: &CompositeKey, mistrusted: bool) -> Begun {
        match self {
            Self::Memory(memory) => match memory.get(key).filter(|_| !mistrusted) {
                Some(link) => Begun::Found(Box::new(link)),
                None => Begun::Granted(Lease::unshared(*key)),
            },
            Self::Redis(redis) => redis.begin(key, mistrusted).await.unwrap_or_else(|error| {
                tracing::debug!(%key, %error, "no lease; rendering without one");
                Begun::Granted(Lease::unshared(*key))
            }),
        }
    }

    /// The same for one who leaves rendering to others, as long as they can be asked.
    pub async fn look(&self, key: &CompositeKey, mistrusted: bool) -> Begun {
        match self {
            Self::Memory(_) => self.begin(key, mistrusted).await,
            Self::Redis(redis) => redis.look(key, mistrusted).await.unwrap_or_else(|error| {
                tracing::debug!(%key, %error, "no links; rendering here, without a lease");
                Begun::Granted(Lease::unshared(*key))
            }),
        }
    }

    /// Gives a lease back, with what came of it. `false`: it had passed on to somebody else meanwhile.
    pub async fn settle(&self, lease: Lease, settled: Settled<'_>) -> Result<bool, LinksError> {
        if lease.is_shared() {
            return lease.settle(settled).await;
        }
        if let Settled::Linked(link) = settled
            && self.get(&lease.key).await?.is_none()
        {
            self.set(link.clone()).await?;
        }
        Ok(true)
    }

    /// How many there are, where that is known.
    pub fn count(&self) -> Option<usize> {
        match self {
            Self::Memory(memory) => Some(memory.len()),
            Self::Redis(_) => None,
        }
    }

    /// Can they be read right now?
    pub async fn check(&self) -> Result<(), LinksError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Redis(redis) => Ok(redis.fleet().check().await?),
        }
    }

    /// Writes down what is only in memory; the last act of an orderly shutdown.
    pub fn flush(&self) -> Result<(), LinksError> {
        match self {
            Self::Memory(memory) => memory.flush(),
            Self::Redis(_) => Ok(()),
        }
    }
}
