//! The same service where AWS Lambda starts it: requests of a function URL, of API Gateway (HTTP and REST) or of a load
//! balancer go through the same router, and batches of a queue are worked off as `milliner work` does.
//!
//! An answer may have 6 MiB there, and binary bodies are base64. What does not fit is answered by where it is instead: a
//! recipe by its `/i/…`, which a CDN fetches from the bucket; anything else by a URL of the bucket, signed for minutes.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use compositor::{CompositeKey, Digest, Format};
use futures::future::join_all;
use http_body_util::{BodyExt, Collected, Full};
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Error, service_fn};
use serde::Serialize;
use serde_json::Value;
use tower::{Service, ServiceExt};

use crate::app::App;
use crate::clock::unix_now;
use crate::http::{self, CachePolicy, NoStream, Peer, build_fitted};
use crate::queue::RenderJob;
use crate::store::ObjectKey;
use crate::telemetry::JobEnd;
use crate::upkeep;
use crate::worker::end_of;

/// Longest body that fits: 6 MiB with its head, less what base64 adds.
const LARGEST: usize = ((6 << 20) - (64 << 10)) / 4 * 3;
/// How long the URL of a large body can be used.
const LENT: Duration = Duration::from_mins(5);

/// Is this process one that Lambda started?
pub fn is_here() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Answers events for as long as Lambda has any.
pub async fn run(app: App) -> Result<(), Error> {
    let router = build_fitted(&app, |routes| routes.layer(from_fn_with_state(app.clone(), fit)));
    let awake = Arc::new(Awake(AtomicU64::new(unix_now())));
    let serve = service_fn(move |event| {
        let (app, router, awake) = (app.clone(), router.clone(), Arc::clone(&awake));
        async move {
            awake.catch_up(&app).await;
            answer(app, router, event).await
        }
    });
    lambda_runtime::run(serve).await
}

/// Between two events a function stands still, and hears nothing: what a server does now and then is done before an
/// event, where it is time.
struct Awake(AtomicU64);

impl Awake {
    /// By a clock that goes on meanwhile.
    async fn catch_up(&self, app: &App) {
        let (now, pace) = (unix_now(), app.config.server.catalogue_poll.as_secs().max(1));
        if now.abs_diff(self.0.load(Ordering::Relaxed)) >= pace {
            upkeep::catch_up(app).await;
            self.0.store(now, Ordering::Relaxed);
        }
    }
}

/// What an event is answered with.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<R> {
    Response(R),
    Batch(SqsBatchResponse),
}

async fn answer(
    app: App,
    router: Router,
    LambdaEvent { mut payload, context }: LambdaEvent<Value>,
) -> Result<impl Serialize, Error> {
    if payload.pointer("/Records/0/eventSource").is_some_and(|source| source == "aws:sqs") {
        return Ok(Answer::Batch(work_off(&app, serde_json::from_value(payload)?).await));
    }
    drop_stage(&mut payload);
    let peer = client(&payload);
    let payload: LambdaRequest = serde_json::from_value(payload)?;
    let serve = service_fn(|request: lambda_http::Request| serve(&app, router.clone(), peer, request));
    let response = Adapter::from(serve).call(LambdaEvent { payload, context }).await;
    Ok(Answer::Response(response?))
}

/// The address that the event names: there is no connection to ask. That of a load balancer names none.
fn client(event: &Value) -> Option<Peer> {
    let places = ["/requestContext/http/sourceIp", "/requestContext/identity/sourceIp"];
    let address = places.into_iter().find_map(|place| event.pointer(place)?.as_str());
    address?.parse().ok().map(Peer)
}

/// Paths are ours from their first segment on, whatever stage of an API they came by.
fn drop_stage(event: &mut Value) {
    let Some(stage) = event.pointer_mut("/requestContext/stage") else { return };
    let Value::String(stage) = std::mem::replace(stage, Value::from("$default")) else { return };
    for path in ["/rawPath", "/requestContext/path"] {
        if let Some(Value::String(path)) = event.pointer_mut(path)
            && let Some(rest) = path.strip_prefix(&format!("/{stage}"))
            && rest.starts_with('/')
        {
            *path = rest.to_owned();
        }
    }
}

async fn serve(
    app: &App,
    router: Router,
    peer: Option<Peer>,
    request: lambda_http::Request,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_purge = request.uri().path() == "/v1/purge";
    let mut request: Request<Body> = request.map(|body| Body::from(body.to_vec()));
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
    let Ok(response) = router.oneshot(request).await;
    if is_purge {
        // Between two events a function stands still.
        app.cdn.flush(&app.config.cdn).await;
    }
    let (parts, body) = response.into_parts();
    // It is in memory: `fit` has seen to that.
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    Ok(Response::from_parts(parts, Full::new(body)))
}

/// Makes every answer one that Lambda hands on: whole, and not too long. It stands inside of what finishes answers, so
/// that its errors are told and logged like all others.
async fn fit(State(app): State<App>, mut request: Request<Body>, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(NoStream);
    let response = next.run(request).await;
    if method == Method::HEAD {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return http::Error::Broken(error).into_response(),
    };
    let fits = body.len() <= LARGEST;
    let response = Response::from_parts(parts, Body::from(body));
    if fits { response } else { elsewhere(&app, &path, response).await }
}

/// Where a body is that does not fit.
async fn elsewhere(app: &App, path: &str, mut response: Response) -> Response {
    let Some(key) = object_of(&response) else {
        return http::Error::TooLargeForLambda.into_response();
    };
    let is_recipe = path.starts_with("/c/");
    let location = match &key {
        ObjectKey::Composite(key, format) if is_recipe => {
            Ok(Some(format!("/i/{key}.{}", format.extension())))
        }
        key => app.store.url_of(key, LENT).await,
    };
    let location = match location.map(|location| location.and_then(|location| location.parse().ok())) {
        Ok(Some(location)) => location,
        Ok(None) => return http::Error::TooLargeForLambda.into_response(),
        Err(error) => return http::Error::from(error).into_response(),
    };
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    *response.body_mut() = Body::empty();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_LENGTH);
    if !is_recipe {
        // A URL that ends.
        response.extensions_mut().insert(CachePolicy::NoStore);
    }
    response
}

/// The stored object that an answer is, by its validator.
fn object_of(response: &Response) -> Option<ObjectKey> {
    let text = |name| response.headers().get(name)?.to_str().ok();
    let name = text(header::ETAG)?.trim_matches('"');
    if let Ok(digest) = name.parse::<Digest>() {
        return Some(ObjectKey::Image(digest));
    }
    let key: CompositeKey = name.parse().ok()?;
    Some(ObjectKey::Composite(key, Format::from_media_type(text(header::CONTENT_TYPE)?)?))
}

/// Works a batch off, and names what is to be delivered again.
async fn work_off(app: &App, event: SqsEvent) -> SqsBatchResponse {
    let ends = join_all(event.records.into_iter().map(|message| attend(app, message))).await;
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = ends.into_iter().flatten().collect();
    response
}

/// `None`: it need not come again.
async fn attend(app: &App, message: SqsMessage) -> Option<BatchItemFailure> {
    let job = RenderJob::decode(&message.body.unwrap_or_default());
    let receives = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    let end = end_of(app, &job, receives.unwrap_or(1)).await;
    app.metrics.count_job(end);
    (end != JobEnd::Done).then(|| {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = message.message_id.unwrap_or_default();
        failure
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stage_is_no_part_of_the_path() {
        let mut event = json!({"rawPath": "/live/c/cat.png", "requestContext": {"stage": "live"}});
        drop_stage(&mut event);
        assert_eq!(event, json!({"rawPath": "/c/cat.png", "requestContext": {"stage": "$default"}}));
        let mut other = json!({"rawPath": "/lively", "requestContext": {"stage": "live"}});
        drop_stage(&mut other);
        assert_eq!(other["rawPath"], "/lively");
    }
}
