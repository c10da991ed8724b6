//! `GET /v1/catalogue`: the manifest that edge and browser resolve recipes with.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::cache_policy::CachePolicy;
use super::conditional::has_current;
use super::schema::{CatalogueSchema, ProblemSchema};
use crate::app::App;

/// The catalogue's manifest
///
/// Everything a recipe can name, current versions only. The `ETag` is strong and is the manifest's own `version`.
#[utoipa::path(get, path = "/v1/catalogue", operation_id = "getCatalogue", tag = "Catalogue", security(()),
    params(("if-none-match" = Option<String>, Header, description = "Only if this is no longer the `ETag`; else 304")), responses(
    (status = 200, description = "The manifest", body = CatalogueSchema),
    (status = 304, description = "`If-None-Match` names the current version"),
    (status = 400, description = "There is a query parameter: this call takes none", body = ProblemSchema),
))]
pub async fn manifest(State(app): State<App>, headers: HeaderMap) -> Response {
    let snapshot = app.catalogue.snapshot();
    let etag = HeaderValue::from_str(&format!("\"{}\"", snapshot.catalogue.version()));
    // The version is a hex digest; if it ever were not, an answer without validator is still right.
    let etag = etag.unwrap_or(HeaderValue::from_static("\"\""));
    let shared = (Extension(CachePolicy::Revalidate), [(header::ETAG, etag.clone())]);
    if has_current(&headers, &etag) {
        return (StatusCode::NOT_MODIFIED, shared).into_response();
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (shared, json, snapshot.manifest.clone()).into_response()
}
