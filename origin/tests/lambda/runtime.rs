//! The runtime API of Lambda, as AWS documents it: a function asks for its next event, and answers it by its id.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::support::MILLINER;

/// Longest an event may take here.
const PATIENCE: Duration = Duration::from_mins(1);

/// What came of an event.
pub type Outcome = Result<Value, Value>;

#[derive(Clone)]
struct Api(Arc<Inner>);

struct Inner {
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<(String, Value)>>,
    answers: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
}

/// A function that runs, as Lambda runs it.
pub struct Function {
    child: Child,
    events: mpsc::UnboundedSender<(String, Value)>,
    api: Api,
    next: AtomicU64,
    log: NamedTempFile,
}

impl Function {
    /// Starts the program without a word, with these settings beside what Lambda sets.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let (events, received) = mpsc::unbounded_channel();
        let api = Api(Arc::new(Inner { events: received.into(), answers: Mutex::default() }));
        let address = serve(api.clone()).await;
        let mut command = Command::new(MILLINER);
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "milliner")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
            .env("AWS_ACCESS_KEY_ID", "tests")
            .env("AWS_SECRET_ACCESS_KEY", "secret-of-tests")
            .env("AWS_REGION", "eu-west-1")
            .envs(settings.iter().copied());
        let log = NamedTempFile::new().unwrap();
        let child = command.stdout(Stdio::null()).stderr(log.reopen().unwrap()).spawn().unwrap();
        Self { child, events, api, next: AtomicU64::new(1), log }
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// Has an event answered.
    pub async fn invoke(&self, event: Value) -> Outcome {
        let id = format!("event-{}", self.next.fetch_add(1, Ordering::Relaxed));
        let (answer, answered) = oneshot::channel();
        self.api.0.answers.lock().unwrap().insert(id.clone(), answer);
        self.events.send((id, event)).unwrap();
        timeout(PATIENCE, answered).await.expect("it is answered in time").unwrap()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

async fn serve(api: Api) -> SocketAddr {
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(respond))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(fail))
        .layer(DefaultBodyLimit::max(6 << 20))
        .with_state(api);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn next(State(api): State<Api>) -> Response {
    let Some((id, event)) = api.0.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let mut headers = HeaderMap::new();
    headers.insert("lambda-runtime-aws-request-id", id.parse().unwrap());
    headers.insert("lambda-runtime-deadline-ms", "9999999999999".parse().unwrap());
    headers.insert(
        "lambda-runtime-invoked-function-arn",
        "arn:aws:lambda:eu-west-1:123456789012:function:milliner".parse().unwrap(),
    );
    headers.insert(
        "lambda-runtime-trace-id",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0".parse().unwrap(),
    );
    (headers, Json(event)).into_response()
}

async fn respond(State(api): State<Api>, Path(id): Path<String>, answer: Bytes) -> StatusCode {
    settle(&api, &id, Ok(serde_json::from_slice(&answer).unwrap()))
}

async fn fail(State(api): State<Api>, Path(id): Path<String>, error: Bytes) -> StatusCode {
    settle(&api, &id, Err(serde_json::from_slice(&error).unwrap()))
}

fn settle(api: &Api, id: &str, outcome: Outcome) -> StatusCode {
    match api.0.answers.lock().unwrap().remove(id) {
        Some(answer) => {
            // Whoever asked may have given up.
            let _ = answer.send(outcome);
            StatusCode::ACCEPTED
        }
        None => StatusCode::BAD_REQUEST,
    }
}
