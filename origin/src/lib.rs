//! The origin of Milliner: API, delivery, rendering on a miss, storage, catalogue, keys, signatures, and the
//! `milliner` command line. `main.rs` only dispatches; [`http::build_app`] is the whole service without a socket;
//! [`compose::get_or_render`] is the journey of a picture.

pub mod app;
pub mod aws;
pub mod breaker;
pub mod catalogue;
pub mod cdn;
pub mod cli;
pub mod client;
pub mod clock;
pub mod compose;
pub mod config;
pub mod fields;
pub mod fleet;
pub mod http;
pub mod import;
pub mod jobs;
pub mod keys;
pub mod lambda;
pub mod links;
pub mod metadata;
pub mod purge;
pub mod queue;
pub mod rasterise;
pub mod rates;
pub mod renderer;
pub mod serve;
pub mod store;
pub mod telemetry;
pub mod upkeep;
pub mod upload;
pub mod worker;
