//! The API through the real router: status, headers, JSON, and what is stored afterwards.

mod access;
mod assets;
mod bad_input;
mod composites;
mod delivery;
mod documents;
mod health;
#[path = "../support/mod.rs"]
mod support;
