//! What the process says about itself: the log, and numbers in Prometheus' text format.

mod metrics;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogConfig;

pub use metrics::{Gauge, JobEnd, Metrics, Route};

/// Starts logging to standard error.
pub fn init_log(config: &LogConfig) {
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if config.json {
        builder.json().init();
    } else {
        // Colours are for people: a log in a file has none.
        builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).init();
    }
}
