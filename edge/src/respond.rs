//! The journey of a request through the edge. Read this first: it says who answers which path. The journey of a
//! composite is in `respond/composite.rs`, what happens in an outage in `respond/outage.rs`. Everything this door
//! does not answer itself passes through.

mod composite;
mod content;
mod object;
mod outage;

use std::rc::Rc;

use worker::{Context, Env, Headers, Request, Response, ResponseBody};

use crate::answer::{Answer, Timing};
use crate::cache::{self, Entry, now};
use crate::call::Call;
use crate::config::{self, Config};
use crate::error::Error;
use crate::manifest::{self, Manifest};
use crate::origin::{self, Effort, Failure};
use crate::policy;
use crate::status::Status;

/// Answers one request.
pub async fn respond(request: Request, env: &Env, context: &Context) -> worker::Result<Response> {
    let call = Call::read(&request)?;
    let config = match config::of(env) {
        Ok(config) => config,
        Err(error) => return Error::from(error).answer(&call).into_response(&call, &Timing::default()),
    };
    let mut journey = Journey { call, config, context, timing: Timing::default() };
    match journey.route(&request).await {
        Ok(response) => Ok(response),
        Err(error) => journey.finish(error.answer(&journey.call)),
    }
}

/// One request under way.
struct Journey<'a> {
    call: Call,
    config: Rc<Config>,
    context: &'a Context,
    timing: Timing,
}

/// Who answers a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Composite,
    Object,
    /// An asset's image.
    Content,
    Catalogue,
    Health,
    /// The origin, whatever it is.
    Origin,
    Nobody,
}

impl Route {
    fn of(path: &str) -> Self {
        match path {
            "/v1/catalogue" => Self::Catalogue,
            "/healthz" => Self::Health,
            "/openapi.json" | "/docs" => Self::Origin,
            _ if path.starts_with("/c/") => Self::Composite,
            _ if path.starts_with("/i/") => Self::Object,
            _ if path.starts_with("/v1/assets/") && path.ends_with("/content") => Self::Content,
            _ if path.starts_with("/v1/") || path.starts_with("/docs/") => Self::Origin,
            _ => Self::Nobody,
        }
    }
}

impl Journey<'_> {
    async fn route(&mut self, request: &Request) -> Result<Response, Error> {
        let answer = match Route::of(&self.call.path) {
            Route::Origin => return self.pass_through(request).await,
            Route::Content => return self.content(request).await,
            Route::Nobody => return Err(Error::NotFound),
            _ if self.call.is_preflight => Answer::preflight(),
            _ if !self.call.reads() => return Err(Error::Method),
            Route::Composite => return self.composite().await,
            Route::Object => return self.object().await,
            Route::Catalogue => self.catalogue().await?,
            Route::Health => Answer::healthy(),
        };
        Ok(self.finish(answer)?)
    }

    async fn look_up(&mut self, name: &str) -> Option<Entry> {
        let started = now();
        let entry = cache::find(name).await;
        self.timing.add("edge-cache", now() - started);
        entry
    }

    async fn manifest(&self) -> Result<Rc<Manifest>, Failure> {
        let (manifest, wants_revalidation) = manifest::current(&self.config, &self.call).await?;
        if wants_revalidation {
            let (config, call) = (self.config.clone(), self.call.clone());
            self.context.wait_until(manifest::revalidate(config, call, manifest.clone()));
        }
        Ok(manifest)
    }

    /// What the origin has at `target`, which its address identifies: kept under `name` behind the answer.
    async fn fetch_and_keep(&mut self, name: String, target: &str) -> Result<Response, Error> {
        let started = now();
        let outcome = origin::get(&self.config, &self.call, target, &[], Effort::Render).await;
        self.timing.add("edge-origin", now() - started);
        let mut answer = outcome?;
        if answer.status_code() != 200 {
            let status = Status::miss(Some(answer.status_code()));
            return Ok(self.passed_on(answer, &status)?);
        }
        let said = |name| header(&answer, name).unwrap_or_default();
        let (media_type, etag, earlier) = (said("content-type"), said("etag"), said("cache-status"));
        let copy = answer.cloned()?.into_parts().1;
        let ours = Answer::relay(&media_type, policy::addressed(&etag), answer);
        self.context.wait_until(async move { cache::keep(&name, &media_type, Some(&etag), copy).await });
        Ok(self.finish(ours.cached_after(&Status::stored(), Some(&earlier)))?)
    }

    /// `/v1/catalogue`, from memory.
    async fn catalogue(&self) -> Result<Answer, Error> {
        let manifest = self.manifest().await?;
        let headers = policy::catalogue(&manifest.etag);
        if self.call.holds(&manifest.etag) {
            return Ok(Answer::not_modified(headers));
        }
        let body = ResponseBody::Body(manifest.text.as_bytes().to_vec());
        let status = Status::hit(manifest.ttl_secs(&self.config));
        Ok(Answer::ok("application/json", headers, body).cached(&status))
    }

    async fn pass_through(&self, request: &Request) -> Result<Response, Error> {
        let answer = origin::forward(&self.config, &self.call, request).await?;
        if !self.call.reads() && answer.status_code() < 300 {
            manifest::expire();
        }
        Ok(self.passed_on(answer, &Status::bypass())?)
    }

    /// The origin's own answer, unchanged but for what we did with it.
    fn passed_on(&self, answer: Response, status: &Status) -> worker::Result<Response> {
        let headers = Headers::new();
        for (name, value) in answer.headers() {
            headers.append(&name, &value)?;
        }
        origin::drop_hop_by_hop(&headers)?;
        headers.set("cache-status", &status.after(headers.get("cache-status")?.as_deref()))?;
        headers.set("x-request-id", &self.call.request_id)?;
        Ok(answer.with_headers(headers))
    }

    fn finish(&self, answer: Answer) -> worker::Result<Response> {
        answer.into_response(&self.call, &self.timing)
    }
}

fn from_entry(entry: Entry, headers: policy::HeaderList) -> Answer {
    Answer::relay(&entry.media_type, headers, entry.body)
}

fn header(answer: &Response, name: &str) -> Option<String> {
    answer.headers().get(name).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::Route;

    #[test]
    fn every_path_has_one_owner() {
        for (path, expect) in [
            ("/c/tabby.png", Route::Composite),
            ("/i/x.png", Route::Object),
            ("/v1/catalogue", Route::Catalogue),
            ("/v1/catalogue/x", Route::Origin),
            ("/v1/assets/tabby", Route::Origin),
            ("/v1/assets/tabby/content", Route::Content),
            ("/openapi.json", Route::Origin),
            ("/docs", Route::Origin),
            ("/docs/a.js", Route::Origin),
            ("/healthz", Route::Health),
            ("/c", Route::Nobody),
            ("/metrics", Route::Nobody),
            ("/readyz", Route::Nobody),
            ("/", Route::Nobody),
        ] {
            assert_eq!(Route::of(path), expect, "{path}");
        }
    }
}
