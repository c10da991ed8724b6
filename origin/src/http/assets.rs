//! Assets: list, look at, change, delete. Uploading is in `put_asset.rs`.

use std::ops::Bound;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use compositor::{Asset, AssetId, Digest, Kind, Recipe};

use super::cache_policy::CachePolicy;
use super::conditional::{admits_change, has_current};
use super::error::Error;
use super::extract::{AssetPath, Json};
use super::query::Params;
use super::schema::{
    AssetIdSchema, AssetPage, AssetView, BinarySchema, ContentParams, ListParams, MetadataSchema,
    ProblemSchema,
};
use crate::app::App;
use crate::catalogue::{AssetRecord, Change, ChangeError};
use crate::compose::{etag as composite_etag, get_or_render};
use crate::metadata::Metadata;
use crate::renderer::RenderFailure;
use crate::store::ObjectKey;

const DEFAULT_LIMIT: usize = 100;

/// List assets
#[utoipa::path(get, path = "/v1/assets", operation_id = "listAssets", tag = "Assets", params(ListParams), responses(
    (status = 200, description = "One page; `Link: …; rel=\"next\"` leads to the next", body = AssetPage),
    (status = 400, description = "A parameter is not valid", body = ProblemSchema),
))]
pub async fn list(State(app): State<App>, Params(params): Params<ListParams>) -> Result<Response, Error> {
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    let wanted = |asset: &Asset| {
        params.kind.is_none_or(|kind| asset.kind == kind)
            && params.tag.as_ref().is_none_or(|tag| asset.tags.contains(tag))
    };
    let snapshot = app.catalogue.snapshot();
    let from = params.cursor.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let matching = snapshot.records.range::<AssetId, _>((from, Bound::Unbounded)).map(|(_, record)| record);
    let mut page: Vec<_> = matching.filter(|record| wanted(&record.current.asset)).take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(|record| record.current.asset.id.to_string());
    let link = next.as_ref().and_then(|next| next_page(&params, limit, next));
    let assets = page.into_iter().map(|record| AssetView::from(record.as_ref())).collect();
    let mut response =
        (Extension(CachePolicy::Private), axum::Json(AssetPage { assets, next })).into_response();
    response.headers_mut().extend(link.map(|link| (header::LINK, link)));
    Ok(response)
}

/// The `Link` header that leads to the page behind `cursor`.
fn next_page(params: &ListParams, limit: usize, cursor: &str) -> Option<HeaderValue> {
    let mut pairs = vec![("cursor", cursor.to_owned()), ("limit", limit.to_string())];
    pairs.extend(params.kind.map(|kind| ("kind", kind.word().to_owned())));
    pairs.extend(params.tag.clone().map(|tag| ("tag", tag)));
    let query: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", percent_encode(value))).collect();
    HeaderValue::from_str(&format!("</v1/assets?{}>; rel=\"next\"", query.join("&"))).ok()
}

fn percent_encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Get an asset
///
/// Its metadata, its versions, and an `ETag` for conditional changes.
#[utoipa::path(get, path = "/v1/assets/{id}", operation_id = "getAsset", tag = "Assets",
    params(("id" = AssetIdSchema, Path), ("if-none-match" = Option<String>, Header, description = "Only if this is no longer the `ETag`; else 304")), responses(
    (status = 200, description = "The asset", body = AssetView),
    (status = 304, description = "`If-None-Match` names the current state"),
    (status = 400, description = "The id is not valid", body = ProblemSchema),
    (status = 404, description = "There is no such asset", body = ProblemSchema),
))]
pub async fn get(
    State(app): State<App>,
    AssetPath(id): AssetPath,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let record = find(&app, id)?;
    let etag = record_etag(&record);
    if has_current(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, Extension(CachePolicy::Private), [(header::ETAG, etag)])
            .into_response());
    }
    Ok(view(StatusCode::OK, &record))
}

/// Get an asset's image or font
///
/// The normalised image, or with `w` a smaller rendition of it; or the font. With `digest`, that version or that one of
/// its levels; it never changes. Previews are made of it, so it needs a key only where composites need a signature.
#[utoipa::path(get, path = "/v1/assets/{id}/content", operation_id = "getAssetContent", tag = "Assets", security((), ("key" = [])),
    params(("id" = AssetIdSchema, Path), ContentParams, ("if-none-match" = Option<String>, Header, description = "Only if this is no longer the `ETag`; else 304")), responses(
    (status = 200, description = "The image or font", content(
        (BinarySchema = "image/png"), (BinarySchema = "image/jpeg"), (BinarySchema = "font/ttf"), (BinarySchema = "font/otf"))),
    (status = 304, description = "`If-None-Match` names this image"),
    (status = 400, description = "The id, `w` or `digest` is not valid, or `w` is asked of a font", body = ProblemSchema),
    (status = 404, description = "There is no such asset, or no such version", body = ProblemSchema),
    (status = 422, description = "A smaller rendition is over a limit", body = ProblemSchema),
    (status = 503, description = "Too many renders are waiting; `Retry-After` says when", body = ProblemSchema),
))]
pub async fn content(
    State(app): State<App>,
    AssetPath(id): AssetPath,
    Params(params): Params<ContentParams>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let record = find(&app, id)?;
    let (asset, digest) = version(&record, params.digest)?;
    let policy = CachePolicy::content(params.digest.is_some(), !app.signing.is_required());
    match params.w {
        Some(_) if asset.kind == Kind::Font => {
            let detail = format!("`w` makes a smaller picture, and asset `{}` is a font", asset.id);
            Err(Error::malformed("/query/w", detail))
        }
        Some(w) if w < asset.width => rendition(&app, asset, w, policy, &headers).await,
        _ => stored(&app, asset, digest, policy, &headers).await,
    }
}

/// Change an asset's metadata
///
/// A merge patch (RFC 7396): fields that are absent stay, fields that are `null` are cleared. Changed anchors and focal
/// points give new composite keys.
#[utoipa::path(patch, path = "/v1/assets/{id}", operation_id = "patchAsset", tag = "Assets",
    params(("id" = AssetIdSchema, Path), ("if-match" = Option<String>, Header, description = "Only if this `ETag` is the current one")),
    request_body(content((MetadataSchema = "application/merge-patch+json"), (MetadataSchema = "application/json"))), responses(
    (status = 200, description = "The asset as it is now", body = AssetView),
    (status = 400, description = "The id or the metadata is not valid; nothing changed", body = ProblemSchema),
    (status = 404, description = "There is no such asset", body = ProblemSchema),
    (status = 412, description = "`If-Match` names another state", body = ProblemSchema),
    (status = 413, description = "The body is too large", body = ProblemSchema),
    (status = 415, description = "The body is of the wrong type", body = ProblemSchema),
))]
pub async fn patch(
    State(app): State<App>,
    AssetPath(id): AssetPath,
    headers: HeaderMap,
    Json(metadata): Json<Metadata>,
) -> Result<Response, Error> {
    let decide = |record: Option<&AssetRecord>| {
        let record = admitted(&app, record, &headers, &id)?;
        let mut changed = record.clone();
        metadata.clone().apply(&mut changed.current.asset)?;
        Ok(if changed == *record { Change::Keep } else { Change::Write(Box::new(changed)) })
    };
    let record = app.catalogue.change(&id, decide).await.map_err(refused)?;
    record.map(|record| view(StatusCode::OK, &record)).ok_or_else(|| unknown(&app, id))
}

/// Delete an asset
///
/// With all its versions. Composites that were made of it stay where they are cached.
#[utoipa::path(delete, path = "/v1/assets/{id}", operation_id = "deleteAsset", tag = "Assets",
    params(("id" = AssetIdSchema, Path), ("if-match" = Option<String>, Header, description = "Only if this `ETag` is the current one")), responses(
    (status = 204, description = "It is gone"),
    (status = 400, description = "The id is not valid", body = ProblemSchema),
    (status = 404, description = "There is no such asset", body = ProblemSchema),
    (status = 412, description = "`If-Match` names another state", body = ProblemSchema),
))]
pub async fn delete(
    State(app): State<App>,
    AssetPath(id): AssetPath,
    headers: HeaderMap,
) -> Result<StatusCode, Error> {
    let decide = |record: Option<&AssetRecord>| admitted(&app, record, &headers, &id).map(|_| Change::Remove);
    app.catalogue.change(&id, decide).await.map_err(refused)?;
    tracing::info!(%id, "asset deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// An asset as JSON, with its validator.
pub fn view(status: StatusCode, record: &AssetRecord) -> Response {
    let etag = [(header::ETAG, record_etag(record))];
    (status, Extension(CachePolicy::Private), etag, axum::Json(AssetView::from(record))).into_response()
}

/// The validator of an asset's state.
pub fn record_etag(record: &AssetRecord) -> HeaderValue {
    let json = serde_json::to_vec(record).unwrap_or_default();
    let digest = Digest::of(&json).to_string();
    HeaderValue::from_str(&format!("\"{}\"", &digest[..40])).unwrap_or(HeaderValue::from_static("\"\""))
}

fn find(app: &App, id: AssetId) -> Result<Arc<AssetRecord>, Error> {
    app.catalogue.snapshot().records.get(&id).cloned().ok_or_else(|| unknown(app, id))
}

fn unknown(app: &App, id: AssetId) -> Error {
    let near = app.catalogue.snapshot().catalogue.nearest(id.as_ref()).cloned();
    Error::NoAsset { id, near }
}

fn admitted<'a>(
    app: &App,
    record: Option<&'a AssetRecord>,
    headers: &HeaderMap,
    id: &AssetId,
) -> Result<&'a AssetRecord, Error> {
    let record = record.ok_or_else(|| unknown(app, id.clone()))?;
    if admits_change(headers, Some(&record_etag(record))) { Ok(record) } else { Err(Error::Precondition) }
}

fn refused(error: ChangeError<Error>) -> Error {
    match error {
        ChangeError::Store(error) => Error::Store(error),
        ChangeError::Refused(error) => error,
    }
}

/// The version that is asked for, and which of its contents.
fn version(record: &AssetRecord, digest: Option<Digest>) -> Result<(&Asset, Digest), Error> {
    let current = &record.current.asset;
    let Some(digest) = digest else { return Ok((current, current.digest)) };
    let version = record.version_of(&digest);
    version
        .map(|version| (&version.asset, digest))
        .ok_or_else(|| Error::NoVersion(record.current.asset.id.clone(), digest))
}

async fn stored(
    app: &App,
    asset: &Asset,
    digest: Digest,
    policy: CachePolicy,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let etag = HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    if has_current(headers, &etag) {
        return Ok(image(StatusCode::NOT_MODIFIED, policy, etag, None, Bytes::new()));
    }
    let bytes = app.store.get(&ObjectKey::Image(digest)).await?;
    let bytes = bytes.ok_or(RenderFailure::Lost(digest))?;
    let media_type = HeaderValue::from_str(&asset.media_type).ok();
    Ok(image(StatusCode::OK, policy, etag, media_type, bytes))
}

/// A smaller rendition is a composite of one picture: cached, coalesced and admitted like any other.
async fn rendition(
    app: &App,
    asset: &Asset,
    w: u32,
    policy: CachePolicy,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let extension = if asset.opaque { "jpg" } else { "png" };
    let recipe = Recipe::parse(&format!("/c/{}@{};w={w}.{extension}", asset.id, asset.digest))?;
    let plan = app.catalogue.snapshot().catalogue.resolve(&recipe, None)?;
    let etag = composite_etag(&plan.key());
    if has_current(headers, &etag) {
        return Ok(image(StatusCode::NOT_MODIFIED, policy, etag, None, Bytes::new()));
    }
    let delivery = get_or_render(app, &Arc::new(plan)).await?;
    let content_type = Some(delivery.hot.content_type.clone());
    Ok(image(StatusCode::OK, policy, etag, content_type, delivery.hot.bytes.clone()))
}

fn image(
    status: StatusCode,
    policy: CachePolicy,
    etag: HeaderValue,
    media_type: Option<HeaderValue>,
    bytes: Bytes,
) -> Response {
    let mut response = (status, Extension(policy), [(header::ETAG, etag)], bytes).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if let Some(media_type) = media_type {
        headers.insert(header::CONTENT_TYPE, media_type);
    }
    response
}
