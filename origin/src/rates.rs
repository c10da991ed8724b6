//! How often somebody may call: a token bucket for each that holds one minute's calls and refills steadily. Where there
//! is a Redis the buckets are in it, so that a rate is one over all instances; while it cannot be reached each instance
//! counts for itself.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::fleet::{Fleet, FleetError};

const MINUTE: Duration = Duration::from_mins(1);
const SPEND: &str = include_str!("rates/spend.lua");
/// Buckets that this process keeps: about 10 MiB.
const MOST_BUCKETS: usize = 1 << 16;

/// The buckets of everybody whose calls are counted in one way.
#[derive(Debug)]
pub struct Rates {
    /// What the `RateLimit` headers call this way of counting.
    name: &'static str,
    fleet: Option<Fleet>,
    own: Own,
}

/// The buckets of this process, as the instants at which they will be full again.
#[derive(Debug, Default)]
struct Own(Mutex<HashMap<String, Instant>>);

/// What somebody has left, for the `RateLimit` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateState {
    pub name: &'static str,
    pub per_minute: u32,
    pub remaining: u32,
    /// Seconds until another call is allowed; 0 where one is now.
    pub reset_secs: u64,
}

impl Rates {
    pub fn new(name: &'static str, fleet: Option<Fleet>) -> Self {
        Self { name, fleet, own: Own::default() }
    }

    /// Takes one call out of somebody's bucket; `Err` where it is empty.
    pub async fn spend(&self, who: impl Display, per_minute: u32) -> Result<RateState, RateState> {
        let (who, one_call) = (who.to_string(), MINUTE / per_minute.max(1));
        let owed = match &self.fleet {
            Some(fleet) => spend_shared(fleet, &who, one_call).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "a rate is counted by this instance alone");
                self.own.spend(who, one_call, Instant::now())
            }),
            None => self.own.spend(who, one_call, Instant::now()),
        };
        self.state(owed, one_call, per_minute)
    }

    fn state(&self, owed: Duration, one_call: Duration, per_minute: u32) -> Result<RateState, RateState> {
        let over = owed.saturating_sub(MINUTE);
        if !over.is_zero() {
            let reset_secs = over.as_secs_f64().ceil() as u64;
            return Err(RateState { name: self.name, per_minute, remaining: 0, reset_secs });
        }
        let remaining = (MINUTE.saturating_sub(owed).as_nanos() / one_call.as_nanos().max(1)) as u32;
        Ok(RateState { name: self.name, per_minute, remaining, reset_secs: 0 })
    }
}

/// What the bucket lacks after one more call, in the Redis of all instances.
async fn spend_shared(fleet: &Fleet, who: &str, one_call: Duration) -> Result<Duration, FleetError> {
    let micros = one_call.as_micros().to_string();
    let owed: u64 = fleet.run(SPEND, &[fleet.name(who, "rate")], &[&micros]).await?;
    Ok(Duration::from_micros(owed))
}

impl Own {
    /// The same in this process.
    fn spend(&self, who: String, one_call: Duration, now: Instant) -> Duration {
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full_again = full_at.get(&who).copied().unwrap_or(now).max(now) + one_call;
        let owed = full_again - now;
        if owed <= MINUTE {
            if full_at.len() >= MOST_BUCKETS && !full_at.contains_key(&who) {
                make_room(&mut full_at, now);
            }
            full_at.insert(who, full_again);
        }
        owed
    }
}

/// A full bucket says no more than one that is not there. Where most are not full, those go that lack least, whose owners
/// gain least by it.
fn make_room(full_at: &mut HashMap<String, Instant>, now: Instant) {
    full_at.retain(|_, full_at| *full_at > now);
    let most = MOST_BUCKETS / 2;
    if full_at.len() > most {
        let mut instants: Vec<Instant> = full_at.values().copied().collect();
        let at = instants.len() - most;
        let (_, least, _) = instants.select_nth_unstable(at);
        let least = *least;
        full_at.retain(|_, full_at| *full_at > least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_calls_may_come_at_once_and_then_refill_steadily() {
        let (rates, start) = (Rates::new("test", None), Instant::now());
        let one_call = MINUTE / 6;
        let spend = |now| rates.state(rates.own.spend("a".to_owned(), one_call, now), one_call, 6);
        for left in (0..6).rev() {
            assert_eq!(spend(start).unwrap().remaining, left);
        }
        assert_eq!(spend(start).unwrap_err().reset_secs, 10);
        assert!(spend(start + Duration::from_secs(10)).is_ok());
        assert!(spend(start + Duration::from_secs(10)).is_err());
    }

    #[test]
    fn buckets_take_bounded_memory_and_those_that_lack_most_stay() {
        let (own, start, one_call) = (Own::default(), Instant::now(), MINUTE / 3);
        let kept = || own.0.lock().unwrap().len();
        for _ in 0..3 {
            own.spend("greedy".to_owned(), one_call, start);
        }
        for i in 0..2 * MOST_BUCKETS {
            own.spend(i.to_string(), one_call, start);
            assert!(kept() <= MOST_BUCKETS);
        }
        assert!(own.spend("greedy".to_owned(), one_call, start) > MINUTE, "who lacks most is not forgotten");
        let later = start + MINUTE;
        for i in 0..=MOST_BUCKETS {
            own.spend(format!("later {i}"), one_call, later);
        }
        assert!(kept() <= MOST_BUCKETS && !own.0.lock().unwrap().contains_key("greedy"), "full ones go");
    }
}
