//! Jobs: composites rendered ahead of their callers. A job is a record in the store, and whoever serves or works goes on
//! with those that nobody works on: after a restart, or when whoever did is gone. What was settled twice in between is
//! found the second time.
//!
//! A record is changed by compare-and-set alone. A runner writes its progress once a second; one that meets another's
//! change (cancelled, taken over) stops.

mod record;
mod run;
mod work;

use tokio::sync::Notify;

use crate::app::App;
use crate::store::{ObjectKey, Revision, Store, StoreError};

pub use record::{JobFailure, JobId, JobRecord, JobState};
pub use run::keep_running;
pub use work::{Budget, Work};

/// Recipes of one job. Its record has them as they were given: a matrix is multiplied out while it is worked off.
pub const MOST_RECIPES: u64 = 1_000_000;
/// Times that a change is tried again when somebody else changed the record meanwhile.
const ATTEMPTS: usize = 20;

/// What the process knows of jobs beside the store.
#[derive(Debug, Default)]
pub struct Jobs {
    /// There is a new one.
    wake: Notify,
}

/// Begins a job, or answers the same one that has not ended yet. `true`: it was begun now.
pub async fn begin(app: &App, work: Work, budget: Budget) -> Result<(JobRecord, bool), StoreError> {
    let fresh = JobRecord::new(work, budget);
    let begun = change(&app.store, &fresh.id, |was| match was {
        Some(job) if !job.state.is_ended() => None,
        _ => Some(fresh.clone()),
    });
    let (job, begun) = begun.await?;
    app.jobs.wake.notify_waiters();
    Ok((job.unwrap_or(fresh), begun))
}

/// A job.
pub async fn get(app: &App, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
    Ok(read(&app.store, id).await?.map(|(job, _)| job))
}

/// Cancels a job that has not ended; renders that are under way are finished. `None`: there is no such job.
pub async fn cancel(app: &App, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
    let (job, _) = change(&app.store, id, |was| {
        let mut job = was.filter(|job| !job.state.is_ended())?.clone();
        job.end(JobState::Cancelled);
        Some(job)
    })
    .await?;
    Ok(job)
}

/// Changes a record to what `to` makes of it (`None`: stays). Answers the record as it is then, and whether it changed.
async fn change(
    store: &Store,
    id: &JobId,
    to: impl Fn(Option<&JobRecord>) -> Option<JobRecord>,
) -> Result<(Option<JobRecord>, bool), StoreError> {
    let mut attempts = 0;
    loop {
        let (was, revision) = read(store, id).await?.unzip();
        let Some(job) = to(was.as_ref()) else { return Ok((was, false)) };
        match write(store, &job, revision).await {
            Ok(_) => return Ok((Some(job), true)),
            Err(StoreError::Conflict { .. }) if attempts < ATTEMPTS => attempts += 1,
            Err(error) => return Err(error),
        }
    }
}

/// A record that cannot be read is of another version: nobody here touches it.
async fn read(store: &Store, id: &JobId) -> Result<Option<(JobRecord, Revision)>, StoreError> {
    let key = ObjectKey::Job(id.clone());
    let Some((bytes, revision)) = store.read(&key).await? else { return Ok(None) };
    match serde_json::from_slice(&bytes) {
        Ok(job) => Ok(Some((job, revision))),
        Err(error) => {
            tracing::warn!(%id, %error, "a job's record cannot be read");
            Ok(None)
        }
    }
}

/// Writes a record over the revision that was read, and answers the new one.
async fn write(store: &Store, job: &JobRecord, was: Option<Revision>) -> Result<Revision, StoreError> {
    let bytes = serde_json::to_vec(job).expect("a job is plain data");
    let revision = Revision::of(&bytes);
    store.swap(&ObjectKey::Job(job.id.clone()), was, Some(bytes.into())).await?;
    Ok(revision)
}
