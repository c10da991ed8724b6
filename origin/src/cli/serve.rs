//! `milliner serve`

use std::process::ExitCode;

use super::Failure;
use crate::app::App;
use crate::config::Config;
use crate::serve::{Listeners, serve};

/// Opens, binds, says what it bound, serves, drains.
pub async fn run(config: Config) -> Result<ExitCode, Failure> {
    let store = config.store.clone();
    let app = App::open(config).await?;
    let listeners = Listeners::bind(&app).await?;
    let listen = listeners.public.local_addr()?;
    let admin = listeners.admin.as_ref().map(tokio::net::TcpListener::local_addr).transpose()?;
    tracing::info!(%listen, admin = admin.map(tracing::field::display), ?store, keys = %app.config.access.keys,
        signing_required = app.config.access.signing.is_required(), assets = app.catalogue.snapshot().records.len(), "serving");
    serve(app, listeners).await?;
    Ok(ExitCode::SUCCESS)
}
