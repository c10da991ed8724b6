//! One suite over every back end of what has several: what holds for one holds for all. The real ones run here too,
//! as servers of this machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod links;
#[path = "../support/proxy.rs"]
mod proxy;
mod queue;
mod s3;
#[path = "../support/servers.rs"]
mod servers;
mod store;

use futures::future::{BoxFuture, join_all};

/// Runs checks that share a server at once, each to its end, and fails with the names of those that failed.
async fn together(checks: Vec<(&'static str, BoxFuture<'static, ()>)>) {
    let (names, checks): (Vec<_>, Vec<_>) = checks.into_iter().unzip();
    let done = join_all(checks.into_iter().map(tokio::spawn)).await;
    let failed: Vec<_> =
        names.iter().zip(done).filter(|(_, done)| done.is_err()).map(|(name, _)| name).collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
}
