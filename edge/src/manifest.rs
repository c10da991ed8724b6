//! The catalogue as the edge knows it: what recipes are resolved with.
//!
//! Held in the isolate's memory and in the edge cache. While it is fresh it is used without asking; past
//! that it is used once more while it is revalidated behind the answer; long past that the answer waits
//! for the origin. When the origin is away the last known catalogue stays in use, in a new isolate too.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use compositor::Catalogue;
use worker::{Response, ResponseBody};

use crate::cache::{self, now};
use crate::call::Call;
use crate::config::Config;
use crate::origin::{self, Effort, Failure};

const PATH: &str = "/v1/catalogue";
/// How many times its freshness the catalogue may be used while it is revalidated in the background.
const GRACE: u64 = 12;
/// The catalogue is asked for again at most this often on account of recipes that do not fit it.
const DOUBT_MS: u64 = 500;

/// How long a revalidation may take before another request tries.
const CLAIM_MS: u64 = 3_000;

/// A known state of the catalogue.
#[derive(Debug)]
pub struct Manifest {
    pub catalogue: Rc<Catalogue>,
    /// The manifest as the origin wrote it.
    pub text: Rc<str>,
    pub etag: String,
    /// When the origin last said that this is its catalogue. Milliseconds since 1970.
    pub checked_at: u64,
}

/// What may be done with a catalogue of some age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    AtOnce,
    AtOnceAndRevalidate,
    AfterRevalidation,
}

thread_local! {
    /// Since when it is being revalidated behind an answer; 0: it is not. Milliseconds since 1970.
    static ASKED_AT: Cell<u64> = const { Cell::new(0) };
    static HELD: RefCell<Option<Rc<Manifest>>> = const { RefCell::new(None) };
}

/// The catalogue for an answer, and whether it wants to be revalidated behind that answer.
pub async fn current(config: &Config, call: &Call) -> Result<(Rc<Manifest>, bool), Failure> {
    let Some(held) = held_or_cached(&call.door).await else {
        return Ok((fetch(config, call, None).await?, false));
    };
    match usable(held.age_ms(), config.catalogue_fresh_ms) {
        Use::AtOnce => Ok((held, false)),
        Use::AtOnceAndRevalidate => Ok((held, claim_revalidation())),
        // A catalogue that is old beats none.
        Use::AfterRevalidation => Ok((fetch(config, call, Some(&held)).await.unwrap_or(held), false)),
    }
}

fn usable(age_ms: u64, fresh_ms: u64) -> Use {
    if age_ms < fresh_ms {
        Use::AtOnce
    } else if age_ms < fresh_ms.saturating_mul(GRACE) {
        Use::AtOnceAndRevalidate
    } else {
        Use::AfterRevalidation
    }
}

/// Asks again, because a recipe does not fit what we know. `None`: it was asked just now, or the origin
/// does not answer.
pub async fn doubt(config: &Config, call: &Call, known: &Rc<Manifest>) -> Option<Rc<Manifest>> {
    if known.age_ms() < DOUBT_MS { None } else { anew(config, call, known).await }
}

/// Asks again, because the origin's own answer does not fit what we know.
pub async fn anew(config: &Config, call: &Call, known: &Rc<Manifest>) -> Option<Rc<Manifest>> {
    fetch(config, call, Some(known)).await.ok()
}

/// One request at a time revalidates for all; one whose caller went away is not waited for.
fn claim_revalidation() -> bool {
    let free = now().saturating_sub(ASKED_AT.get()) > CLAIM_MS;
    if free {
        ASKED_AT.set(now());
    }
    free
}

/// Revalidates behind an answer.
pub async fn revalidate(config: Rc<Config>, call: Call, known: Rc<Manifest>) {
    if let Err(failure) = fetch(&config, &call, Some(&known)).await {
        worker::console_warn!("catalogue: {failure}");
    }
    ASKED_AT.set(0);
}

/// Something was written through this isolate: whoever wrote it shall see it.
pub fn expire() {
    HELD.with_borrow_mut(|held| {
        if let Some(known) = held.take() {
            *held = Some(Rc::new(known.checked(0)));
        }
    });
}

async fn held_or_cached(door: &str) -> Option<Rc<Manifest>> {
    if let Some(held) = HELD.with_borrow(Clone::clone) {
        return Some(held);
    }
    let entry = cache::find(&cache::catalogue(door)).await?;
    let (etag, stored_at) = (entry.etag?, entry.stored_at);
    let mut body = entry.body;
    let text = body.text().await.ok()?;
    let cached = Manifest::read(text, etag, stored_at).ok()?;
    Some(hold(cached))
}

/// Asks the origin for the catalogue, or whether `known` still is it.
async fn fetch(config: &Config, call: &Call, known: Option<&Rc<Manifest>>) -> Result<Rc<Manifest>, Failure> {
    let condition = known.map(|known| ("if-none-match", known.etag.as_str()));
    let mut answer = origin::get(config, call, PATH, condition.as_slice(), Effort::AtHand).await?;
    match (answer.status_code(), known) {
        (304, Some(known)) => Ok(hold(known.checked(now()))),
        (200, _) => {
            let fresh = read(&mut answer).await?;
            keep(&call.door, &fresh).await;
            Ok(hold(fresh))
        }
        (status, _) => Err(Failure::Answered(status)),
    }
}

async fn read(answer: &mut Response) -> Result<Manifest, Failure> {
    let etag = answer.headers().get("etag").ok().flatten().unwrap_or_default();
    let text = answer.text().await.map_err(|_| Failure::Unreachable)?;
    Manifest::read(text, etag, now()).map_err(|error| {
        worker::console_error!("catalogue: {error}");
        Failure::Answered(200)
    })
}

async fn keep(door: &str, manifest: &Manifest) {
    let body = ResponseBody::Body(manifest.text.as_bytes().to_vec());
    cache::keep(&cache::catalogue(door), "application/json", Some(&manifest.etag), body).await;
}

fn hold(manifest: Manifest) -> Rc<Manifest> {
    let manifest = Rc::new(manifest);
    HELD.set(Some(manifest.clone()));
    manifest
}

impl Manifest {
    fn read(text: String, etag: String, checked_at: u64) -> serde_json::Result<Self> {
        let catalogue = Rc::new(serde_json::from_str(&text)?);
        Ok(Self { catalogue, text: text.into(), etag, checked_at })
    }

    /// The same catalogue, checked at another time.
    fn checked(&self, at: u64) -> Self {
        Self {
            catalogue: self.catalogue.clone(),
            text: self.text.clone(),
            etag: self.etag.clone(),
            checked_at: at,
        }
    }

    /// Milliseconds since the origin last vouched for it.
    fn age_ms(&self) -> u64 {
        now().saturating_sub(self.checked_at)
    }

    /// Seconds until it wants revalidation; negative: it is overdue.
    pub fn ttl_secs(&self, config: &Config) -> i64 {
        let left = i128::from(config.catalogue_fresh_ms) - i128::from(self.age_ms());
        i64::try_from(left / 1000).unwrap_or(i64::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::{Use, usable};

    #[test]
    fn age_decides_how_a_catalogue_is_used() {
        for (age, expect) in [
            (0, Use::AtOnce),
            (4_999, Use::AtOnce),
            (5_000, Use::AtOnceAndRevalidate),
            (59_999, Use::AtOnceAndRevalidate),
            (60_000, Use::AfterRevalidation),
            (u64::MAX, Use::AfterRevalidation),
        ] {
            assert_eq!(usable(age, 5_000), expect, "{age}");
        }
        assert_eq!(usable(0, 0), Use::AfterRevalidation, "no freshness: always ask");
    }
}
