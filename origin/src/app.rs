//! The parts of a running origin, put together once and cheap to clone.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use compositor::{CompositeKey, Keyring};
use tokio::sync::Semaphore;

use crate::catalogue::LiveCatalogue;
use crate::cdn::Cdn;
use crate::compose::{Flights, Hot, HotCache, Orders};
use crate::config::Config;
use crate::fleet::{Fleet, FleetError};
use crate::http::{ResolvedUrls, StoreHealth};
use crate::jobs::Jobs;
use crate::keys::Keys;
use crate::links::{Links, LinksError};
use crate::queue::Queue;
use crate::rasterise::Rasteriser;
use crate::rates::Rates;
use crate::renderer::Renderer;
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;

/// A handle to the parts.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts.
pub struct Parts {
    pub config: Config,
    pub store: Store,
    pub store_health: StoreHealth,
    /// What this instance shares with others; `None`: it is alone.
    pub fleet: Option<Fleet>,
    pub links: Links,
    pub queue: Queue,
    pub catalogue: LiveCatalogue,
    pub keys: Keys,
    /// What single addresses have left.
    pub address_rates: Rates,
    pub signing: Keyring,
    pub renderer: Renderer,
    pub rasteriser: Rasteriser,
    pub hot: HotCache,
    pub flights: Flights,
    pub orders: Orders,
    pub jobs: Jobs,
    pub resolved: ResolvedUrls,
    /// Places for uploads: a body is in memory until it is decoded.
    pub uploads: Semaphore,
    pub metrics: Arc<Metrics>,
    pub cdn: Cdn,
    draining: AtomicBool,
}

/// The origin could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Links(#[from] LinksError),
    #[error("MILLINER_LINKS: {0}")]
    Fleet(#[from] FleetError),
}

impl App {
    /// Opens every back end that the configuration names.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        // Whoever speaks TLS takes this; the first one stays, and all are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Store::open(&config.store).await?;
        let fleet = config.fleet()?;
        let metrics = Arc::new(Metrics::default());
        let limits = &config.limits;
        Ok(Self(Arc::new(Parts {
            links: Links::open(fleet.as_ref(), &store)?,
            queue: Queue::open(&config.queue).await,
            catalogue: LiveCatalogue::open(store.clone(), fleet.clone()).await?,
            keys: Keys::new(store.clone(), &config.access, fleet.clone()),
            address_rates: Rates::new("address", fleet.clone()),
            signing: config.access.signing.clone(),
            renderer: Renderer::new(limits, &config.cache, store.clone(), Arc::clone(&metrics)),
            rasteriser: Rasteriser::new(&config.rasteriser, limits.svg_timeout, limits.picture.source_pixels),
            hot: HotCache::new(config.cache.composite_bytes),
            flights: Flights::default(),
            orders: Orders::default(),
            jobs: Jobs::default(),
            uploads: Semaphore::new(limits.uploads),
            resolved: ResolvedUrls::new(config.cache.resolved_urls),
            metrics,
            cdn: Cdn::start(&config.cdn),
            draining: AtomicBool::new(false),
            store,
            store_health: StoreHealth::default(),
            fleet,
            config,
        })))
    }

    /// From here on the process says that it is not ready.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Is it shutting down?
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Writes down and sends off what is only in memory.
    pub async fn flush(&self) -> Result<(), LinksError> {
        self.cdn.finish().await;
        if let Err(error) = self.settle_hits().await {
            tracing::warn!(%error, "the last deliveries are not written down");
        }
        self.links.flush()
    }

    /// Moves the hits of all composites in memory into their links. Those of one whose link cannot be reached stay for
    /// the next time.
    pub async fn settle_hits(&self) -> Result<(), LinksError> {
        for hot in self.hot.entries() {
            self.settle(&hot).await?;
        }
        Ok(())
    }

    /// The same for one composite.
    pub async fn settle_hits_of(&self, key: &CompositeKey) -> Result<(), LinksError> {
        match self.hot.get(key) {
            Some(hot) => self.settle(&hot).await,
            None => Ok(()),
        }
    }

    async fn settle(&self, hot: &Hot) -> Result<(), LinksError> {
        let hits = hot.take_hits();
        if hits == 0 {
            return Ok(());
        }
        let counted = self.links.count_hits(&hot.key, hits).await;
        if counted.is_err() {
            hot.give_back(hits);
        }
        counted
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
