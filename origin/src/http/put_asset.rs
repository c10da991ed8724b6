//! `PUT /v1/assets/{id}`: upload or replace. The body is the image or font itself with metadata in the query, or a
//! multipart form with an `image` or a `font`, and a JSON `metadata` part, which goes before the query. A refused upload
//! changes nothing.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use compositor::{Anchor, Focus};

use super::assets::{record_etag, view};
use super::conditional::admits_change;
use super::error::Error;
use super::extract::{AssetPath, MAX_JSON_BYTES, content_type, read_body, read_json};
use super::query::{Query, parse};
use super::schema::{AssetIdSchema, AssetView, BinarySchema, KindSchema, MetadataSchema, ProblemSchema};
use crate::app::App;
use crate::catalogue::AssetRecord;
use crate::fields::shown;
use crate::metadata::{KINDS, Metadata, kind};
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
#[serde(untagged)]
#[expect(dead_code, reason = "describes the multipart form")]
enum UploadSchema {
    Image(ImageUploadSchema),
    Font(FontUploadSchema),
}

/// An image as a form.
#[derive(utoipa::ToSchema)]
#[schema(as = ImageUpload)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the multipart form")]
struct ImageUploadSchema {
    /// PNG, JPEG, WebP, GIF or SVG.
    #[schema(format = Binary)]
    image: String,
    #[schema(nullable = false)]
    metadata: Option<MetadataSchema>,
}

/// A font as a form.
#[derive(utoipa::ToSchema)]
#[schema(as = FontUpload)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the multipart form")]
struct FontUploadSchema {
    /// TTF or OTF.
    #[schema(format = Binary)]
    font: String,
    #[schema(nullable = false)]
    metadata: Option<MetadataSchema>,
}

/// Upload or replace an asset
///
/// Idempotent by content. An image is oriented, converted to sRGB, stripped of metadata and stored by its digest;
/// the original is kept too. A font (one TrueType or OpenType font, at most 16 MiB) is checked and stored as it is. A
/// replaced asset keeps its older versions addressable by digest, and the metadata that is not given again; a font does
/// not replace an image, nor an image a font. A new image is a `base` unless said; a font is always a `font`.
#[utoipa::path(put, path = "/v1/assets/{id}", operation_id = "putAsset", tag = "Assets",
    params(
        ("id" = AssetIdSchema, Path),
        ("kind" = Option<KindSchema>, Query, description = "`base` or `overlay`; of a font, `font`"),
        ("title" = Option<String>, Query, max_length = 200, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"),
        ("tags" = Option<String>, Query, description = "comma-separated",
            pattern = "^[^,\\u0000-\\u001f\\u007f-\\u009f]{0,64}(,[^,\\u0000-\\u001f\\u007f-\\u009f]{0,64}){0,31}$"),
        ("licence" = Option<String>, Query,
            min_length = 1, max_length = 200, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"),
        ("focus" = Option<String>, Query, description = "`x,y`",
            pattern = r"^(0(\.[0-9]+)?|1(\.0+)?),(0(\.[0-9]+)?|1(\.0+)?)$"),
        ("anchor.{name}" = Option<String>, Query, description = "`anchor.{name}=x,y,span[,angle]`, one for each anchor",
            pattern = r"^-?[0-9](\.[0-9]+)?,-?[0-9](\.[0-9]+)?,([1-9]|[0-9]\.[0-9]{0,3}[1-9])(,-?[0-9]{1,2}(\.[0-9]+)?)?$"),
        ("if-match" = Option<String>, Header, description = "Only if this `ETag` is the current one"),
        ("if-none-match" = Option<String>, Header, description = "`*`: only if there is no such asset"),
    ),
    request_body(content(
        (BinarySchema = "image/png"), (BinarySchema = "image/jpeg"), (BinarySchema = "image/webp"),
        (BinarySchema = "image/gif"), (BinarySchema = "image/svg+xml"),
        (BinarySchema = "font/ttf"), (BinarySchema = "font/otf"),
        (UploadSchema = "multipart/form-data", encoding(
            ("image" = (content_type = "image/png, image/jpeg, image/webp, image/gif, image/svg+xml")),
            ("font" = (content_type = "font/ttf, font/otf")),
            ("metadata" = (content_type = "application/json")),
        )),
    )),
    responses(
        (status = 200, description = "Replaced, updated, or the same as before", body = AssetView),
        (status = 201, description = "A new asset", body = AssetView),
        (status = 400, description = "The metadata is not valid", body = ProblemSchema),
        (status = 412, description = "`If-Match` or `If-None-Match` does not hold", body = ProblemSchema),
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
    let declared = declared("`content-type` header", &given)?;
    let metadata = from_query(&Query::read(request.uri().query().unwrap_or_default())?)?;
    let file = read_body(request.into_body(), limit).await?;
    Ok(Given { file, declared, metadata })
}

fn declared(what: &str, given: &str) -> Result<FileType, Error> {
    FileType::from_media_type(given).ok_or_else(|| Error::unsupported_type(what, given, ALLOWED))
}

async fn read_form(request: Request, limit: u64) -> Result<Given, Error> {
    let (parts, body) = request.into_parts();
    let in_query = from_query(&Query::read(parts.uri.query().unwrap_or_default())?)?;
    let body = read_body(body, limit).await?;
    let request = Request::from_parts(parts, Body::from(body));
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| broken("its `content-type` names no boundary"))?;
    let (mut file, mut metadata) = (None, None);
    while let Some(field) = form.next_field().await.map_err(|_| broken(TORN))? {
        let given = field.content_type().unwrap_or_default().to_owned();
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(|_| broken(TORN))?;
        match name.as_str() {
            "image" | "font" if file.is_some() => return Err(broken("it has more than one file")),
            "image" | "font" => {
                let declared = declared(&format!("`content-type` of the part `{name}`"), &given)?;
                file = Some((declared, bytes));
            }
            "metadata" if metadata.is_some() => return Err(broken("it has more than one part `metadata`")),
            "metadata" => metadata = Some(read_metadata(&bytes)?),
            _ => return Err(broken(&format!("it has a part `{}`; allowed: {PARTS}", shown(&name)))),
        }
    }
    let (declared, file) = file.ok_or_else(|| broken("the part `image` or `font` is missing"))?;
    Ok(Given { file, declared, metadata: metadata.unwrap_or_default().or(in_query) })
}

/// It may be no longer than any other JSON: reading it takes many times its length.
fn read_metadata(text: &[u8]) -> Result<Metadata, Error> {
    let what = "the part `metadata`";
    if text.len() as u64 > MAX_JSON_BYTES {
        return Err(Error::TooLarge { what, limit: MAX_JSON_BYTES });
    }
    Ok(Metadata::try_from(&read_json(what, text)?)?)
}

const PARTS: &str = "`image`, `font`, `metadata`";
const TORN: &str = "it ends too early, or its parts do not stand between its boundary";

fn broken(what: &str) -> Error {
    Error::malformed("", format!("the multipart form cannot be read: {what}"))
}

/// Metadata as query parameters; that all are known has been seen to.
fn from_query(query: &Query) -> Result<Metadata, Error> {
    let text = |name| query.value(name).map(str::to_owned);
    let mut metadata = Metadata {
        kind: query.get("kind", kind, KINDS)?,
        title: text("title").map(Some),
        tags: query.value("tags").map(|list| Some(tags(list))),
        licence: text("licence").map(Some),
        focus: query.get("focus", focus, "`x,y`")?.map(Some),
        anchors: None,
    };
    let mut anchors = BTreeMap::new();
    for (name, value) in query.iter() {
        if let Some(anchor_name) = name.strip_prefix("anchor.") {
            let anchor = parse(name, value, anchor, "`x,y,span` or `x,y,span,angle`")?;
            anchors.insert(anchor_name.to_owned(), Some(anchor));
        }
    }
    if !anchors.is_empty() {
        metadata.anchors = Some(Some(anchors));
    }
    Ok(metadata)
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
