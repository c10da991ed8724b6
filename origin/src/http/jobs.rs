//! Jobs by API: begin one, look at it, follow it, cancel it; and the answer to whoever does not wait for a render.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use compositor::Plan;
use futures::stream::{self, Stream, StreamExt};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::cache_policy::CachePolicy;
use super::error::Error;
use super::extract::{Json, path_text};
use super::schema::{JobBody, JobBodySchema, JobEventSchema, JobIdSchema, JobView, ProblemSchema};
use crate::app::App;
use crate::compose::{Delivery, get_or_render};
use crate::config::RenderAt;
use crate::fields::{FieldError, Fields};
use crate::jobs::{self, Budget, JobId, JobRecord, MOST_RECIPES, Work};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// How often somebody who follows a job is told of it.
const FOLLOW: Duration = Duration::from_millis(500);
/// When it is worth asking again for what a job is to bring.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("1");

/// Says of a request that its answer has to end by itself, and soon: nobody hands a stream on.
#[derive(Clone, Copy, Debug)]
pub struct NoStream;

/// Begin a job
///
/// Renders composites ahead of their callers: a list of recipes, or every base of a matrix with every overlay in every
/// size and format. What is there already costs nothing. The same work with the same budget is the same job: while it
/// runs, beginning it again changes nothing; afterwards it begins anew.
#[utoipa::path(post, path = "/v1/jobs", operation_id = "beginJob", tag = "Jobs", request_body = JobBodySchema, responses(
    (status = 200, description = "It runs already", body = JobView),
    (status = 202, description = "It begins; `Location` is where it is", body = JobView),
    (status = 400, description = "The body or one of its recipes is not valid", body = ProblemSchema),
    (status = 404, description = "A recipe names an asset that is not there", body = ProblemSchema),
    (status = 413, description = "The body is too large", body = ProblemSchema),
    (status = 415, description = "The body is of the wrong type", body = ProblemSchema),
    (status = 422, description = "A picture or the job is over a limit", body = ProblemSchema),
    (status = 503, description = "A part of the service is not reachable; `Retry-After` says when", body = ProblemSchema),
))]
pub async fn begin(
    State(app): State<App>,
    Json(JobBody { work, budget }): Json<JobBody>,
) -> Result<Response, Error> {
    check(&app, &work)?;
    let (job, begun) = jobs::begin(&app, work, budget).await?;
    Ok(begun_at(&job, if begun { StatusCode::ACCEPTED } else { StatusCode::OK }))
}

/// Get a job
#[utoipa::path(get, path = "/v1/jobs/{id}", operation_id = "getJob", tag = "Jobs", params(("id" = JobIdSchema, Path)), responses(
    (status = 200, description = "How it stands", body = JobView),
    (status = 400, description = "The id is not valid", body = ProblemSchema),
    (status = 404, description = "There is no such job", body = ProblemSchema),
))]
pub async fn get(State(app): State<App>, JobPath(id): JobPath) -> Result<Response, Error> {
    let job = jobs::get(&app, &id).await?.ok_or(Error::NoJob)?;
    Ok((Extension(CachePolicy::Private), axum::Json(JobView::from(job))).into_response())
}

/// Follow a job
///
/// Server-sent events: `progress` with the job whenever it has moved, `end` when it has ended, and then no more. Where
/// answers cannot be streamed (AWS Lambda) it is one event, how the job stands, and clients ask again by themselves.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", operation_id = "followJob", tag = "Jobs", params(("id" = JobIdSchema, Path)), responses(
    (status = 200, description = "The events; their data is the job", content((JobEventSchema = "text/event-stream"))),
    (status = 400, description = "The id is not valid", body = ProblemSchema),
    (status = 404, description = "There is no such job", body = ProblemSchema),
))]
pub async fn events(
    State(app): State<App>,
    JobPath(id): JobPath,
    no_stream: Option<Extension<NoStream>>,
) -> Result<Response, Error> {
    let job = jobs::get(&app, &id).await?.ok_or(Error::NoJob)?;
    let most = if no_stream.is_some() { 1 } else { usize::MAX };
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    let events = Sse::new(follow(app, job).take(most)).keep_alive(alive);
    // nginx would gather them.
    Ok(([(ACCEL_BUFFERING, HeaderValue::from_static("no"))], events).into_response())
}

/// Cancel a job
///
/// What it has rendered stays; what is being rendered is finished. One that has ended stays as it is.
#[utoipa::path(delete, path = "/v1/jobs/{id}", operation_id = "cancelJob", tag = "Jobs", params(("id" = JobIdSchema, Path)), responses(
    (status = 200, description = "How it stands", body = JobView),
    (status = 400, description = "The id is not valid", body = ProblemSchema),
    (status = 404, description = "There is no such job", body = ProblemSchema),
))]
pub async fn cancel(State(app): State<App>, JobPath(id): JobPath) -> Result<Response, Error> {
    let job = jobs::cancel(&app, &id).await?.ok_or(Error::NoJob)?;
    Ok(axum::Json(JobView::from(job)).into_response())
}

/// What a caller gets who waits, but not for ever.
pub enum Answered {
    Delivery(Delivery),
    /// 202 and the job that goes on.
    Later(Response),
}

/// A composite, or a job where it takes longer than a caller should wait: renders of other processes do that.
pub async fn get_or_later(app: &App, plan: &Arc<Plan>) -> Result<Answered, Error> {
    let rendering = get_or_render(app, plan);
    if app.config.render_at == RenderAt::Here {
        return Ok(Answered::Delivery(rendering.await?));
    }
    match timeout(app.config.answer_within, rendering).await {
        Ok(delivery) => Ok(Answered::Delivery(delivery?)),
        Err(_) => later(app, plan).await.map(Answered::Later),
    }
}

/// Leaves a render to a job.
pub async fn later(app: &App, plan: &Plan) -> Result<Response, Error> {
    let work = Work::Recipes(vec![json!(plan.canonical_path())]);
    let (job, _) = jobs::begin(app, work, Budget::default()).await?;
    let mut response = begun_at(&job, StatusCode::ACCEPTED);
    response.headers_mut().insert(header::RETRY_AFTER, ASK_AGAIN);
    Ok(response)
}

/// Does the caller prefer not to wait (RFC 7240)?
pub fn prefers_later(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all(PREFER).into_iter().filter_map(|value| value.to_str().ok());
    let mut names =
        preferences.flat_map(|value| value.split(',')).map(|one| one.split(';').next().unwrap_or(one));
    names.any(|name| name.trim().eq_ignore_ascii_case("respond-async"))
}

/// Says that the caller's preference was heeded.
pub fn as_preferred(mut response: Response) -> Response {
    response.headers_mut().insert(PREFERENCE_APPLIED, HeaderValue::from_static("respond-async"));
    response
}

fn begun_at(job: &JobRecord, status: StatusCode) -> Response {
    let location = [(header::LOCATION, format!("/v1/jobs/{}", job.id))];
    (status, location, axum::Json(JobView::from(job.clone()))).into_response()
}

/// Refuses what could only fail, before anything is begun.
fn check(app: &App, work: &Work) -> Result<(), Error> {
    let total = work.total();
    if total > MOST_RECIPES {
        return Err(Error::JobTooLarge { total });
    }
    let snapshot = app.catalogue.snapshot();
    for (pointer, recipe) in work.samples() {
        let plan = snapshot.catalogue.resolve(&recipe?, None);
        plan.map_err(|error| Error::ResolveAt { pointer, error })?;
    }
    Ok(())
}

/// The job now, whenever it has moved, and when it has ended. A server that shuts down ends it too: whoever follows
/// comes back, to another one.
fn follow(app: App, first: JobRecord) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut look = interval(FOLLOW);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let following = Following { app, look, told: None, next: Some(first) };
    stream::unfold(following, |mut following| async {
        let event = following.next().await?;
        Some((Ok(event), following))
    })
}

struct Following {
    app: App,
    look: tokio::time::Interval,
    told: Option<JobRecord>,
    /// Read, and not told yet.
    next: Option<JobRecord>,
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        loop {
            let job = match self.next.take() {
                Some(job) => job,
                None => self.changed().await?,
            };
            let moved =
                self.told.as_ref().is_none_or(|told| (told.next, told.state) != (job.next, job.state));
            if moved {
                let name = if job.state.is_ended() { "end" } else { "progress" };
                self.told = Some(job.clone());
                return Event::default().event(name).json_data(JobView::from(job)).ok();
            }
        }
    }

    /// The job when it may have moved; `None`: there is nothing more to tell.
    async fn changed(&mut self) -> Option<JobRecord> {
        let told = self.told.as_ref()?;
        let id = told.id.clone();
        if told.state.is_ended() {
            return None;
        }
        loop {
            self.look.tick().await;
            if self.app.is_draining() {
                return None;
            }
            match jobs::get(&self.app, &id).await {
                Ok(job) => return job,
                Err(error) => tracing::debug!(%error, "a job cannot be read; again soon"),
            }
        }
    }
}

impl TryFrom<&serde_json::Value> for JobBody {
    type Error = FieldError;

    fn try_from(json: &serde_json::Value) -> Result<Self, FieldError> {
        let fields = Fields::of(json, "", &["recipes", "matrix", "budget"])?;
        Ok(Self { work: Work::read(&fields)?, budget: Budget::read(&fields)? })
    }
}

/// The job's id in the path.
pub struct JobPath(JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let text = path_text(parts, state).await?;
        text.parse().map(Self).map_err(|allowed: &str| Error::malformed("/id", allowed))
    }
}
