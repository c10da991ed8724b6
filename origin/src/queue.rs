//! Renders that somebody else does: jobs by the queue, in order within a group, one delivery of each at a time. Back ends
//! are an enum behind inherent methods; `tests/contract` runs one suite on each.
//!
//! A delivery is a loan. It ends with [`Delivery::done`], or with time, and then the job is delivered again: what does
//! the work must bear to do it twice. What was delivered too often goes where dead letters go.

mod job;
mod memory;
mod sqs;

use std::time::Duration;

use crate::config::QueueUrl;

pub use job::{Poison, RenderJob};
pub use memory::{Memory, Rules};
pub use sqs::Sqs;

/// How long a delivery is lent, unless the URL says otherwise; whoever needs longer extends it.
pub const VISIBILITY: Duration = Duration::from_secs(30);
/// Longest that sending a job may take, unless the URL says otherwise: past it whoever waits for it is better served by a
/// render of one's own.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// Longest that one call of [`Queue::receive`] waits, unless the URL says less, and most that it brings: what SQS allows.
pub const LONGEST_WAIT: Duration = Duration::from_secs(20);
pub const LARGEST_BATCH: usize = 10;

/// Where jobs wait.
#[derive(Clone, Debug)]
pub enum Queue {
    /// This process's memory.
    Memory(Memory),
    /// A FIFO queue of Amazon SQS.
    Sqs(Sqs),
}

/// A job on loan. Dropped without more, it comes again when its time is over.
#[derive(Debug)]
#[must_use = "what is not done is delivered again"]
pub struct Delivery {
    /// What was sent, if it can be read.
    pub job: Result<RenderJob, Poison>,
    /// How often it was delivered, this time included.
    pub receives: u32,
    /// How long ago it was sent.
    pub age: Duration,
    queue: Queue,
    receipt: String,
}

/// How much waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Not delivered yet, or again to be; SQS counts approximately.
    pub waiting: u64,
    /// On loan.
    pub lent: u64,
    /// How long the oldest has waited, where that is known.
    pub oldest: Option<Duration>,
    /// Given up, where that is known.
    pub dead: Option<u64>,
}

/// The queue could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Not reached in time, or full, or it has a problem of its own. It may work later.
    #[error("queue: {source}")]
    Unavailable { source: Reason },
    /// It does not let us, or the settings do not fit it. It will not work later.
    #[error("queue: refused: {source}")]
    Refused { source: Reason },
    /// The delivery's time was over: the job is somebody else's, or waits again.
    #[error("queue: the delivery is no longer ours")]
    Expired,
}

/// Why, for the log; it names no credential.
pub type Reason = Box<dyn std::error::Error + Send + Sync>;

impl Queue {
    /// Opens the back end that the URL names.
    pub async fn open(url: &QueueUrl) -> Self {
        match url {
            QueueUrl::Memory => Self::Memory(Memory::default()),
            QueueUrl::Sqs(url) => Self::Sqs(Sqs::open(url).await),
        }
    }

    /// Sends a job. One with the same key and generation that was sent within five minutes is enough: the second is
    /// swallowed, wherever the first is by now.
    pub async fn send(&self, job: &RenderJob) -> Result<(), QueueError> {
        match self {
            Self::Memory(memory) => memory.send(job),
            Self::Sqs(sqs) => Box::pin(sqs.send(job)).await,
        }
    }

    /// Up to `most` jobs, as soon as there is one; none after `wait`.
    pub async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        let (most, wait) = (most.clamp(1, LARGEST_BATCH), wait.min(LONGEST_WAIT));
        let lent = match self {
            Self::Memory(memory) => memory.receive(most, wait).await,
            Self::Sqs(sqs) => Box::pin(sqs.receive(most, wait)).await?,
        };
        Ok(lent.into_iter().map(|lent| lent.delivered_by(self.clone())).collect())
    }

    /// How long a delivery is lent.
    pub fn visibility(&self) -> Duration {
        match self {
            Self::Memory(memory) => memory.visibility(),
            Self::Sqs(sqs) => sqs.visibility(),
        }
    }

    /// Longest that sending a job may take.
    pub fn patience(&self) -> Duration {
        match self {
            Self::Memory(_) => PATIENCE,
            Self::Sqs(sqs) => sqs.patience(),
        }
    }

    /// How much waits.
    pub async fn depth(&self) -> Result<Depth, QueueError> {
        match self {
            Self::Memory(memory) => Ok(memory.depth()),
            Self::Sqs(sqs) => Box::pin(sqs.depth()).await,
        }
    }

    /// Can it be used right now?
    pub async fn check(&self) -> Result<(), QueueError> {
        self.depth().await.map(drop)
    }
}

impl Delivery {
    /// The job is finished, or not worth another try.
    pub async fn done(&self) -> Result<(), QueueError> {
        match &self.queue {
            Queue::Memory(memory) => memory.done(&self.receipt),
            Queue::Sqs(sqs) => Box::pin(sqs.done(&self.receipt)).await,
        }
    }

    /// Gives it back, to be delivered again after a while. What is delivered too often dies.
    pub async fn retry(&self, after: Duration) -> Result<(), QueueError> {
        self.extend(after).await
    }

    /// Keeps it for so long from now.
    pub async fn extend(&self, by: Duration) -> Result<(), QueueError> {
        match &self.queue {
            Queue::Memory(memory) => memory.extend(&self.receipt, by),
            Queue::Sqs(sqs) => Box::pin(sqs.extend(&self.receipt, by)).await,
        }
    }
}

/// What a back end hands out.
struct Lent {
    body: String,
    receives: u32,
    age: Duration,
    receipt: String,
}

impl Lent {
    fn delivered_by(self, queue: Queue) -> Delivery {
        let Self { body, receives, age, receipt } = self;
        Delivery { job: RenderJob::decode(&body), receives, age, queue, receipt }
    }
}
