//! Purging and sweeping: composites leave the store, the links, every instance's memory and the CDN, chosen by what they are made of
//! or by name. A purged one is rendered again when somebody asks for it.
//!
//! The object goes first and the link last: a purge that is cut short finds what is left when it is asked for again.

use std::collections::BTreeSet;
use std::time::Duration;

use compositor::{AssetId, CompositeKey, Digest, Format, Recipe, ResolveError};
use futures::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::app::App;
use crate::clock::unix_now;
use crate::fleet::{FleetError, News};
use crate::links::{Link, LinksError};
use crate::store::{ObjectKey, StoreError};

/// Composites dropped at once: enough to hide the way to the store, few enough to leave it to others.
const AT_ONCE: usize = 16;
/// Composites that a sweep looks for at a time.
const BATCH: usize = 1000;
/// Every format that an object can have.
const FORMATS: [Format; 4] = [Format::Png, Format::Jpeg, Format::Webp, Format::Avif];
/// What an `auto` recipe is asked with to get each of its formats.
const ACCEPTS: [&str; 4] = ["image/png", "image/jpeg", "image/webp", "image/avif"];

/// Which composites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Drawn from any version of an asset.
    Asset(AssetId),
    /// Drawn from this content.
    Digest(Digest),
    /// Drawn from any version of an asset that has a tag now.
    Tag(String),
    Key(CompositeKey),
    /// What a recipe means now, in every format that it may have.
    Recipe(Box<Recipe>),
}

/// What a purge did.
#[derive(Debug, Default)]
pub struct Purged {
    /// The composites that were anywhere.
    pub keys: Vec<CompositeKey>,
    /// Objects that were there.
    pub objects: usize,
    /// Composites that there was no time for: ask again.
    pub remaining: usize,
}

/// Why it did not.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    #[error(transparent)]
    Links(#[from] LinksError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Fleet(#[from] FleetError),
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error("there is no asset `{0}`")]
    NoAsset(AssetId),
}

/// Purges for at most `time`.
pub async fn purge(app: &App, target: &Target, time: Duration) -> Result<Purged, PurgeError> {
    let deadline = Instant::now() + time;
    let keys = keys_of(app, target).await?;
    let mut purged = Purged { remaining: keys.len(), ..Purged::default() };
    let mut dropped = stream::iter(keys).map(|key| drop_one(app, key)).buffer_unordered(AT_ONCE);
    while let Some(result) = dropped.next().await {
        let (key, objects) = result?;
        purged.keys.extend(key);
        purged.objects += objects;
        purged.remaining -= 1;
        if Instant::now() > deadline {
            break;
        }
    }
    drop(dropped);
    tracing::info!(?target, composites = purged.keys.len(), objects = purged.objects, "purged");
    Ok(purged)
}

/// Drops composites that nobody was delivered for so long, and answers how many. The CDN is not told: it was not asked
/// for them either.
pub async fn sweep(app: &App, unused_for: Duration) -> Result<usize, PurgeError> {
    let then = unix_now().saturating_sub(unused_for.as_secs());
    // What is in memory was used, and its link may not know yet.
    app.settle_hits().await?;
    let mut swept = 0;
    loop {
        let keys = app.links.unused_since(then, BATCH).await?;
        let found = keys.len();
        let mut dropped = stream::iter(keys).map(|key| forget(app, key)).buffer_unordered(AT_ONCE);
        while let Some(forgotten) = dropped.next().await {
            forgotten?;
        }
        swept += found;
        if found < BATCH {
            return Ok(swept);
        }
    }
}

/// The composites of a target, each once.
async fn keys_of(app: &App, target: &Target) -> Result<BTreeSet<CompositeKey>, PurgeError> {
    let snapshot = app.catalogue.snapshot();
    let digests: Vec<Digest> = match target {
        Target::Key(key) => return Ok(BTreeSet::from([*key])),
        Target::Recipe(recipe) => {
            let resolve = |accept| Ok(snapshot.catalogue.resolve(recipe, Some(accept))?.key());
            return ACCEPTS.into_iter().map(resolve).collect();
        }
        Target::Digest(digest) => vec![*digest],
        Target::Asset(id) => {
            let record = snapshot.records.get(id).ok_or_else(|| PurgeError::NoAsset(id.clone()))?;
            record.versions().map(|version| version.asset.digest).collect()
        }
        Target::Tag(tag) => {
            let tagged = snapshot.records.values().filter(|record| record.current.asset.tags.contains(tag));
            tagged.flat_map(|record| record.versions()).map(|version| version.asset.digest).collect()
        }
    };
    let mut keys = BTreeSet::new();
    for digest in &digests {
        keys.extend(app.links.drawn_from(digest).await?);
    }
    Ok(keys)
}

/// Drops one composite, also from the CDN: its key, if it was anywhere, and how many objects it had.
async fn drop_one(app: &App, key: CompositeKey) -> Result<(Option<CompositeKey>, usize), PurgeError> {
    let (link, objects) = forget(app, key).await?;
    let was_anywhere = link.is_some() || objects > 0;
    if let Some(link) = link {
        app.cdn.invalidate([link.recipe, format!("/i/{key}.{}", link.format.extension())]).await;
    }
    Ok((was_anywhere.then_some(key), objects))
}

/// Drops one composite from the store, every instance's memory and the links: its link, and how many objects it had.
async fn forget(app: &App, key: CompositeKey) -> Result<(Option<Link>, usize), PurgeError> {
    let link = app.links.get(&key).await?;
    let mut objects = 0;
    let formats = link.as_ref().map_or(FORMATS.to_vec(), |link| vec![link.format]);
    for format in formats {
        objects += usize::from(app.store.remove(&ObjectKey::Composite(key, format)).await?);
    }
    app.hot.remove(&key);
    if let Some(fleet) = &app.fleet {
        fleet.tell(&News::Purged(key)).await?;
    }
    app.links.remove(&key).await?;
    Ok((link, objects))
}
