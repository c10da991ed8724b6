//! Links in this process, with a journal on disk where the store is on disk.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use compositor::{CompositeKey, Digest};

use super::journal::{Entry, Journal};
use super::{Link, LinksError};
use crate::clock::unix_now;

/// Links by key.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    links: HashMap<CompositeKey, Link>,
    journal: Option<Journal>,
}

impl Memory {
    /// What the journal under `root` holds, and every change from here on written to it.
    pub fn journalled(root: &Path) -> Result<Self, LinksError> {
        let (journal, links) = Journal::open(root)?;
        Ok(Self(Arc::new(Mutex::new(Inner { links, journal: Some(journal) }))))
    }

    pub fn get(&self, key: &CompositeKey) -> Option<Link> {
        self.inner().links.get(key).cloned()
    }

    pub fn set(&self, link: Link) -> Result<(), LinksError> {
        let mut inner = self.inner();
        inner.append(&Entry::Set(link.clone()))?;
        inner.links.insert(link.key, link);
        inner.compact()
    }

    pub fn remove(&self, key: &CompositeKey) -> Result<(), LinksError> {
        let mut inner = self.inner();
        if inner.links.contains_key(key) {
            inner.append(&Entry::Remove(*key))?;
            inner.links.remove(key);
            inner.compact()?;
        }
        Ok(())
    }

    pub fn count_hits(&self, key: &CompositeKey, hits: u64) {
        if let Some(link) = self.inner().links.get_mut(key) {
            link.hits += hits;
            link.used = unix_now();
        }
    }

    pub fn unused_since(&self, then: u64, most: usize) -> Vec<CompositeKey> {
        let inner = self.inner();
        let unused = inner.links.values().filter(|link| link.used.max(link.created) < then);
        unused.map(|link| link.key).take(most).collect()
    }

    pub fn drawn_from(&self, ingredient: &Digest) -> Vec<CompositeKey> {
        let inner = self.inner();
        let drawn = inner.links.values().filter(|link| link.ingredients.contains(ingredient));
        drawn.map(|link| link.key).collect()
    }

    pub fn len(&self) -> usize {
        self.inner().links.len()
    }

    pub fn flush(&self) -> Result<(), LinksError> {
        let mut inner = self.inner();
        let Inner { links, journal } = &mut *inner;
        journal.as_mut().map_or(Ok(()), |journal| journal.rewrite(links))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn append(&mut self, entry: &Entry) -> Result<(), LinksError> {
        self.journal.as_mut().map_or(Ok(()), |journal| journal.append(entry))
    }

    /// Rewrites a journal that is mostly stale, once the change it ends with is in `links` too.
    fn compact(&mut self) -> Result<(), LinksError> {
        match &mut self.journal {
            Some(journal) if journal.is_mostly_stale(self.links.len()) => journal.rewrite(&self.links),
            _ => Ok(()),
        }
    }
}
