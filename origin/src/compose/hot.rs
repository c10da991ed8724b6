//! Finished composites in memory, bounded by bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderValue;
use bytes::Bytes;
use compositor::{CompositeKey, Format};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// Bookkeeping of one entry, about.
const ENTRY_BYTES: u64 = 512;
/// Few shards, so that one large composite fits into a shard's part of the budget.
const SHARDS: usize = 4;

/// A composite in memory, with the headers that never change.
#[derive(Debug)]
pub struct Hot {
    pub key: CompositeKey,
    pub format: Format,
    pub bytes: Bytes,
    pub etag: HeaderValue,
    pub content_type: HeaderValue,
    hits: AtomicU64,
}

impl Hot {
    /// An entry for these bytes.
    pub fn new(key: CompositeKey, format: Format, bytes: Bytes) -> Self {
        Self {
            key,
            format,
            bytes,
            etag: etag(&key),
            content_type: HeaderValue::from_static(format.media_type()),
            hits: AtomicU64::new(0),
        }
    }

    /// Counts a delivery.
    pub fn count(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// The deliveries since the last call.
    pub fn take_hits(&self) -> u64 {
        self.hits.swap(0, Ordering::Relaxed)
    }

    /// Deliveries that could not be written down.
    pub fn give_back(&self, hits: u64) {
        self.hits.fetch_add(hits, Ordering::Relaxed);
    }
}

/// The strong validator of a composite: its key.
pub fn etag(key: &CompositeKey) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{key}\"")).expect("hex digits and quotes are visible ASCII")
}

/// The cache.
#[derive(Clone, Debug)]
pub struct HotCache(Arc<Cache<CompositeKey, Arc<Hot>, ByBytes>>);

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<CompositeKey, Arc<Hot>> for ByBytes {
    fn weight(&self, _: &CompositeKey, hot: &Arc<Hot>) -> u64 {
        hot.bytes.len() as u64 + ENTRY_BYTES
    }
}

impl HotCache {
    /// A cache of at most so many bytes.
    pub fn new(bytes: u64) -> Self {
        let options = OptionsBuilder::new()
            .shards(SHARDS)
            .estimated_items_capacity(usize::try_from(bytes >> 16).unwrap_or(usize::MAX).max(64))
            .weight_capacity(bytes)
            .build()
            .expect("all required options are given");
        let cache =
            Cache::with_options(options, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self(Arc::new(cache))
    }

    /// The composite, if it is here.
    pub fn get(&self, key: &CompositeKey) -> Option<Arc<Hot>> {
        self.0.get(key)
    }

    /// Keeps a composite and answers it.
    pub fn insert(&self, hot: Hot) -> Arc<Hot> {
        let hot = Arc::new(hot);
        self.0.insert(hot.key, Arc::clone(&hot));
        hot
    }

    /// Forgets a composite.
    pub fn remove(&self, key: &CompositeKey) {
        self.0.remove(key);
    }

    /// Bytes held.
    pub fn weight(&self) -> u64 {
        self.0.weight()
    }

    /// Every entry.
    pub fn entries(&self) -> Vec<Arc<Hot>> {
        self.0.iter().map(|(_, hot)| hot).collect()
    }
}
