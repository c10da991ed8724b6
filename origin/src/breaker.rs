//! A circuit breaker: after a few failures in a row nobody waits for a dead dependency any more; one caller a second
//! tries it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// How long it stays open before one call may try.
const REST: Duration = Duration::from_secs(1);

/// Counts, and decides who may call.
#[derive(Debug)]
pub struct Breaker {
    /// What it stands before, for the log.
    dependency: &'static str,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    failures: u32,
    /// While open: when the next trial may start.
    next_trial: Option<Instant>,
}

/// What it does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// All go through.
    Closed,
    /// All are refused but for a trial now and then.
    Open,
}

impl Breaker {
    pub fn before(dependency: &'static str) -> Self {
        Self { dependency, inner: Mutex::default() }
    }

    /// May this call go through? While open it is the trial if the time for one has come.
    pub fn admits(&self) -> bool {
        let mut inner = self.inner();
        let now = Instant::now();
        match inner.next_trial {
            None => true,
            Some(at) if now < at => false,
            Some(_) => {
                // Whoever comes while the trial is under way is refused.
                inner.next_trial = Some(now + REST);
                true
            }
        }
    }

    /// A call was answered.
    pub fn succeeded(&self) {
        let mut inner = self.inner();
        if inner.next_trial.take().is_some() {
            tracing::info!("{} answers again", self.dependency);
        }
        inner.failures = 0;
    }

    /// A call came to nothing.
    pub fn failed(&self, error: &dyn std::fmt::Display) {
        let mut inner = self.inner();
        inner.failures = inner.failures.saturating_add(1);
        if inner.failures < FAILURES {
            return;
        }
        if inner.next_trial.is_none() {
            tracing::error!(%error, "{} failed {FAILURES} times in a row; going on without it", self.dependency);
        }
        inner.next_trial = Some(Instant::now() + REST);
    }

    /// What it does now.
    pub fn state(&self) -> BreakerState {
        if self.inner().next_trial.is_some() { BreakerState::Open } else { BreakerState::Closed }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_five_failures_and_closes_after_one_success() {
        let breaker = Breaker::before("the part");
        for _ in 0..FAILURES {
            assert!(breaker.admits());
            breaker.failed(&"no answer");
        }
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(!breaker.admits());
        tokio::time::advance(REST).await;
        assert!(breaker.admits(), "one trial");
        assert!(!breaker.admits(), "and one only");
        breaker.failed(&"no answer");
        assert!(!breaker.admits());
        tokio::time::advance(REST).await;
        assert!(breaker.admits());
        breaker.succeeded();
        assert!(breaker.admits() && breaker.admits());
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_between_starts_the_count_anew() {
        let breaker = Breaker::before("the part");
        for _ in 0..3 {
            (1..FAILURES).for_each(|_| breaker.failed(&"no answer"));
            breaker.succeeded();
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
