//! Asking the origin: every request with a time limit, by the same public URLs a browser would use.
//!
//! An origin that cannot be reached rests for a moment: the isolate does not try it again for every
//! request, so an outage costs callers no waiting.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use worker::wasm_bindgen::JsCast;
use worker::web_sys;
use worker::{
    AbortController, Delay, Fetch, Headers, Method, Request, RequestInit, RequestRedirect, Response,
};

use crate::cache::now;
use crate::call::Call;
use crate::config::Config;

/// How long an unreachable origin is left alone.
const REST_MS: u64 = 1_000;
/// Longest wait for the head of something the origin has at hand.
const AT_HAND_MS: u64 = 2_000;
/// Longest wait for the head of an answer to a call that is passed through, its upload included.
const PASS_THROUGH_MS: u64 = 120_000;
/// Headers that mean something to one connection only (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

thread_local! {
    /// Until when the origin rests; milliseconds since 1970.
    static RESTS_UNTIL: Cell<u64> = const { Cell::new(0) };
}

/// What is asked for, as far as patience is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// The origin has it at hand: not to answer soon is not to be there.
    AtHand,
    /// It may have to render first.
    Render,
}

/// Why there is no answer from the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the origin cannot be reached")]
    Unreachable,
    #[error("the origin did not answer in time")]
    Timeout,
    #[error("the origin answered with {0}")]
    Answered(u16),
}

/// Reads `target` (path and query) for a caller.
pub async fn get(
    config: &Config,
    call: &Call,
    target: &str,
    headers: &[(&str, &str)],
    effort: Effort,
) -> Result<Response, Failure> {
    let request = asking(config, call, Method::Get, target, headers).map_err(|error| unreachable(&error))?;
    ask(config, request, effort).await
}

/// The status of `target` (path and query), as a caller without any copy of it would get it.
pub async fn probe(config: &Config, call: &Call, target: &str) -> Result<u16, Failure> {
    let request = asking(config, call, Method::Head, target, &[]).map_err(|error| unreachable(&error))?;
    ask(config, request, Effort::AtHand).await.map(|answer| answer.status_code())
}

async fn ask(config: &Config, request: Request, effort: Effort) -> Result<Response, Failure> {
    if rests() {
        return Err(Failure::Unreachable);
    }
    let timeout_ms = match effort {
        Effort::AtHand => AT_HAND_MS,
        Effort::Render => config.origin_timeout_ms,
    };
    let outcome = within(request, timeout_ms).await;
    let lost = match outcome {
        // A slow render says nothing about the origin.
        Err(Failure::Timeout) => effort == Effort::AtHand,
        Err(_) => true,
        Ok(_) => false,
    };
    RESTS_UNTIL.set(if lost { now() + REST_MS } else { 0 });
    outcome
}

/// Is the origin being left alone?
pub fn rests() -> bool {
    now() < RESTS_UNTIL.get()
}

fn asking(
    config: &Config,
    call: &Call,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
) -> worker::Result<Request> {
    let own = Headers::new();
    for (name, value) in headers {
        own.set(name, value)?;
    }
    introduce(&own, call)?;
    let mut init = RequestInit::new();
    init.with_method(method).with_headers(own).with_redirect(RequestRedirect::Manual);
    Request::new_with_init(&format!("{}{target}", config.origin), &init)
}

/// Passes a request through as it is: method, body and end-to-end headers.
pub async fn forward(config: &Config, call: &Call, request: &Request) -> Result<Response, Failure> {
    let onward = onward(config, call, request).map_err(|error| unreachable(&error))?;
    within(onward, PASS_THROUGH_MS).await
}

fn onward(config: &Config, call: &Call, request: &Request) -> worker::Result<Request> {
    let url = format!("{}{}", config.origin, call.target());
    // `new Request(url, request)` takes over everything, a body of known length included.
    let init: &web_sys::RequestInit = request.inner().unchecked_ref();
    let onward = web_sys::Request::new_with_str_and_init(&url, init)?;
    let headers = Headers(onward.headers());
    drop_hop_by_hop(&headers)?;
    // Passed on, its `100 Continue` would come back as the answer, which no `Response` can be.
    headers.delete("expect")?;
    introduce(&headers, call)?;
    Ok(onward.into())
}

/// Says for whom we ask. What the caller claimed of itself in these headers does not get through.
fn introduce(headers: &Headers, call: &Call) -> worker::Result<()> {
    headers.set("x-request-id", &call.request_id)?;
    if let Some((scheme, host)) = call.door.split_once("://") {
        headers.set("x-forwarded-proto", scheme)?;
        headers.set("x-forwarded-host", host)?;
    }
    match &call.client {
        Some(address) => headers.set("x-forwarded-for", address),
        None => headers.delete("x-forwarded-for"),
    }
}

/// Removes what concerns one connection only, also what `Connection` names.
pub fn drop_hop_by_hop(headers: &Headers) -> worker::Result<()> {
    let named = headers.get("connection")?.unwrap_or_default();
    for name in named.split(',').map(str::trim).filter(|name| is_token(name)) {
        headers.delete(name)?;
    }
    HOP_BY_HOP.iter().try_for_each(|name| headers.delete(name))
}

/// A header name, not something `Headers` would throw at.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The head of the answer, or none in time. The body has no limit: it may be a stream of events.
async fn within(request: Request, timeout_ms: u64) -> Result<Response, Failure> {
    let controller = AbortController::default();
    let signal = controller.signal();
    let request = Fetch::Request(request);
    let answer = pin!(request.send_with_signal(&signal));
    match select(answer, Delay::from(Duration::from_millis(timeout_ms))).await {
        Either::Left((answer, _)) => answer.map_err(|error| unreachable(&error)),
        Either::Right(_) => {
            controller.abort();
            Err(Failure::Timeout)
        }
    }
}

fn unreachable(error: &worker::Error) -> Failure {
    worker::console_warn!("origin: {error}");
    Failure::Unreachable
}

#[cfg(test)]
mod tests {
    use super::is_token;

    #[test]
    fn only_header_names_are_taken_from_connection() {
        assert!(is_token("close") && is_token("x-internal"));
        assert!(!is_token("") && !is_token("a b") && !is_token("é"));
    }
}
