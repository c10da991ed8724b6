//! What a compositor keeps between renders: decoded, fitted and scaled pictures, least recently used out first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::pixmap::Pixmap;

/// A picture cache bounded in bytes.
pub(crate) struct Cache<K> {
    most_bytes: usize,
    inner: Mutex<Inner<K>>,
}

struct Inner<K> {
    entries: HashMap<K, Entry>,
    bytes: usize,
    /// Counts uses; the entry with the lowest count was used longest ago.
    clock: u64,
}

struct Entry {
    pixmap: Arc<Pixmap>,
    used: u64,
}

impl<K: Clone + Eq + Hash> Cache<K> {
    pub fn new(most_bytes: usize) -> Self {
        Cache { most_bytes, inner: Mutex::new(Inner { entries: HashMap::new(), bytes: 0, clock: 0 }) }
    }

    /// A panic elsewhere cannot leave the map half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self, key: &K) -> Option<Arc<Pixmap>> {
        let mut inner = self.lock();
        inner.clock += 1;
        let now = inner.clock;
        let entry = inner.entries.get_mut(key)?;
        entry.used = now;
        Some(Arc::clone(&entry.pixmap))
    }

    /// Keeps a picture, unless it alone is over a quarter of the bound: one giant must not drive all others out.
    pub fn put(&self, key: K, pixmap: &Arc<Pixmap>) {
        let bytes = pixmap.data().len();
        if bytes > self.most_bytes / 4 {
            return;
        }
        let mut inner = self.lock();
        inner.clock += 1;
        let entry = Entry { pixmap: Arc::clone(pixmap), used: inner.clock };
        inner.bytes += bytes;
        if let Some(replaced) = inner.entries.insert(key, entry) {
            inner.bytes -= replaced.pixmap.data().len();
        }
        while inner.bytes > self.most_bytes {
            let Some(oldest) =
                inner.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone())
            else {
                break;
            };
            if let Some(dropped) = inner.entries.remove(&oldest) {
                inner.bytes -= dropped.pixmap.data().len();
            }
        }
    }

    /// The picture under this key, made and kept if it is not there.
    pub fn get_or<E>(&self, key: K, make: impl FnOnce() -> Result<Pixmap, E>) -> Result<Arc<Pixmap>, E> {
        if let Some(pixmap) = self.get(&key) {
            return Ok(pixmap);
        }
        let pixmap = Arc::new(make()?);
        self.put(key, &pixmap);
        Ok(pixmap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first_and_the_bound_holds() {
        let cache = Cache::new(4 * 16 * 4);
        let picture = || Ok::<_, ()>(Pixmap::filled(4, 4, [0; 4]));
        for key in 0..4 {
            cache.get_or(key, picture).unwrap();
        }
        assert!(cache.get(&0).is_some());
        cache.get_or(4, picture).unwrap();
        let kept: Vec<bool> = (0..5).map(|key| cache.get(&key).is_some()).collect();
        assert_eq!(kept, [true, false, true, true, true]);
        cache.get_or(9, || Ok::<_, ()>(Pixmap::filled(5, 4, [0; 4]))).unwrap();
        assert!(cache.get(&9).is_none(), "a picture over a quarter of the bound is not kept");
    }
}
