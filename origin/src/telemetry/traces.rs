//! Traces: what a request spent its time on that was not answered from memory, sent to an OpenTelemetry collector (OTLP
//! over HTTP, protobuf). A caller's trace goes on here (`traceparent`, W3C Trace Context).
//!
//! Spans are `tracing`'s, with a target of their own: without a collector they cost a look at a static.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full, Limited};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, Tracer};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::Route;
use crate::client::{Client, client};
use crate::config::TraceConfig;

/// The target of spans that are sent.
pub const TRACE: &str = "trace";
/// What a trace travels in.
const TRACEPARENT: &str = "traceparent";
/// Longest a batch may take to be sent.
const EXPORT: Duration = Duration::from_secs(10);
/// Longest answer of a collector that is read.
const LONGEST_ANSWER: usize = 64 << 10;

/// A span of this process: `stage!("draw")`.
macro_rules! stage {
    ($name:literal) => {
        tracing::info_span!(target: $crate::telemetry::TRACE, $name)
    };
}

pub(crate) use stage;

/// Sends spans until it is dropped, and what is left then.
#[derive(Debug, Default)]
pub struct Traces(Option<SdkTracerProvider>);

/// Spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error("MILLINER_OTLP: {0}")]
    Exporter(#[from] ExporterBuildError),
    #[error("MILLINER_OTLP: no certificates: {0}")]
    Certificates(#[from] std::io::Error),
}

impl Traces {
    /// Starts sending to the collector that the configuration names. Within a runtime: sending is its work.
    pub fn start(config: &TraceConfig) -> Result<Self, TraceError> {
        let Some(url) = &config.collector else { return Ok(Self(None)) };
        let collector = Collector { client: client()?, runtime: Handle::current() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", url.trim_end_matches('/')))
            .with_timeout(EXPORT)
            .build()?;
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample)));
        let resource = Resource::builder().with_service_name("milliner").build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Self(Some(provider)))
    }

    /// What makes spans of `tracing`'s; `None`: nobody wants any.
    pub fn tracer(&self) -> Option<Tracer> {
        Some(self.0.as_ref()?.tracer("milliner"))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown_with_timeout(EXPORT)
        {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// The span of a request, a child of its caller's if there is one. Disabled where nobody wants it.
pub fn request_span(request: &Request, route: Route, id: &str) -> Span {
    let (method, path) = (request.method(), request.uri().path());
    let span = tracing::info_span!(
        target: TRACE,
        "request",
        otel.name = format_args!("{method} {}", route.template()),
        otel.kind = "server",
        http.request.method = %method,
        url.path = path,
        http.route = route.template(),
        http.response.status_code = Empty,
        request.id = id,
        cache.status = Empty,
        otel.status_code = Empty,
    );
    if !span.is_disabled() {
        let caller = TraceContextPropagator::new().extract(&HeaderExtractor(request.headers()));
        // A span that is not recorded has no parent either.
        let _ = span.set_parent(caller);
    }
    span
}

/// The span of a job, a part of the trace of whoever ordered it.
pub fn job_span(trace: Option<&str>) -> Span {
    let span = stage!("job");
    if let Some(trace) = trace.filter(|_| !span.is_disabled()) {
        let carrier = HashMap::from([(TRACEPARENT.to_owned(), trace.to_owned())]);
        // As above.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
    }
    span
}

/// Where we are in a trace, for whoever goes on with it elsewhere; `None`: nobody traces.
pub fn traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Where batches go. The exporter works on a thread of its own, and the client needs a runtime.
#[derive(Clone)]
struct Collector {
    client: Client,
    runtime: Handle,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

impl HttpClient for Collector {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: axum::http::Request<Bytes>,
    ) -> BoxFuture<'b, Result<axum::http::Response<Bytes>, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        let client = self.client.clone();
        let send = self.runtime.spawn(async move {
            let answer = timeout(EXPORT, client.request(request.map(Full::from))).await??;
            let (parts, body) = answer.into_parts();
            let body = timeout(EXPORT, Limited::new(body, LONGEST_ANSWER).collect()).await??;
            Ok(axum::http::Response::from_parts(parts, body.to_bytes()))
        });
        Box::pin(async move { send.await? })
    }
}
