//! Telling a CDN what to forget: paths are gathered for a moment and sent together, in the background. What it does not
//! take is sent again a few times and then given up, with an error in the log: the paths are fresh for minutes only.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::config::CdnUrl;

/// How long paths are gathered.
const GATHER: Duration = Duration::from_secs(1);
/// Most paths of one call.
const MOST_PATHS: usize = 1000;
/// Paths that may wait to be gathered; whoever purges more waits.
const WAITING: usize = 10_000;
/// Longest one call may take.
const CALL: Duration = Duration::from_secs(10);
/// Attempts at one call, and the pause after the first; it doubles.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// The CDN in front of this deployment, if there is one.
#[derive(Debug, Default)]
pub struct Cdn(Mutex<Option<Batches>>);

#[derive(Debug)]
struct Batches {
    paths: mpsc::Sender<String>,
    sending: JoinHandle<()>,
}

/// What a webhook is sent.
#[derive(Serialize)]
struct Body<'a> {
    paths: &'a [String],
}

/// A client of whatever a webhook speaks, HTTP or HTTPS.
type Client = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A call that was not taken. The URL may hold a token: it is not told.
#[derive(Debug, thiserror::Error)]
enum CdnError {
    #[error("no answer within {} s", CALL.as_secs())]
    Slow,
    #[error("it answered {0}")]
    Refused(StatusCode),
    #[error(transparent)]
    Client(#[from] hyper_util::client::legacy::Error),
    #[error(transparent)]
    Request(#[from] axum::http::Error),
    #[error("no certificates: {0}")]
    Certificates(#[from] std::io::Error),
}

impl Cdn {
    /// Starts sending to the CDN that the configuration names.
    pub fn start(url: &CdnUrl) -> Self {
        let CdnUrl::Webhook(url) = url else { return Self::default() };
        let (paths, gathered) = mpsc::channel(WAITING);
        let sending = tokio::spawn(send_all(gathered, url.clone()));
        Self(Mutex::new(Some(Batches { paths, sending })))
    }

    /// Has these paths forgotten, soon.
    pub async fn invalidate(&self, paths: impl IntoIterator<Item = String>) {
        let Some(sender) = self.batches().as_ref().map(|batches| batches.paths.clone()) else { return };
        for path in paths {
            if sender.send(path).await.is_err() {
                tracing::error!("the CDN is not told any more: the task that does has ended");
            }
        }
    }

    /// Sends what was gathered, and ends.
    pub async fn finish(&self) {
        let Some(Batches { paths, sending }) = self.batches().take() else { return };
        drop(paths);
        if let Err(error) = sending.await {
            tracing::error!(%error, "the last paths were not sent to the CDN");
        }
    }

    fn batches(&self) -> MutexGuard<'_, Option<Batches>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn send_all(mut paths: mpsc::Receiver<String>, url: String) {
    let client = match client() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "the CDN cannot be told anything"),
    };
    while let Some(first) = paths.recv().await {
        let batch = gather(first, &mut paths).await;
        send(&client, &url, &batch).await;
    }
}

/// The first path and those that come soon after it, each once.
async fn gather(first: String, paths: &mut mpsc::Receiver<String>) -> Vec<String> {
    let (until, mut batch) = (Instant::now() + GATHER, vec![first]);
    while batch.len() < MOST_PATHS {
        match timeout_at(until, paths.recv()).await {
            Ok(Some(path)) => batch.push(path),
            Ok(None) | Err(_) => break,
        }
    }
    batch.sort();
    batch.dedup();
    batch
}

async fn send(client: &Client, url: &str, paths: &[String]) {
    let mut pause = PAUSE;
    for attempt in 1..=ATTEMPTS {
        match post(client, url, paths).await {
            Ok(()) => return,
            Err(error) if attempt == ATTEMPTS => {
                tracing::error!(%error, paths = paths.len(), "the CDN was not told what to forget");
            }
            Err(error) => {
                tracing::warn!(%error, attempt, "the CDN did not take what to forget; again soon");
                sleep(pause).await;
                pause *= 2;
            }
        }
    }
}

fn client() -> Result<Client, CdnError> {
    let connector = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
    Ok(hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector))
}

async fn post(client: &Client, url: &str, paths: &[String]) -> Result<(), CdnError> {
    let body = serde_json::to_vec(&Body { paths }).expect("paths are plain data");
    let request =
        Request::post(url).header(header::CONTENT_TYPE, "application/json").body(Full::from(body))?;
    let answer = timeout(CALL, client.request(request)).await.map_err(|_| CdnError::Slow)??;
    if answer.status().is_success() { Ok(()) } else { Err(CdnError::Refused(answer.status())) }
}
