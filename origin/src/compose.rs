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
use crate::renderer::RenderFailure;
use crate::store::{ObjectKey, StoreError};
use crate::telemetry::{Stage, Times, stage};

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
    /// Of what took no stage, so far.
    fn of(hot: Arc<Hot>, source: Source) -> Self {
        Self { hot, source, times: Times::default() }
    }

    /// Will the next one find it?
    pub fn is_stored(&self) -> bool {
        !matches!(self.source, Source::Rendered { stored: false })
    }
}

/// What a flight brings home.
type Outcome = Result<Delivery, RenderFailure>;

/// The composite of a plan, from the nearest place that has it.
pub async fn get_or_render(app: &App, plan: &Arc<Plan>) -> Outcome {
    let key = plan.key();
    if let Some(hot) = app.hot.get(&key) {
        return Ok(Delivery::of(hot, Source::Memory));
    }
    let (app_of_flight, plan) = (app.clone(), Arc::clone(plan));
    let at = app.config.render_at;
    let flight = || async move {
        // The one before this may have landed between the look above and here.
        match app_of_flight.hot.get(&key) {
            Some(hot) => Ok(Delivery::of(hot, Source::Memory)),
            None => journey(&app_of_flight, &plan, at).await,
        }
    };
    app.flights.join(key, flight).await
}

/// What an order of another process asks for: the composite is stored and linked afterwards, whoever rendered it. That
/// this process has it in memory is nothing to the one who ordered.
pub async fn render_order(app: &App, plan: &Arc<Plan>) -> Outcome {
    journey(app, plan, RenderAt::Here).await
}

/// The composite of a key alone: stored, or rendered anew from its link if that still gives the same key.
pub async fn get_by_key(
    app: &App,
    key: CompositeKey,
    format: Format,
) -> Result<Option<Delivery>, RenderFailure> {
    if let Some(hot) = app.hot.get(&key).filter(|hot| hot.format == format) {
        return Ok(Some(Delivery::of(hot, Source::Memory)));
    }
    let mut times = Times::default();
    let link = times.of(Stage::Look, app.links.get(&key)).await.unwrap_or_else(|error| {
        note(&error);
        None
    });
    let plan = link.as_ref().and_then(|link| plan_of(app, link)).filter(|plan| plan.format() == format);
    let outcome = if let Some(plan) = plan {
        // With everybody else who asks for it, by whatever name.
        get_or_render(app, &Arc::new(plan)).await.map(Some)
    } else {
        let stored = stored(app, key, format, link.as_ref(), &mut times).await;
        stored.map(|stored| stored.map(|delivery| Delivery { times, ..delivery }))
    };
    app.metrics.observe_journey(&times);
    outcome
}

/// The plan of a link's recipe, if the catalogue still makes the same picture of it.
pub fn plan_of(app: &App, link: &Link) -> Option<Plan> {
    let recipe = Recipe::parse(&link.recipe).ok()?;
    let plan = app.catalogue.snapshot().catalogue.resolve(&recipe, None).ok()?;
    (plan.key() == link.key).then_some(plan)
}

/// What one flight does, with its times.
async fn journey(app: &App, plan: &Arc<Plan>, at: RenderAt) -> Outcome {
    let mut times = Times::default();
    let outcome = fetch_or_render(app, plan, at, &mut times).await;
    app.metrics.observe_journey(&times);
    outcome.map(|delivery| Delivery { times, ..delivery })
}

async fn fetch_or_render(app: &App, plan: &Arc<Plan>, mut at: RenderAt, times: &mut Times) -> Outcome {
    let key = plan.key();
    let deadline = Instant::now() + app.config.server.request_timeout;
    // Listening starts before asking, so that no news falls between.
    let mut news = app.fleet.as_ref().map(Fleet::listen);
    let (mut waited, mut mistrusted) = (false, false);
    while Instant::now() < deadline {
        // Told once: what is there afterwards is a new link.
        let mistrusts = std::mem::take(&mut mistrusted);
        let begun = match at {
            RenderAt::Here => times.of(Stage::Lease, app.links.begin(&key, mistrusts)).await,
            RenderAt::Queue => times.of(Stage::Look, app.links.look(&key, mistrusts)).await,
        };
        match begun {
            Begun::Found(link) => {
                if let Some(delivery) = stored(app, key, plan.format(), Some(&link), times).await? {
                    let source = if waited { Source::Joined } else { delivery.source };
                    return Ok(Delivery { source, ..delivery });
                }
                tracing::warn!(%key, "a link's object is not there; rendering it anew");
                mistrusted = true;
            }
            Begun::Granted(lease) => return lead(app, plan, lease, times).await,
            Begun::Taken { left } => {
                waited = true;
                times.of(Stage::Wait, settled(&mut news, key, left.min(LOOK_AGAIN))).await;
            }
            Begun::Free { now } => {
                // What can never be drawn needs no worker to say so.
                app.renderer.check(plan)?;
                match times.of(Stage::Order, app.orders.place(&app.queue, plan, now)).await {
                    Ok(()) => {
                        waited = true;
                        times.of(Stage::Wait, settled(&mut news, key, LOOK_AGAIN)).await;
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
async fn lead(app: &App, plan: &Arc<Plan>, lease: Lease, times: &mut Times) -> Outcome {
    let outcome = match stored(app, plan.key(), plan.format(), None, times).await {
        Ok(Some(delivery)) => Ok(delivery),
        Err(RenderFailure::Store(error)) if !error.is_out_of_reach() => Err(RenderFailure::Store(error)),
        Ok(None) | Err(_) => render(app, plan, times).await,
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
    if let Err(error) = times.of(Stage::Link, app.links.settle(lease, came_of_it)).await {
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
    times: &mut Times,
) -> Result<Option<Delivery>, RenderFailure> {
    let object = ObjectKey::Composite(key, format);
    let bytes = match times.of(Stage::Object, app.store.get(&object)).await {
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
    Ok(Some(Delivery::of(hot, Source::Store)))
}

/// Renders and stores. A composite that cannot be stored is answered all the same.
async fn render(app: &App, plan: &Arc<Plan>, times: &mut Times) -> Outcome {
    let (key, format) = (plan.key(), plan.format());
    let rendering = app.metrics.rendering.enter();
    let result = app.renderer.render(plan, times).instrument(stage!("render")).await;
    drop(rendering);
    app.metrics.count_render(result.is_ok());
    let bytes = Bytes::from(result?.bytes);
    let object = ObjectKey::Composite(key, format);
    let put = times.of(Stage::Put, app.store.put(&object, bytes.clone())).await;
    let stored = put.is_ok();
    if let Err(error) = put {
        tracing::error!(%key, %error, "a composite could not be stored; it is answered from memory");
    }
    let hot = app.hot.insert(Hot::new(key, format, bytes));
    Ok(Delivery::of(hot, Source::Rendered { stored }))
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
