//! Telling a CDN what to forget: paths are gathered for a moment and sent together, in the background. What it does not
//! take is sent again a few times and then given up, with an error in the log: the paths are fresh for minutes only.

mod cloudfront;
mod webhook;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::aws::Cause;
use crate::client::{Client, client};
use crate::config::CdnUrl;
use cloudfront::CloudFront;
use webhook::Webhook;

/// Paths that may wait to be gathered; whoever purges more waits.
const WAITING: usize = 10_000;
/// Longest one call may take.
const CALL: Duration = Duration::from_secs(10);
/// The pause after the first attempt, at most; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// What is read of an answer that is no yes.
const MOST_OF_ANSWER: usize = 8 << 10;

/// The CDN in front of this deployment, if there is one.
#[derive(Debug, Default)]
pub struct Cdn(Mutex<Option<Batches>>);

#[derive(Debug)]
struct Batches {
    paths: mpsc::Sender<String>,
    sending: JoinHandle<()>,
}

/// Who is told.
enum Recipient {
    Webhook(Webhook),
    CloudFront(CloudFront),
}

/// How paths become calls.
struct Pace {
    /// Gathering ends when nothing came for so long,
    quiet: Duration,
    /// or after so long,
    longest: Duration,
    /// or with so many paths.
    most: usize,
    /// Attempts at one call, the first included.
    attempts: u32,
}

type Call = Request<Full<Bytes>>;

/// A call that was not taken. The URL may hold a token: it is not told.
#[derive(Debug, thiserror::Error)]
enum CdnError {
    #[error("no answer within {} s", CALL.as_secs())]
    Slow,
    #[error("it answered {status}{says}")]
    Refused { status: StatusCode, says: String },
    #[error(transparent)]
    Client(#[from] hyper_util::client::legacy::Error),
    #[error(transparent)]
    Request(#[from] axum::http::Error),
    #[error("no certificates: {0}")]
    Certificates(#[from] std::io::Error),
    #[error("no credentials: {0}")]
    Credentials(Cause),
    #[error("the call could not be signed: {0}")]
    Signature(Cause),
}

impl Cdn {
    /// Starts sending to the CDN that the configuration names.
    pub fn start(url: &CdnUrl) -> Self {
        Self(Mutex::new(Batches::start(url)))
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
        let batches = self.batches().take();
        Batches::finish(batches).await;
    }

    /// Sends what was gathered now, and goes on.
    pub async fn flush(&self, url: &CdnUrl) {
        let batches = std::mem::replace(&mut *self.batches(), Batches::start(url));
        Batches::finish(batches).await;
    }

    fn batches(&self) -> MutexGuard<'_, Option<Batches>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batches {
    fn start(url: &CdnUrl) -> Option<Self> {
        if *url == CdnUrl::None {
            return None;
        }
        let (paths, gathered) = mpsc::channel(WAITING);
        Some(Self { paths, sending: tokio::spawn(send_all(gathered, url.clone())) })
    }

    async fn finish(batches: Option<Self>) {
        let Some(Self { paths, sending }) = batches else { return };
        drop(paths);
        if let Err(error) = sending.await {
            tracing::error!(%error, "the last paths were not sent to the CDN");
        }
    }
}

impl Recipient {
    async fn of(url: CdnUrl) -> Option<Self> {
        match url {
            CdnUrl::None => None,
            CdnUrl::Webhook(url) => Some(Self::Webhook(Webhook::new(url))),
            CdnUrl::CloudFront(url) => Some(Self::CloudFront(CloudFront::open(&url).await)),
        }
    }

    fn pace(&self) -> Pace {
        match self {
            Self::Webhook(_) => webhook::PACE,
            Self::CloudFront(_) => cloudfront::PACE,
        }
    }

    /// What these paths are told with: the same bytes in every attempt.
    fn body(&self, paths: &[String]) -> Bytes {
        match self {
            Self::Webhook(_) => webhook::body(paths),
            Self::CloudFront(_) => cloudfront::body(paths),
        }
    }

    async fn call(&self, body: &Bytes) -> Result<Call, CdnError> {
        match self {
            Self::Webhook(webhook) => webhook.call(body.clone()),
            Self::CloudFront(cloudfront) => cloudfront.call(body.clone()).await,
        }
    }

    /// What an answer says beside its status, for the log.
    fn explain(&self, answer: &[u8]) -> String {
        match self {
            Self::Webhook(_) => String::new(),
            Self::CloudFront(_) => cloudfront::explain(answer),
        }
    }

    /// Is it of no use to try again?
    fn is_lasting(&self, error: &CdnError) -> bool {
        match (self, error) {
            (Self::CloudFront(_), CdnError::Refused { status, says }) => {
                cloudfront::is_lasting(*status, says)
            }
            _ => false,
        }
    }
}

async fn send_all(mut paths: mpsc::Receiver<String>, url: CdnUrl) {
    let Some(recipient) = Recipient::of(url).await else { return };
    let client = match client() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "the CDN cannot be told anything"),
    };
    while let Some(first) = paths.recv().await {
        let batch = gather(first, &mut paths, &recipient.pace()).await;
        send(&client, &recipient, &batch).await;
    }
}

/// The first path and those that come soon after it, each once.
async fn gather(first: String, paths: &mut mpsc::Receiver<String>, pace: &Pace) -> Vec<String> {
    let (end, mut batch) = (Instant::now() + pace.longest, vec![first]);
    while batch.len() < pace.most {
        match timeout_at(end.min(Instant::now() + pace.quiet), paths.recv()).await {
            Ok(Some(path)) => batch.push(path),
            Ok(None) | Err(_) => break,
        }
    }
    batch.sort();
    batch.dedup();
    batch
}

async fn send(client: &Client, recipient: &Recipient, paths: &[String]) {
    let (body, attempts, mut pause) = (recipient.body(paths), recipient.pace().attempts, PAUSE);
    for attempt in 1..=attempts {
        match post(client, recipient, &body).await {
            Ok(()) => return tracing::debug!(paths = paths.len(), "the CDN was told what to forget"),
            Err(error) if attempt == attempts || recipient.is_lasting(&error) => {
                return tracing::error!(%error, paths = paths.len(), "the CDN was not told what to forget");
            }
            Err(error) => {
                tracing::warn!(%error, attempt, "the CDN did not take what to forget; again soon");
                sleep(jittered(pause)).await;
                pause *= 2;
            }
        }
    }
}

/// Between half of it and all: instances that failed together do not try again together.
fn jittered(pause: Duration) -> Duration {
    let mut bytes = [0; 1];
    // Without randomness all wait as long as they may.
    let share = getrandom::fill(&mut bytes).map_or(1.0, |()| 0.5 + f64::from(bytes[0]) / 512.0);
    pause.mul_f64(share)
}

async fn post(client: &Client, recipient: &Recipient, body: &Bytes) -> Result<(), CdnError> {
    let answered = async {
        let answer = client.request(recipient.call(body).await?).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        // One that cannot be read says nothing more than its status.
        let said = Limited::new(answer.into_body(), MOST_OF_ANSWER).collect().await;
        let says = said.map(|said| recipient.explain(&said.to_bytes())).unwrap_or_default();
        Err(CdnError::Refused { status, says })
    };
    timeout(CALL, answered).await.unwrap_or(Err(CdnError::Slow))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first batch of a purge that drops a composite every so often, by a clock that goes on as soon as all wait.
    async fn first_batch(pace: &Pace, every: Duration) -> Vec<String> {
        let (send, mut paths) = mpsc::channel(8);
        let purge = tokio::spawn(async move {
            for i in 0..100 {
                // The batch may be complete already.
                let _ = send.send(format!("/c/cat;w={}.png", 100 + i / 2)).await;
                sleep(every).await;
            }
        });
        let first = paths.recv().await.unwrap();
        let batch = gather(first, &mut paths, pace).await;
        purge.abort();
        batch
    }

    #[tokio::test(start_paused = true)]
    async fn a_webhook_is_told_after_a_second_and_cloudfront_when_a_purge_is_over() {
        let every = Duration::from_millis(150);
        assert_eq!(first_batch(&webhook::PACE, every).await.len(), 4, "seven paths, most of them twice");
        assert_eq!(first_batch(&cloudfront::PACE, every).await.len(), 50, "all");
        let slowly = Duration::from_millis(1100);
        assert_eq!(
            first_batch(&cloudfront::PACE, slowly).await.len(),
            1,
            "a second without another is the end"
        );
        let without_end = Duration::from_millis(900);
        assert_eq!(first_batch(&cloudfront::PACE, without_end).await.len(), 17, "34 in half a minute");
    }

    #[test]
    fn a_pause_is_never_longer_than_its_bound_nor_shorter_than_half() {
        for _ in 0..100 {
            assert!((PAUSE / 2..=PAUSE).contains(&jittered(PAUSE)));
        }
    }
}
