//! Every route, and the headers that all answers carry.

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use tower_http::services::ServeDir;
use tower_http::trace::TraceLayer;

use super::studio::{Asked, asked};
use super::{App, document};
use crate::boot::{Boot, Notice};
use crate::pages::alone::Missing;
use crate::studio::{share, words};

/// A page is checked before it is used again: it names files that change with every build.
const PAGE: HeaderValue = HeaderValue::from_static("no-cache");
/// A file whose name is its content.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The whole server.
pub fn router(app: App) -> Router {
    let files = ServeDir::new(&app.site.assets).precompressed_br().precompressed_gzip();
    let pages = Router::new()
        .route("/", get(studio))
        .route("/studio", get(studio))
        .fallback(missing)
        .layer(CompressionLayer::new());
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .nest_service("/assets", tower::ServiceBuilder::new().layer(middleware::from_fn(forever)).service(files))
        .merge(pages)
        .layer(middleware::from_fn_with_state(app.clone(), guarded))
        .layer(TraceLayer::new_for_http())
        .with_state(app)
}

async fn studio(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let Some(current) = app.catalogue.current().await else {
        return alone(&app, StatusCode::SERVICE_UNAVAILABLE, Missing::Origin);
    };
    let (status, recipe, selected, notice) = match asked(&current.catalogue, &query) {
        Asked::Table { recipe, selected } => (StatusCode::OK, recipe, selected, None),
        Asked::Wrong { recipe, selected, notice } => (StatusCode::BAD_REQUEST, recipe, selected, Some(notice)),
        Asked::Moved { recipe, selected } => {
            let address = selected.map_or_else(|| share::studio_path(&recipe), |layer| share::layer_path(&recipe, layer));
            return Redirect::to(&address).into_response();
        }
        Asked::Nothing => return alone(&app, StatusCode::SERVICE_UNAVAILABLE, Missing::Catalogue),
    };
    let closed = || Notice::calm("The origin does not answer, so the shelves may be a little old. What was rendered before is still served.");
    let boot = Boot {
        catalogue: (*current.catalogue).clone(),
        delivery: app.config.delivery.clone(),
        recipe: recipe.to_path(),
        selected,
        notice: notice.or_else(|| (!current.reachable).then(closed)),
    };
    let caption = words::caption(&recipe, &current.catalogue);
    let picture = share::picture_url(&app.config.delivery, &recipe);
    match document::studio(&app.site.manifest, boot, &caption, &picture) {
        Ok(html) => page(status, html),
        Err(error) => {
            tracing::error!(%error, "the page's facts do not serialise");
            alone(&app, StatusCode::INTERNAL_SERVER_ERROR, Missing::Origin)
        }
    }
}

async fn missing(State(app): State<App>) -> Response {
    alone(&app, StatusCode::NOT_FOUND, Missing::Page)
}

fn alone(app: &App, status: StatusCode, missing: Missing) -> Response {
    page(status, document::alone(&app.site.manifest, &app.config.delivery, missing))
}

fn page(status: StatusCode, html: String) -> Response {
    (status, [(header::CACHE_CONTROL, PAGE)], Html(html)).into_response()
}

async fn forever(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status().is_success() {
        response.headers_mut().insert(header::CACHE_CONTROL, FOREVER);
    }
    response
}

/// What a page may load and who may frame it. Styles in attributes are geometry only: positions on the picture.
async fn guarded(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let delivery = app.config.delivery_origin();
    let policy = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; style-src-attr 'unsafe-inline'; \
         img-src 'self' blob: {delivery}; font-src 'self'; connect-src 'self' {delivery}; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    let fixed: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, &policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
