//! A webhook is sent `{"paths": […]}`, up to five times until it answers 2xx.

use std::time::Duration;

use axum::http::{Request, header};
use bytes::Bytes;
use http_body_util::Full;
use serde::Serialize;

use super::{Call, CdnError, Pace};

const SECOND: Duration = Duration::from_secs(1);

pub const PACE: Pace = Pace { quiet: SECOND, longest: SECOND, most: 1000, attempts: 5 };

/// A URL that may hold a token.
pub struct Webhook(String);

#[derive(Serialize)]
struct Body<'a> {
    paths: &'a [String],
}

pub fn body(paths: &[String]) -> Bytes {
    serde_json::to_vec(&Body { paths }).expect("paths are plain data").into()
}

impl Webhook {
    pub fn new(url: String) -> Self {
        Self(url)
    }

    pub fn call(&self, body: Bytes) -> Result<Call, CdnError> {
        let call = Request::post(&self.0).header(header::CONTENT_TYPE, "application/json");
        Ok(call.body(Full::new(body))?)
    }
}
