//! Orders: renders that are left to whoever takes them from the queue. An instance orders a composite once in a while
//! for as long as somebody waits for it, so that an order that was lost, or swallowed as a repetition, is made up for.
//! Orders of one period are one job: the queue knows them by the key and the period.

use std::sync::Arc;
use std::time::Duration;

use compositor::{CompositeKey, Plan};
use quick_cache::sync::Cache;
use tokio::time::timeout;

use crate::breaker::{Breaker, BreakerState};
use crate::queue::{Queue, QueueError, RenderJob};
use crate::telemetry::traceparent;

/// In seconds. A render takes a fraction of it; what is ordered twice finds the composite there.
const PERIOD: u64 = 10;
/// Orders that are remembered. One that was forgotten is placed again, which the queue swallows.
const REMEMBERED: usize = 4096;

/// What this instance ordered.
#[derive(Debug)]
pub struct Orders {
    breaker: Breaker,
    /// The period in which each was ordered last.
    placed: Cache<CompositeKey, u64>,
}

/// The queue did not take it.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("queue: no answer within {} ms", .0.as_millis())]
    Slow(Duration),
    /// The breaker is open.
    #[error("queue: it failed a moment ago")]
    Resting,
}

impl Default for Orders {
    fn default() -> Self {
        Self { breaker: Breaker::before("the queue"), placed: Cache::new(REMEMBERED) }
    }
}

impl Orders {
    /// Orders a render, unless this instance has in this period. `now`: Unix seconds, by the same clock everywhere.
    pub async fn place(&self, queue: &Queue, plan: &Arc<Plan>, now: u64) -> Result<(), OrderError> {
        let (key, generation) = (plan.key(), now / PERIOD);
        if self.placed.get(&key) == Some(generation) {
            return Ok(());
        }
        if !self.breaker.admits() {
            return Err(OrderError::Resting);
        }
        let job = RenderJob { key, recipe: plan.canonical_path(), generation, trace: traceparent() };
        match timeout(queue.patience(), queue.send(&job)).await {
            Ok(Ok(())) => {
                self.breaker.succeeded();
                self.placed.insert(key, generation);
                Ok(())
            }
            Ok(Err(error)) => Err(self.failed(error.into())),
            Err(_) => Err(self.failed(OrderError::Slow(queue.patience()))),
        }
    }

    /// Is the queue asked at all?
    pub fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    fn failed(&self, error: OrderError) -> OrderError {
        self.breaker.failed(&error);
        error
    }
}
