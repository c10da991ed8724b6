//! What the edge refuses or cannot do, and the problem document (RFC 9457) it says so with: the statuses,
//! documents and headers are the origin's, so that a caller cannot tell who refused.

use compositor::{ParseError, ResolveError, SignatureError};
use serde::Serialize;
use worker::ResponseBody;

use crate::answer::{Answer, READING};
use crate::call::Call;
use crate::config::ConfigError;
use crate::origin::Failure;

/// How long a caller should wait for the origin to come back.
const RETRY_AFTER_SECS: &str = "2";
/// A refusal of a delivery URL: long enough to stop a storm, short enough to mend a typo.
const BRIEF: &str = "public, max-age=10";
const NO_STORE: &str = "no-store";

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL's fault.
    #[error(transparent)]
    Recipe(#[from] ParseError),
    /// The URL's fault, given this catalogue.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Not the path of an object, though it looks like one.
    #[error("{detail}")]
    Object { pointer: &'static str, detail: String },
    /// The URL may not be used.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Nothing can have this name.
    #[error("no composite with this key has been rendered")]
    NoComposite,
    /// Nothing lives at this path.
    #[error("no resource has this path")]
    NotFound,
    /// Reading is all that can be done at this path.
    #[error("see the `allow` header, or /docs")]
    Method,
    /// The origin's, or the way's to it.
    #[error(transparent)]
    Origin(#[from] Failure),
    /// The operator's.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The platform's.
    #[error(transparent)]
    Platform(#[from] worker::Error),
}

/// A problem document.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    instance: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
}

impl Error {
    /// The answer that says so.
    pub fn answer(&self, call: &Call) -> Answer {
        let problem = self.problem(&call.path);
        let brief = matches!(problem.status, 400 | 404) && is_delivery(&call.path);
        let headers = vec![
            ("content-type", "application/problem+json".to_owned()),
            ("cache-control", if brief { BRIEF } else { NO_STORE }.to_owned()),
        ];
        let status = problem.status;
        // Plain data always serialises; were it not so, the status says enough.
        let body = ResponseBody::Body(serde_json::to_vec(&problem).unwrap_or_default());
        let answer = Answer { status, headers, body };
        match self {
            Self::Method => answer.with("allow", READING.to_owned()),
            Self::Origin(_) => answer.with("retry-after", RETRY_AFTER_SECS.to_owned()),
            _ => answer,
        }
    }

    fn problem<'a>(&'a self, instance: &'a str) -> Problem<'a> {
        let (slug, status, title) = self.kind();
        let detail = match self {
            // Not the caller's business.
            Self::Config(error) => report(error),
            Self::Platform(error) => report(error),
            told => told.to_string(),
        };
        Problem {
            r#type: format!("/docs#problem-{slug}"),
            title,
            status,
            detail,
            instance,
            pointer: self.pointer(),
        }
    }

    /// Slug, status and title.
    fn kind(&self) -> (&'static str, u16, &'static str) {
        match self {
            Self::Recipe(_) => ("bad-recipe", 400, "The recipe is not valid"),
            Self::Resolve(error) => unresolved(error),
            Self::Object { .. } => ("bad-request", 400, "The request is not valid"),
            Self::Signature(_) => ("bad-signature", 403, "The URL's signature is not valid"),
            Self::NoComposite => ("unknown-composite", 404, "There is no such composite"),
            Self::NotFound => ("not-found", 404, "There is nothing here"),
            Self::Method => ("method-not-allowed", 405, "This path does not know that method"),
            Self::Origin(Failure::Timeout) => ("unavailable", 504, "A part of the service is not reachable"),
            Self::Origin(_) => ("unavailable", 503, "A part of the service is not reachable"),
            Self::Config(_) | Self::Platform(_) => ("internal", 500, "Something went wrong here"),
        }
    }

    fn pointer(&self) -> Option<&str> {
        match self {
            Self::Recipe(error) => Some(error.pointer()),
            Self::Resolve(error) => Some(error.pointer()),
            Self::Object { pointer, .. } => Some(pointer),
            _ => None,
        }
    }
}

fn unresolved(error: &ResolveError) -> (&'static str, u16, &'static str) {
    match error {
        ResolveError::UnknownAsset { .. } | ResolveError::UnknownVersion { .. } => {
            ("unknown-asset", 404, "There is no such asset")
        }
        ResolveError::NotAcceptable { .. } => ("not-acceptable", 406, "No format is acceptable"),
        ResolveError::TooLarge { .. } => ("over-limit", 422, "The picture is over a limit"),
        ResolveError::AmbiguousVersion { .. }
        | ResolveError::WrongKind { .. }
        | ResolveError::UnknownAnchor { .. } => ("bad-recipe", 400, "The recipe is not valid"),
    }
}

/// Is this the path of a picture?
fn is_delivery(path: &str) -> bool {
    path.starts_with("/c/") || path.starts_with("/i/")
}

fn report(error: &dyn std::error::Error) -> String {
    worker::console_error!("{error}");
    String::new()
}

#[cfg(test)]
mod tests {
    use compositor::{Query, Recipe, SignatureError};

    use super::Error;
    use crate::origin::Failure;

    fn document(error: &Error) -> String {
        serde_json::to_string(&error.problem("/c/x")).unwrap()
    }

    #[test]
    fn a_bad_recipe_names_its_part() {
        let error = Error::from(Recipe::parse("/c/tabby/top-hat;rotate=left.png").unwrap_err());
        let document = document(&error);
        assert!(document.starts_with(
            r#"{"type":"/docs#problem-bad-recipe","title":"The recipe is not valid","status":400,"#
        ));
        assert!(document.ends_with(r#""instance":"/c/x","pointer":"/layers/0/rotate"}"#), "{document}");
    }

    #[test]
    fn every_refusal_has_its_status() {
        for (error, status) in [
            (Error::from(Query::parse("width=8").unwrap_err()), 400),
            (SignatureError::Wrong.into(), 403),
            (Error::NotFound, 404),
            (Error::Method, 405),
            (Failure::Unreachable.into(), 503),
            (Failure::Answered(500).into(), 503),
            (Failure::Timeout.into(), 504),
        ] {
            assert_eq!(error.kind().1, status, "{error}");
        }
    }
}
