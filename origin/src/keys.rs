//! API keys: who may call what. A key reads `mk_{id}_{secret}`; the store has a record by id with a hash of the
//! secret, never the secret. The secret is 32 random bytes, so one plain hash protects it; it is compared in
//! constant time.

mod record;

use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

use crate::clock::unix_now;
use crate::config::{AccessConfig, Mode};
use crate::fleet::Fleet;
use crate::rates::{RateState, Rates};
use crate::store::{ObjectKey, Records, Store, StoreError};

pub use record::{Environment, Grant, KeyId, KeyRecord, Scope, User};

/// A revoked key works at most this much longer on a running server.
const REMEMBERED: Duration = Duration::from_secs(2);

/// The keys of a store.
#[derive(Debug)]
pub struct Keys {
    store: Store,
    mode: Mode,
    environment: Option<Environment>,
    recent: Cache<KeyId, (Instant, Option<KeyRecord>)>,
    rates: Rates,
}

/// Why a call is not allowed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("this call needs an API key in the `x-api-key` header")]
    Missing,
    #[error("the API key is unknown, expired or revoked")]
    Invalid,
    #[error("the API key is for {}; this server is `{here}`", of(.theirs.as_ref()))]
    Environment { theirs: Option<Environment>, here: Environment },
    #[error("the API key lacks the scope `{0}`")]
    Scope(Scope),
    #[error("the API key may make {} calls a minute; try again in {} s", .0.per_minute, .0.reset_secs)]
    TooMany(RateState),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn of(environment: Option<&Environment>) -> String {
    environment.map_or_else(|| "no environment".to_owned(), |environment| format!("`{environment}`"))
}

/// Why a key has no new secret.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    #[error("there is no key {0}")]
    Unknown(KeyId),
    #[error("the key {0} is expired or revoked: a new secret would not work either")]
    Ended(KeyId),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key's text, for its owner's eyes, once.
pub struct Issued {
    pub text: String,
    pub record: KeyRecord,
}

impl Keys {
    /// The keys in `store`; rates are counted over all instances of the fleet.
    pub fn new(store: Store, access: &AccessConfig, fleet: Option<Fleet>) -> Self {
        let (mode, environment) = (access.keys, access.environment.clone());
        Self { store, mode, environment, recent: Cache::new(4096), rates: Rates::new("key", fleet) }
    }

    /// Checks a call: `presented` is the key as shown, if one was. `Ok(None)`: no key was needed.
    pub async fn authorize(
        &self,
        presented: Option<&str>,
        scope: Scope,
    ) -> Result<Option<RateState>, KeyError> {
        let Some(presented) = presented else {
            return if self.mode == Mode::Required { Err(KeyError::Missing) } else { Ok(None) };
        };
        let (id, secret) = record::split(presented).ok_or(KeyError::Invalid)?;
        let record = self.find(&id).await?;
        let now = unix_now();
        let record = record.filter(|record| record.admits(secret, now)).ok_or(KeyError::Invalid)?;
        self.check_environment(&record)?;
        if !record.grant.scopes.contains(&scope) {
            return Err(KeyError::Scope(scope));
        }
        let Some(per_minute) = record.grant.per_minute else { return Ok(None) };
        match self.rates.spend(&id, per_minute).await {
            Ok(state) => Ok(Some(state)),
            Err(state) => Err(KeyError::TooMany(state)),
        }
    }

    fn check_environment(&self, record: &KeyRecord) -> Result<(), KeyError> {
        match &self.environment {
            Some(here) if record.grant.environment.as_ref() != Some(here) => {
                Err(KeyError::Environment { theirs: record.grant.environment.clone(), here: here.clone() })
            }
            _ => Ok(()),
        }
    }

    async fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        if let Some((read_at, record)) = self.recent.get(id)
            && read_at.elapsed() < REMEMBERED
        {
            return Ok(record);
        }
        let record = self.read(id).await?.map(|(record, _)| record);
        self.recent.insert(id.clone(), (Instant::now(), record.clone()));
        Ok(record)
    }

    async fn read(&self, id: &KeyId) -> Result<Option<(KeyRecord, crate::store::Revision)>, StoreError> {
        let read = self.store.read(&ObjectKey::ApiKey(id.clone())).await?;
        // A record we cannot read admits nobody.
        Ok(read.and_then(|(bytes, revision)| Some((serde_json::from_slice(&bytes).ok()?, revision))))
    }

    /// Makes a key and answers its text: the only time it is ever seen.
    pub async fn create(&self, grant: Grant) -> Result<Issued, StoreError> {
        let (text, record) = KeyRecord::generate(grant);
        self.write(&record, None).await?;
        Ok(Issued { text, record })
    }

    /// Gives a key a new secret; the one before works for `grace` more, any older one no longer.
    pub async fn rotate(&self, id: &KeyId, grace: Duration) -> Result<Issued, RotateError> {
        let now = unix_now();
        let (record, revision) = self.read(id).await?.ok_or_else(|| RotateError::Unknown(id.clone()))?;
        if !record.lives(now) {
            return Err(RotateError::Ended(id.clone()));
        }
        let (text, record) = record.rotated(now.saturating_add(grace.as_secs()));
        self.write(&record, Some(revision)).await?;
        Ok(Issued { text, record })
    }

    /// Ends a key; its record stays, for the books. `false`: there is no such key.
    pub async fn revoke(&self, id: &KeyId) -> Result<bool, StoreError> {
        let Some((mut record, revision)) = self.read(id).await? else { return Ok(false) };
        record.revoked.get_or_insert(unix_now());
        self.write(&record, Some(revision)).await?;
        Ok(true)
    }

    /// Every key's record.
    pub async fn list(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let mut records = Vec::new();
        for listed in self.store.list(Records::ApiKeys).await? {
            let Ok(id) = listed.name.parse() else { continue };
            records.extend(self.read(&id).await?.map(|(record, _)| record));
        }
        Ok(records)
    }

    async fn write(&self, record: &KeyRecord, was: Option<crate::store::Revision>) -> Result<(), StoreError> {
        let json = serde_json::to_vec_pretty(record).expect("a key record is plain data");
        self.store.swap(&ObjectKey::ApiKey(record.id.clone()), was, Some(json.into())).await
    }
}
