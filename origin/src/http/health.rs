//! Health and numbers: alive, ready, metrics. The public listener says yes or no; the admin listener says why.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::fleet::BreakerState;

/// Readiness with the state of each dependency.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    draining: bool,
    store: String,
    /// Nothing waits for it: without links the store is asked.
    links: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    composites: Option<usize>,
    assets: usize,
}

/// `GET /healthz`: the process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: it wants traffic.
pub async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    let readiness = readiness(&app).await;
    if readiness.ready {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

/// `GET /readyz` for operators.
pub async fn ready_in_detail(State(app): State<App>) -> Response {
    let readiness = readiness(&app).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(readiness)).into_response()
}

async fn readiness(app: &App) -> Readiness {
    let (store, links) = futures::join!(app.store.check(), app.links.check());
    let draining = app.is_draining();
    Readiness {
        ready: store.is_ok() && !draining,
        draining,
        store: store.map_or_else(|error| error.to_string(), |()| "ok".to_owned()),
        links: links.map_or_else(|error| error.to_string(), |()| "ok".to_owned()),
        composites: app.links.count(),
        assets: app.catalogue.snapshot().records.len(),
    }
}

/// `GET /metrics`: Prometheus' text format.
pub async fn metrics(State(app): State<App>) -> Response {
    let load = app.renderer.load();
    let resting = app.fleet.as_ref().is_some_and(|fleet| fleet.breaker() == BreakerState::Open);
    let mut gauges = vec![
        ("milliner_redis_breaker_open", "Is Redis not asked for the moment", f64::from(u8::from(resting))),
        ("milliner_render_memory_bytes", "Memory that running renders may use", load.memory_bytes as f64),
        ("milliner_flights", "Composites being fetched or rendered", app.flights.in_air() as f64),
        ("milliner_composite_cache_bytes", "Finished composites in memory", app.hot.weight() as f64),
        ("milliner_assets", "Assets in the catalogue", app.catalogue.snapshot().records.len() as f64),
        ("milliner_catalogue_generation", "Changes of the catalogue", app.catalogue.generation() as f64),
    ];
    if let Some(composites) = app.links.count() {
        gauges.push(("milliner_links", "Composites on record", composites as f64));
    }
    let text = app.metrics.expose(&gauges);
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}
