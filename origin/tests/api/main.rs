//! The API through the real router: status, headers, JSON, and what is stored afterwards.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod access;
mod assets;
mod bad_input;
mod composites;
mod delivery;
mod documents;
mod health;
mod jobs;
mod limits;
mod purge;
#[path = "../support/mod.rs"]
mod support;
