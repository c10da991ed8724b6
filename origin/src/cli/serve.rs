//! `milliner serve` and `milliner work`

use std::process::ExitCode;

use super::Failure;
use crate::app::App;
use crate::config::{Config, QueueUrl};
use crate::lambda;
use crate::serve::{Listeners, Role, serve};

/// Opens, binds, says what it bound, serves or works, drains.
pub async fn run(config: Config, role: Role) -> Result<ExitCode, Failure> {
    let store = config.store.clone();
    let app = App::open(config).await?;
    if lambda::is_here() {
        tracing::info!(?store, keys = %app.config.access.keys, "serving the events of Lambda");
        lambda::run(app).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let listeners = Listeners::bind(&app, role).await?;
    let listen = listeners.public.as_ref().map(tokio::net::TcpListener::local_addr).transpose()?;
    let admin = listeners.admin.as_ref().map(tokio::net::TcpListener::local_addr).transpose()?;
    let queue = &app.config.queue;
    if role == Role::Work && *queue == QueueUrl::Memory {
        return Err("MILLINER_QUEUE: memory: is this process's own, and nobody puts work into it; \
                    give the queue that `milliner serve` has (sqs:…)"
            .into());
    }
    let (listen, admin) = (listen.map(tracing::field::display), admin.map(tracing::field::display));
    let (keys, assets) = (&app.config.access.keys, app.catalogue.snapshot().records.len());
    let signing_required = app.config.access.signing.is_required();
    match role {
        Role::Serve => tracing::info!(listen, admin, ?store, %keys, signing_required, assets, "serving"),
        Role::Work => tracing::info!(admin, ?store, ?queue, assets, "working"),
    }
    serve(app, listeners).await?;
    Ok(ExitCode::SUCCESS)
}
