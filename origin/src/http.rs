//! HTTP: every route is listed here, grouped by what a caller must be allowed to do.
//!
//! Handlers answer a value or an [`Error`] and name a [`CachePolicy`]; `http/finish.rs` turns both into headers and
//! problem documents for every route alike.

mod assets;
mod cache_policy;
mod catalogue;
mod client;
mod composites;
mod conditional;
mod deliver;
mod docs;
mod error;
mod extract;
mod finish;
mod health;
mod jobs;
mod purge;
mod put_asset;
mod query;
mod resolved;
mod schema;
mod sign;
mod welcome;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::keys::Scope;

pub use cache_policy::CachePolicy;
pub use client::Peer;
pub use deliver::shortcut;
pub use error::{Error, Problem};
pub use health::StoreHealth;
pub use jobs::NoStream;
pub use resolved::ResolvedUrls;

/// The public listener's routes.
pub fn build_app(app: &App) -> Router {
    finished(routes(app), app)
}

/// The same where answers have to fit something: `fit` sees each before it is finished.
pub fn build_fitted(app: &App, fit: impl FnOnce(Router<App>) -> Router<App>) -> Router {
    finished(fit(routes(app)), app)
}

fn routes(app: &App) -> Router<App> {
    let (api, mut openapi) = api(app).split_for_parts();
    docs::name_rates(&mut openapi);
    docs::name_outages(&mut openapi);
    let documents = docs::Documents::new(&openapi);
    let described = query::Described::of(&openapi);
    let api = api.route_layer(from_fn_with_state(described, query::require_described));
    // The outermost: what is refused costs, too.
    let api = api.route_layer(from_fn_with_state(app.clone(), client::limit));
    Router::new()
        .route("/", get(welcome::welcome))
        .route("/c/", get(deliver::by_recipe))
        .route("/c/{*recipe}", get(deliver::by_recipe))
        .route("/i/{key}", get(deliver::by_key))
        .merge(api)
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/openapi.json", get(docs::openapi))
        .route("/docs", get(docs::page))
        .layer(Extension(documents))
}

/// The admin listener's routes: numbers, and health with detail.
pub fn build_admin(app: &App) -> Router {
    let router = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready_in_detail))
        .route("/metrics", get(health::metrics));
    finished(router, app)
}

/// The API proper, with its description.
fn api(app: &App) -> OpenApiRouter<App> {
    let scoped = |mut routes: OpenApiRouter<App>, scope: Scope| {
        docs::name_scope(routes.get_openapi_mut(), scope);
        routes.route_layer(from_fn_with_state((app.clone(), scope), extract::require))
    };
    let open = OpenApiRouter::with_openapi(docs::Description::openapi()).routes(routes!(catalogue::manifest));
    let content = OpenApiRouter::new().routes(routes!(assets::content));
    // Where recipes need no signature, everybody can have a composite of the image alone, and previews need the image.
    let content = if app.signing.is_required() { scoped(content, Scope::Read) } else { content };
    let read = OpenApiRouter::new()
        .routes(routes!(assets::list))
        .routes(routes!(assets::get))
        .routes(routes!(composites::get))
        .routes(routes!(composites::explain));
    let write = OpenApiRouter::new()
        .routes(routes!(put_asset::put))
        .routes(routes!(assets::patch))
        .routes(routes!(assets::delete))
        .routes(routes!(purge::purge));
    let render = OpenApiRouter::new()
        .routes(routes!(composites::create))
        .routes(routes!(jobs::begin))
        .routes(routes!(jobs::get, jobs::cancel))
        .routes(routes!(jobs::events));
    let sign = OpenApiRouter::new().routes(routes!(sign::sign));
    open.merge(content)
        .merge(scoped(read, Scope::Read))
        .merge(scoped(write, Scope::Write))
        .merge(scoped(render, Scope::Render))
        .merge(scoped(sign, Scope::Sign))
}

/// What all routes share. The last layer is the outermost.
fn finished(router: Router<App>, app: &App) -> Router {
    router
        .fallback(|| async { Error::NotFound })
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .layer(from_fn(extract::refuse_odd_paths))
        .layer(from_fn_with_state(app.clone(), extract::within_time))
        .layer(CatchPanicLayer::custom(|_| Error::Panicked.into_response()))
        .layer(from_fn_with_state(app.clone(), finish::finish))
        .layer(DefaultBodyLimit::disable())
        .with_state(app.clone())
}
