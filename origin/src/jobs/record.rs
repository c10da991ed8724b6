//! What the store keeps of a job: what it is, how far it has come, and whose turn it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::work::{Budget, Work};
use crate::clock::unix_now;

const ID_DIGITS: usize = 20;
/// Failures that are told one by one.
const MOST_FAILURES: usize = 20;

/// Names a job by what it is: the same work with the same budget is the same job. 20 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

impl JobId {
    /// The name of this work.
    pub fn of(work: &Work, budget: Budget) -> Self {
        let text = serde_json::to_vec(&(work, budget)).expect("work is plain data");
        Self(blake3::hash(&text).to_hex()[..ID_DIGITS].to_owned())
    }
}

impl FromStr for JobId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == ID_DIGITS && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a job's id is 20 lower-case hex digits")
        }
    }
}

impl TryFrom<String> for JobId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Nobody works on it yet, or just now.
    Waiting,
    Running,
    /// Every recipe was rendered, was there already, or failed.
    Done,
    /// Its budget was used up before its end.
    Exhausted,
    Cancelled,
}

impl JobState {
    /// Will it not go on?
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Done | Self::Exhausted | Self::Cancelled)
    }
}

/// A job with its progress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    pub id: JobId,
    pub work: Work,
    #[serde(default)]
    pub budget: Budget,
    pub state: JobState,
    /// Recipes.
    pub total: u64,
    /// Of them those that are settled: all before this number.
    pub next: u64,
    /// Composites that were there already.
    pub found: u64,
    pub rendered: u64,
    pub failed: u64,
    /// Of what was rendered.
    pub bytes: u64,
    /// The first failures.
    #[serde(default)]
    pub failures: Vec<JobFailure>,
    /// Unix seconds.
    pub created: u64,
    pub started: Option<u64>,
    pub ended: Option<u64>,
    /// Who works on it: a name that nothing else has.
    #[serde(default)]
    pub runner: Option<String>,
    /// Goes up while somebody does.
    #[serde(default)]
    pub beat: u64,
}

/// A recipe that could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobFailure {
    /// As its canonical path, or its number where it has none.
    pub recipe: String,
    pub detail: String,
}

/// What came of one recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    Found,
    Rendered { bytes: u64 },
    Failed(JobFailure),
}

impl JobRecord {
    /// A job that nobody has begun.
    pub fn new(work: Work, budget: Budget) -> Self {
        Self {
            id: JobId::of(&work, budget),
            total: work.total(),
            work,
            budget,
            state: JobState::Waiting,
            next: 0,
            found: 0,
            rendered: 0,
            failed: 0,
            bytes: 0,
            failures: Vec::new(),
            created: unix_now(),
            started: None,
            ended: None,
            runner: None,
            beat: 0,
        }
    }

    /// `runner` goes on with it.
    pub fn taken_by(&mut self, runner: &str) {
        self.state = JobState::Running;
        self.started.get_or_insert_with(unix_now);
        self.runner = Some(runner.to_owned());
        self.beat += 1;
    }

    /// Somebody else may go on with it at once.
    pub fn release(&mut self) {
        self.state = JobState::Waiting;
        self.runner = None;
        self.beat += 1;
    }

    /// The next recipe is settled.
    pub fn settle(&mut self, settled: Settled) {
        self.next += 1;
        match settled {
            Settled::Found => self.found += 1,
            Settled::Rendered { bytes } => {
                self.rendered += 1;
                self.bytes += bytes;
            }
            Settled::Failed(failure) => {
                self.failed += 1;
                if self.failures.len() < MOST_FAILURES {
                    self.failures.push(failure);
                }
            }
        }
    }

    /// Ends it.
    pub fn end(&mut self, state: JobState) {
        self.state = state;
        self.ended = Some(unix_now());
        self.runner = None;
        self.beat += 1;
    }

    /// Is there nothing left to spend?
    pub fn is_exhausted(&self) -> bool {
        let spent = |most: Option<u64>, spent: u64| most.is_some_and(|most| spent >= most);
        let seconds = self.started.map_or(0, |started| unix_now().saturating_sub(started));
        let Budget { renders, bytes, seconds: most_seconds } = self.budget;
        spent(renders, self.rendered) || spent(bytes, self.bytes) || spent(most_seconds, seconds)
    }
}
