//! The journey of a request through the edge. Read this first.
//!
//! A composite: parse → check the signature → resolve → compare the key with what the caller holds →
//! look it up → ask the origin → keep it → answer. When the origin cannot: render here, then the last
//! known picture, then an honest error. Everything this door does not answer itself passes through.

use std::rc::Rc;

use compositor::{CompositeKey, Format, Plan, Query, Recipe, ResolveError};
use worker::{Context, Env, Headers, Request, Response, ResponseBody};

use crate::answer::{Answer, Timing};
use crate::cache::{self, Entry, now};
use crate::call::{Call, with_query};
use crate::config::{self, Config};
use crate::error::Error;
use crate::manifest::{self, Manifest};
use crate::origin::{self, Effort, Failure};
use crate::status::Status;
use crate::{policy, render};

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

/// A recipe as it was asked for.
struct Asked {
    recipe: Recipe,
    /// What is left of a signed URL that expires.
    expires_in_secs: Option<u64>,
}

/// A recipe resolved with a state of the catalogue.
struct Resolved {
    plan: Plan,
    manifest: Rc<Manifest>,
}

/// Why the origin has no picture for us.
enum Outage {
    /// It said so itself.
    Said(Response),
    Silent(Failure),
}

/// Who answers a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Composite,
    Object,
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
            _ if path.starts_with("/v1/") || path.starts_with("/docs/") => Self::Origin,
            _ => Self::Nobody,
        }
    }
}

impl Journey<'_> {
    async fn route(&mut self, request: &Request) -> Result<Response, Error> {
        let answer = match Route::of(&self.call.path) {
            Route::Origin => return self.pass_through(request).await,
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

    /// `/c/{recipe}`
    async fn composite(&mut self) -> Result<Response, Error> {
        let asked = self.parse()?;
        let resolved = match self.resolve(&asked.recipe).await {
            Ok(resolved) => resolved,
            // Only the origin knows the older versions that a pin may name.
            Err(Error::Resolve(ResolveError::UnknownVersion { .. })) => {
                return self.unresolved(&asked.recipe).await;
            }
            Err(Error::Origin(failure)) => return self.blind(&asked.recipe, failure).await,
            Err(error) => return Err(error),
        };
        let headers = policy::composite(&resolved.plan, asked.expires_in_secs);
        if self.call.holds(&policy::etag(&resolved.plan.key().to_string())) {
            return Ok(self.finish(Answer::not_modified(headers))?);
        }
        if let Some(entry) = self.look_up(&self.name_of(&resolved.plan)).await {
            let status = self.hit(&entry, &resolved);
            return Ok(self.finish(from_entry(entry, headers).cached(&status))?);
        }
        self.ask_and_deliver(&asked, resolved).await
    }

    /// The recipe, if it is one and its URL may be used.
    fn parse(&self) -> Result<Asked, Error> {
        let recipe = Recipe::parse(&self.call.path)?;
        let query = Query::parse(&self.call.query)?;
        let now_secs = now() / 1000;
        self.config.signing.check(&recipe.to_path(), &query, now_secs)?;
        Ok(Asked { recipe, expires_in_secs: query.expires.map(|at| at.saturating_sub(now_secs)) })
    }

    /// Resolves a recipe. One that does not fit the catalogue we know may fit the one there is.
    async fn resolve(&self, recipe: &Recipe) -> Result<Resolved, Error> {
        let manifest = self.manifest().await?;
        let error = match self.resolve_with(recipe, manifest.clone()) {
            Ok(resolved) => return Ok(resolved),
            Err(error @ ResolveError::NotAcceptable { .. }) => return Err(error.into()),
            Err(error) => error,
        };
        match manifest::doubt(&self.config, &self.call, &manifest).await {
            Some(newer) => Ok(self.resolve_with(recipe, newer)?),
            None => Err(error.into()),
        }
    }

    fn resolve_with(&self, recipe: &Recipe, manifest: Rc<Manifest>) -> Result<Resolved, ResolveError> {
        let plan = manifest.catalogue.resolve(recipe, self.call.accept.as_deref())?;
        Ok(Resolved { plan, manifest })
    }

    async fn manifest(&self) -> Result<Rc<Manifest>, Failure> {
        let (manifest, wants_revalidation) = manifest::current(&self.config, &self.call).await?;
        if wants_revalidation {
            let (config, call) = (self.config.clone(), self.call.clone());
            self.context.wait_until(manifest::revalidate(config, call, manifest.clone()));
        }
        Ok(manifest)
    }

    async fn look_up(&mut self, name: &str) -> Option<Entry> {
        let started = now();
        let entry = cache::find(name).await;
        self.timing.add("edge-cache", now() - started);
        entry
    }

    /// What to say of a hit; and an entry that is overdue is checked behind the answer.
    fn hit(&self, entry: &Entry, resolved: &Resolved) -> Status {
        let plan = &resolved.plan;
        let ttl = self.check_if_overdue(entry, &plan.key(), plan.format());
        if origin::rests() && !plan.is_pinned() {
            // The picture fits the last known catalogue; nobody can say whether that is the current one.
            let ttl = ttl.min(resolved.manifest.ttl_secs(&self.config));
            return Status::hit(ttl).because("origin-unreachable");
        }
        Status::hit(ttl)
    }

    fn check_if_overdue(&self, entry: &Entry, key: &CompositeKey, format: Format) -> i64 {
        let ttl = entry.ttl_secs(self.config.composite_fresh_secs);
        if ttl <= 0 && !origin::rests() {
            let (config, call) = (self.config.clone(), self.call.clone());
            self.context.wait_until(check_purged(config, call, *key, format));
        }
        ttl
    }

    async fn ask_and_deliver(&mut self, asked: &Asked, resolved: Resolved) -> Result<Response, Error> {
        match self.ask_for(&asked.recipe).await {
            Ok(answer) if answer.status_code() == 200 => self.deliver(asked, resolved, answer).await,
            Ok(answer) if is_verdict(answer.status_code()) => {
                let status = Status::miss(Some(answer.status_code()));
                Ok(self.passed_on(answer, &status)?)
            }
            Ok(answer) => self.degrade(asked, resolved, Outage::Said(answer)).await,
            Err(failure) => self.degrade(asked, resolved, Outage::Silent(failure)).await,
        }
    }

    async fn ask_for(&mut self, recipe: &Recipe) -> Result<Response, Failure> {
        // The caller's own spelling of the format: a signature covers `auto`, not what we negotiated.
        let target = with_query(&recipe.to_path(), &self.call.query);
        let accept = self.call.accept.as_deref().map(|accept| ("accept", accept));
        let started = now();
        let outcome = origin::get(&self.config, &self.call, &target, accept.as_slice(), Effort::Render).await;
        self.timing.add("edge-origin", now() - started);
        outcome
    }

    /// The origin's picture: kept under its key, and answered.
    async fn deliver(
        &mut self,
        asked: &Asked,
        resolved: Resolved,
        mut answer: Response,
    ) -> Result<Response, Error> {
        let etag = header(&answer, "etag").unwrap_or_default();
        let Some(resolved) = self.agree(&asked.recipe, resolved, &etag).await else {
            // Another render version over there, most likely: theirs is right, and not ours to keep.
            return Ok(self.passed_on(answer, &Status::miss(None).because("unknown-key"))?);
        };
        let (earlier, timing) = (header(&answer, "cache-status"), header(&answer, "server-timing"));
        let copy = answer.cloned()?.into_parts().1;
        self.keep(&resolved, copy);
        let media_type = resolved.plan.format().media_type();
        let headers = policy::composite(&resolved.plan, asked.expires_in_secs);
        let mut ours =
            Answer::relay(media_type, headers, answer).cached_after(&Status::stored(), earlier.as_deref());
        if let Some(timing) = timing {
            ours = ours.with("server-timing", timing);
        }
        Ok(self.finish(ours)?)
    }

    /// The resolution whose key is the origin's: ours, or the one with the catalogue as it is now.
    async fn agree(&self, recipe: &Recipe, resolved: Resolved, etag: &str) -> Option<Resolved> {
        let fits = |resolved: &Resolved| policy::etag(&resolved.plan.key().to_string()) == etag;
        if fits(&resolved) {
            return Some(resolved);
        }
        let newer = manifest::anew(&self.config, &self.call, &resolved.manifest).await?;
        self.resolve_with(recipe, newer).ok().filter(fits)
    }

    /// Keeps a composite behind the answer, and what is needed to make it again.
    fn keep(&self, resolved: &Resolved, body: ResponseBody) {
        let (config, call) = (self.config.clone(), self.call.clone());
        let (plan, catalogue) = (resolved.plan.clone(), resolved.manifest.catalogue.clone());
        let name = self.name_of(&plan);
        self.context.wait_until(async move {
            let etag = policy::etag(&plan.key().to_string());
            cache::keep(&name, plan.format().media_type(), Some(&etag), body).await;
            let note = format!("{}.{}", plan.key(), plan.format().extension());
            let last_known = cache::last_known(&call.door, &plan.canonical_path());
            cache::keep(&last_known, "text/plain", None, ResponseBody::Body(note.into_bytes())).await;
            render::provide(plan, catalogue, config, call).await;
        });
    }

    /// The origin has no picture: make it here, or show the last one, or say so.
    async fn degrade(
        &mut self,
        asked: &Asked,
        resolved: Resolved,
        outage: Outage,
    ) -> Result<Response, Error> {
        let (plan, catalogue) = (&resolved.plan, &resolved.manifest.catalogue);
        if let Some(composite) = render::here(plan, catalogue, &self.config, &self.call).await {
            let status = Status::rendered(outage.status());
            let headers = policy::composite(plan, asked.expires_in_secs);
            let body = ResponseBody::Body(composite.bytes.clone());
            let answer = Answer::ok(plan.format().media_type(), headers, body);
            self.keep(&resolved, ResponseBody::Body(composite.bytes));
            return Ok(self.finish(answer.cached(&status))?);
        }
        if let Some(answer) = self.last_known(&plan.canonical_path()).await {
            return Ok(self.finish(answer)?);
        }
        match outage {
            Outage::Said(answer) => {
                let status = Status::miss(Some(answer.status_code()));
                Ok(self.passed_on(answer, &status)?)
            }
            Outage::Silent(failure) => Err(failure.into()),
        }
    }

    /// The composite that a canonical path had when the origin last answered.
    async fn last_known(&mut self, canonical_path: &str) -> Option<Answer> {
        let mut note = cache::find(&cache::last_known(&self.call.door, canonical_path)).await?;
        let object = note.body.text().await.ok()?;
        let (key, extension) = object.split_once('.')?;
        let entry = self.look_up(&cache::composite(&self.call.door, key, extension)).await?;
        let status = Status::hit(note.ttl_secs(0)).because("stale-if-error");
        let headers = policy::stale(key, canonical_path);
        Some(if self.call.holds(&policy::etag(key)) {
            Answer::not_modified(headers)
        } else {
            from_entry(entry, headers).cached(&status)
        })
    }

    /// Nothing is known, not even the catalogue: the last picture of this very recipe, or the failure.
    async fn blind(&mut self, recipe: &Recipe, failure: Failure) -> Result<Response, Error> {
        match self.last_known(&recipe.to_path()).await {
            Some(answer) => Ok(self.finish(answer)?),
            None => Err(failure.into()),
        }
    }

    /// A recipe that only the origin can resolve.
    async fn unresolved(&mut self, recipe: &Recipe) -> Result<Response, Error> {
        let answer = self.ask_for(recipe).await?;
        Ok(self.passed_on(answer, &Status::bypass().because("older-version"))?)
    }

    /// `/i/{key}.{ext}`
    async fn object(&mut self) -> Result<Response, Error> {
        let (key, format) = object_of(&self.call.path)?;
        let query = Query::parse(&self.call.query)?;
        if query != Query::default() {
            self.config.signing.check(&self.call.path, &query, now() / 1000)?;
        }
        let hex = key.to_string();
        let headers = policy::object(&hex);
        if self.call.holds(&policy::etag(&hex)) {
            return Ok(self.finish(Answer::not_modified(headers))?);
        }
        let name = cache::composite(&self.call.door, &hex, format.extension());
        if let Some(entry) = self.look_up(&name).await {
            let status = Status::hit(self.check_if_overdue(&entry, &key, format));
            return Ok(self.finish(from_entry(entry, headers).cached(&status))?);
        }
        let mut answer = origin::get(&self.config, &self.call, &self.call.path, &[], Effort::Render).await?;
        if answer.status_code() != 200 {
            let status = Status::miss(Some(answer.status_code()));
            return Ok(self.passed_on(answer, &status)?);
        }
        let earlier = header(&answer, "cache-status");
        let copy = answer.cloned()?.into_parts().1;
        self.context.wait_until(async move {
            cache::keep(&name, format.media_type(), Some(&policy::etag(&hex)), copy).await;
        });
        let ours = Answer::relay(format.media_type(), headers, answer);
        Ok(self.finish(ours.cached_after(&Status::stored(), earlier.as_deref()))?)
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

    fn name_of(&self, plan: &Plan) -> String {
        cache::composite(&self.call.door, &plan.key().to_string(), plan.format().extension())
    }
}

impl Outage {
    fn status(&self) -> Option<u16> {
        match self {
            Self::Said(answer) => Some(answer.status_code()),
            Self::Silent(_) => None,
        }
    }
}

/// Is this the origin's last word on a recipe, rather than trouble of its own? 501 names a part of the
/// language that is not drawn yet.
fn is_verdict(status: u16) -> bool {
    status < 500 || status == 501
}

fn from_entry(entry: Entry, headers: policy::HeaderList) -> Answer {
    Answer::relay(&entry.media_type, headers, entry.body)
}

fn header(answer: &Response, name: &str) -> Option<String> {
    answer.headers().get(name).ok().flatten()
}

/// `/i/{key}.{ext}`
fn object_of(path: &str) -> Result<(CompositeKey, Format), Error> {
    let file = path.strip_prefix("/i/").and_then(|file| file.rsplit_once('.'));
    let (key, extension) = file.ok_or(Error::NoComposite)?;
    let key = key.parse().map_err(|error: compositor::key::KeyError| Error::Object {
        pointer: "/key",
        detail: error.to_string(),
    })?;
    let format = Format::from_extension(extension).ok_or_else(|| {
        let detail = format!("`{extension}` is not a format; allowed: png, jpg, webp, avif");
        Error::Object { pointer: "/format", detail }
    })?;
    Ok((key, format))
}

/// Asks whether an object that was kept for long is still wanted: one that was purged at the origin goes.
async fn check_purged(config: Rc<Config>, call: Call, key: CompositeKey, format: Format) {
    let hex = key.to_string();
    let etag = policy::etag(&hex);
    let name = cache::composite(&call.door, &hex, format.extension());
    let target = format!("/i/{hex}.{}", format.extension());
    let condition = [("if-none-match", etag.as_str())];
    match origin::get(&config, &call, &target, &condition, Effort::AtHand).await {
        Ok(answer) if matches!(answer.status_code(), 404 | 410) => cache::forget(&name).await,
        Ok(answer) if matches!(answer.status_code(), 200 | 304) => {
            if let Some(entry) = cache::find(&name).await {
                cache::keep(&name, format.media_type(), Some(&etag), entry.body.into_parts().1).await;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{Route, is_verdict, object_of};

    #[test]
    fn every_path_has_one_owner() {
        for (path, expect) in [
            ("/c/tabby.png", Route::Composite),
            ("/i/x.png", Route::Object),
            ("/v1/catalogue", Route::Catalogue),
            ("/v1/catalogue/x", Route::Origin),
            ("/v1/assets/tabby", Route::Origin),
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

    #[test]
    fn only_a_key_and_a_known_extension_name_an_object() {
        let key = "0123456789abcdef0123456789abcdef01234567";
        assert!(object_of(&format!("/i/{key}.png")).is_ok());
        for bad in [format!("/i/{key}"), format!("/i/{key}.exe"), format!("/i/{}.png", &key[1..])] {
            assert!(object_of(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_origins_troubles_are_not_its_verdicts() {
        assert!([400, 404, 406, 422, 429, 501].into_iter().all(is_verdict));
        assert!(![500, 502, 503, 504].into_iter().any(is_verdict));
    }
}
