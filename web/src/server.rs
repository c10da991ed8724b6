//! The web server: writes the studio's page for a recipe, applies forms, serves the static files. It renders no
//! pictures; those come from the delivery URL.

mod catalogue;
mod config;
mod document;
mod http;
mod site;
mod studio;

use std::sync::Arc;

use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use self::catalogue::CatalogueSource;
pub use self::config::{Config, ConfigError};
pub use self::http::router;
pub use self::site::Site;

/// What handlers share; cheap to clone.
#[derive(Clone)]
pub struct App {
    config: Arc<Config>,
    site: Arc<Site>,
    catalogue: Arc<CatalogueSource>,
}

/// Why the server did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot read the static files' {path}: {reason}; `cargo xtask build web` makes them")]
    Site { path: String, reason: String },
    #[error("cannot build the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    #[error("cannot listen on {address}: {source}")]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    #[error("the server stopped: {0}")]
    Serve(std::io::Error),
}

impl App {
    /// # Errors
    /// Static files that are not there.
    pub fn new(config: Config) -> Result<Self, ServerError> {
        let site = Arc::new(Site::load(&config.site)?);
        let catalogue = Arc::new(CatalogueSource::new(&config.origin)?);
        Ok(App { config: Arc::new(config), site, catalogue })
    }
}

/// Reads the configuration, listens, serves, and on SIGTERM or Ctrl-C finishes what is under way.
///
/// # Errors
/// A variable that makes no sense, files that are missing, an address that is taken.
pub async fn run(variable: impl Fn(&str) -> Option<String>) -> Result<(), ServerError> {
    let app = App::new(Config::read(variable)?)?;
    let address = app.config.listen;
    let listener =
        TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address, source })?;
    let bound = listener.local_addr().unwrap_or(address);
    tracing::info!(origin = %app.config.origin, delivery = %app.config.delivery, "listening on http://{bound}");
    axum::serve(listener, router(app))
        .with_graceful_shutdown(asked_to_stop())
        .await
        .map_err(ServerError::Serve)
}

/// `RUST_LOG`, or what an operator wants to see.
pub fn log_filter() -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"))
}

async fn asked_to_stop() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await; // no such signal here: wait for the other one
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending::<()>().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
    tracing::info!("stopping");
}
