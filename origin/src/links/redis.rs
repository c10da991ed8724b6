//! Links in Redis, and with them the leases that make one render of many callers on many instances.
//!
//! What belongs to a composite has names with its key as hash tag, so that a script works on one node of a cluster: a
//! hash with the link, its hits and its last use; the lease, whose value is the token of whoever has it; a failure,
//! for a few seconds. Beside it, for every ingredient, the set of the composites that were drawn from it, and one set of
//! all composites by their last use.

use std::time::Duration;

use compositor::{CompositeKey, Digest};
use futures::future::try_join_all;

use super::lease::{Begun, Lease, Told};
use super::{Link, LinksError};
use crate::clock::unix_now;
use crate::fleet::{Fleet, FleetError, News};

const BEGIN: &str = include_str!("scripts/begin.lua");
const SETTLE: &str = include_str!("scripts/settle.lua");
const EXTEND: &str = include_str!("scripts/extend.lua");
const COUNT: &str = include_str!("scripts/count.lua");

/// Life of a lease that nobody extends: how long others wait for a renderer that died.
pub const LEASE: Duration = Duration::from_secs(5);
/// Members of a set that one call brings, about.
const PAGE: usize = 1000;
/// How long a failure is answered instead of trying again.
const FAILURE_MEMORY: Duration = Duration::from_secs(5);

/// Links by key.
#[derive(Clone, Debug)]
pub struct Redis {
    fleet: Fleet,
}

/// What became of a lease.
pub enum Settled<'a> {
    /// The object is stored.
    Linked(&'a Link),
    /// It would fail again.
    Failed(&'a Told),
    /// Somebody else may try.
    Released,
}

impl Redis {
    pub fn new(fleet: Fleet) -> Self {
        Self { fleet }
    }

    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    pub async fn get(&self, key: &CompositeKey) -> Result<Option<Link>, LinksError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.link(key)).arg(&["link", "hits", "used"]);
        let (link, hits, used): (Option<String>, Option<u64>, Option<u64>) =
            self.fleet.call(&command).await?;
        Ok(link.and_then(|link| read(&link, hits.unwrap_or_default(), used.unwrap_or_default())))
    }

    /// The index first: what has a link is always found by its ingredients.
    pub async fn set(&self, link: &Link) -> Result<(), LinksError> {
        self.index(link).await?;
        let mut command = redis::cmd("HSET");
        command.arg(self.link(&link.key)).arg("link").arg(written(link));
        Ok(self.fleet.call::<i64>(&command).await.map(drop)?)
    }

    /// The index first: it cannot be cleared any more when the link is gone.
    pub async fn remove(&self, key: &CompositeKey) -> Result<(), LinksError> {
        let link = self.get(key).await?;
        let strike = |command: &str, name: String| {
            let mut command = redis::cmd(command);
            command.arg(name).arg(key.to_string());
            async move { self.fleet.call::<i64>(&command).await }
        };
        let ingredients = link.iter().flat_map(|link| &link.ingredients);
        try_join_all(ingredients.map(|digest| strike("SREM", self.composites(digest)))).await?;
        strike("ZREM", self.uses()).await?;
        let mut command = redis::cmd("DEL");
        self.fleet.call::<i64>(command.arg(self.link(key))).await?;
        Ok(())
    }

    pub async fn count_hits(&self, key: &CompositeKey, hits: u64) -> Result<(), LinksError> {
        let (hits, now) = (hits.to_string(), unix_now().to_string());
        if self.fleet.run::<i64>(COUNT, &[self.link(key)], &[&hits, &now]).await? == 1 {
            self.note_use(key, "GT").await?;
        }
        Ok(())
    }

    pub async fn unused_since(&self, then: u64, most: usize) -> Result<Vec<CompositeKey>, LinksError> {
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command.arg(self.uses()).arg("-inf").arg(format!("({then}")).arg("LIMIT").arg(0).arg(most);
        let keys: Vec<String> = self.fleet.call(&command).await?;
        Ok(keys.iter().filter_map(|key| key.parse().ok()).collect())
    }

    /// The composites drawn from an ingredient, some of them twice. By pages: there may be a million, and no call may take
    /// long.
    pub async fn drawn_from(&self, ingredient: &Digest) -> Result<Vec<CompositeKey>, LinksError> {
        let (set, mut found, mut cursor) = (self.composites(ingredient), Vec::new(), 0);
        loop {
            let mut command = redis::cmd("SSCAN");
            command.arg(&set).arg(cursor).arg("COUNT").arg(PAGE);
            let (next, keys): (u64, Vec<String>) = self.fleet.call(&command).await?;
            found.extend(keys.iter().filter_map(|key| key.parse::<CompositeKey>().ok()));
            if next == 0 {
                return Ok(found);
            }
            cursor = next;
        }
    }

    /// May this instance render? `mistrusted`: the link there is points at nothing.
    pub async fn begin(&self, key: &CompositeKey, mistrusted: bool) -> Result<Begun, FleetError> {
        self.ask(key, mistrusted, token()).await
    }

    /// The same for one who does not want to: nobody is granted a lease.
    pub async fn look(&self, key: &CompositeKey, mistrusted: bool) -> Result<Begun, FleetError> {
        self.ask(key, mistrusted, String::new()).await
    }

    async fn ask(&self, key: &CompositeKey, mistrusted: bool, token: String) -> Result<Begun, FleetError> {
        let life = LEASE.as_millis().to_string();
        let mistrusted = if mistrusted { "1" } else { "0" };
        let answer: Vec<String> =
            self.fleet.run(BEGIN, &self.names(key), &[&token, &life, mistrusted]).await?;
        let number = |at: usize| answer.get(at).and_then(|text| text.parse().ok()).unwrap_or_default();
        let text = |at: usize| answer.get(at).map(String::as_str).unwrap_or_default();
        Ok(match text(0) {
            "found" => match read(text(1), number(2), number(3)) {
                Some(link) => Begun::Found(Box::new(link)),
                // A link that cannot be read is as good as none, and rendering replaces it.
                None => Begun::Granted(Lease::unshared(*key)),
            },
            "failed" => match serde_json::from_str(text(1)) {
                Ok(told) => Begun::Failed(told),
                Err(_) => Begun::Granted(Lease::unshared(*key)),
            },
            "free" => Begun::Free { now: number(1) },
            "granted" => Begun::Granted(Lease::shared(*key, token, self.clone())),
            _ => Begun::Taken { left: Duration::from_millis(number(1)) },
        })
    }

    /// Gives a lease back, with what came of it. `false`: it was not ours any more, and nothing was changed.
    pub async fn settle(
        &self,
        key: &CompositeKey,
        token: &str,
        settled: Settled<'_>,
    ) -> Result<bool, LinksError> {
        if let Settled::Linked(link) = settled {
            self.index(link).await?;
        }
        let (link, failure) = match settled {
            Settled::Linked(link) => (written(link), String::new()),
            Settled::Failed(told) => (String::new(), serde_json::to_string(told).unwrap_or_default()),
            Settled::Released => (String::new(), String::new()),
        };
        let (news, now) = (News::Settled(*key).to_string(), unix_now().to_string());
        let (channel, life) = (self.fleet.channel(), FAILURE_MEMORY.as_millis().to_string());
        let arguments = [token, &channel, &news, &link, &now, &failure, &life];
        Ok(self.fleet.run::<i64>(SETTLE, &self.names(key), &arguments).await? == 1)
    }

    /// Keeps a lease. `false`: it is not ours any more.
    pub async fn extend(&self, key: &CompositeKey, token: &str) -> Result<bool, FleetError> {
        let life = LEASE.as_millis().to_string();
        Ok(self.fleet.run::<i64>(EXTEND, &[self.lease(key)], &[token, &life]).await? == 1)
    }

    async fn index(&self, link: &Link) -> Result<(), LinksError> {
        let add = |digest: &Digest| {
            let mut command = redis::cmd("SADD");
            command.arg(self.composites(digest)).arg(link.key.to_string());
            async move { self.fleet.call::<i64>(&command).await }
        };
        try_join_all(link.ingredients.iter().map(add)).await?;
        Ok(self.note_use(&link.key, "NX").await?)
    }

    /// A composite was used now, if that is later (`GT`) or the first time (`NX`).
    async fn note_use(&self, key: &CompositeKey, when: &str) -> Result<(), FleetError> {
        let mut command = redis::cmd("ZADD");
        command.arg(self.uses()).arg(when).arg(unix_now()).arg(key.to_string());
        self.fleet.call::<i64>(&command).await.map(drop)
    }

    /// All that scripts work on, in their order.
    fn names(&self, key: &CompositeKey) -> [String; 3] {
        [self.link(key), self.lease(key), self.fleet.name(key, "failure")]
    }

    fn link(&self, key: &CompositeKey) -> String {
        self.fleet.name(key, "link")
    }

    fn lease(&self, key: &CompositeKey) -> String {
        self.fleet.name(key, "lease")
    }

    fn uses(&self) -> String {
        self.fleet.name("composites", "used")
    }

    fn composites(&self, ingredient: &Digest) -> String {
        self.fleet.name(ingredient, "composites")
    }
}

/// The link as kept: hits and last use have fields of their own, which are counted up in place.
fn written(link: &Link) -> String {
    serde_json::to_string(&Link { hits: 0, used: 0, ..link.clone() }).expect("a link is plain data")
}

fn read(json: &str, hits: u64, used: u64) -> Option<Link> {
    match serde_json::from_str::<Link>(json) {
        Ok(link) => Some(Link { hits, used, ..link }),
        Err(error) => {
            tracing::warn!(%error, "a link in Redis cannot be read; it is passed over");
            None
        }
    }
}

/// Nobody else's: 16 random bytes.
fn token() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    blake3::hash(&bytes).to_hex()[..32].to_owned()
}
