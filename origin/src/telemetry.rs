//! What the process says about itself: the log, numbers in Prometheus' text format, and traces.

mod metrics;
mod route;
mod stages;
mod traces;

use std::io::IsTerminal;

use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::config::{LogConfig, TraceConfig};

pub use metrics::{Gauge, JobEnd, Metrics};
pub use route::Route;
pub use stages::{Stage, Times};
pub(crate) use traces::stage;
pub use traces::{TRACE, TraceError, Traces, job_span, request_span, traceparent};

/// Starts logging to standard error, and sending spans. Within a runtime.
pub fn start(log: &LogConfig, traces: &TraceConfig) -> Result<Traces, TraceError> {
    let traces = Traces::start(traces)?;
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = filter.and(filter_fn(|it| it.target() != TRACE));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = if log.json {
        lines.json().with_filter(filter).boxed()
    } else {
        // Colours are for people: a log in a file has none.
        lines.with_target(false).with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed()
    };
    let spans = traces.tracer().map(|tracer| {
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        layer.with_filter(filter_fn(|it| it.target() == TRACE))
    });
    registry().with(lines).with(spans).init();
    Ok(traces)
}
