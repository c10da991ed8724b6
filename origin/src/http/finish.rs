//! The outermost layer: gives every answer its request id, CORS and security headers, `Cache-Control`, and every
//! error its problem document; counts it; logs what is worth a person's attention.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use tracing::{Instrument, Span};

use super::cache_policy::CachePolicy;
use super::error::Problem;
use crate::app::App;
use crate::rates::RateState;
use crate::telemetry::{Route, request_span};

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID_BYTES: usize = 64;
/// What a page may read of an answer.
pub const EXPOSED: HeaderValue = HeaderValue::from_static(
    "content-location, etag, cache-status, server-timing, x-request-id, location, link, preference-applied, \
     retry-after, ratelimit, ratelimit-policy",
);
pub const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// JSON and errors load nothing and are framed by nobody.
const LOCKED_DOWN: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Runs a request and dresses its answer.
pub async fn finish(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let route = Route::of(&request);
    let method = request.method().clone();
    let instance = request.uri().path().to_owned();
    let origin = request.headers().get(header::ORIGIN).cloned();

    let mut response = match preflight(&request) {
        Some(asked) => allow(&asked),
        None => traced(route, &id, request, next).await,
    };
    let by_finish = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = by_finish {
        report(&problem, &id, &instance, &method);
        document(&mut response, &problem, &instance);
    }
    if let Some(rate) = response.extensions_mut().remove::<RateState>() {
        rate_headers(response.headers_mut(), &rate);
    }
    dress(&mut response, id);
    cors(&app, &method, origin, response.headers_mut());
    app.metrics.count_request(route, response.status().as_u16(), started.elapsed());
    tracing::debug!(%method, path = instance, status = response.status().as_u16(), elapsed = ?started.elapsed());
    response
}

/// Runs a request in a span of its own.
async fn traced(route: Route, id: &HeaderValue, request: Request, next: Next) -> Response {
    let span = request_span(&request, route, id.to_str().unwrap_or_default());
    let response = next.run(request).instrument(span.clone()).await;
    record(&span, &response);
    response
}

/// What a request came to, in its span.
fn record(span: &Span, response: &Response) {
    span.record("http.response.status_code", response.status().as_u16());
    if let Some(status) = response.headers().get("cache-status").and_then(|status| status.to_str().ok()) {
        span.record("cache.status", status);
    }
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// Headers that every answer has.
fn dress(response: &mut Response, id: HeaderValue) {
    let policy = response.extensions_mut().remove::<CachePolicy>();
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(LOCKED_DOWN);
    if let Some(policy) = policy {
        headers.insert(header::CACHE_CONTROL, policy.header_value());
    }
    headers.entry(header::CACHE_CONTROL).or_insert_with(|| CachePolicy::NoStore.header_value());
}

/// Reading is open to every page; writing to the configured ones.
fn cors(app: &App, method: &Method, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let preflight_of_read = headers
        .get(header::ACCESS_CONTROL_ALLOW_METHODS)
        .is_some_and(|asked| asked == "GET" || asked == "HEAD");
    if reads || preflight_of_read {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        let allowed = origin.filter(|origin| app.config.server.cors_origins.contains(origin));
        let Some(allowed) = allowed else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// The method that a CORS preflight asks about.
fn preflight(request: &Request) -> Option<HeaderValue> {
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    (*request.method() == Method::OPTIONS).then(|| asked.clone())
}

fn allow(asked: &HeaderValue) -> Response {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let asked = known.into_iter().find(|known| asked == known).unwrap_or("GET");
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(asked));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("content-type, if-match, if-none-match, prefer, x-api-key, x-request-id"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    response
}

fn document(response: &mut Response, problem: &Problem, instance: &str) {
    *response.body_mut() = Body::from(problem.to_json(instance));
    let of_delivery = instance.starts_with("/c/") || instance.starts_with("/i/");
    let brief = of_delivery && matches!(problem.status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND);
    let policy = if brief { CachePolicy::Brief } else { CachePolicy::NoStore };
    if let Some(rate) = &problem.rate {
        rate_headers(response.headers_mut(), rate);
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CACHE_CONTROL, policy.header_value());
}

/// The `RateLimit` fields of the IETF draft: lists, since several limits may hold for one call.
pub fn rate_headers(headers: &mut HeaderMap, rate: &RateState) {
    let policy = format!("\"{}\";q={};w=60", rate.name, rate.per_minute);
    let left = format!("\"{}\";r={};t={}", rate.name, rate.remaining, rate.reset_secs);
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", left)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
}

fn report(problem: &Problem, id: &HeaderValue, path: &str, method: &Method) {
    let request_id = id.to_str().unwrap_or_default();
    if let Some(report) = &problem.report {
        tracing::error!(%method, path, request_id, problem = problem.slug, "{report}");
    } else {
        tracing::debug!(%method, path, request_id, problem = problem.slug, "{}", problem.detail);
    }
}

/// The caller's id if it is sane, else a new one.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sane = |id: &&HeaderValue| {
        (1..=MAX_REQUEST_ID_BYTES).contains(&id.len())
            && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    headers.get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(next_request_id)
}

/// Unique within the process by counting, between processes by chance.
fn next_request_id() -> HeaderValue {
    static PROCESS: LazyLock<u32> = LazyLock::new(|| {
        let mut bytes = [0; 4];
        // Ids need not be secret: without randomness the process id will do.
        getrandom::fill(&mut bytes).map_or_else(|_| std::process::id(), |()| u32::from_ne_bytes(bytes))
    });
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = u64::from(*PROCESS) << 32 | u64::from(COUNT.fetch_add(1, Ordering::Relaxed));
    let mut text = [0; 16];
    for (i, digit) in text.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (60 - 4 * i) & 15) as usize];
    }
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
}
