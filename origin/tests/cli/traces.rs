//! Traces as a collector receives them: the protocol's own messages, decoded.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

use crate::server::Server;
use crate::servers::moto::Moto;
use crate::servers::redis::RedisServer;
use crate::{catalogue, milliner};

type Received = Arc<Mutex<Vec<Span>>>;

/// A collector, and what it has received.
async fn collector() -> (String, Received) {
    let received = Received::default();
    let router = Router::new().route("/v1/traces", post(receive)).with_state(Arc::clone(&received));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, received)
}

async fn receive(State(received): State<Received>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let spans = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    received.lock().unwrap().extend(spans.flat_map(|scope| scope.spans));
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_miss_is_a_trace_of_its_stages_within_its_callers() {
    let (url, received) = collector().await;
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    assert!(milliner(folder.path(), &["import", "catalogue"]).status.success());
    let server = Server::start_as(folder.path(), &[], &[("MILLINER_OTLP", &url)]);
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let head = format!(
        "GET /c/cat;w=30/hat.png HTTP/1.1\r\ntraceparent: 00-{trace}-{parent}-01\r\nx-request-id: mine"
    );
    assert_eq!(server.request(&head, b"").0, 200);
    assert_eq!(server.get("/c/cat;w=30/hat.png").0, 200);
    assert_eq!(server.get("/c/cat;w=0.png").0, 400);
    let stopped = tokio::task::spawn_blocking(move || server.stop());
    stopped.await.unwrap();

    let spans = received.lock().unwrap();
    let requests: Vec<&Span> = spans.iter().filter(|span| span.kind == 2).collect();
    // One that was answered from memory is no trace.
    assert_eq!(requests.len(), 2, "{requests:#?}");
    let miss = requests.iter().find(|span| hex(&span.trace_id) == trace).expect("the caller's trace goes on");
    assert_eq!((miss.name.as_str(), hex(&miss.parent_span_id).as_str()), ("GET /c/{recipe}", parent));
    let expected = [
        ("http.response.status_code", "200"),
        ("http.route", "/c/{recipe}"),
        ("cache.status", "milliner-origin; fwd=miss; stored"),
        ("request.id", "mine"),
    ];
    for (name, value) in expected {
        assert_eq!(attribute(miss, name).as_deref(), Some(value), "{name}");
    }
    let of_miss = spans.iter().filter(|span| span.trace_id == miss.trace_id);
    let by_name: HashMap<&str, &Span> = of_miss.map(|span| (span.name.as_str(), span)).collect();
    for (stage, within) in [
        ("lease", miss.name.as_str()),
        ("object", &miss.name),
        ("render", &miss.name),
        ("fetch", "render"),
        ("draw", "render"),
        ("put", &miss.name),
        ("link", &miss.name),
    ] {
        let span = by_name.get(stage).unwrap_or_else(|| panic!("no {stage} in {:?}", by_name.keys()));
        assert_eq!(span.parent_span_id, by_name[within].span_id, "{stage}");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    let refused = requests.iter().find(|span| hex(&span.trace_id) != trace).unwrap();
    assert_eq!(attribute(refused, "http.response.status_code").as_deref(), Some("400"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_does_is_in_the_trace_of_who_ordered_it() {
    let (url, received) = collector().await;
    let (moto, redis) = (Moto::shared().await, RedisServer::start().await);
    moto.make("traces").await;
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    assert!(milliner(folder.path(), &["import", "catalogue"]).status.success());
    let queue = format!(
        "sqs://sqs.eu-west-1.amazonaws.com/123456789012/traces.fifo?endpoint=http://{}&patience=20s",
        moto.address()
    );
    let flags = ["--links", &redis.url(), "--redis-timeout", "10s", "--queue", &queue];
    let variables =
        [("MILLINER_OTLP", url.as_str()), ("AWS_ACCESS_KEY_ID", "tests"), ("AWS_SECRET_ACCESS_KEY", "tests")];
    let worker = Server::work(folder.path(), &flags, &variables);
    let serve = [&flags[..], &["--render", "queue", "--answer-within", "1m"]].concat();
    let server = Server::start_as(folder.path(), &serve, &variables);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let head = format!("GET /c/cat;w=30.png HTTP/1.1\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01");
    assert_eq!(server.request(&head, b"").0, 200);
    tokio::task::spawn_blocking(move || (server.stop(), worker.stop())).await.unwrap();

    let spans = received.lock().unwrap();
    let in_trace: HashMap<&str, &Span> = spans
        .iter()
        .filter(|span| hex(&span.trace_id) == trace)
        .map(|span| (span.name.as_str(), span))
        .collect();
    for (stage, within) in
        [("order", "GET /c/{recipe}"), ("job", "order"), ("render", "job"), ("draw", "render")]
    {
        let span = in_trace.get(stage).unwrap_or_else(|| panic!("no {stage} in {:?}", in_trace.keys()));
        assert_eq!(span.parent_span_id, in_trace[within].span_id, "{stage}");
    }
}

#[test]
fn a_collector_that_is_not_there_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    assert!(milliner(folder.path(), &["import", "catalogue"]).status.success());
    let server = Server::start_as(folder.path(), &[], &[("MILLINER_OTLP", "http://127.0.0.1:9")]);
    for width in 10..20 {
        assert_eq!(server.get(&format!("/c/cat;w={width}.png")).0, 200);
    }
    server.stop();
}
