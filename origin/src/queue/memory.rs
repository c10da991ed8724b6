//! The queue in this process's memory, with the rules of a FIFO queue of SQS, by tokio's clock. What it holds is gone when
//! the process ends.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{Depth, Lent, QueueError, RenderJob, VISIBILITY};

/// What SQS has as attributes of a queue.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a delivery is lent.
    pub visibility: Duration,
    /// Deliveries of one job; past that it is dead.
    pub receives: u32,
    /// How long a job is known, so that the same one is not taken again.
    pub window: Duration,
    /// Most that wait.
    pub capacity: usize,
}

impl Default for Rules {
    fn default() -> Self {
        // The window is SQS's own; a job is half a kilobyte.
        Self { visibility: VISIBILITY, receives: 3, window: Duration::from_mins(5), capacity: 65_536 }
    }
}

/// Jobs of this process.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    rules: Rules,
    state: Mutex<State>,
    /// Something may be there to receive, earlier than was known.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// In the order they were sent.
    messages: VecDeque<Message>,
    /// Identities of what was sent, and until when each is known.
    known: HashMap<String, Instant>,
    receipts: u64,
    dead: u64,
}

#[derive(Debug)]
struct Message {
    group: String,
    body: String,
    sent: Instant,
    receives: u32,
    /// Of the last delivery.
    receipt: String,
    lent_until: Option<Instant>,
}

impl Message {
    fn is_lent(&self, now: Instant) -> bool {
        self.lent_until.is_some_and(|until| until > now)
    }
}

impl Memory {
    /// One with rules of its own.
    pub fn with(rules: Rules) -> Self {
        Self(Arc::new(Shared { rules, ..Shared::default() }))
    }

    pub fn visibility(&self) -> Duration {
        self.0.rules.visibility
    }

    pub fn send(&self, job: &RenderJob) -> Result<(), QueueError> {
        self.state().send(job, &self.0.rules)?;
        self.0.changed.notify_waiters();
        Ok(())
    }

    pub(super) async fn receive(&self, most: usize, wait: Duration) -> Vec<Lent> {
        let end = Instant::now() + wait;
        loop {
            // Listening begins before the look, so that nothing is sent unheard in between.
            let changed = self.0.changed.notified();
            let (lent, next) = self.state().lend(most, &self.0.rules);
            if !lent.is_empty() || Instant::now() >= end {
                return lent;
            }
            // Whichever it was, the next look tells.
            let _ = timeout_at(next.map_or(end, |next| next.min(end)), changed).await;
        }
    }

    pub fn done(&self, receipt: &str) -> Result<(), QueueError> {
        let mut state = self.state();
        let place = state.lent(receipt)?;
        state.messages.remove(place);
        drop(state);
        // The next of its group is free.
        self.0.changed.notify_waiters();
        Ok(())
    }

    pub fn extend(&self, receipt: &str, by: Duration) -> Result<(), QueueError> {
        let mut state = self.state();
        let place = state.lent(receipt)?;
        state.messages[place].lent_until = Some(Instant::now() + by);
        drop(state);
        self.0.changed.notify_waiters();
        Ok(())
    }

    pub fn depth(&self) -> Depth {
        let (state, now) = (self.state(), Instant::now());
        let lent = state.messages.iter().filter(|message| message.is_lent(now)).count() as u64;
        Depth {
            waiting: state.messages.len() as u64 - lent,
            lent,
            oldest: state.messages.front().map(|message| now - message.sent),
            dead: Some(state.dead),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn send(&mut self, job: &RenderJob, rules: &Rules) -> Result<(), QueueError> {
        let now = Instant::now();
        self.known.retain(|_, until| *until > now);
        if self.known.contains_key(&job.identity()) {
            return Ok(());
        }
        if self.messages.len() >= rules.capacity {
            return Err(QueueError::Unavailable { source: "it is full".into() });
        }
        self.known.insert(job.identity(), now + rules.window);
        self.messages.push_back(Message {
            group: job.group(),
            body: job.encode(),
            sent: now,
            receives: 0,
            receipt: String::new(),
            lent_until: None,
        });
        Ok(())
    }

    /// Lends what may be lent, and says when there may be more. Nothing of a group is lent while a part of it is, so that
    /// it is worked off in order.
    fn lend(&mut self, most: usize, rules: &Rules) -> (Vec<Lent>, Option<Instant>) {
        let now = Instant::now();
        let all = self.messages.len();
        self.messages.retain(|message| message.is_lent(now) || message.receives < rules.receives);
        self.dead += (all - self.messages.len()) as u64;

        let lent = self.messages.iter().filter(|message| message.is_lent(now));
        let busy: HashSet<String> = lent.clone().map(|message| message.group.clone()).collect();
        let next = lent.filter_map(|message| message.lent_until).min();
        let free = self.messages.iter_mut().filter(|message| !busy.contains(&message.group));
        let lent = free.take(most).map(|message| {
            self.receipts += 1;
            message.receipt = self.receipts.to_string();
            message.receives += 1;
            message.lent_until = Some(now + rules.visibility);
            Lent {
                body: message.body.clone(),
                receives: message.receives,
                age: now - message.sent,
                receipt: message.receipt.clone(),
            }
        });
        (lent.collect(), next)
    }

    /// Where the message of a delivery is that has not ended.
    fn lent(&self, receipt: &str) -> Result<usize, QueueError> {
        let now = Instant::now();
        let ours = |message: &Message| message.receipt == receipt && message.is_lent(now);
        self.messages.iter().position(ours).ok_or(QueueError::Expired)
    }
}
