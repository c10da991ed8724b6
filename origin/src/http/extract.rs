//! What handlers are given: ids, JSON and bodies, checked; and the layers that refuse a request before its handler.

use std::str::FromStr;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use compositor::AssetId;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use tokio::time::timeout;

use super::error::Error;
use crate::app::App;
use crate::fields::shown;
use crate::keys::Scope;

/// Longest URL that is looked at.
const MAX_URI_BYTES: usize = 8192;
/// Longest JSON body: a recipe of 16 layers is far below.
pub const MAX_JSON_BYTES: u64 = 256 << 10;

/// What a JSON body may call itself.
const JSON_TYPES: [&str; 2] = ["application/json", "application/merge-patch+json"];

/// Lets a request through if its API key allows `scope`.
pub async fn require(State((app, scope)): State<(App, Scope)>, request: Request, next: Next) -> Response {
    let presented = match request.headers().get("x-api-key").map(|key| key.to_str()) {
        None => None,
        Some(Ok(key)) => Some(key),
        // Not text, so nobody's key.
        Some(Err(_)) => Some(""),
    };
    match app.keys.authorize(presented, scope).await {
        Err(error) => Error::Key(error).into_response(),
        Ok(rate) => {
            let mut response = next.run(request).await;
            if let Some(rate) = rate {
                response.extensions_mut().insert(rate);
            }
            response
        }
    }
}

/// Bounds the time of a request, its body included.
pub async fn within_time(State(app): State<App>, request: Request, next: Next) -> Response {
    let answer = timeout(app.config.server.request_timeout, next.run(request)).await;
    answer.unwrap_or_else(|_| Error::OutOfTime.into_response())
}

/// No path of ours has a dot segment, encoded or not: nothing behind us may ever resolve one.
pub async fn refuse_odd_paths(request: Request, next: Next) -> Response {
    let uri = request.uri();
    if uri.path().len() + uri.query().map_or(0, str::len) > MAX_URI_BYTES {
        return Error::UriTooLong.into_response();
    }
    let is_dots =
        |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if uri.path().split('/').any(is_dots) {
        return Error::malformed("", "a path may not have a dot segment").into_response();
    }
    next.run(request).await
}

/// The asset id in the path.
pub struct AssetPath(pub AssetId);

impl<S: Send + Sync> FromRequestParts<S> for AssetPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let text = path_text(parts, state).await?;
        let refuse = |_| {
            let detail = format!("the asset id is `{}`; allowed: `[a-z0-9][a-z0-9-]{{0,63}}`", shown(&text));
            Error::malformed("/id", detail)
        };
        AssetId::from_str(&text).map(Self).map_err(refuse)
    }
}

/// The one parameter of the path, decoded.
pub async fn path_text<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<String, Error> {
    let path = Path::<String>::from_request_parts(parts, state).await;
    path.map(|Path(text)| text).map_err(|_| Error::malformed("", "the path is not percent-encoded UTF-8"))
}

/// A JSON body.
pub struct Json<T>(pub T);

impl<T, E, S> FromRequest<S> for Json<T>
where
    T: for<'a> TryFrom<&'a Value, Error = E>,
    E: Into<Error>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let given = content_type(request.headers());
        if !JSON_TYPES.contains(&given) {
            return Err(Error::unsupported_type("`content-type` header", given, JSON_TYPES.join(", ")));
        }
        let body = read_body(request.into_body(), MAX_JSON_BYTES).await?;
        T::try_from(&read_json("the body", &body)?).map(Self).map_err(Into::into)
    }
}

/// JSON of whatever shape.
pub fn read_json(what: &str, text: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let detail = match text.is_empty() {
            true => format!("{what} is empty; allowed: a JSON object"),
            false if error.is_eof() => format!("{what} is not JSON: it ends too early"),
            false => format!("{what} is not JSON: see line {line}, column {column}"),
        };
        Error::malformed("", detail)
    })
}

/// The essence of `Content-Type`, empty where there is none.
pub fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// The whole body, if it is no longer than `limit`; a longer announced one is refused before it is read.
pub async fn read_body(body: Body, limit: u64) -> Result<Bytes, Error> {
    use axum::body::HttpBody;
    if body.size_hint().lower() > limit {
        return Err(too_large(limit));
    }
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    match Limited::new(body, most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Err(_) => Err(Error::BodyBroken),
    }
}

fn too_large(limit: u64) -> Error {
    Error::TooLarge { what: "the body", limit }
}
