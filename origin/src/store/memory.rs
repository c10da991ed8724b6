//! The store in this process's memory: for trying things out, for the command line, and for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use compositor::Digest;

use super::{Listed, ObjectKey, Records, Revision, StoreError};

/// Objects by path.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl Memory {
    pub fn get(&self, key: &ObjectKey) -> Option<Bytes> {
        self.objects().get(&key.to_string()).cloned()
    }

    pub fn put(&self, key: &ObjectKey, bytes: Bytes) {
        self.objects().insert(key.to_string(), bytes);
    }

    pub fn remove(&self, key: &ObjectKey) -> bool {
        self.objects().remove(&key.to_string()).is_some()
    }

    pub fn swap(&self, key: &ObjectKey, was: Option<Revision>, to: Option<Bytes>) -> Result<(), StoreError> {
        let path = key.to_string();
        let mut objects = self.objects();
        if objects.get(&path).map(|bytes| Digest::of(bytes)) != was {
            return Err(StoreError::Conflict { path });
        }
        match to {
            Some(bytes) => objects.insert(path, bytes),
            None => objects.remove(&path),
        };
        Ok(())
    }

    pub fn list(&self, records: Records) -> Vec<Listed> {
        let prefix = format!("{}/", records.folder());
        let objects = self.objects();
        let of_kind = objects.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        let mut listed: Vec<Listed> = of_kind
            .filter_map(|(path, bytes)| {
                let name = path.strip_prefix(&prefix)?.strip_suffix(".json")?.to_owned();
                Some(Listed { name, stamp: Digest::of(bytes).to_string() })
            })
            .collect();
        // Whole paths are sorted otherwise: in them `.json` comes after a dash.
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        listed
    }

    pub fn paths(&self) -> Vec<String> {
        self.objects().keys().cloned().collect()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
