//! What a compositor keeps between renders: pictures that are decoded, or some strips of them are, fitted and scaled
//! ones, and encoded parts of bare grounds; least recently used out first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::codec::Parts;
use crate::pixmap::Pixmap;

/// A cache bounded in bytes.
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
    value: Value,
    bytes: usize,
    used: u64,
}

#[derive(Clone)]
enum Value {
    Pixmap(Arc<Pixmap>),
    Opened(Opened),
    Parts(Arc<Parts>),
}

/// A picture of which some strips are decoded.
#[derive(Clone)]
pub(crate) struct Opened {
    pub pixmap: Arc<Pixmap>,
    /// Is it decoded? By the number of the strip.
    pub strips: Vec<bool>,
}

impl Opened {
    /// A picture of which nothing is decoded.
    pub fn nothing_of((width, height): (u32, u32), strips: usize) -> Self {
        Opened { pixmap: Arc::new(Pixmap::filled(width, height, [0; 4])), strips: vec![false; strips] }
    }
}

impl<K: Clone + Eq + Hash> Cache<K> {
    pub fn new(most_bytes: usize) -> Self {
        Cache { most_bytes, inner: Mutex::new(Inner { entries: HashMap::new(), bytes: 0, clock: 0 }) }
    }

    /// Is anything kept at all?
    pub fn keeps(&self) -> bool {
        self.most_bytes > 0
    }

    /// A panic elsewhere cannot leave the map half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, key: &K) -> Option<Value> {
        let mut inner = self.lock();
        inner.clock += 1;
        let now = inner.clock;
        let entry = inner.entries.get_mut(key)?;
        entry.used = now;
        Some(entry.value.clone())
    }

    /// Keeps a value, unless it alone is over a quarter of the bound: one giant must not drive all others out.
    fn put(&self, key: K, value: Value) {
        let bytes = value.bytes();
        if bytes > self.most_bytes / 4 {
            return;
        }
        let mut inner = self.lock();
        inner.clock += 1;
        let entry = Entry { value, bytes, used: inner.clock };
        inner.bytes += bytes;
        if let Some(replaced) = inner.entries.insert(key, entry) {
            inner.bytes -= replaced.bytes;
        }
        while inner.bytes > self.most_bytes {
            let Some(oldest) =
                inner.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone())
            else {
                break;
            };
            if let Some(dropped) = inner.entries.remove(&oldest) {
                inner.bytes -= dropped.bytes;
            }
        }
    }

    /// The picture under this key, made and kept if it is not there.
    pub fn pixmap<E>(&self, key: K, make: impl FnOnce() -> Result<Pixmap, E>) -> Result<Arc<Pixmap>, E> {
        if let Some(pixmap) = self.known_pixmap(&key) {
            return Ok(pixmap);
        }
        let pixmap = Arc::new(make()?);
        self.put_pixmap(key, Arc::clone(&pixmap));
        Ok(pixmap)
    }

    /// Keeps a picture.
    pub fn put_pixmap(&self, key: K, pixmap: Arc<Pixmap>) {
        self.put(key, Value::Pixmap(pixmap));
    }

    /// The picture under this key, if it is there.
    pub fn known_pixmap(&self, key: &K) -> Option<Arc<Pixmap>> {
        match self.get(key)? {
            Value::Pixmap(pixmap) => Some(pixmap),
            Value::Opened(_) | Value::Parts(_) => None,
        }
    }

    /// The picture under this key, as far as it is decoded.
    pub fn opened(&self, key: &K) -> Option<Opened> {
        match self.get(key)? {
            Value::Opened(opened) => Some(opened),
            Value::Pixmap(_) | Value::Parts(_) => None,
        }
    }

    /// Hands out what is under this key, which is not there any more: whoever changes it need not copy it.
    pub fn take_opened(&self, key: &K) -> Option<Opened> {
        let mut inner = self.lock();
        let Entry { value, bytes, .. } = inner.entries.remove(key)?;
        inner.bytes -= bytes;
        match value {
            Value::Opened(opened) => Some(opened),
            Value::Pixmap(_) | Value::Parts(_) => None,
        }
    }

    /// Keeps a picture as far as it is decoded, unless another render has got further.
    pub fn put_opened(&self, key: K, opened: Opened) {
        let count = |opened: &Opened| opened.strips.iter().filter(|is_there| **is_there).count();
        if self.opened(&key).is_none_or(|other| count(&other) < count(&opened)) {
            self.put(key, Value::Opened(opened));
        }
    }

    /// The encoded parts under this key, as many as were made so far.
    pub fn parts(&self, key: &K) -> Option<Arc<Parts>> {
        match self.get(key)? {
            Value::Parts(parts) => Some(parts),
            Value::Pixmap(_) | Value::Opened(_) => None,
        }
    }

    /// Keeps encoded parts, with those that another render has found meanwhile.
    pub fn put_parts(&self, key: K, mut parts: Parts) {
        if let Some(others) = self.parts(&key) {
            for (part, other) in parts.iter_mut().zip(&*others) {
                let is_better = other.as_ref().is_some_and(|other| part.is_none() || other.knows_seams());
                if is_better && !part.as_ref().is_some_and(|part| part.knows_seams()) {
                    part.clone_from(other);
                }
            }
        }
        self.put(key, Value::Parts(Arc::new(parts)));
    }
}

impl Value {
    /// Bytes of memory, with about what an entry takes by itself.
    fn bytes(&self) -> usize {
        const OF_AN_ENTRY: usize = 512;
        let of_value = match self {
            Self::Pixmap(pixmap) => pixmap.data().len(),
            Self::Opened(Opened { pixmap, strips }) => pixmap.data().len() + strips.len(),
            Self::Parts(parts) => {
                size_of_val(parts.as_slice())
                    + parts.iter().flatten().map(|part| part.memory()).sum::<usize>()
            }
        };
        OF_AN_ENTRY + of_value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first_and_the_bound_holds() {
        let cache = Cache::new(4 * (512 + 16 * 4));
        let picture = || Ok::<_, ()>(Pixmap::filled(4, 4, [0; 4]));
        for key in 0..4 {
            cache.pixmap(key, picture).unwrap();
        }
        assert!(cache.get(&0).is_some());
        cache.pixmap(4, picture).unwrap();
        let kept: Vec<bool> = (0..5).map(|key| cache.get(&key).is_some()).collect();
        assert_eq!(kept, [true, false, true, true, true]);
        cache.pixmap(9, || Ok::<_, ()>(Pixmap::filled(5, 4, [0; 4]))).unwrap();
        assert!(cache.get(&9).is_none(), "a picture over a quarter of the bound is not kept");
    }

    #[test]
    fn what_is_next_to_nothing_is_counted() {
        let cache = Cache::new(100 << 10);
        for key in 0..10_000 {
            cache.put_parts(key, vec![None; 3]);
        }
        let entries = cache.lock().entries.len();
        assert!((100..200).contains(&entries), "{entries} entries");
    }
}
