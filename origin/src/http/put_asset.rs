//! `PUT /v1/assets/{id}`: upload or replace. The body is the image or font itself with metadata in the query, or a
//! multipart form with an `image` or a `font`, and a JSON `metadata` part. A refused upload changes nothing.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::StatusCode;
use axum::http::uri::InvalidUri;
use axum::response::Response;
use bytes::Bytes;
use compositor::{Anchor, Focus, Kind};

use super::assets::{record_etag, view};
use super::conditional::admits_change;
use super::error::Error;
use super::extract::{AssetPath, content_type, read_body};
use super::schema::{AssetView, MetadataSchema, ProblemSchema};
use crate::app::App;
use crate::catalogue::AssetRecord;
use crate::metadata::{Metadata, MetadataError};
use crate::upload::{Changed, FileType, Unmentioned, recognise};

const ALLOWED: &str = "image/png, image/jpeg, image/webp, image/gif, image/svg+xml, font/ttf, font/otf, or \
                       multipart/form-data with one of them";

/// What a request uploads.
struct Given {
    file: Bytes,
    declared: FileType,
    metadata: Metadata,
}

/// A multipart upload.
#[derive(utoipa::ToSchema)]
#[schema(as = Upload)]
#[expect(dead_code, reason = "describes the multipart form")]
struct UploadSchema {
    /// PNG, JPEG, WebP, GIF or SVG.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    image: Option<String>,
    /// TTF or OTF, in place of an image.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    font: Option<String>,
    metadata: Option<MetadataSchema>,
}

/// Upload or replace an asset
///
/// Idempotent by content. An image is oriented, converted to sRGB, stripped of metadata and stored by its digest;
/// the original is kept too. A font (one TrueType or OpenType font, at most 16 MiB) is checked and stored as it is. A
/// replaced asset keeps its older versions addressable by digest, and the metadata that is not given again; a font does
/// not replace an image, nor an image a font. A new image is a `base` unless said; a font is always a `font`.
#[utoipa::path(put, path = "/v1/assets/{id}", tag = "Assets",
    params(
        ("id" = String, Path),
        ("kind" = Option<String>, Query, description = "`base` or `overlay`; of a font, `font`"),
        ("title" = Option<String>, Query),
        ("tags" = Option<String>, Query, description = "comma-separated"),
        ("licence" = Option<String>, Query),
        ("focus" = Option<String>, Query, description = "`x,y`"),
        ("anchor.{name}" = Option<String>, Query, description = "`x,y,span[,angle]`, one for each anchor"),
    ),
    request_body(content(
        (Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp"), (Vec<u8> = "image/gif"),
        (String = "image/svg+xml"), (Vec<u8> = "font/ttf"), (Vec<u8> = "font/otf"),
        (UploadSchema = "multipart/form-data"),
    )),
    responses(
        (status = 200, description = "Replaced, updated, or the same as before", body = AssetView),
        (status = 201, description = "A new asset", body = AssetView),
        (status = 400, description = "The metadata is not valid", body = ProblemSchema),
        (status = 412, description = "`If-Match` or `If-None-Match: *` does not hold", body = ProblemSchema),
        (status = 413, description = "The body is too large", body = ProblemSchema),
        (status = 415, description = "The body is of the wrong type", body = ProblemSchema),
        (status = 422, description = "The image or font is broken or over a limit", body = ProblemSchema),
        (status = 503, description = "Too many uploads are under way; `Retry-After` says when", body = ProblemSchema),
    ))]
pub async fn put(
    State(app): State<App>,
    AssetPath(id): AssetPath,
    request: Request,
) -> Result<Response, Error> {
    let _place = app.uploads.try_acquire().map_err(|_| Error::TooManyUploads)?;
    let headers = request.headers().clone();
    let given = read(&app, request).await?;
    let recognised = recognise(given.file, Some(given.declared), &app.rasteriser).await?;
    let limits = app.config.limits.picture;
    let working_bytes = recognised.working_bytes(&limits);
    let prepared = app.renderer.run(working_bytes, move || recognised.prepare(&limits)).await??;
    let admits = |record: Option<&AssetRecord>| admits_change(&headers, record.map(record_etag).as_ref());
    let entered =
        prepared.enter(&id, &given.metadata, Unmentioned::Kept, &app.catalogue, &app.store, admits).await;
    let (record, changed) = entered?;
    tracing::info!(%id, digest = %record.current.asset.digest, ?changed, "asset uploaded");
    Ok(view(if changed == Changed::Added { StatusCode::CREATED } else { StatusCode::OK }, &record))
}

async fn read(app: &App, request: Request) -> Result<Given, Error> {
    let limit = app.config.limits.picture.body_bytes;
    let given = content_type(request.headers()).to_owned();
    if given.eq_ignore_ascii_case("multipart/form-data") {
        return read_form(request, limit).await;
    }
    let declared =
        FileType::from_media_type(&given).ok_or(Error::UnsupportedType { given, allowed: ALLOWED })?;
    let metadata = from_query(request.uri().query().unwrap_or_default())?;
    let file = read_body(request.into_body(), limit).await?;
    Ok(Given { file, declared, metadata })
}

async fn read_form(request: Request, limit: u64) -> Result<Given, Error> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, limit).await?;
    let broken = |detail: String| Error::malformed("", format!("the multipart form is not valid: {detail}"));
    let request = Request::from_parts(parts, Body::from(body));
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| broken(error.body_text()))?;
    let (mut file, mut metadata) = (None, Metadata::default());
    while let Some(field) = form.next_field().await.map_err(|error| broken(error.body_text()))? {
        let given = field.content_type().unwrap_or_default().to_owned();
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(|error| broken(error.body_text()))?;
        match name.as_str() {
            "image" | "font" => file = Some((bytes, given)),
            "metadata" => {
                let parsed = serde_json::from_slice(&bytes);
                metadata = parsed.map_err(|error| MetadataError::new("/metadata", error.to_string()))?;
            }
            _ => return Err(broken(format!("there is no part `{name}`; allowed: image, font, metadata"))),
        }
    }
    let (file, given) = file.ok_or_else(|| broken("the part `image` (or `font`) is missing".to_owned()))?;
    let declared =
        FileType::from_media_type(&given).ok_or(Error::UnsupportedType { given, allowed: ALLOWED })?;
    Ok(Given { file, declared, metadata })
}

/// Metadata as query parameters.
fn from_query(query: &str) -> Result<Metadata, Error> {
    let malformed = |error: &dyn std::fmt::Display| Error::malformed("/query", error.to_string());
    let uri = format!("/?{query}").parse().map_err(|error: InvalidUri| malformed(&error))?;
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri)
        .map_err(|error| malformed(&error))?;
    let (mut metadata, mut anchors) = (Metadata::default(), BTreeMap::new());
    for (name, value) in pairs.0 {
        let refuse = |allowed: &str| {
            Error::malformed(format!("/query/{name}"), format!("`{name}` is `{value}`; allowed: {allowed}"))
        };
        match (name.as_str(), name.strip_prefix("anchor.")) {
            ("kind", _) => metadata.kind = Some(kind(&value).ok_or_else(|| refuse("base, overlay, font"))?),
            ("title", _) => metadata.title = Some(Some(value)),
            ("tags", _) => metadata.tags = Some(Some(tags(&value))),
            ("licence", _) => metadata.licence = Some(Some(value)),
            ("focus", _) => metadata.focus = Some(Some(focus(&value).ok_or_else(|| refuse("x,y"))?)),
            (_, Some(anchor_name)) => {
                let anchor = anchor(&value).ok_or_else(|| refuse("x,y,span[,angle]"))?;
                anchors.insert(anchor_name.to_owned(), Some(anchor));
            }
            _ => {
                let known = "kind, title, tags, licence, focus, anchor.{name}";
                let detail = format!("`{name}` is not a parameter; allowed: {known}");
                return Err(Error::malformed(format!("/query/{name}"), detail));
            }
        }
    }
    if !anchors.is_empty() {
        metadata.anchors = Some(Some(anchors));
    }
    Ok(metadata)
}

fn kind(word: &str) -> Option<Kind> {
    [Kind::Base, Kind::Overlay, Kind::Font].into_iter().find(|kind| kind.word() == word)
}

fn tags(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

fn numbers(list: &str) -> Option<Vec<f64>> {
    list.split(',').map(|number| f64::from_str(number.trim()).ok()).collect()
}

fn focus(list: &str) -> Option<Focus> {
    match numbers(list)?.as_slice() {
        [x, y] => Some(Focus { x: *x, y: *y }),
        _ => None,
    }
}

fn anchor(list: &str) -> Option<Anchor> {
    match numbers(list)?.as_slice() {
        [x, y, span] => Some(Anchor { x: *x, y: *y, span: *span, angle: 0.0 }),
        [x, y, span, angle] => Some(Anchor { x: *x, y: *y, span: *span, angle: *angle }),
        _ => None,
    }
}
