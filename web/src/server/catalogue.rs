//! The origin's catalogue, kept for a moment and revalidated by its `ETag`. When the origin does not answer, the last
//! one known is good enough to show shelves from.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use compositor::Catalogue;
use reqwest::{Client, StatusCode, header};
use tokio::sync::Mutex;

/// A catalogue this young is not asked about again.
const FRESH: Duration = Duration::from_secs(3);
/// A page waits no longer for the origin than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where catalogues come from.
pub struct CatalogueSource {
    client: Client,
    url: String,
    last: RwLock<Option<Known>>,
    /// One question at a time; the others wait for its answer.
    asking: Mutex<()>,
}

#[derive(Clone)]
struct Known {
    catalogue: Arc<Catalogue>,
    etag: Option<header::HeaderValue>,
    asked: Instant,
    reachable: bool,
}

/// A catalogue, and whether the origin stands behind it at this moment.
#[derive(Clone)]
pub struct Current {
    pub catalogue: Arc<Catalogue>,
    pub reachable: bool,
}

impl CatalogueSource {
    pub fn new(origin: &str) -> Result<Self, reqwest::Error> {
        let client = Client::builder().timeout(PATIENCE).no_proxy().build()?;
        let url = format!("{origin}/v1/catalogue");
        Ok(CatalogueSource { client, url, last: RwLock::new(None), asking: Mutex::new(()) })
    }

    /// The catalogue, or nothing where the origin never answered.
    pub async fn current(&self) -> Option<Current> {
        if let Some(known) = self.fresh() {
            return Some(known.into());
        }
        let _one = self.asking.lock().await;
        if let Some(known) = self.fresh() {
            return Some(known.into());
        }
        let before = self.known();
        let now = match self.ask(before.as_ref()).await {
            Ok(now) => now,
            Err(error) => {
                tracing::warn!(%error, "the origin does not give its catalogue");
                Known { reachable: false, asked: Instant::now(), ..before? }
            }
        };
        *self.last.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(now.clone());
        Some(now.into())
    }

    fn known(&self) -> Option<Known> {
        self.last.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn fresh(&self) -> Option<Known> {
        self.known().filter(|known| known.asked.elapsed() < FRESH)
    }

    async fn ask(&self, before: Option<&Known>) -> Result<Known, AskError> {
        let mut request = self.client.get(&self.url);
        if let Some(etag) = before.and_then(|known| known.etag.clone()) {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let response = request.send().await?;
        let known = |catalogue, etag| Known { catalogue, etag, asked: Instant::now(), reachable: true };
        match (response.status(), before) {
            (StatusCode::OK, _) => {
                let etag = response.headers().get(header::ETAG).cloned();
                let catalogue = serde_json::from_slice(&response.bytes().await?)?;
                Ok(known(Arc::new(catalogue), etag))
            }
            (StatusCode::NOT_MODIFIED, Some(before)) => {
                Ok(known(before.catalogue.clone(), before.etag.clone()))
            }
            (status, _) => Err(AskError::Status(status)),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("its catalogue does not read: {0}")]
    Body(#[from] serde_json::Error),
    #[error("it answers {0}")]
    Status(StatusCode),
}

impl From<Known> for Current {
    fn from(known: Known) -> Self {
        Current { catalogue: known.catalogue, reachable: known.reachable }
    }
}
