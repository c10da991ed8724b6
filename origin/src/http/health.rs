//! Health and numbers: alive, ready, metrics. The public listener says yes or no; the admin listener says why.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::app::App;
use crate::breaker::BreakerState;
use crate::config::QueueUrl;
use crate::fleet::Fleet;
use crate::queue::{Depth, QueueError};
use crate::store::Store;

/// Longest the queue may take to say how much waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long what the store said holds.
const FRESH: Duration = Duration::from_secs(1);

/// What the store said last. Everybody may ask for `/readyz`, and a look at the store is a write or a call that costs: so
/// one looks, at most once a second, and whoever comes meanwhile waits for what that one sees.
#[derive(Debug, Default)]
pub struct StoreHealth(Mutex<Option<(Instant, Result<(), String>)>>);

impl StoreHealth {
    async fn check(&self, store: &Store) -> Result<(), String> {
        let mut last = self.0.lock().await;
        if let Some((at, said)) = &*last
            && at.elapsed() < FRESH
        {
            return said.clone();
        }
        let said = store.check().await.map_err(|error| error.to_string());
        *last = Some((Instant::now(), said.clone()));
        said
    }
}

/// Readiness with the state of each dependency.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    draining: bool,
    store: String,
    /// Nothing waits for it: without links the store is asked.
    links: String,
    /// Nothing waits for it either: without it servers render themselves. Absent: it is this process's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
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
    if !app.is_draining() && app.store_health.check(&app.store).await.is_ok() {
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
    let (store, links, queue) =
        futures::join!(app.store_health.check(&app.store), app.links.check(), depth(app));
    let queue = (app.config.queue != QueueUrl::Memory).then_some(queue);
    let draining = app.is_draining();
    Readiness {
        ready: store.is_ok() && !draining,
        draining,
        store: store.map_or_else(|error| error, |()| "ok".to_owned()),
        links: links.map_or_else(|error| error.to_string(), |()| "ok".to_owned()),
        queue: queue.map(|depth| depth.map_or_else(|error| error.to_string(), |_| "ok".to_owned())),
        composites: app.links.count(),
        assets: app.catalogue.snapshot().records.len(),
    }
}

/// What waits in the queue.
async fn depth(app: &App) -> Result<Depth, QueueError> {
    let late = |_| Err(QueueError::Unavailable { source: "no answer in time".into() });
    timeout(PATIENCE, app.queue.depth()).await.unwrap_or_else(late)
}

/// Memory that the process has, where the system tells.
fn resident_bytes() -> Option<f64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as f64)
}

/// `GET /metrics`: Prometheus' text format.
pub async fn metrics(State(app): State<App>) -> Response {
    let load = app.renderer.load();
    let is_open = |breaker| f64::from(u8::from(breaker == BreakerState::Open));
    let redis = app.fleet.as_ref().map_or(BreakerState::Closed, Fleet::breaker);
    let mut gauges = vec![
        ("milliner_redis_breaker_open", "Is Redis not asked for the moment", is_open(redis)),
        (
            "milliner_store_breaker_open",
            "Is the store not asked for the moment",
            is_open(app.store.breaker()),
        ),
        ("milliner_queue_breaker_open", "Is nothing ordered for the moment", is_open(app.orders.breaker())),
        ("milliner_render_memory_bytes", "Memory that running renders may use", load.memory_bytes as f64),
        ("milliner_flights", "Composites being fetched or rendered", app.flights.in_air() as f64),
        ("milliner_composite_cache_bytes", "Finished composites in memory", app.hot.weight() as f64),
        ("milliner_assets", "Assets in the catalogue", app.catalogue.snapshot().records.len() as f64),
        ("milliner_catalogue_generation", "Changes of the catalogue", app.catalogue.generation() as f64),
    ];
    if let Some(composites) = app.links.count() {
        gauges.push(("milliner_links", "Composites on record", composites as f64));
    }
    if let Ok(depth) = depth(&app).await {
        gauges.push(("milliner_queue_waiting", "Jobs that the queue has for somebody", depth.waiting as f64));
        gauges.push(("milliner_queue_lent", "Jobs that somebody works on", depth.lent as f64));
    }
    if let Some(bytes) = resident_bytes() {
        gauges.push(("milliner_resident_bytes", "Memory that the process has", bytes));
    }
    let text = app.metrics.expose(&gauges);
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}
