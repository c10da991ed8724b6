//! Delivery URLs, resolved once: parse, check the signature, resolve against the catalogue, make the key, write the
//! headers. What a URL resolves to is remembered until the catalogue changes, so that a cached composite costs a
//! lookup of its URL and one of its key.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use compositor::{CompositeKey, Keyring, Plan, Query, Recipe};
use quick_cache::sync::Cache;

use super::cache_policy::CachePolicy;
use super::error::Error;
use crate::app::App;
use crate::clock::unix_now;
use crate::compose::etag;

/// Longer URLs and `Accept` headers are resolved every time: the memory is for what is asked for often.
const MAX_REMEMBERED_BYTES: usize = 1024;

/// The memory of resolved URLs.
#[derive(Debug)]
pub struct ResolvedUrls(Cache<Box<str>, Arc<ResolvedUrl>>);

/// A URL that has been resolved against one state of the catalogue.
#[derive(Debug)]
pub struct ResolvedUrl {
    generation: u64,
    pub key: CompositeKey,
    pub plan: Arc<Plan>,
    pub etag: HeaderValue,
    /// Unix seconds after which the URL is refused.
    pub expires: Option<u64>,
    /// What every answer to this URL says, `Cache-Control` included unless the URL expires.
    pub headers: HeaderMap,
}

impl ResolvedUrls {
    /// A memory of so many URLs.
    pub fn new(urls: usize) -> Self {
        Self(Cache::new(urls))
    }

    /// What the URL was resolved to, if the catalogue is still the same.
    pub fn get(&self, app: &App, uri: &Uri, accept: Option<&str>) -> Option<Arc<ResolvedUrl>> {
        let resolved = self.0.get(name(uri, accept)?.as_ref())?;
        (resolved.generation == app.catalogue.generation()).then_some(resolved)
    }

    fn put(&self, uri: &Uri, accept: Option<&str>, resolved: &Arc<ResolvedUrl>) {
        // A format that was chosen from `Accept` is remembered under a name with `Accept` in it, or not at all.
        let safe = is_spelled_auto(uri) || !resolved.plan.is_auto();
        if let (true, Some(name)) = (safe, name(uri, accept)) {
            self.0.insert(name.into_owned().into_boxed_str(), Arc::clone(resolved));
        }
    }
}

fn is_spelled_auto(uri: &Uri) -> bool {
    uri.path().rsplit_once('.').is_some_and(|(_, format)| format == "auto")
}

fn name<'a>(uri: &'a Uri, accept: Option<&str>) -> Option<Cow<'a, str>> {
    let url = uri.path_and_query()?.as_str();
    let accept = accept.filter(|_| is_spelled_auto(uri)).unwrap_or_default();
    if url.len() + accept.len() > MAX_REMEMBERED_BYTES {
        return None;
    }
    Some(if is_spelled_auto(uri) { Cow::Owned(format!("{url} {accept}")) } else { Cow::Borrowed(url) })
}

/// Resolves a delivery URL, from memory or anew.
pub fn resolve(app: &App, uri: &Uri, accept: Option<&str>) -> Result<Arc<ResolvedUrl>, Error> {
    let resolved = if let Some(resolved) = app.resolved.get(app, uri, accept) {
        resolved
    } else {
        let resolved = Arc::new(resolve_anew(app, uri, accept)?);
        app.resolved.put(uri, accept, &resolved);
        resolved
    };
    resolved.check_expiry()?;
    Ok(resolved)
}

fn resolve_anew(app: &App, uri: &Uri, accept: Option<&str>) -> Result<ResolvedUrl, Error> {
    let recipe = Recipe::parse(uri.path())?;
    let query = Query::parse(uri.query().unwrap_or_default())?;
    app.signing.verify(&recipe.to_path(), &query)?;
    let snapshot = app.catalogue.snapshot();
    let plan = snapshot.catalogue.resolve(&recipe, accept)?;
    let etag = etag(&plan.key());
    Ok(ResolvedUrl {
        generation: snapshot.generation,
        key: plan.key(),
        headers: headers(&plan, &etag, query.expires.is_some())?,
        etag,
        expires: query.expires,
        plan: Arc::new(plan),
    })
}

fn headers(plan: &Plan, etag: &HeaderValue, expires: bool) -> Result<HeaderMap, Error> {
    let mut headers = delivery_headers(etag);
    // A canonical path is printable ASCII; if it were not, the URL would be at fault.
    let location = HeaderValue::from_str(&plan.canonical_path())
        .map_err(|_| Error::malformed("", "the canonical path is not a header value"))?;
    headers.insert(header::CONTENT_LOCATION, location);
    if plan.is_auto() {
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
    }
    if !expires {
        let policy = if plan.is_pinned() { CachePolicy::Immutable } else { CachePolicy::Recipe };
        headers.insert(header::CACHE_CONTROL, policy.header_value());
    }
    Ok(headers)
}

/// What every delivered composite says, whoever asks.
pub fn delivery_headers(etag: &HeaderValue) -> HeaderMap {
    let open = HeaderValue::from_static("*");
    HeaderMap::from_iter([
        (header::ETAG, etag.clone()),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, open.clone()),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, super::finish::EXPOSED),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        ),
        (header::HeaderName::from_static("timing-allow-origin"), open),
    ])
}

impl ResolvedUrl {
    /// Refuses a URL whose time is over.
    pub fn check_expiry(&self) -> Result<(), Error> {
        Ok(Keyring::expired(self.expires, unix_now())?)
    }

    /// The headers of an answer given now: a URL that expires is kept no longer than it is valid.
    pub fn headers_now(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Some(expires) = self.expires {
            let secs = expires.saturating_sub(unix_now());
            headers.insert(header::CACHE_CONTROL, CachePolicy::Expiring { secs }.header_value());
        }
        headers
    }
}
