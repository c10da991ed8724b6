//! Purging and sweeping: composites leave the store, the links, every instance's memory and the CDN, chosen by what they are made of
//! or by name. A purged one is rendered again when somebody asks for it.
//!
//! The object goes first and the link last, when all who have it are told: a purge that is cut short finds what is left
//! when it is asked for again. It goes on when its caller is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use compositor::{AssetId, CompositeKey, Digest, Format, Recipe, ResolveError};
use futures::stream::{self, FuturesUnordered, StreamExt};
use tokio::task::JoinError;
use tokio::time::Instant;
use tracing::Instrument;

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
    #[error("the purge did not finish: {0}")]
    Ended(JoinError),
}

/// Begins nothing new after `time`; what is begun by then is finished.
pub async fn purge(app: &App, target: Target, time: Duration) -> Result<Purged, PurgeError> {
    let app = app.clone();
    let purge = async move { purge_until(&app, &target, Instant::now() + time).await };
    tokio::spawn(purge.in_current_span()).await.map_err(PurgeError::Ended)?
}

async fn purge_until(app: &App, target: &Target, deadline: Instant) -> Result<Purged, PurgeError> {
    let keys = keys_of(app, target).await?;
    if let Target::Recipe(recipe) = target {
        app.cdn.invalidate([recipe.to_path()]).await;
    }
    let by_name = matches!(target, Target::Key(_) | Target::Recipe(_));
    let mut purged = Purged { remaining: keys.len(), ..Purged::default() };
    let (mut waiting, mut under_way) = (keys.into_iter(), FuturesUnordered::new());
    let mut failed = None;
    loop {
        while under_way.len() < AT_ONCE && failed.is_none() && Instant::now() < deadline {
            let Some(key) = waiting.next() else { break };
            under_way.push(drop_one(app, key, by_name));
        }
        match under_way.next().await {
            Some(Ok((key, objects))) => {
                purged.keys.extend(key);
                purged.objects += objects;
                purged.remaining -= 1;
            }
            Some(Err(error)) => failed = Some(error),
            None => break,
        }
    }
    tracing::info!(?target, composites = purged.keys.len(), objects = purged.objects, "purged");
    failed.map_or(Ok(purged), Err)
}

/// Drops composites that nobody was delivered for so long, and answers how many. The CDN is not told: what it kept is what
/// it would be given again.
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

/// Drops one composite, also from the CDN: its key, if it was anywhere, and how many objects it had. `by_name`: a CDN may
/// have it also where nobody here does.
async fn drop_one(
    app: &App,
    key: CompositeKey,
    by_name: bool,
) -> Result<(Option<CompositeKey>, usize), PurgeError> {
    let link = app.links.get(&key).await?;
    let objects = drop_copies(app, key, link.as_ref()).await?;
    let was_anywhere = link.is_some() || objects > 0;
    if was_anywhere || by_name {
        app.cdn.invalidate(paths_of(key, link.as_ref())).await;
    }
    app.links.remove(&key).await?;
    Ok((was_anywhere.then_some(key), objects))
}

/// Drops one composite from the store, every instance's memory and the links.
async fn forget(app: &App, key: CompositeKey) -> Result<(), PurgeError> {
    let link = app.links.get(&key).await?;
    drop_copies(app, key, link.as_ref()).await?;
    Ok(app.links.remove(&key).await?)
}

/// Drops a composite from the store and every instance's memory: how many objects it had.
async fn drop_copies(app: &App, key: CompositeKey, link: Option<&Link>) -> Result<usize, PurgeError> {
    let mut objects = 0;
    for format in formats_of(link) {
        objects += usize::from(app.store.remove(&ObjectKey::Composite(key, format)).await?);
    }
    app.hot.remove(&key);
    if let Some(fleet) = &app.fleet {
        fleet.tell(&News::Purged(key)).await?;
    }
    Ok(objects)
}

/// The formats that a composite may be stored in.
fn formats_of(link: Option<&Link>) -> Vec<Format> {
    link.map_or(FORMATS.to_vec(), |link| vec![link.format])
}

/// What a composite is asked for by: its key and, where that is known, its recipe, also by the format that stands for all.
fn paths_of(key: CompositeKey, link: Option<&Link>) -> Vec<String> {
    let objects = formats_of(link).into_iter().map(|format| format!("/i/{key}.{}", format.extension()));
    let recipes = link.into_iter().flat_map(|link| {
        let stem = link.recipe.strip_suffix(link.format.extension());
        [Some(link.recipe.clone()), stem.map(|stem| format!("{stem}auto"))]
    });
    objects.chain(recipes.flatten()).collect()
}
