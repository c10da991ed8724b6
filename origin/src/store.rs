//! Bytes by [`ObjectKey`]. Back ends are an enum behind inherent methods; `tests/contract` runs one suite on each.
//!
//! Two kinds of object share it. Blobs (images, originals, composites) are content-addressed: written once, whole or
//! not at all, durable when `put` returns. Records (assets, API keys, jobs) change, and change only by compare-and-set.

mod files;
mod memory;
mod object_key;
mod s3;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use compositor::Digest;

use crate::breaker::BreakerState;
use crate::config::StoreUrl;
use files::Files;
use memory::Memory;

pub use object_key::ObjectKey;
pub use s3::S3;

/// Where bytes live.
#[derive(Clone, Debug)]
pub enum Store {
    /// A folder on disk.
    Files(Files),
    /// This process's memory.
    Memory(Memory),
    /// A bucket.
    S3(S3),
}

/// What a record held when it was read: the condition of the next change.
pub type Revision = Digest;

/// A record as listed. The stamp changes whenever the record does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name within the listed kind.
    pub name: String,
    /// Opaque.
    pub stamp: String,
}

/// Which records to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    Assets,
    ApiKeys,
    Jobs,
}

/// The store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The record changed since it was read.
    #[error("{path} was changed by somebody else at the same time")]
    Conflict { path: String },
    /// Disk or network.
    #[error("store: {path}: {source}")]
    Io { path: String, source: io::Error },
    /// The service was not reached in time, or has a problem of its own. It may work later.
    #[error("store: {path}: {source}")]
    Unavailable { path: String, source: Reason },
    /// The service does not let us, or the settings do not fit it. It will not work later.
    #[error("store: {path} is refused: {source}")]
    Refused { path: String, source: Reason },
    /// The object came, twice, and is not what was put.
    #[error("store: {path} is damaged: {source}")]
    Damaged { path: String, source: Reason },
}

/// Why, for the log; it names no credential.
pub type Reason = Box<dyn std::error::Error + Send + Sync>;

impl StoreError {
    /// Is it the store's state and not the object's? It may know the object later.
    pub fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    fn io(path: impl Into<String>, source: io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }
}

impl Store {
    /// Opens the back end that the URL names, making its folders where they are missing.
    pub async fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        match url {
            StoreUrl::Files(root) => Files::open(root).await.map(Self::Files),
            StoreUrl::Memory => Ok(Self::Memory(Memory::default())),
            StoreUrl::S3(url) => Ok(Self::S3(S3::open(url).await)),
        }
    }

    /// The whole object, or `None` where there is none.
    pub async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, StoreError> {
        match self {
            Self::Files(files) => files.get(key).await,
            Self::Memory(memory) => Ok(memory.get(key)),
            Self::S3(s3) => s3.get(key).await,
        }
    }

    /// Is the object there?
    pub async fn contains(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        match self {
            Self::Files(files) => files.contains(key).await,
            Self::Memory(memory) => Ok(memory.get(key).is_some()),
            Self::S3(s3) => s3.contains(key).await,
        }
    }

    /// Writes a blob, whole or not at all; it is durable on return. Writing it again changes nothing.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        match self {
            Self::Files(files) => files.put(key, bytes).await,
            Self::Memory(memory) => {
                memory.put(key, bytes);
                Ok(())
            }
            Self::S3(s3) => s3.put(key, bytes).await,
        }
    }

    /// Removes a blob. `false`: there was none.
    pub async fn remove(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        match self {
            Self::Files(files) => files.remove(key).await,
            Self::S3(s3) => s3.remove(key).await,
            Self::Memory(memory) => Ok(memory.remove(key)),
        }
    }

    /// A record with its revision.
    pub async fn read(&self, key: &ObjectKey) -> Result<Option<(Bytes, Revision)>, StoreError> {
        Ok(self.get(key).await?.map(|bytes| {
            let revision = Digest::of(&bytes);
            (bytes, revision)
        }))
    }

    /// Replaces a record that still has the revision `was` (`None`: that does not exist yet); `to` `None` removes it.
    pub async fn swap(
        &self,
        key: &ObjectKey,
        was: Option<Revision>,
        to: Option<Bytes>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Files(files) => files.swap(key, was, to).await,
            Self::Memory(memory) => memory.swap(key, was, to),
            Self::S3(s3) => s3.swap(key, was, to).await,
        }
    }

    /// Every record of a kind, sorted by name.
    pub async fn list(&self, records: Records) -> Result<Vec<Listed>, StoreError> {
        match self {
            Self::Files(files) => files.list(records).await,
            Self::Memory(memory) => Ok(memory.list(records)),
            Self::S3(s3) => s3.list(records).await,
        }
    }

    /// A URL by which anybody can read an object for a while; `None`: the back end has none.
    pub async fn url_of(&self, key: &ObjectKey, life: Duration) -> Result<Option<String>, StoreError> {
        match self {
            Self::Files(_) | Self::Memory(_) => Ok(None),
            Self::S3(s3) => s3.url_of(key, life).await.map(Some),
        }
    }

    /// The path of every object, sorted: what an operator or a test sees.
    pub async fn paths(&self) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Files(files) => files.paths().await,
            Self::Memory(memory) => Ok(memory.paths()),
            Self::S3(s3) => s3.paths().await,
        }
    }

    /// Is it asked at all? A folder always is.
    pub fn breaker(&self) -> BreakerState {
        match self {
            Self::Files(_) | Self::Memory(_) => BreakerState::Closed,
            Self::S3(s3) => s3.breaker(),
        }
    }

    /// Can it be read and written right now?
    pub async fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Files(files) => files.check().await,
            Self::Memory(_) => Ok(()),
            Self::S3(s3) => s3.check().await,
        }
    }
}
