//! How often a key may call: a token bucket per key that holds one minute's calls and refills steadily.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::KeyId;

const MINUTE: Duration = Duration::from_mins(1);

/// Every key's bucket, as the instant at which it will be full again.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<KeyId, Instant>>);

/// What a key has left, for the `RateLimit` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateState {
    pub per_minute: u32,
    pub remaining: u32,
    /// Seconds until another call is allowed; 0 where one is now.
    pub reset_secs: u64,
}

impl Rates {
    /// Takes one call out of the bucket; `Err` where it is empty.
    pub fn spend(&self, id: &KeyId, per_minute: u32, now: Instant) -> Result<RateState, RateState> {
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one_call = MINUTE / per_minute.max(1);
        let full_again = full_at.get(id).copied().unwrap_or(now).max(now) + one_call;
        let owed = full_again - now;
        let over = owed.saturating_sub(MINUTE);
        if !over.is_zero() {
            let reset_secs = over.as_secs_f64().ceil() as u64;
            return Err(RateState { per_minute, remaining: 0, reset_secs });
        }
        full_at.insert(id.clone(), full_again);
        let remaining = (MINUTE.saturating_sub(owed).as_nanos() / one_call.as_nanos()) as u32;
        Ok(RateState { per_minute, remaining, reset_secs: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_calls_may_come_at_once_and_then_refill_steadily() {
        let (rates, id, start) = (Rates::default(), "0123456789ab".parse().unwrap(), Instant::now());
        for left in (0..6).rev() {
            assert_eq!(rates.spend(&id, 6, start).unwrap().remaining, left);
        }
        assert_eq!(rates.spend(&id, 6, start).unwrap_err().reset_secs, 10);
        assert!(rates.spend(&id, 6, start + Duration::from_secs(10)).is_ok());
        assert!(rates.spend(&id, 6, start + Duration::from_secs(10)).is_err());
    }
}
