//! The journey of a composite: memory, then link and object, then one render for everybody who asks. Read this first.
//!
//! A render is a task of its own. Whoever asks for the same key meanwhile waits for the same task; whoever hangs up
//! cancels nobody. A failed render is remembered for a moment and answered to all.

mod flights;
mod hot;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use compositor::{CompositeKey, Format, Plan, Recipe};

use crate::app::App;
use crate::clock::unix_now;
use crate::links::Link;
use crate::renderer::{RenderFailure, RenderTimes};
use crate::store::ObjectKey;

pub use flights::Flights;
pub use hot::{Hot, HotCache, etag};

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
    app.flights.join(key, || async move { fetch_or_render(&app_of_flight, &plan).await }).await
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
    if let Some(delivery) = stored(app, key, format).await? {
        return Ok(Some(delivery));
    }
    match app.links.get(&key).and_then(|link| plan_of(app, &link)).filter(|plan| plan.format() == format) {
        Some(plan) => get_or_render(app, &Arc::new(plan)).await.map(Some),
        None => Ok(None),
    }
}

/// The plan of a link's recipe, if the catalogue still makes the same picture of it.
pub fn plan_of(app: &App, link: &Link) -> Option<Plan> {
    let recipe = Recipe::parse(&link.recipe).ok()?;
    let plan = app.catalogue.snapshot().catalogue.resolve(&recipe, None).ok()?;
    (plan.key() == link.key).then_some(plan)
}

/// What one flight does.
async fn fetch_or_render(app: &App, plan: &Arc<Plan>) -> Outcome {
    let key = plan.key();
    // The flight before this one may have landed between the caller's look into memory and its joining.
    if let Some(hot) = app.hot.get(&key) {
        return Ok(Delivery { hot, source: Source::Memory, times: Times::default() });
    }
    if let Some(delivery) = stored(app, key, plan.format()).await? {
        relink(app, plan, &delivery.hot.bytes);
        return Ok(delivery);
    }
    if app.links.get(&key).is_some() {
        tracing::warn!(%key, "a link's object is gone; rendering it anew");
        note(app.links.remove(&key));
    }
    render(app, plan).await
}

/// Reads a composite from the store into memory.
async fn stored(app: &App, key: CompositeKey, format: Format) -> Result<Option<Delivery>, RenderFailure> {
    let started = Instant::now();
    let Some(bytes) = app.store.get(&ObjectKey::Composite(key, format)).await? else { return Ok(None) };
    let hot = app.hot.insert(Hot::new(key, format, bytes));
    let times = Times { lookup: started.elapsed(), ..Times::default() };
    Ok(Some(Delivery { hot, source: Source::Store, times }))
}

/// Renders and stores: object first, then link. A composite that cannot be stored is answered all the same.
async fn render(app: &App, plan: &Arc<Plan>) -> Outcome {
    let (key, format) = (plan.key(), plan.format());
    let rendering = app.metrics.rendering.enter();
    let result = app.renderer.render(plan).await;
    drop(rendering);
    app.metrics.count_render(result.is_ok());
    let (composite, render) = result?;

    let started = Instant::now();
    let bytes = Bytes::from(composite.bytes);
    let put = app.store.put(&ObjectKey::Composite(key, format), bytes.clone()).await;
    let stored = put.is_ok();
    match put {
        Ok(()) => relink(app, plan, &bytes),
        Err(error) => {
            tracing::error!(%key, %error, "a composite could not be stored; it is answered from memory");
        }
    }
    let hot = app.hot.insert(Hot::new(key, format, bytes));
    let times = Times { render, store: started.elapsed(), ..Times::default() };
    Ok(Delivery { hot, source: Source::Rendered { stored }, times })
}

/// Writes the link of a stored object where there is none.
fn relink(app: &App, plan: &Plan, bytes: &Bytes) {
    if app.links.get(&plan.key()).is_none() {
        note(app.links.set(link_of(plan, bytes)));
    }
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
        ingredients: plan.ingredients(),
        created: unix_now(),
        placeholder: None,
        hits: 0,
    }
}

/// A lost link costs a look into the store, nothing else: logged, not answered.
fn note(result: Result<(), crate::links::LinksError>) {
    if let Err(error) = result {
        tracing::error!(%error, "a link could not be recorded");
    }
}
