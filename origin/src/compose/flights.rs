//! One task per key in the air, and a short memory of the ones that crashed.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use compositor::CompositeKey;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument;

use super::{Outcome, Source};
use crate::renderer::RenderFailure;

/// How long a failure is answered from memory.
const FAILURE_MEMORY: Duration = Duration::from_secs(5);
/// Past this many remembered failures the expired ones are swept out.
const SWEEP_ABOVE: usize = 1024;

/// The renders in the air.
#[derive(Clone, Debug, Default)]
pub struct Flights(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    in_air: HashMap<CompositeKey, watch::Receiver<Option<Outcome>>>,
    failed: HashMap<CompositeKey, (Instant, RenderFailure)>,
}

/// Takes the flight off the board however it ends; a panic drops the sender, which wakes those who wait.
struct Landing {
    flights: Flights,
    key: CompositeKey,
}

impl Flights {
    /// Joins the flight for `key`, or starts it. The flight goes on when its callers are gone.
    pub async fn join<F>(&self, key: CompositeKey, work: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let (receiver, started) = {
            let mut board = self.board();
            if let Some(failure) = board.remembered_failure(&key) {
                return Err(failure);
            }
            match board.in_air.get(&key) {
                Some(receiver) => (receiver.clone(), false),
                None => (self.start(&mut board, key, work()), true),
            }
        };
        let mut outcome = landed(receiver).await;
        if let (Ok(delivery), false) = (&mut outcome, started)
            && let Source::Rendered { .. } = delivery.source
        {
            delivery.source = Source::Joined;
        }
        outcome
    }

    /// How many there are.
    pub fn in_air(&self) -> usize {
        self.board().in_air.len()
    }

    fn start<F>(&self, board: &mut Board, key: CompositeKey, work: F) -> watch::Receiver<Option<Outcome>>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let (sender, receiver) = watch::channel(None);
        board.in_air.insert(key, receiver.clone());
        let landing = Landing { flights: self.clone(), key };
        let flight = async move {
            let outcome = work.await;
            landing.record(&outcome);
            drop(landing);
            // Nobody may be left to hear it.
            let _ = sender.send(Some(outcome));
        };
        // In the trace of whoever came first.
        tokio::spawn(flight.in_current_span());
        receiver
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn landed(mut receiver: watch::Receiver<Option<Outcome>>) -> Outcome {
    match receiver.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or(Err(RenderFailure::Panicked)),
        Err(_) => Err(RenderFailure::Panicked),
    }
}

impl Board {
    fn remembered_failure(&mut self, key: &CompositeKey) -> Option<RenderFailure> {
        let (until, failure) = self.failed.get(key)?;
        if Instant::now() < *until {
            return Some(failure.clone());
        }
        self.failed.remove(key);
        None
    }
}

impl Landing {
    /// Remembers a failure that would only come again.
    fn record(&self, outcome: &Outcome) {
        let Err(failure) = outcome else { return };
        if !failure.is_lasting() {
            return;
        }
        let mut board = self.flights.board();
        let now = Instant::now();
        if board.failed.len() > SWEEP_ABOVE {
            board.failed.retain(|_, (until, _)| now < *until);
        }
        board.failed.insert(self.key, (now + FAILURE_MEMORY, failure.clone()));
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights.board().in_air.remove(&self.key);
    }
}
