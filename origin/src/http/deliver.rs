//! Delivery: `/c/{recipe}` and `/i/{key}.{ext}`. The order of work: URL (from memory), validator (304), composite
//! (from memory), and only then the journey of `compose.rs`.

use std::fmt::Write as _;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use axum::response::Response;
use compositor::{CompositeKey, Format, Query};

use super::cache_policy::CachePolicy;
use super::client;
use super::conditional::has_current;
use super::error::Error;
use super::finish::{REQUEST_ID, request_id};
use super::jobs::{Answered, get_or_later};
use super::resolved::{ResolvedUrl, delivery_headers, resolve};
use crate::app::App;
use crate::clock::unix_now;
use crate::compose::{Delivery, Hot, Source, etag, get_by_key};
use crate::telemetry::{Route, Times};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const HIT: HeaderValue = HeaderValue::from_static("milliner-origin; hit");
const FROM_MEMORY: HeaderValue = HeaderValue::from_static("memory");

/// `GET /c/{recipe}`
pub async fn by_recipe(State(app): State<App>, request: Request<Body>) -> Result<Response, Error> {
    let (parts, _) = request.into_parts();
    let resolved = resolve(&app, &parts.uri, accept(&parts.headers))?;
    if let Some(response) = at_once(&app, &resolved, &parts.headers) {
        return Ok(response);
    }
    client::spend(&app, &parts.headers, &parts.extensions).await?;
    match get_or_later(&app, &resolved.plan).await? {
        Answered::Delivery(delivery) => Ok(respond(&app, resolved.headers_now(), &delivery)),
        Answered::Later(response) => Ok(response),
    }
}

/// `GET /i/{key}.{ext}`: the stored object itself.
pub async fn by_key(State(app): State<App>, request: Request<Body>) -> Result<Response, Error> {
    let (parts, _) = request.into_parts();
    let (key, format) = key_and_format(&parts.uri)?;
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    if query != Query::default() {
        app.signing.check(parts.uri.path(), &query, unix_now())?;
    }
    let etag = etag(&key);
    let mut headers = delivery_headers(&etag);
    headers.insert(header::CACHE_CONTROL, CachePolicy::Immutable.header_value());
    if has_current(&parts.headers, &etag) {
        return Ok(not_modified(&app, headers));
    }
    if let Some(hot) = app.hot.get(&key).filter(|hot| hot.format == format) {
        return Ok(from_memory(&app, headers, &hot));
    }
    client::spend(&app, &parts.headers, &parts.extensions).await?;
    let delivery = get_by_key(&app, key, format).await?.ok_or(Error::NoComposite)?;
    Ok(respond(&app, headers, &delivery))
}

/// What can be answered without waiting for anything: a 304, or a composite in memory.
fn at_once(app: &App, resolved: &ResolvedUrl, headers: &HeaderMap) -> Option<Response> {
    if has_current(headers, &resolved.etag) {
        return Some(not_modified(app, resolved.headers_now()));
    }
    let hot = app.hot.get(&resolved.key)?;
    Some(from_memory(app, resolved.headers_now(), &hot))
}

/// The same for a request that has not met the router yet; `None` where it must. This is the path of a busy origin.
pub fn shortcut<B>(app: &App, request: &Request<B>) -> Option<Response> {
    let started = Instant::now();
    let headers = request.headers();
    let resolved = app.resolved.get(app, request.uri(), accept(headers))?;
    resolved.check_expiry().ok()?;
    let mut response = at_once(app, &resolved, headers)?;
    response.headers_mut().insert(REQUEST_ID, request_id(headers));
    app.metrics.count_request(Route::RECIPE, response.status().as_u16(), started.elapsed());
    Some(response)
}

fn accept(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok())
}

fn key_and_format(uri: &Uri) -> Result<(CompositeKey, Format), Error> {
    let file = uri.path().strip_prefix("/i/").and_then(|file| file.rsplit_once('.'));
    let (key, extension) = file.ok_or(Error::NoComposite)?;
    let key = key
        .parse()
        .map_err(|error: compositor::key::KeyError| Error::malformed("/key", error.to_string()))?;
    let format = Format::from_extension(extension).ok_or_else(|| {
        Error::malformed("/format", format!("`{extension}` is not a format; allowed: png, jpg, webp, avif"))
    })?;
    Ok((key, format))
}

fn not_modified(app: &App, mut headers: HeaderMap) -> Response {
    app.metrics.count_not_modified();
    headers.insert(CACHE_STATUS, HIT);
    assemble(StatusCode::NOT_MODIFIED, headers, Body::empty())
}

fn from_memory(app: &App, mut headers: HeaderMap, hot: &Hot) -> Response {
    app.metrics.count_delivery(Source::Memory);
    hot.count();
    headers.insert(header::CONTENT_TYPE, hot.content_type.clone());
    headers.insert(CACHE_STATUS, HIT);
    headers.insert(SERVER_TIMING, FROM_MEMORY);
    assemble(StatusCode::OK, headers, Body::from(hot.bytes.clone()))
}

fn respond(app: &App, mut headers: HeaderMap, delivery: &Delivery) -> Response {
    if delivery.source == Source::Memory {
        return from_memory(app, headers, &delivery.hot);
    }
    app.metrics.count_delivery(delivery.source);
    delivery.hot.count();
    let status = match delivery.source {
        Source::Memory | Source::Store => "milliner-origin; hit; detail=store",
        Source::Rendered { stored: true } => "milliner-origin; fwd=miss; stored",
        Source::Rendered { stored: false } => "milliner-origin; fwd=miss",
        Source::Joined => "milliner-origin; fwd=miss; collapsed",
    };
    headers.insert(CACHE_STATUS, HeaderValue::from_static(status));
    headers.insert(header::CONTENT_TYPE, delivery.hot.content_type.clone());
    if let Some(timing) = server_timing(&delivery.times) {
        headers.insert(SERVER_TIMING, timing);
    }
    assemble(StatusCode::OK, headers, Body::from(delivery.hot.bytes.clone()))
}

/// The stages, in milliseconds.
fn server_timing(times: &Times) -> Option<HeaderValue> {
    let mut text = String::with_capacity(128);
    for (stage, took) in times.iter() {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{};dur={:.2}", stage.name(), took.as_secs_f64() * 1e3); // writing to a String cannot fail
    }
    HeaderValue::from_str(&text).ok().filter(|value| !value.is_empty())
}

fn assemble(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
