//! The one error of the HTTP side. Domain errors say what happened; this file alone says what the caller is told:
//! status, problem type (RFC 9457), pointer. What is not the caller's business goes to the log, once.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use compositor::{AssetError, AssetId, Digest, Limit, ParseError, RenderError, ResolveError, SignatureError};
use serde::Serialize;

use crate::config::variable_of;
use crate::fields::{FieldError, shown};
use crate::jobs::MOST_RECIPES;
use crate::keys::{KeyError, Scope};
use crate::links::{LinksError, Told};
use crate::metadata::MetadataError;
use crate::purge::PurgeError;
use crate::rasterise::RasteriseError;
use crate::rates::RateState;
use crate::renderer::RenderFailure;
use crate::store::StoreError;
use crate::upload::UploadError;

/// How long a caller should wait when there are too many renders.
const RETRY_SECS: u64 = 2;

/// Everything a request can fail of.
#[derive(Debug)]
pub enum Error {
    Recipe(ParseError),
    Resolve(ResolveError),
    Signature(SignatureError),
    Key(KeyError),
    Render(RenderFailure),
    Upload(UploadError),
    Metadata(MetadataError),
    Store(StoreError),
    Links(LinksError),
    NoAsset {
        id: AssetId,
        /// What may have been meant.
        near: Option<AssetId>,
    },
    NoVersion(AssetId, Digest),
    NoComposite,
    NoJob,
    /// What one element of a job means.
    ResolveAt {
        pointer: String,
        error: ResolveError,
    },
    JobTooLarge {
        total: u64,
    },
    NoSigningKey,
    /// A parameter, header or body that is not as documented.
    Malformed {
        pointer: String,
        detail: String,
    },
    /// The body, or a part of it.
    TooLarge {
        what: &'static str,
        limit: u64,
    },
    BodyBroken,
    UnsupportedType {
        detail: String,
    },
    TooManyUploads,
    /// Of one address.
    TooManyCalls(RateState),
    Precondition,
    UriTooLong,
    NotFound,
    MethodNotAllowed,
    OutOfTime,
    /// A body of ours broke off.
    Broken(axum::Error),
    TooLargeForLambda,
    Panicked,
}

/// A problem document (RFC 9457), still without the instance.
#[derive(Clone, Debug)]
pub struct Problem {
    pub status: StatusCode,
    /// Names the problem's type: `/docs#problem-{slug}`.
    pub slug: &'static str,
    pub title: &'static str,
    pub detail: String,
    pub pointer: Option<String>,
    pub retry_after: Option<u64>,
    pub rate: Option<RateState>,
    /// For the log: what the caller is not told.
    pub report: Option<String>,
}

/// Every problem type: slug, status, title. The documentation page lists them from here.
pub const PROBLEMS: &[(&str, u16, &str)] = &[
    ("bad-recipe", 400, "The recipe is not valid"),
    ("bad-request", 400, "The request is not valid"),
    ("bad-metadata", 400, "The metadata is not valid"),
    ("no-key", 401, "An API key is needed"),
    ("bad-key", 401, "The API key is not valid"),
    ("no-scope", 403, "The API key does not allow this"),
    ("wrong-environment", 403, "The API key is for another environment"),
    ("bad-signature", 403, "The URL's signature is not valid"),
    ("not-found", 404, "There is nothing here"),
    ("unknown-asset", 404, "There is no such asset"),
    ("unknown-composite", 404, "There is no such composite"),
    ("unknown-job", 404, "There is no such job"),
    ("method-not-allowed", 405, "This path does not know that method"),
    ("not-acceptable", 406, "No format is acceptable"),
    ("precondition-failed", 412, "The asset is in another state"),
    ("too-large", 413, "The body is too large"),
    ("uri-too-long", 414, "The URL is too long"),
    ("unsupported-type", 415, "The body is of the wrong type"),
    ("bad-image", 422, "The image cannot be used"),
    ("bad-font", 422, "The font cannot be used"),
    ("over-limit", 422, "The picture is over a limit"),
    ("too-many-calls", 429, "There were too many calls"),
    ("internal", 500, "Something went wrong here"),
    ("busy", 503, "Too much is under way already"),
    ("unavailable", 503, "A part of the service is not reachable"),
];

impl Error {
    /// A malformed parameter.
    pub fn malformed(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Malformed { pointer: pointer.into(), detail: detail.into() }
    }

    /// A body, or a part of one, of a type that its call does not take.
    pub fn unsupported_type(what: &str, given: &str, allowed: impl std::fmt::Display) -> Self {
        let given = if given.is_empty() { "missing".to_owned() } else { format!("`{}`", shown(given)) };
        Self::UnsupportedType { detail: format!("the {what} is {given}; allowed: {allowed}") }
    }

    /// What the caller is told.
    pub fn problem(self) -> Problem {
        match self {
            Self::Recipe(error) => Problem::at("bad-recipe", error.to_string(), error.pointer()),
            Self::Resolve(error) => unresolved(&error),
            Self::Signature(error) => Problem::new("bad-signature", error.to_string()),
            Self::Key(error) => key(error),
            Self::Render(failure) => unrendered(&failure),
            Self::Upload(error) => not_uploaded(error),
            Self::Metadata(error) => Problem::at("bad-metadata", error.to_string(), &error.pointer),
            Self::Store(error) => unavailable(&error),
            Self::Links(error) => Problem::new("unavailable", "the records of composites cannot be reached")
                .retry_after(RETRY_SECS)
                .report(error.to_string()),
            Self::NoAsset { id, near } => Problem::new("unknown-asset", no_asset(&id, near.as_ref())),
            Self::NoVersion(id, digest) => {
                Problem::new("unknown-asset", format!("asset `{id}` has no version `{digest}`"))
            }
            Self::NoComposite => {
                Problem::new("unknown-composite", "no composite with this key has been rendered")
            }
            Self::NoJob => Problem::new(
                "unknown-job",
                "no job has this id; one that has ended is forgotten after a week",
            ),
            Self::ResolveAt { pointer, error } => Problem { pointer: Some(pointer), ..unresolved(&error) },
            Self::JobTooLarge { total } => Problem::new(
                "over-limit",
                format!("the job has {total} recipes; allowed: up to {MOST_RECIPES}"),
            ),
            Self::NoSigningKey => {
                Problem::at("bad-request", "there is no such signing key on this server", "/key")
            }
            Self::Malformed { pointer, detail } => Problem::at("bad-request", detail, &pointer),
            Self::TooLarge { what, limit } => Problem::new(
                "too-large",
                format!("{what} is longer than the {} that are allowed", size(limit)),
            ),
            Self::BodyBroken => Problem::new("bad-request", "the body ended before it was complete"),
            Self::UnsupportedType { detail } => Problem::new("unsupported-type", detail),
            Self::TooManyUploads => {
                Problem::new("busy", "too many uploads are under way").retry_after(RETRY_SECS)
            }
            Self::TooManyCalls(rate) => {
                let RateState { per_minute, reset_secs, .. } = rate;
                let detail = format!(
                    "one address may make {per_minute} calls a minute of those that cost something; try again in {reset_secs} s"
                );
                too_many(rate, detail)
            }
            Self::Precondition => {
                Problem::new("precondition-failed", "the condition in the request does not hold")
            }
            Self::UriTooLong => Problem::new("uri-too-long", "a URL may have at most 8192 bytes"),
            Self::NotFound => Problem::new("not-found", "no resource has this path"),
            Self::MethodNotAllowed => Problem::new("method-not-allowed", "see the `allow` header, or /docs"),
            Self::OutOfTime => {
                Problem::new("unavailable", "the request took too long").retry_after(RETRY_SECS)
            }
            Self::Broken(error) => Problem::new("internal", "").report(format!("a body broke off: {error}")),
            Self::TooLargeForLambda => {
                Problem::new("internal", "").report("an answer of over 6 MiB does not fit Lambda, and only a bucket (MILLINER_STORE=s3:…) has a URL for it")
            }
            Self::Panicked => Problem::new("internal", "").report("a handler panicked"),
        }
    }
}

fn no_asset(id: &AssetId, near: Option<&AssetId>) -> String {
    let meant = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("there is no asset `{id}`{meant}")
}

/// In whole MiB or KiB where it is.
fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

fn unresolved(error: &ResolveError) -> Problem {
    let slug = match error {
        ResolveError::UnknownAsset { .. } | ResolveError::UnknownVersion { .. } => "unknown-asset",
        ResolveError::NotAcceptable { .. } => "not-acceptable",
        ResolveError::TooLarge { .. } => "over-limit",
        ResolveError::AmbiguousVersion { .. }
        | ResolveError::WrongKind { .. }
        | ResolveError::UnknownAnchor { .. } => "bad-recipe",
    };
    Problem::at(slug, error.to_string(), error.pointer())
}

fn key(error: KeyError) -> Problem {
    let detail = error.to_string();
    match error {
        KeyError::Missing => Problem::new("no-key", detail),
        KeyError::Invalid => Problem::new("bad-key", detail),
        KeyError::Environment { .. } => Problem::new("wrong-environment", detail),
        KeyError::Scope(Scope::Read | Scope::Write | Scope::Render | Scope::Sign) => {
            Problem::new("no-scope", detail)
        }
        KeyError::TooMany(rate) => too_many(rate, detail),
        KeyError::Store(error) => unavailable(&error),
    }
}

fn too_many(rate: RateState, detail: String) -> Problem {
    Problem { rate: Some(rate), ..Problem::new("too-many-calls", detail).retry_after(rate.reset_secs) }
}

fn unrendered(failure: &RenderFailure) -> Problem {
    let report = failure.to_string();
    match failure {
        RenderFailure::Busy => Problem::new("busy", report).retry_after(RETRY_SECS),
        RenderFailure::Render(error) => match error.as_ref() {
            RenderError::Limit { pointer, limit, .. } => {
                Problem::at("over-limit", format!("{report}{}", or_raise(*limit)), pointer)
            }
            RenderError::Asset { source, .. } => Problem::new(unusable(source), report),
            // Here every format is drawn.
            RenderError::Missing { .. } | RenderError::Encode { .. } | RenderError::NotDrawn { .. } => {
                Problem::new("internal", "").report(report)
            }
        },
        RenderFailure::Damaged(_) => Problem::new("bad-image", report.clone()).report(report),
        RenderFailure::Lost(_) | RenderFailure::Panicked => Problem::new("internal", "").report(report),
        RenderFailure::Told(told) => Problem::from(told.as_ref()),
        RenderFailure::Store(error) => unavailable(error),
    }
}

fn not_uploaded(error: UploadError) -> Problem {
    let detail = error.to_string();
    match error {
        UploadError::Empty => Problem::new("bad-request", detail),
        UploadError::Mislabelled { .. } => Problem::new("unsupported-type", detail),
        UploadError::Unusable(AssetError::Limit { limit, .. }) => {
            Problem::new("bad-image", format!("{detail}: use a smaller one{}", or_raise(limit)))
        }
        UploadError::Unusable(error) => Problem::new(unusable(&error), detail),
        UploadError::Unrecognised | UploadError::Svg(RasteriseError::Refused(_)) => {
            Problem::new("bad-image", detail)
        }
        UploadError::Svg(RasteriseError::Io(_)) => Problem::new("internal", "").report(detail),
        UploadError::Metadata(error) => Error::Metadata(error).problem(),
        UploadError::Store(error) => unavailable(&error),
        UploadError::Precondition => Error::Precondition.problem(),
    }
}

/// The other way out, for whoever runs the server.
fn or_raise(limit: Limit) -> String {
    variable_of(limit).map(|variable| format!(", or raise the server's {variable}")).unwrap_or_default()
}

fn unusable(error: &AssetError) -> &'static str {
    match error {
        AssetError::Font { .. } => "bad-font",
        AssetError::Unrecognised | AssetError::Malformed { .. } | AssetError::Limit { .. } => "bad-image",
    }
}

fn unavailable(error: &StoreError) -> Problem {
    match error {
        StoreError::Conflict { .. } => Error::Precondition.problem(),
        // Trying again does not help before somebody who can read the log has helped.
        StoreError::Refused { .. } => Problem::new("internal", "").report(error.to_string()),
        StoreError::Io { .. } | StoreError::Unavailable { .. } | StoreError::Damaged { .. } => {
            Problem::new("unavailable", "the store cannot be reached")
                .retry_after(RETRY_SECS)
                .report(error.to_string())
        }
    }
}

impl From<&RenderFailure> for Told {
    fn from(failure: &RenderFailure) -> Self {
        let Problem { slug, detail, pointer, .. } = unrendered(failure);
        Self { slug: slug.to_owned(), detail, pointer }
    }
}

impl From<&Told> for Problem {
    /// What this version does not know is the server's own fault. Why it is at fault, whoever tells this has logged; that
    /// this caller had to hear of it is for the log here.
    fn from(told: &Told) -> Self {
        let known = PROBLEMS.iter().find(|(slug, ..)| *slug == told.slug);
        let slug = known.map_or("internal", |(slug, ..)| *slug);
        let problem = Self { pointer: told.pointer.clone(), ..Self::new(slug, told.detail.clone()) };
        if !problem.status.is_server_error() {
            return problem;
        }
        let report = format!("another process failed, and its log says why: {} {}", told.slug, told.detail);
        let retry_after = (problem.status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_SECS);
        Self { retry_after, ..problem.report(report) }
    }
}

impl Problem {
    fn new(slug: &'static str, detail: impl Into<String>) -> Self {
        let (_, status, title) = PROBLEMS.iter().find(|(known, ..)| *known == slug).copied().unwrap_or((
            slug,
            500,
            "Something went wrong here",
        ));
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let detail = detail.into();
        Self { status, slug, title, detail, pointer: None, retry_after: None, rate: None, report: None }
    }

    fn at(slug: &'static str, detail: impl Into<String>, pointer: &str) -> Self {
        Self { pointer: Some(pointer.to_owned()), ..Self::new(slug, detail) }
    }

    fn retry_after(self, secs: u64) -> Self {
        Self { retry_after: Some(secs), ..self }
    }

    fn report(self, report: impl Into<String>) -> Self {
        Self { report: Some(report.into()), ..self }
    }

    /// The document's bytes.
    pub fn to_json(&self, instance: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Document<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            #[serde(skip_serializing_if = "str::is_empty")]
            detail: &'a str,
            instance: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            pointer: Option<&'a str>,
        }
        let document = Document {
            r#type: format!("/docs#problem-{}", self.slug),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            pointer: self.pointer.as_deref(),
        };
        serde_json::to_vec(&document).expect("a problem is plain data")
    }
}

impl IntoResponse for Error {
    /// The status and the headers; `http/finish.rs` adds the document, which names the request.
    fn into_response(self) -> Response {
        let problem = self.problem();
        let mut response = problem.status.into_response();
        let headers = response.headers_mut();
        if let Some(secs) = problem.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        if problem.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey header=\"x-api-key\""));
        }
        response.extensions_mut().insert(problem);
        response
    }
}

macro_rules! from {
    ($($variant:ident($source:ty)),+ $(,)?) => { $(
        impl From<$source> for Error {
            fn from(error: $source) -> Self {
                Self::$variant(error)
            }
        }
    )+ };
}

from!(
    Recipe(ParseError),
    Resolve(ResolveError),
    Signature(SignatureError),
    Key(KeyError),
    Render(RenderFailure),
    Upload(UploadError),
    Metadata(MetadataError),
    Store(StoreError),
    Links(LinksError),
);

impl From<PurgeError> for Error {
    fn from(error: PurgeError) -> Self {
        match error {
            PurgeError::Links(error) => Self::Links(error),
            PurgeError::Store(error) => Self::Store(error),
            PurgeError::Fleet(error) => Self::Links(error.into()),
            PurgeError::Resolve(error) => Self::Resolve(error),
            PurgeError::Ended(error) => {
                tracing::error!(%error, "a purge did not finish");
                Self::Panicked
            }
            PurgeError::NoAsset(id) => Self::NoAsset { id, near: None },
        }
    }
}

impl From<FieldError> for Error {
    fn from(FieldError { pointer, detail }: FieldError) -> Self {
        Self::Malformed { pointer, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_type_is_listed_with_its_status() {
        for (slug, status, title) in PROBLEMS {
            let problem = Problem::new(slug, "");
            assert_eq!((problem.status.as_u16(), problem.title), (*status, *title));
        }
    }

    #[test]
    fn a_fault_that_another_process_tells_is_logged_and_a_mistake_of_the_caller_is_not() {
        let told = |slug: &str| {
            let told = Told { slug: slug.to_owned(), detail: "of it".to_owned(), pointer: None };
            let problem = Problem::from(&told);
            (problem.status.as_u16(), problem.report.is_some(), problem.retry_after)
        };
        assert_eq!([told("internal"), told("of-tomorrow")], [(500, true, None); 2]);
        assert_eq!(told("unavailable"), (503, true, Some(RETRY_SECS)));
        assert_eq!(told("over-limit"), (422, false, None));
    }
}
