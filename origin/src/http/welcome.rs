//! `GET /`: where to go from here, for somebody who followed the address in the log. HTML for browsers, JSON for others.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use compositor::{Asset, Kind};
use serde::Serialize;

use super::cache_policy::CachePolicy;
use crate::app::App;

/// What there is.
#[derive(Serialize)]
struct Welcome {
    name: &'static str,
    version: &'static str,
    docs: &'static str,
    openapi: &'static str,
    /// A picture that can be asked for; none where URLs must be signed, or nothing is in the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<String>,
}

/// `GET /`
pub async fn welcome(State(app): State<App>, headers: HeaderMap) -> Response {
    let welcome = Welcome {
        name: "Milliner",
        version: env!("CARGO_PKG_VERSION"),
        docs: "/docs",
        openapi: "/openapi.json",
        example: example(&app),
    };
    let body = if wants_html(&headers) { page(&welcome) } else { axum::Json(&welcome).into_response() };
    let vary = [(header::VARY, HeaderValue::from_static("accept"))];
    (Extension(CachePolicy::Revalidate), vary, body).into_response()
}

/// Browsers name HTML; nobody else does.
fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|range| range.split(';').next().unwrap_or_default().trim() == "text/html")
}

fn example(app: &App) -> Option<String> {
    if app.signing.is_required() {
        return None;
    }
    let snapshot = app.catalogue.snapshot();
    let first = |kind| snapshot.catalogue.assets().iter().find(|asset| asset.kind == kind);
    let layer = |overlay: &Asset| format!("/{}", overlay.id);
    let layers = first(Kind::Overlay).map(layer).unwrap_or_default();
    first(Kind::Base).map(|base| format!("/c/{};w=800{layers}.png", base.id))
}

fn page(welcome: &Welcome) -> Response {
    let example = match &welcome.example {
        Some(path) => format!("<p>A picture: <a href=\"{path}\"><code>{path}</code></a></p>"),
        None => String::new(),
    };
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\"><title>Milliner</title>\
         <h1>Milliner</h1><p>This is the origin, version {}. It composites overlay images onto base images.</p>{example}\
         <p><a href=/docs>The API to read</a>, <a href=/openapi.json>the API for machines</a></p></html>\n",
        welcome.version,
    );
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], html).into_response()
}
