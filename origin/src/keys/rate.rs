//! How often a key may call: a token bucket per key that holds one minute's calls and refills steadily. Where there is
//! a Redis the buckets are in it, so that a key has one rate over all instances; while it cannot be reached each
//! instance counts for itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::KeyId;
use crate::fleet::{Fleet, FleetError};

const MINUTE: Duration = Duration::from_mins(1);
const SPEND: &str = include_str!("spend.lua");

/// Every key's bucket.
#[derive(Debug)]
pub struct Rates {
    fleet: Option<Fleet>,
    own: Own,
}

/// The buckets of this process, as the instants at which they will be full again.
#[derive(Debug, Default)]
struct Own(Mutex<HashMap<KeyId, Instant>>);

/// What a key has left, for the `RateLimit` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateState {
    pub per_minute: u32,
    pub remaining: u32,
    /// Seconds until another call is allowed; 0 where one is now.
    pub reset_secs: u64,
}

impl Rates {
    pub fn new(fleet: Option<Fleet>) -> Self {
        Self { fleet, own: Own::default() }
    }

    /// Takes one call out of the bucket; `Err` where it is empty.
    pub async fn spend(&self, id: &KeyId, per_minute: u32) -> Result<RateState, RateState> {
        let one_call = MINUTE / per_minute.max(1);
        let owed = match &self.fleet {
            Some(fleet) => spend_shared(fleet, id, one_call).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "a rate is counted by this instance alone");
                self.own.spend(id, one_call, Instant::now())
            }),
            None => self.own.spend(id, one_call, Instant::now()),
        };
        state(owed, one_call, per_minute)
    }
}

/// What the bucket lacks after one more call, in the Redis of all instances.
async fn spend_shared(fleet: &Fleet, id: &KeyId, one_call: Duration) -> Result<Duration, FleetError> {
    let micros = one_call.as_micros().to_string();
    let owed: u64 = fleet.run(SPEND, &[fleet.name(id, "rate")], &[&micros]).await?;
    Ok(Duration::from_micros(owed))
}

impl Own {
    /// The same in this process.
    fn spend(&self, id: &KeyId, one_call: Duration, now: Instant) -> Duration {
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full_again = full_at.get(id).copied().unwrap_or(now).max(now) + one_call;
        let owed = full_again - now;
        if owed <= MINUTE {
            full_at.insert(id.clone(), full_again);
        }
        owed
    }
}

fn state(owed: Duration, one_call: Duration, per_minute: u32) -> Result<RateState, RateState> {
    let over = owed.saturating_sub(MINUTE);
    if !over.is_zero() {
        let reset_secs = over.as_secs_f64().ceil() as u64;
        return Err(RateState { per_minute, remaining: 0, reset_secs });
    }
    let remaining = (MINUTE.saturating_sub(owed).as_nanos() / one_call.as_nanos().max(1)) as u32;
    Ok(RateState { per_minute, remaining, reset_secs: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_calls_may_come_at_once_and_then_refill_steadily() {
        let (own, id, start) = (Own::default(), "0123456789ab".parse().unwrap(), Instant::now());
        let one_call = MINUTE / 6;
        let spend = |now| state(own.spend(&id, one_call, now), one_call, 6);
        for left in (0..6).rev() {
            assert_eq!(spend(start).unwrap().remaining, left);
        }
        assert_eq!(spend(start).unwrap_err().reset_secs, 10);
        assert!(spend(start + Duration::from_secs(10)).is_ok());
        assert!(spend(start + Duration::from_secs(10)).is_err());
    }
}
