//! The web server of the studio: `MILLINER_WEB_LISTEN`, `MILLINER_DELIVERY_URL`, `MILLINER_ORIGIN_URL`,
//! `MILLINER_WEB_SITE` (see `server/config.rs`).

use std::process::ExitCode;

use web::server;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_env_filter(server::log_filter()).with_writer(std::io::stderr).init();
    match server::run(|name| std::env::var(name).ok()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
