//! The stages of a composite's journey. Each has one name: of its span, in `Server-Timing`, and of its histogram.

use std::time::{Duration, Instant};

use tracing::{Instrument, Span};

use super::traces::stage;

/// The names of spans are literals, and each is written once.
macro_rules! stages {
    ($($(#[$about:meta])* $stage:ident $name:literal,)+) => {
        /// What time goes into, in the order of the journey.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Stage {
            $($(#[$about])* $stage,)+
        }

        impl Stage {
            pub const ALL: &[Self] = &[$(Self::$stage),+];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$stage => $name,)+
                }
            }

            fn span(self) -> Span {
                match self {
                    $(Self::$stage => stage!($name),)+
                }
            }
        }
    };
}

stages! {
    /// The links are asked for the right to render.
    Lease "lease",
    /// The links are asked, and nothing more.
    Look "look",
    /// A render is left to the queue.
    Order "order",
    /// Somebody else renders.
    Wait "wait",
    /// The store is asked for the composite.
    Object "object",
    /// Other renders have the memory.
    Queue "queue",
    /// Ingredients come from the store.
    Fetch "fetch",
    /// Pixels and encoding.
    Draw "draw",
    /// The store gets the composite.
    Put "put",
    /// The links get its record.
    Link "link",
}

/// How long the stages of one journey took, each with all its turns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times([Option<Duration>; Stage::ALL.len()]);

impl Times {
    /// Goes through a stage.
    pub async fn of<T>(&mut self, stage: Stage, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let done = work.instrument(stage.span()).await;
        *self.0[stage as usize].get_or_insert_default() += started.elapsed();
        done
    }

    /// The stages that there were.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, Duration)> {
        Stage::ALL.iter().zip(self.0).filter_map(|(stage, took)| Some((*stage, took?)))
    }
}
