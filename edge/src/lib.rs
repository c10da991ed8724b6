//! The edge function: Milliner's public door, in workerd on a desk and on Cloudflare Workers.
//!
//! It answers composites and the catalogue from its cache, refuses what cannot be answered before the
//! origin hears of it, passes everything else through, and keeps delivering while the origin is away.
//! Read `respond.rs` first: it is the whole journey, in order.

mod answer;
mod cache;
mod call;
mod config;
mod error;
mod manifest;
mod origin;
mod policy;
mod render;
mod respond;
mod status;

use worker::{Context, Env, Request, Response, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    respond::respond(request, &env, &context).await
}
