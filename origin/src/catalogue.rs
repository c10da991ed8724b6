//! The live catalogue: every asset record of the store, as the immutable snapshot that requests resolve against.
//!
//! The store is the truth. A change is a compare-and-set on one record, then a new snapshot here; what other
//! processes change (`milliner import`) is found by listing the records' stamps every few seconds.

mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use compositor::{AssetId, Catalogue};
use tokio::sync::Mutex;

use crate::fleet::{Fleet, News};
use crate::store::{Listed, ObjectKey, Records, Store, StoreError};

pub use record::{AssetRecord, Version};

/// Attempts at one change before its conflict is reported: more only if as many others change the same asset at once.
const MAX_ATTEMPTS: usize = 8;

/// The catalogue of a running process.
#[derive(Debug)]
pub struct LiveCatalogue {
    store: Store,
    /// Who is told of changes.
    fleet: Option<Fleet>,
    snapshot: ArcSwap<Snapshot>,
    known: Mutex<Known>,
}

/// One state of the catalogue.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with every change; unlike the version it also moves when only an older version changed.
    pub generation: u64,
    pub catalogue: Catalogue,
    pub records: BTreeMap<AssetId, Arc<AssetRecord>>,
    /// The manifest as JSON.
    pub manifest: Bytes,
}

/// What has been read of the store, and at which stamp.
#[derive(Debug, Default)]
struct Known {
    stamps: BTreeMap<AssetId, String>,
    records: BTreeMap<AssetId, Arc<AssetRecord>>,
    generation: u64,
}

/// What a change makes of a record.
pub enum Change {
    Keep,
    Write(Box<AssetRecord>),
    Remove,
}

/// Why a change did not happen: the store, or the caller's own reason.
#[derive(Debug)]
pub enum ChangeError<E> {
    Store(StoreError),
    Refused(E),
}

impl LiveCatalogue {
    /// Reads the whole catalogue.
    pub async fn open(store: Store, fleet: Option<Fleet>) -> Result<Self, StoreError> {
        let empty = ArcSwap::from_pointee(Snapshot::of(&Known::default()));
        let live = Self { store, fleet, snapshot: empty, known: Mutex::default() };
        live.refresh().await?;
        Ok(live)
    }

    /// The catalogue as it is now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The number of the state as it is now.
    pub fn generation(&self) -> u64 {
        self.snapshot.load().generation
    }

    /// Takes over what other processes changed. Answers whether anything did.
    pub async fn refresh(&self) -> Result<bool, StoreError> {
        let mut known = self.known.lock().await;
        let listed = self.store.list(Records::Assets).await?;
        let mut changed = false;
        for id in known.not_among(&listed) {
            // A listing alone removes nothing: it has no checksum, and where it is made late it lacks what is there.
            if self.read(&id).await?.is_none() {
                changed |= known.forget(&id);
            }
        }
        for Listed { name, stamp } in listed {
            let Ok(id) = name.parse::<AssetId>() else { continue };
            if known.stamps.get(&id) == Some(&stamp) {
                continue;
            }
            let record = self.read(&id).await?.map(|(record, _)| record);
            changed |= known.put(&id, record);
            known.stamps.insert(id, stamp);
        }
        if changed {
            self.publish(&mut known);
        }
        Ok(changed)
    }

    /// Changes one record by compare-and-set, and answers what is there afterwards.
    pub async fn change<E>(
        &self,
        id: &AssetId,
        mut decide: impl FnMut(Option<&AssetRecord>) -> Result<Change, E>,
    ) -> Result<Option<Arc<AssetRecord>>, ChangeError<E>> {
        let mut known = self.known.lock().await;
        for attempt in 1.. {
            let read = self.read(id).await.map_err(ChangeError::Store)?;
            let (record, revision) = read.unzip();
            let after = match decide(record.as_ref()).map_err(ChangeError::Refused)? {
                Change::Keep => record,
                Change::Write(record) => match self.swap(id, revision, Some(&record)).await {
                    Ok(()) => Some(*record),
                    Err(StoreError::Conflict { .. }) if attempt < MAX_ATTEMPTS => continue,
                    Err(error) => return Err(ChangeError::Store(error)),
                },
                Change::Remove => match self.swap(id, revision, None).await {
                    Ok(()) => None,
                    Err(StoreError::Conflict { .. }) if attempt < MAX_ATTEMPTS => continue,
                    Err(error) => return Err(ChangeError::Store(error)),
                },
            };
            if known.put(id, after) {
                self.publish(&mut known);
                self.tell().await;
            }
            break;
        }
        Ok(known.records.get(id).cloned())
    }

    async fn read(&self, id: &AssetId) -> Result<Option<(AssetRecord, crate::store::Revision)>, StoreError> {
        let read = self.store.read(&ObjectKey::Asset(id.clone())).await?;
        Ok(read.and_then(|(bytes, revision)| match serde_json::from_slice(&bytes) {
            Ok(record) => Some((record, revision)),
            Err(error) => {
                tracing::error!(%id, %error, "an asset record cannot be read; the asset is left out");
                None
            }
        }))
    }

    async fn swap(
        &self,
        id: &AssetId,
        was: Option<crate::store::Revision>,
        to: Option<&AssetRecord>,
    ) -> Result<(), StoreError> {
        let json = to.map(|record| serde_json::to_vec_pretty(record).expect("a record is plain data").into());
        self.store.swap(&ObjectKey::Asset(id.clone()), was, json).await
    }

    /// Other instances look at once, and not only the next time that they would anyway.
    async fn tell(&self) {
        if let Some(fleet) = &self.fleet
            && let Err(error) = fleet.tell(&News::Catalogue).await
        {
            tracing::warn!(%error, "a change of the catalogue could not be told; others find it by looking");
        }
    }

    fn publish(&self, known: &mut Known) {
        known.generation += 1;
        self.snapshot.store(Arc::new(Snapshot::of(known)));
    }
}

impl Known {
    /// The records that the store does not list.
    fn not_among(&self, listed: &[Listed]) -> BTreeSet<AssetId> {
        let is_listed = |id: &AssetId| listed.binary_search_by(|l| l.name.as_str().cmp(id.as_ref())).is_ok();
        self.records.keys().chain(self.stamps.keys()).filter(|id| !is_listed(id)).cloned().collect()
    }

    fn forget(&mut self, id: &AssetId) -> bool {
        self.stamps.remove(id);
        self.put(id, None)
    }

    fn put(&mut self, id: &AssetId, record: Option<AssetRecord>) -> bool {
        if self.records.get(id).map(AsRef::as_ref) == record.as_ref() {
            return false;
        }
        match record {
            Some(record) => self.records.insert(id.clone(), Arc::new(record)),
            None => self.records.remove(id),
        };
        true
    }
}

impl Snapshot {
    fn of(known: &Known) -> Self {
        let current = known.records.values().map(|record| record.current.asset.clone()).collect();
        let older =
            known.records.values().flat_map(|record| &record.older).map(|v| v.asset.clone()).collect();
        let catalogue = Catalogue::new(current).with_older(older);
        let manifest = serde_json::to_vec(&catalogue).expect("a catalogue is plain data").into();
        Self { generation: known.generation, records: known.records.clone(), catalogue, manifest }
    }
}
