//! Running jobs: finding those that nobody runs, and working them off.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::record::{JobFailure, JobId, JobRecord, JobState, Settled};
use super::work::Work;
use super::{read, write};
use crate::app::App;
use crate::aws::new_id;
use crate::clock::unix_now;
use crate::compose::{Source, get_or_render};
use crate::config::RenderAt;
use crate::renderer::RenderFailure;
use crate::serve::told_to_stop;
use crate::store::{Listed, ObjectKey, Records, Revision, StoreError};

/// How often jobs are looked for.
const LOOK: Duration = Duration::from_secs(5);
/// How often a runner writes its progress.
const BEAT: Duration = Duration::from_secs(1);
/// A record that has not changed for so long has no runner any more. Measured by the clock of whoever looks: clocks of
/// several machines need not agree.
const ABANDONED: Duration = Duration::from_secs(10);
/// Jobs that one process runs at once.
const AT_ONCE: usize = 8;
/// How long the record of a job that ended is kept, in seconds.
const KEPT: u64 = 7 * 24 * 3600;
/// Renders that wait in the queue at once, of one job.
const ORDERED: usize = 64;
/// Attempts at a render that finds no place or no store, and the pause after the first; it doubles.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(500);

/// What is remembered of a record between two looks.
struct Seen {
    stamp: String,
    since: Instant,
    /// Unix seconds, where it ended. What cannot be read, or was removed, ended never to be looked at again.
    ended: Option<u64>,
}

/// Runs whatever nobody runs, until told to stop; then gives it back.
pub async fn keep_running(app: App, mut stopped: watch::Receiver<bool>) {
    let (mut running, mut tasks) = (HashMap::new(), JoinSet::new());
    let mut seen = HashMap::new();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Listening begins before the look, so that no job comes unheard in between.
        let woken = app.jobs.wake.notified();
        match unattended(&app, &running, &mut seen).await {
            Ok(jobs) => {
                for (job, revision) in jobs {
                    let id = job.id.clone();
                    let task = tasks.spawn(run(app.clone(), job, revision, stopped.clone()));
                    running.insert(id, task.id());
                }
            }
            Err(error) => tracing::warn!(%error, "jobs cannot be looked for"),
        }
        tokio::select! {
            () = told_to_stop(&mut stopped) => break,
            () = woken => {}
            _ = look.tick() => {}
            Some(ended) = tasks.join_next_with_id() => {
                let task = match &ended {
                    Ok((task, ())) => *task,
                    Err(error) => {
                        tracing::error!(%error, "a job's runner failed; somebody takes it over");
                        error.id()
                    }
                };
                running.retain(|_, running| *running != task);
            }
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Takes jobs that nobody runs, as many as there are places for, and clears away old ones.
async fn unattended(
    app: &App,
    running: &HashMap<JobId, tokio::task::Id>,
    seen: &mut HashMap<String, Seen>,
) -> Result<Vec<(JobRecord, Revision)>, StoreError> {
    let listed = app.store.list(Records::Jobs).await?;
    seen.retain(|name, _| listed.iter().any(|listed| listed.name == *name));
    let mut taken = Vec::new();
    for Listed { name, stamp } in listed {
        let Ok(id) = name.parse::<JobId>() else { continue };
        if running.contains_key(&id) {
            continue;
        }
        let known = seen.get(&name).filter(|seen| seen.stamp == stamp);
        let abandoned = known.is_some_and(|seen| seen.since.elapsed() >= ABANDONED);
        let ended = known.and_then(|seen| seen.ended);
        let old = ended.is_some_and(|ended| unix_now().saturating_sub(ended) > KEPT);
        let is_news = known.is_none();
        if !(is_news || old || (abandoned && ended.is_none())) {
            continue;
        }
        let look = Look { old, abandoned, has_place: running.len() + taken.len() < AT_ONCE };
        match take(app, id, look).await {
            Ok((ended, job)) => {
                if is_news {
                    seen.insert(name, Seen { stamp, since: Instant::now(), ended });
                }
                taken.extend(job);
            }
            // One that cannot be read keeps nobody from the others.
            Err(error) => tracing::warn!(job = name, %error, "a job's record cannot be read or written"),
        }
    }
    Ok(taken)
}

/// What a look at a record is for.
struct Look {
    /// It ended long ago.
    old: bool,
    /// Whoever ran it does not any more.
    abandoned: bool,
    /// One more can be run here.
    has_place: bool,
}

/// Takes a job, if nobody runs it and there is a place; clears it away if it is old. Also when it ended, as in [`Seen`].
async fn take(
    app: &App,
    id: JobId,
    look: Look,
) -> Result<(Option<u64>, Option<(JobRecord, Revision)>), StoreError> {
    let Some((mut job, revision)) = read(&app.store, &id).await? else { return Ok((Some(u64::MAX), None)) };
    if job.state.is_ended() {
        if look.old {
            let cleared = app.store.swap(&ObjectKey::Job(id), Some(revision), None).await;
            ignore_conflict(cleared)?;
        }
        return Ok((job.ended, None));
    }
    if !(look.has_place && (look.abandoned || job.state == JobState::Waiting)) {
        return Ok((job.ended, None));
    }
    job.taken_by(&new_id());
    let written = ignore_conflict(write(&app.store, &job, Some(revision)).await)?;
    let taken = written.map(|revision| (job, revision));
    if let Some((job, _)) = &taken {
        tracing::info!(id = %job.id, from = job.next, total = job.total, "a job begins");
    }
    Ok((None, taken))
}

/// Who came first has it.
fn ignore_conflict<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(StoreError::Conflict { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Works a job off until its end, until somebody else changes it, or until told to stop.
async fn run(app: App, mut job: JobRecord, mut revision: Revision, mut stopped: watch::Receiver<bool>) {
    let work = Arc::new(job.work.clone());
    let mut settled = stream::iter(job.next..job.total)
        .map(|number| settle(app.clone(), Arc::clone(&work), number))
        .buffered(width(&app));
    let mut beat = interval(BEAT);
    loop {
        let mut due = false;
        tokio::select! {
            () = told_to_stop(&mut stopped) => job.release(),
            _ = beat.tick() => due = true,
            next = settled.next() => match next {
                Some(settled) => job.settle(settled),
                None => job.end(JobState::Done),
            },
        }
        if job.state == JobState::Running && job.is_exhausted() && job.next < job.total {
            job.end(JobState::Exhausted);
        }
        if !due && job.state == JobState::Running {
            continue;
        }
        job.beat += 1;
        match write(&app.store, &job, Some(revision)).await {
            Ok(written) => revision = written,
            Err(StoreError::Conflict { .. }) => {
                tracing::info!(id = %job.id, "a job was cancelled, or passed on");
                return;
            }
            Err(error) => {
                tracing::warn!(id = %job.id, %error, "a job's progress cannot be written; again soon");
                // What has ended stays to be written, unless there is no time.
                if *stopped.borrow() {
                    return;
                }
                beat.tick().await;
                continue;
            }
        }
        if job.state != JobState::Running {
            tracing::info!(id = %job.id, state = ?job.state, rendered = job.rendered, found = job.found, failed = job.failed, "a job ends");
            return;
        }
    }
}

/// Renders of one job at once. Here, half the processors: callers find the other half. Elsewhere, enough to keep
/// everybody busy who works.
fn width(app: &App) -> usize {
    match app.config.render_at {
        RenderAt::Here => std::thread::available_parallelism().map_or(1, |n| n.get().div_ceil(2)),
        RenderAt::Queue => ORDERED,
    }
}

/// Has one composite rendered, if nobody did yet.
async fn settle(app: App, work: Arc<Work>, number: u64) -> Settled {
    let failed = |recipe: String, detail: String| Settled::Failed(JobFailure { recipe, detail });
    let recipe = match work.recipe(number) {
        Ok(recipe) => recipe,
        Err(error) => return failed(number.to_string(), error.detail),
    };
    let plan = match app.catalogue.snapshot().catalogue.resolve(&recipe, None) {
        Ok(plan) => Arc::new(plan),
        Err(error) => return failed(recipe.to_path(), error.to_string()),
    };
    // Its bytes need not come here; that they are there is worth a look.
    let object = ObjectKey::Composite(plan.key(), plan.format());
    if let Ok(Some(_)) = app.links.get(&plan.key()).await {
        match app.store.contains(&object).await {
            Ok(true) => return Settled::Found,
            // It expired: what is in memory here would hide that.
            Ok(false) => app.hot.remove(&plan.key()),
            Err(error) => tracing::debug!(%error, "whether it is there shows when it is fetched"),
        }
    }
    let (mut pause, mut attempt) = (PAUSE, 1);
    loop {
        match get_or_render(&app, &plan).await {
            Ok(delivery) => {
                return match delivery.source {
                    Source::Memory | Source::Store => Settled::Found,
                    Source::Rendered { .. } | Source::Joined => {
                        Settled::Rendered { bytes: delivery.hot.bytes.len() as u64 }
                    }
                };
            }
            Err(RenderFailure::Busy | RenderFailure::Store(_)) if attempt < ATTEMPTS => {
                sleep(pause).await;
                (pause, attempt) = (pause * 2, attempt + 1);
            }
            Err(failure) => return failed(recipe.to_path(), failure.to_string()),
        }
    }
}
