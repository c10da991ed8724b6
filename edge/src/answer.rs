//! An answer on its way out: status, headers and body as plain data, and the one place that adds what
//! every answer carries.

use worker::{Headers, Method, Response, ResponseBody};

use crate::call::Call;
use crate::policy::HeaderList;
use crate::status::Status;

/// What scripts of other sites may read besides the plain headers: the same as at the origin.
const EXPOSED: &str = "content-location, etag, cache-status, server-timing, x-request-id, location, link, \
                       preference-applied, retry-after, ratelimit, ratelimit-policy";
/// What they may send.
const ASKABLE: &str = "content-type, if-match, if-none-match, prefer, x-api-key, x-request-id";
/// Reading is open to all; this is how long a browser may remember that.
const PREFLIGHT_SECS: &str = "7200";
/// The calls that only read.
pub const READING: &str = "GET, HEAD";
/// Pictures, JSON and errors load nothing and are framed by nobody.
const LOCKED_DOWN: &str = "default-src 'none'; frame-ancestors 'none'";

/// What the caller will get.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderList,
    pub body: ResponseBody,
}

/// Where the time went, in milliseconds. The platform's clock stands still between calls to the outside,
/// so only those are measured.
#[derive(Debug, Default)]
pub struct Timing(Vec<(&'static str, u64)>);

impl Timing {
    /// Notes a span.
    pub fn add(&mut self, name: &'static str, ms: u64) {
        self.0.push((name, ms));
    }

    fn header(&self, earlier: Option<&str>) -> Option<String> {
        let ours = self.0.iter().map(|(name, ms)| format!("{name};dur={ms}"));
        let all: Vec<String> = ours.chain(earlier.map(str::to_owned)).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

impl Answer {
    /// 200 with a body.
    pub fn ok(media_type: &str, headers: HeaderList, body: ResponseBody) -> Self {
        let answer = Self { status: 200, headers, body };
        answer.with("content-type", media_type.to_owned())
    }

    /// 200 with the body of another answer, and with its length, which `HEAD` cannot count.
    pub fn relay(media_type: &str, headers: HeaderList, from: Response) -> Self {
        let length = from.headers().get("content-length").ok().flatten();
        let answer = Self::ok(media_type, headers, from.into_parts().1);
        match length {
            Some(length) => answer.with("content-length", length),
            None => answer,
        }
    }

    /// The caller already holds the representation these headers identify.
    pub fn not_modified(headers: HeaderList) -> Self {
        Self { status: 304, headers, body: ResponseBody::Empty }.cached(&Status::validated())
    }

    /// What a browser asks before it reads with unusual headers from another site.
    pub fn preflight() -> Self {
        let headers = vec![
            ("access-control-allow-methods", READING.to_owned()),
            ("access-control-allow-headers", ASKABLE.to_owned()),
            ("access-control-max-age", PREFLIGHT_SECS.to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        Self { status: 204, headers, body: ResponseBody::Empty }
    }

    /// This door is open; says nothing of the origin.
    pub fn healthy() -> Self {
        let headers = vec![("cache-control", "no-store".to_owned())];
        Self::ok("text/plain; charset=utf-8", headers, ResponseBody::Body(b"ok\n".to_vec()))
    }

    /// One more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Says what this cache did.
    #[must_use]
    pub fn cached(self, status: &Status) -> Self {
        self.cached_after(status, None)
    }

    /// Says what this cache did, behind what earlier ones said.
    #[must_use]
    pub fn cached_after(self, status: &Status, earlier: Option<&str>) -> Self {
        self.with("cache-status", status.after(earlier))
    }

    /// Everything every answer of our own carries, and out.
    pub fn into_response(self, call: &Call, timing: &Timing) -> worker::Result<Response> {
        let headers = Headers::new();
        let mut earlier_timing = None;
        for (name, value) in &self.headers {
            match *name {
                "server-timing" => earlier_timing = Some(value.as_str()),
                name => headers.append(name, value)?,
            }
        }
        if let Some(timing) = timing.header(earlier_timing) {
            headers.set("server-timing", &timing)?;
        }
        headers.set("access-control-allow-origin", "*")?;
        headers.set("access-control-expose-headers", EXPOSED)?;
        headers.set("x-content-type-options", "nosniff")?;
        headers.set("content-security-policy", LOCKED_DOWN)?;
        headers.set("x-request-id", &call.request_id)?;
        let body = if call.method == Method::Head { ResponseBody::Empty } else { self.body };
        Ok(Response::builder().with_status(self.status).with_headers(headers).body(body))
    }
}

#[cfg(test)]
mod tests {
    use super::Timing;

    #[test]
    fn the_origins_timing_follows_ours() {
        let mut timing = Timing::default();
        assert_eq!(timing.header(None), None);
        assert_eq!(timing.header(Some("render;dur=9")).as_deref(), Some("render;dur=9"));
        timing.add("edge-cache", 1);
        timing.add("edge-origin", 12);
        let all = timing.header(Some("render;dur=9"));
        assert_eq!(all.as_deref(), Some("edge-cache;dur=1, edge-origin;dur=12, render;dur=9"));
    }
}
