//! A render as it is written onto a queue. A process may meet what a newer one wrote: what it cannot read is poison,
//! never a guess.

use compositor::CompositeKey;
use serde::{Deserialize, Serialize};

/// Of the format. A change that an older reader would misunderstand raises it.
const VERSION: u32 = 1;
/// Digits of a key that name its group: 4096 groups, so that jobs hardly ever wait for one another.
const GROUP_DIGITS: usize = 3;

/// What is to be rendered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderJob {
    pub key: CompositeKey,
    /// Canonical, its format resolved.
    pub recipe: String,
    /// Tells jobs of one key apart. Of two with the same generation, the queue swallows the second for five minutes; a
    /// job that is really meant to be done again has another one.
    pub generation: u64,
    /// The trace of whoever ordered it, as `traceparent` (W3C Trace Context), where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// A message that is no job we know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Poison {
    #[error("it is of version {0}, and this program knows {VERSION}")]
    Version(u32),
    #[error("it is not a job: {0}")]
    Malformed(String),
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    #[serde(flatten)]
    job: &'a RenderJob,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl RenderJob {
    /// The text of a message.
    pub fn encode(&self) -> String {
        serde_json::to_string(&Written { version: VERSION, job: self }).expect("a job is plain data")
    }

    /// The version comes first: the rest of another one may be anything.
    pub fn decode(text: &str) -> Result<Self, Poison> {
        let malformed = |error: serde_json::Error| Poison::Malformed(error.to_string());
        let Version { version } = serde_json::from_str(text).map_err(malformed)?;
        if version != VERSION {
            return Err(Poison::Version(version));
        }
        serde_json::from_str(text).map_err(malformed)
    }

    /// Jobs of one group are delivered in order, and one after the other.
    pub fn group(&self) -> String {
        let mut key = self.key.to_string();
        key.truncate(GROUP_DIGITS);
        key
    }

    /// What a queue knows the job by for five minutes.
    pub fn identity(&self) -> String {
        format!("{}-{}", self.key, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> RenderJob {
        let key = "0123456789".repeat(4).parse().unwrap();
        RenderJob { key, recipe: "/c/cat.png".to_owned(), generation: 7, trace: None }
    }

    #[test]
    fn a_job_is_read_as_it_was_written() {
        let text = job().encode();
        assert!(text.starts_with("{\"version\":1,\"key\":\"0123456789"), "{text}");
        assert_eq!(RenderJob::decode(&text), Ok(job()));
        let traced = RenderJob { trace: Some("00-1-2-01".to_owned()), ..job() };
        assert_eq!(RenderJob::decode(&traced.encode()), Ok(traced));
        assert_eq!((job().group(), job().identity()), ("012".into(), format!("{}-7", job().key)));
    }

    #[test]
    fn what_is_no_job_is_poison() {
        let newer = job().encode().replace("\"version\":1", "\"version\":2");
        assert_eq!(RenderJob::decode(&newer), Err(Poison::Version(2)));
        let keyless = job().encode().replace("\"key\"", "\"lock\"");
        for text in ["", "cat", "{}", "[]", "{\"version\":\"1\"}", &keyless] {
            assert!(matches!(RenderJob::decode(text), Err(Poison::Malformed(_))), "{text}");
        }
    }
}
