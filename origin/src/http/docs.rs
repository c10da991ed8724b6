//! The API's description: `/openapi.json`, made from the handlers, and `/docs`, a page made from that. The page is one
//! file without scripts.

mod page;

use axum::Extension;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, Response as OpenApiResponse, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::cache_policy::CachePolicy;
use super::schema::{BinarySchema, CompositeKeySchema, FormatSchema, JobView, ProblemSchema};
use crate::keys::Scope;

/// What the handlers do not say themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Milliner",
        description = "Puts overlay images onto base images and delivers the result. A picture is named by a \
                       path, `/c/{base}/{layer}….{format}`; the API manages what those paths can name.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(deliver_recipe, deliver_key),
    components(schemas(ProblemSchema)),
    modifiers(&KeyScheme),
    security((), ("key" = [])),
    tags(
        (name = "Delivery", description = "Pictures, by recipe and by key"),
        (name = "Catalogue", description = "What recipes are resolved with"),
        (name = "Assets", description = "Bases, overlays and fonts"),
        (name = "Composites", description = "Finished pictures"),
        (name = "Jobs", description = "Pictures rendered ahead of their callers"),
        (name = "Signatures", description = "URLs that cannot be made up"),
    ),
)]
pub struct Description;

struct KeyScheme;

impl Modify for KeyScheme {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
            "x-api-key",
            "Made with `milliner keys create`; needed where the server says so. Scopes: read, write, render, sign.",
        )));
        components.add_security_scheme("key", key);
    }
}

/// Says of every operation which scope its key must have.
pub fn name_scope(openapi: &mut utoipa::openapi::OpenApi, scope: Scope) {
    for operation in operations(openapi) {
        let key = SecurityRequirement::new("key", [scope.to_string()]);
        operation.security = Some(vec![SecurityRequirement::default(), key]);
        for (status, description) in REFUSED_KEYS {
            let response = problem(description);
            operation.responses.responses.entry((*status).to_owned()).or_insert(response.into());
        }
    }
}

/// What every call that may need a key can answer.
const REFUSED_KEYS: &[(&str, &str)] = &[
    ("401", "The API key is missing or not valid"),
    ("403", "The API key does not allow this, or is for another environment"),
];

/// Says of every operation that its caller may have made too many calls.
pub fn name_rates(openapi: &mut utoipa::openapi::OpenApi) {
    for operation in operations(openapi) {
        let response = problem("The address or the API key has made too many calls; `Retry-After` says when");
        operation.responses.responses.entry("429".to_owned()).or_insert(response.into());
    }
}

/// Says of every operation that a part of the service may be away, such as the store that has the keys.
pub fn name_outages(openapi: &mut utoipa::openapi::OpenApi) {
    for operation in operations(openapi) {
        let response =
            problem("A part of the service is not reachable, or takes too long; `Retry-After` says when");
        operation.responses.responses.entry("503".to_owned()).or_insert(response.into());
    }
}

fn operations(openapi: &mut utoipa::openapi::OpenApi) -> impl Iterator<Item = &mut Operation> {
    openapi.paths.paths.values_mut().flat_map(|item| {
        [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete]
            .into_iter()
            .flatten()
    })
}

fn problem(description: &str) -> OpenApiResponse {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

/// Deliver a composite by recipe
///
/// `If-None-Match` with the current key is answered 304 without any work. `Content-Location` is the canonical path. `auto`
/// gives AVIF and WebP to clients whose `Accept` names them.
#[utoipa::path(get, path = "/c/{recipe}", operation_id = "deliverByRecipe", tag = "Delivery", security(()),
    params(
        ("recipe" = String, Path, description = "`{base}/{layer}….{format}`. Its slashes stay as they are: a client that \
            encodes them renders with `POST /v1/composites`, and delivers by key.",
            pattern = r"^.+\.(auto|png|jpg|webp|avif)$", example = "tabby;w=800.png"),
        ("k" = Option<String>, Query, description = "id of the signing key", pattern = "^[A-Za-z0-9_-]{1,128}$"),
        ("e" = Option<u64>, Query, description = "expiry, Unix seconds"),
        ("s" = Option<String>, Query, description = "signature", pattern = "^[A-Za-z0-9_-]{1,128}$"),
        ("if-none-match" = Option<String>, Header, description = "Only if this is no longer the `ETag`; else 304"),
    ),
    responses(
        (status = 200, description = "The picture", content(
            (BinarySchema = "image/png"), (BinarySchema = "image/jpeg"), (BinarySchema = "image/webp"), (BinarySchema = "image/avif"))),
        (status = 202, description = "It is being rendered elsewhere; `Location` is the job, `Retry-After` says when to ask again", body = JobView),
        (status = 304, description = "`If-None-Match` names it"),
        (status = 400, description = "The recipe is not valid", body = ProblemSchema),
        (status = 403, description = "The signature is not valid", body = ProblemSchema),
        (status = 404, description = "The recipe names an asset that is not there", body = ProblemSchema),
        (status = 406, description = "`Accept` refuses every format of an `auto` recipe", body = ProblemSchema),
        (status = 422, description = "An asset or the picture is over a limit", body = ProblemSchema),
        (status = 503, description = "Too many renders are waiting; `Retry-After` says when", body = ProblemSchema),
    ))]
#[expect(
    dead_code,
    reason = "describes deliver::by_recipe, whose route is a wildcard that OpenAPI cannot write"
)]
fn deliver_recipe() {}

/// Deliver a composite by key
#[utoipa::path(get, path = "/i/{key}.{ext}", operation_id = "deliverByKey", tag = "Delivery", security(()),
    params(
        ("key" = CompositeKeySchema, Path, description = "40 hex digits: the `ETag` of the composite"),
        ("ext" = FormatSchema, Path, description = "png, jpg, webp or avif"),
        ("k" = Option<String>, Query, description = "id of the signing key", pattern = "^[A-Za-z0-9_-]{1,128}$"),
        ("e" = Option<u64>, Query, description = "expiry, Unix seconds"),
        ("s" = Option<String>, Query, description = "signature", pattern = "^[A-Za-z0-9_-]{1,128}$"),
        ("if-none-match" = Option<String>, Header, description = "Only if this is no longer the `ETag`; else 304"),
    ),
    responses(
        (status = 200, description = "The picture; it never changes", content(
            (BinarySchema = "image/png"), (BinarySchema = "image/jpeg"), (BinarySchema = "image/webp"), (BinarySchema = "image/avif"))),
        (status = 304, description = "`If-None-Match` names it"),
        (status = 400, description = "The key, the format or the query is not valid", body = ProblemSchema),
        (status = 403, description = "The signature is not valid", body = ProblemSchema),
        (status = 404, description = "No composite with this key has been rendered", body = ProblemSchema),
        (status = 422, description = "It is rendered anew, and an asset or the picture is over a limit by now", body = ProblemSchema),
    ))]
#[expect(dead_code, reason = "describes deliver::by_key, whose route takes key and extension as one segment")]
fn deliver_key() {}

/// Both documents, written once.
#[derive(Clone)]
pub struct Documents {
    json: Bytes,
    html: Bytes,
}

impl Documents {
    /// The documents of this description.
    pub fn new(openapi: &utoipa::openapi::OpenApi) -> Self {
        let mut value = serde_json::to_value(openapi).expect("a description is plain data");
        name_problems(&mut value);
        describe_families(&mut value);
        add_beyond(&mut value);
        let json = serde_json::to_vec_pretty(&value).expect("a description is plain data").into();
        Self { json, html: page::render(&value).into() }
    }
}

/// `anchor.{name}` is a parameter for each anchor. `OpenAPI` writes that as one object whose fields are parameters.
fn describe_families(openapi: &mut Value) {
    let parameters =
        described(openapi).filter_map(|operation| operation.get_mut("parameters")?.as_array_mut());
    for parameter in parameters.flatten() {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        let Some((prefix, _)) = name.split_once(".{") else { continue };
        let (prefix, value) = (prefix.to_owned(), parameter["schema"].take());
        parameter["schema"] = json!({
            "type": "object",
            "propertyNames": {"pattern": format!("^{prefix}\\.[a-z][a-z0-9-]{{0,31}}$")},
            "additionalProperties": value,
        });
        parameter["name"] = prefix.into();
        parameter["style"] = "form".into();
        parameter["explode"] = true.into();
    }
}

fn described(openapi: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = openapi.pointer_mut("/paths").and_then(Value::as_object_mut);
    let items = paths.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut);
    items.flat_map(Map::values_mut)
}

/// What the attributes of the handlers and shapes cannot say: fields that exclude each other, values of many shapes.
const BEYOND: &str = include_str!("docs/beyond.json");

/// Adds that, wherever it belongs.
fn add_beyond(openapi: &mut Value) {
    let beyond = serde_json::from_str(BEYOND).expect("it is our own, and every start reads it");
    merge(openapi, beyond);
}

/// A merge patch (RFC 7396).
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                match value {
                    Value::Null => drop(into.remove(&name)),
                    value => merge(into.entry(name).or_insert(Value::Null), value),
                }
            }
        }
        (into, from) => *into = from,
    }
}

/// Errors are `application/problem+json`, which the attributes of the handlers would have to repeat on every line.
fn name_problems(openapi: &mut Value) {
    let responses =
        described(openapi).filter_map(|operation| operation.get_mut("responses")?.as_object_mut());
    for (status, response) in responses.flatten() {
        let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) else { continue };
        if status.starts_with(['4', '5'])
            && let Some(body) = content.remove("application/json")
        {
            content.insert("application/problem+json".to_owned(), body);
        }
    }
}

/// `GET /openapi.json`
pub async fn openapi(Extension(documents): Extension<Documents>) -> Response {
    document("application/json", documents.json)
}

/// `GET /docs`
pub async fn page(Extension(documents): Extension<Documents>) -> Response {
    let mut response = document("text/html; charset=utf-8", documents.html);
    let policy =
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn document(content_type: &'static str, bytes: Bytes) -> Response {
    (
        Extension(CachePolicy::Revalidate),
        [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))],
        bytes,
    )
        .into_response()
}
