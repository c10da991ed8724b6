//! The right to render a composite. Of all instances one has it at a time; it keeps it for as long as it lives, and
//! when it dies the lease runs out and passes on. Whatever a late holder brings home changes nothing any more: the
//! lease is given back by its token, and objects are written once.

use std::time::Duration;

use compositor::CompositeKey;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::redis::{LEASE, Redis, Settled};
use super::{Link, LinksError};

/// How often a lease is extended: two extensions may fail before it is lost.
const BEAT: Duration = Duration::from_millis(1500);

/// What an instance that would render is told.
#[derive(Debug)]
pub enum Begun {
    /// It is there already.
    Found(Box<Link>),
    /// It may.
    Granted(Lease),
    /// Somebody else does, whose lease has this much left if it is not extended.
    Taken { left: Duration },
    /// Nobody does. Only who looks is told, with the time by a clock that all share, in Unix seconds: who asks is granted
    /// it.
    Free { now: u64 },
    /// Somebody tried just now, and it would fail again.
    Failed(Told),
}

/// A failure as its first caller was told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The problem's type.
    pub slug: String,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

/// The right itself. Dropped without a word it runs out.
#[derive(Debug)]
pub struct Lease {
    pub key: CompositeKey,
    /// `None`: nobody else could be asked, and nobody else knows.
    shared: Option<Shared>,
}

#[derive(Debug)]
struct Shared {
    token: String,
    links: Redis,
    beat: JoinHandle<()>,
}

impl Lease {
    /// A lease that only this process knows of.
    pub fn unshared(key: CompositeKey) -> Self {
        Self { key, shared: None }
    }

    /// A lease that all instances know of, extended until it is dropped.
    pub fn shared(key: CompositeKey, token: String, links: Redis) -> Self {
        let beat = tokio::spawn(beat(key, token.clone(), links.clone()));
        Self { key, shared: Some(Shared { token, links, beat }) }
    }

    /// Gives it back. `false`: it had passed on to somebody else meanwhile.
    pub async fn settle(self, settled: Settled<'_>) -> Result<bool, LinksError> {
        match &self.shared {
            Some(Shared { token, links, .. }) => links.settle(&self.key, token, settled).await,
            None => Ok(true),
        }
    }

    /// Do others know of it?
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.beat.abort();
    }
}

async fn beat(key: CompositeKey, token: String, links: Redis) {
    let mut beats = tokio::time::interval(BEAT);
    beats.tick().await;
    loop {
        beats.tick().await;
        match links.extend(&key, &token).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(%key, lease = ?LEASE, "a lease passed on before its render was done");
                return;
            }
            Err(error) => tracing::debug!(%key, %error, "a lease could not be extended"),
        }
    }
}
