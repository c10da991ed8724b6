//! What a server does beside answering: it hears the news of other instances, looks for what they changed, and writes
//! down how often composites were delivered.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;
use crate::fleet::{Fleet, News};
use crate::purge::sweep;
use crate::serve::told_to_stop;

/// How often deliveries are written down: what a killed process has not, is lost.
const WRITE_HITS: Duration = Duration::from_secs(10);
/// How often unused composites are looked for, where they are at all.
const SWEEP: Duration = Duration::from_hours(1);
/// Links looked for at once.
const AT_ONCE: usize = 16;
/// How often the shared Redis is asked whether it is there: news come over an open connection only.
const PING: Duration = Duration::from_secs(1);

/// Keeps an origin up to date until it is told to stop.
pub async fn keep_up(app: App, mut stopped: watch::Receiver<bool>) {
    let mut look = interval(app.config.server.catalogue_poll);
    let (mut write, mut ping) = (interval(WRITE_HITS), interval(PING));
    for interval in [&mut look, &mut write, &mut ping] {
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let mut news = app.fleet.as_ref().map(Fleet::listen);
    // News of a purge may have been lost.
    let mut missed_news = false;
    loop {
        tokio::select! {
            () = told_to_stop(&mut stopped) => return,
            heard = next(&mut news) => match heard {
                News::Catalogue => refresh(&app).await,
                News::Gap => {
                    missed_news = true;
                    refresh(&app).await;
                }
                News::Purged(key) => app.hot.remove(&key),
                News::Settled(_) => {}
            },
            _ = look.tick() => refresh(&app).await,
            _ = write.tick() => write_hits(&app).await,
            _ = ping.tick() => {
                ping_fleet(&app).await;
                missed_news = missed_news && !forget_purged(&app).await;
            }
        }
    }
}

/// What a process does that stands still between two requests: all that it missed, before the next.
pub async fn catch_up(app: &App) {
    refresh(app).await;
    write_hits(app).await;
    if app.fleet.is_some() {
        forget_purged(app).await;
    }
}

/// Sweeps now and then until told to stop, also in the middle.
pub async fn keep_swept(app: App, mut stopped: watch::Receiver<bool>) {
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let sweeps = async {
        loop {
            sweep.tick().await;
            sweep_unused(&app).await;
        }
    };
    tokio::select! {
        () = told_to_stop(&mut stopped) => {}
        () = sweeps => {}
    }
}

/// Forgets what is in memory here and has no link any more: it was purged, or its link was lost and is made again when
/// somebody asks. `false`: that could not be found out.
async fn forget_purged(app: &App) -> bool {
    let known = stream::iter(app.hot.entries()).map(async |hot| (hot.key, app.links.get(&hot.key).await));
    let mut known = std::pin::pin!(known.buffer_unordered(AT_ONCE));
    while let Some((key, link)) = known.next().await {
        match link {
            Ok(Some(_)) => {}
            Ok(None) => app.hot.remove(&key),
            Err(error) => {
                tracing::debug!(%error, "what was purged meanwhile is not known yet");
                return false;
            }
        }
    }
    true
}

/// The next news; for ever none where nobody shares anything.
async fn next(news: &mut Option<Receiver<News>>) -> News {
    match news {
        Some(news) => match news.recv().await {
            Ok(news) => news,
            Err(RecvError::Lagged(_)) => News::Gap,
            Err(RecvError::Closed) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

async fn write_hits(app: &App) {
    if let Err(error) = app.settle_hits().await {
        tracing::warn!(%error, "deliveries could not be written down; again later");
    }
}

async fn ping_fleet(app: &App) {
    if let Some(fleet) = &app.fleet
        && let Err(error) = fleet.check().await
    {
        tracing::debug!(%error, "no Redis");
    }
}

async fn sweep_unused(app: &App) {
    let Some(unused_for) = app.config.sweep_unused else { return };
    match sweep(app, unused_for).await {
        Ok(0) => {}
        Ok(composites) => tracing::info!(composites, ?unused_for, "swept what nobody asks for"),
        Err(error) => tracing::warn!(%error, "unused composites could not be swept; again in an hour"),
    }
}

async fn refresh(app: &App) {
    match app.catalogue.refresh().await {
        Ok(true) => tracing::info!(assets = app.catalogue.snapshot().records.len(), "catalogue changed"),
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "the catalogue could not be read; serving what is known"),
    }
}
