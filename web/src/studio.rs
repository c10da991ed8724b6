//! The studio without its page: what somebody is making, and every way to change it. Nothing here touches an element,
//! a clock or the network, so all of it runs in plain tests and on both sides of hydration.

pub mod edit;
pub mod geometry;
pub mod gesture;
pub mod history;
pub mod preview;
pub mod refusal;
#[cfg(test)]
pub(crate) mod sample;
pub mod served;
pub mod share;
pub mod silhouette;
pub mod words;
