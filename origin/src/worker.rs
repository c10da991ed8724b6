//! `milliner work`: takes renders from the queue. A job is done when its composite is stored and linked, by whomever;
//! one that fails stays, is tried again, and dies where the queue says, remembered as failed for a moment so that whoever
//! waits for it hears of it.

use std::sync::Arc;
use std::time::Duration;

use compositor::{Plan, Recipe};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::Instrument;

use crate::app::App;
use crate::compose::render_order;
use crate::links::{Begun, Settled, Told};
use crate::queue::{Delivery, LARGEST_BATCH, LONGEST_WAIT, Poison, QueueError, RenderJob};
use crate::renderer::RenderFailure;
use crate::serve::told_to_stop;
use crate::store::StoreError;
use crate::telemetry::{JobEnd, job_span};

/// Pause after the queue could not be asked.
const PAUSE: Duration = Duration::from_secs(1);
/// A job that was delivered this often and not finished takes its worker down with it: it is not tried again.
const DEADLY: u32 = 3;

/// Works until told to stop; then finishes what it has begun.
pub async fn work(app: App, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(at_once()));
    let mut under_way = JoinSet::new();
    loop {
        let deliveries = tokio::select! {
            () = told_to_stop(&mut stopped) => break,
            deliveries = receive(&app, &places) => deliveries,
        };
        for (delivery, place) in deliveries {
            let app = app.clone();
            under_way.spawn(async move {
                attend(&app, &delivery).await;
                drop(place);
            });
        }
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}

/// Renders of one process: a processor each, and one more that fetches meanwhile.
pub fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get) + 1
}

/// As many jobs as there are places for. A job that waited here for a place would use up its loan.
async fn receive(app: &App, places: &Arc<Semaphore>) -> Vec<(Delivery, OwnedSemaphorePermit)> {
    let Ok(first) = Arc::clone(places).acquire_owned().await else { return Vec::new() };
    let mut free = vec![first];
    while free.len() < LARGEST_BATCH
        && let Ok(place) = Arc::clone(places).try_acquire_owned()
    {
        free.push(place);
    }
    match app.queue.receive(free.len(), LONGEST_WAIT).await {
        Ok(deliveries) => deliveries.into_iter().zip(free).collect(),
        Err(error) => {
            tracing::warn!(%error, "no jobs; asking again");
            sleep(PAUSE).await;
            Vec::new()
        }
    }
}

/// Works on one delivery, and keeps it for as long as that takes.
pub async fn attend(app: &App, delivery: &Delivery) {
    app.metrics.observe_queue(delivery.age);
    let mut beat = tokio::time::interval(app.queue.visibility() / 3);
    beat.tick().await;
    let mut end = std::pin::pin!(end_of(app, &delivery.job, delivery.receives));
    let end = loop {
        tokio::select! {
            end = &mut end => break end,
            _ = beat.tick() => note(delivery.extend(app.queue.visibility()).await),
        }
    };
    app.metrics.count_job(end);
    note(match end {
        JobEnd::Done => delivery.done().await,
        JobEnd::Failed => delivery.retry(app.queue.visibility() / 3).await,
        // Given back at once: what the queue has delivered often enough, it puts with the dead letters.
        JobEnd::Poison => delivery.retry(Duration::ZERO).await,
    });
}

/// What comes of a job that was delivered for the so-manieth time.
pub async fn end_of(app: &App, job: &Result<RenderJob, Poison>, receives: u32) -> JobEnd {
    let job = match job {
        Ok(job) => job,
        Err(poison) => {
            tracing::error!(%poison, receives, "a message is no job");
            return JobEnd::Poison;
        }
    };
    let key = job.key;
    let plan = match plan_of(app, job).await {
        Ok(Some(plan)) => plan,
        Ok(None) => {
            tracing::info!(%key, recipe = job.recipe, "a job's recipe means another picture by now; nobody needs it");
            return JobEnd::Done;
        }
        Err(error) => {
            tracing::warn!(%key, %error, "a job has to wait for the catalogue");
            return JobEnd::Failed;
        }
    };
    if receives >= DEADLY {
        tracing::error!(%key, recipe = job.recipe, receives, "a job was never finished; giving it up");
        remember_failure(app, job).await;
        return JobEnd::Poison;
    }
    match render_order(app, &plan).instrument(job_span(job.trace.as_deref())).await {
        Ok(delivery) if delivery.is_stored() => JobEnd::Done,
        Ok(_) => JobEnd::Failed,
        Err(failure @ (RenderFailure::Busy | RenderFailure::Store(_))) => {
            tracing::warn!(%key, %failure, "a job has to wait");
            JobEnd::Failed
        }
        // One that panicked is given another chance: the next worker may be luckier.
        Err(failure @ RenderFailure::Panicked) => {
            tracing::error!(%key, recipe = job.recipe, %failure, "a job failed");
            JobEnd::Failed
        }
        // Told to all who wait, and remembered for longer than the queue takes to give it up.
        Err(failure) => {
            tracing::error!(%key, recipe = job.recipe, %failure, "a job would fail again");
            JobEnd::Poison
        }
    }
}

/// The plan of a job, if its recipe still means the same picture; the catalogue here may be older than the job.
async fn plan_of(app: &App, job: &RenderJob) -> Result<Option<Arc<Plan>>, StoreError> {
    let Ok(recipe) = Recipe::parse(&job.recipe) else { return Ok(None) };
    let plan = || {
        app.catalogue.snapshot().catalogue.resolve(&recipe, None).ok().filter(|plan| plan.key() == job.key)
    };
    if let Some(plan) = plan() {
        return Ok(Some(Arc::new(plan)));
    }
    app.catalogue.refresh().await?;
    Ok(plan().map(Arc::new))
}

/// Tells those who wait for it.
async fn remember_failure(app: &App, job: &RenderJob) {
    let told = Told {
        slug: "unavailable".to_owned(),
        detail: "it was tried several times and not finished".to_owned(),
        pointer: None,
    };
    if let Begun::Granted(lease) = app.links.begin(&job.key, false).await
        && let Err(error) = app.links.settle(lease, Settled::Failed(&told)).await
    {
        tracing::warn!(%error, "a failure could not be told");
    }
}

/// A job whose loan is not settled comes again: logged, nothing else.
fn note(settled: Result<(), QueueError>) {
    if let Err(error) = settled {
        tracing::warn!(%error, "a job may be delivered again");
    }
}
