//! The journey of a composite: memory, then link, then object, then one render for everybody who asks. Read this first.
//!
//! A render is a task of its own. Whoever asks this process for the same key meanwhile waits for the same task; whoever
//! hangs up cancels nobody. Among processes a lease says who renders; the others wait for its news. A failed render is
//! remembered for a moment and answered to all.

mod flights;
mod hot;
mod orders;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use compositor::{CompositeKey, Digest, Format, Plan, Recipe};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;
use tracing::Instrument;

use crate::app::App;
use crate::clock::unix_now;
use crate::config::RenderAt;
use crate::fleet::{Fleet, News};
use crate::links::{Begun, Lease, Link, LinksError, Settled, Told};
use crate::renderer::{RenderFailure, RenderTimes};
use crate::store::{ObjectKey, StoreError};
use crate::telemetry::stage;

pub use flights::Flights;
pub use hot::{Hot, HotCache, etag};
pub use orders::Orders;

/// How often those who wait for a lease look again: news can be lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A finished composite on its way out.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub hot: Arc<Hot>,
    pub source: Source,
    pub times: Times,
}

/// Where a composite came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This process's memory.
    Memory,
    /// The object store.
    Store,
    /// Rendered for this request. `stored`: the next one need not render.
    Rendered { stored: bool },
    /// Rendered for another request, which this one waited for.
    Joined,
}

impl Delivery {
    /// Will the next one find it?
    pub fn is_stored(&self) -> bool {
        !matches!(self.source, Source::Rendered { stored: false })
    }
}

/// How long the stages took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    pub lookup: Duration,
    pub render: RenderTimes,
    pub store: Duration,
}

/// What a flight brings home.
type Outcome = Result<Delivery, RenderFailure>;

/// The composite of a plan, from the nearest place that has it.
pub async fn get_or_render(app: &App, plan: &Arc<Plan>) -> Outcome {
    let key = plan.key();
    if let Some(hot) = app.hot.get(&key) {
        return Ok(Delivery { hot, source: Source::Memory, times: Times::default() });
    }
    let (app_of_flight, plan) = (app.clone(), Arc::clone(plan));
    let at = app.config.render_at;
    let flight = || async move {
        // The one before this may have landed between the look above and here.
        match app_of_flight.hot.get(&key) {
            Some(hot) => Ok(Delivery { hot, source: Source::Memory, times: Times::default() }),
            None => fetch_or_render(&app_of_flight, &plan, at).await,
        }
    };
    app.flights.join(key, flight).await
}

/// What an order of another process asks for: the composite is stored and linked afterwards, whoever rendered it. That
/// this process has it in memory is nothing to the one who ordered.
pub async fn render_order(app: &App, plan: &Arc<Plan>) -> Outcome {
    fetch_or_render(app, plan, RenderAt::Here).await
}

/// The composite of a key alone: stored, or rendered anew from its link if that still gives the same key.
pub async fn get_by_key(
    app: &App,
    key: CompositeKey,
    format: Format,
) -> Result<Option<Delivery>, RenderFailure> {
    if let Some(hot) = app.hot.get(&key).filter(|hot| hot.format == format) {
        return Ok(Some(Delivery { hot, source: Source::Memory, times: Times::default() }));
    }
    let link = app.links.get(&key).await.unwrap_or_else(|error| {
        note(&error);
        None
    });
    let plan = link.as_ref().and_then(|link| plan_of(app, link)).filter(|plan| plan.format() == format);
    match plan {
        // With everybody else who asks for it, by whatever name.
        Some(plan) => get_or_render(app, &Arc::new(plan)).await.map(Some),
        None => stored(app, key, format, link.as_ref()).await,
    }
}

/// The plan of a link's recipe, if the catalogue still makes the same picture of it.
pub fn plan_of(app: &App, link: &Link) -> Option<Plan> {
    let recipe = Recipe::parse(&link.recipe).ok()?;
    let plan = app.catalogue.snapshot().catalogue.resolve(&recipe, None).ok()?;
    (plan.key() == link.key).then_some(plan)
}

/// What one flight does.
async fn fetch_or_render(app: &App, plan: &Arc<Plan>, mut at: RenderAt) -> Outcome {
    let key = plan.key();
    let deadline = Instant::now() + app.config.server.request_timeout;
    // Listening starts before asking, so that no news falls between.
    let mut news = app.fleet.as_ref().map(Fleet::listen);
    let (mut waited, mut mistrusted) = (false, false);
    while Instant::now() < deadline {
        // Told once: what is there afterwards is a new link.
        let mistrusts = std::mem::take(&mut mistrusted);
        let begun = match at {
            RenderAt::Here => app.links.begin(&key, mistrusts).instrument(stage!("lease")).await,
            RenderAt::Queue => app.links.look(&key, mistrusts).instrument(stage!("look")).await,
        };
        match begun {
            Begun::Found(link) => {
                if let Some(delivery) = stored(app, key, plan.format(), Some(&link)).await? {
                    let source = if waited { Source::Joined } else { delivery.source };
                    return Ok(Delivery { source, ..delivery });
                }
                tracing::warn!(%key, "a link's object is not there; rendering it anew");
                mistrusted = true;
            }
            Begun::Granted(lease) => return lead(app, plan, lease).await,
            Begun::Taken { left } => {
                waited = true;
                settled(&mut news, key, left.min(LOOK_AGAIN)).instrument(stage!("wait")).await;
            }
            Begun::Free { now } => {
                // What can never be drawn needs no worker to say so.
                app.renderer.check(plan)?;
                match app.orders.place(&app.queue, plan, now).instrument(stage!("order")).await {
                    Ok(()) => {
                        waited = true;
                        settled(&mut news, key, LOOK_AGAIN).instrument(stage!("wait")).await;
                    }
                    Err(error) => {
                        tracing::warn!(%key, %error, "a render could not be ordered; rendering it here");
                        at = RenderAt::Here;
                    }
                }
            }
            Begun::Failed(told) => return Err(RenderFailure::Told(Arc::new(told))),
        }
    }
    Err(RenderFailure::Busy)
}

/// Waits for news of a composite, or until it is time to look again.
async fn settled(news: &mut Option<broadcast::Receiver<News>>, key: CompositeKey, most: Duration) {
    let heard = async {
        let Some(news) = news else { return std::future::pending().await };
        loop {
            match news.recv().await {
                Ok(News::Settled(settled)) if settled == key => return,
                Ok(News::Gap) | Err(RecvError::Lagged(_)) => return,
                Ok(_) => {}
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
    };
    // Either way it is time to look.
    let _ = timeout(most, heard).await;
}

/// Renders for everybody, unless the object is there after all: a link can be lost. Where the store cannot say, what is
/// drawn of may be in memory.
async fn lead(app: &App, plan: &Arc<Plan>, lease: Lease) -> Outcome {
    let outcome = match stored(app, plan.key(), plan.format(), None).await {
        Ok(Some(delivery)) => Ok(delivery),
        Err(RenderFailure::Store(error)) if !error.is_out_of_reach() => Err(RenderFailure::Store(error)),
        Ok(None) | Err(_) => render(app, plan).await,
    };
    let (link, told);
    let came_of_it = match &outcome {
        Ok(delivery) if delivery.is_stored() => {
            link = link_of(plan, &delivery.hot.bytes);
            Settled::Linked(&link)
        }
        Err(failure) if failure.is_lasting() => {
            told = Told::from(failure);
            Settled::Failed(&told)
        }
        Ok(_) | Err(_) => Settled::Released,
    };
    if let Err(error) = app.links.settle(lease, came_of_it).instrument(stage!("link")).await {
        note(&error);
    }
    outcome
}

/// Reads a composite from the store into memory. One that is not what was stored is removed, to be rendered anew.
async fn stored(
    app: &App,
    key: CompositeKey,
    format: Format,
    link: Option<&Link>,
) -> Result<Option<Delivery>, RenderFailure> {
    let (started, object) = (Instant::now(), ObjectKey::Composite(key, format));
    let bytes = match app.store.get(&object).instrument(stage!("object")).await {
        Ok(Some(bytes)) if link.is_none_or(|link| link.is_of(&bytes)) => bytes,
        Ok(None) => return Ok(None),
        Ok(Some(_)) | Err(StoreError::Damaged { .. }) => {
            tracing::error!(%key, "a stored composite is damaged; it is removed");
            app.store.remove(&object).await?;
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let hot = app.hot.insert(Hot::new(key, format, bytes));
    let times = Times { lookup: started.elapsed(), ..Times::default() };
    Ok(Some(Delivery { hot, source: Source::Store, times }))
}

/// Renders and stores. A composite that cannot be stored is answered all the same.
async fn render(app: &App, plan: &Arc<Plan>) -> Outcome {
    let (key, format) = (plan.key(), plan.format());
    let rendering = app.metrics.rendering.enter();
    let result = app.renderer.render(plan).instrument(stage!("render")).await;
    drop(rendering);
    app.metrics.count_render(result.is_ok());
    let (composite, render) = result?;

    let started = Instant::now();
    let bytes = Bytes::from(composite.bytes);
    let put =
        app.store.put(&ObjectKey::Composite(key, format), bytes.clone()).instrument(stage!("put")).await;
    let stored = put.is_ok();
    if let Err(error) = put {
        tracing::error!(%key, %error, "a composite could not be stored; it is answered from memory");
    }
    let hot = app.hot.insert(Hot::new(key, format, bytes));
    let times = Times { render, store: started.elapsed(), ..Times::default() };
    Ok(Delivery { hot, source: Source::Rendered { stored }, times })
}

/// The link of a plan's finished bytes.
pub fn link_of(plan: &Plan, bytes: &Bytes) -> Link {
    let (width, height) = plan.canvas();
    Link {
        key: plan.key(),
        recipe: plan.canonical_path(),
        format: plan.format(),
        width,
        height,
        bytes: bytes.len() as u64,
        content: Some(Digest::of(bytes)),
        ingredients: plan.ingredients(),
        created: unix_now(),
        placeholder: None,
        hits: 0,
        used: 0,
    }
}

/// A lost link costs a look into the store, nothing else: logged, not answered.
fn note(error: &LinksError) {
    tracing::warn!(%error, "going on without links");
}
