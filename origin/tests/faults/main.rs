//! Faults under load: what callers see of two instances while a part that they share is down, slow, forgetful or wrong,
//! and for how long after. `cargo xtask faults` has each fault last a minute and prints the table; by itself each lasts
//! some seconds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[path = "../support/instance.rs"]
mod instance;
mod load;
#[path = "../support/proxy.rs"]
mod proxy;
mod queue;
mod restarts;
#[path = "../support/servers.rs"]
mod servers;
mod soak;
#[path = "../support/mod.rs"]
mod support;

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use instance::Instance;
use load::{Tally, Target};
use proxy::Proxy;
use servers::moto::Moto;
use servers::redis::{RedisServer, Sentinels};
use servers::until;
use servers::weed::Weed;

/// How long a fault lasts here, unless `MILLINER_TEST_FAULT_SECS` says otherwise.
const SHORT: u64 = 3;

fn span() -> Duration {
    let given = std::env::var("MILLINER_TEST_FAULT_SECS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(given.unwrap_or(SHORT))
}

/// Two instances on a bucket and a Redis, each behind a line that can break.
struct Bench {
    instances: Vec<Instance>,
    target: Arc<Target>,
    redis: Proxy,
    s3: Proxy,
    _weed: Arc<Weed>,
    _folder: TempDir,
}

impl Bench {
    /// `links`: what the Redis is called by way of the line before it.
    async fn start(name: &str, redis: Proxy, links: &str, flags: &[&str]) -> Self {
        let weed = Weed::shared().await;
        let s3 = Proxy::before(weed.address()).await;
        let store = format!("s3://tests/{name}?region=eu-west-1&endpoint={}", s3.url());
        let folder = tempfile::tempdir().unwrap();
        let flags = [&["--store", &store], flags].concat();
        let instances: Vec<_> = (0..2).map(|_| Instance::start(folder.path(), links, &flags)).collect();
        let client = reqwest::Client::new();
        let cat = support::png(400, 300, [200, 120, 40, 255]);
        let hat = support::png(200, 100, [40, 40, 60, 200]);
        assert_eq!(instances[0].put(&client, "/v1/assets/cat?kind=base", cat).await, 201);
        assert_eq!(instances[0].put(&client, "/v1/assets/hat?kind=overlay", hat).await, 201);
        for instance in &instances {
            until("all know the cat and the hat", async || {
                instance.get(&client, "/v1/assets/hat").await.unwrap().status() == 200
            })
            .await;
        }
        let target = Target::of(instances.iter().map(|instance| instance.at("")).collect()).await;
        Self { instances, target, redis, s3, _weed: weed, _folder: folder }
    }

    /// On one Redis.
    async fn on(name: &str, redis: &RedisServer) -> Self {
        let line = Proxy::before(redis.address()).await;
        let links = format!("redis://{}", line.address());
        Self::start(name, line, &links, &[]).await
    }

    /// Load without a fault, with it, and after it; what was like before is the measure of what is during.
    async fn endure(
        &self,
        name: &str,
        begin: impl AsyncFnOnce(&Self),
        end: impl AsyncFnOnce(&Self),
    ) -> Tally {
        let before = self.target.load_for(span().min(Duration::from_secs(10))).await;
        before.assert_all_answered();
        let load = self.target.load();
        begin(self).await;
        tokio::time::sleep(span()).await;
        let during = load.stop().await;
        end(self).await;
        let healed = Instant::now();
        until("all is as before", async || self.is_well().await).await;
        let back = healed.elapsed();
        let after = self.target.load_for(Duration::from_secs(1)).await;
        after.assert_all_answered();
        report(name, &before, &during, back);
        during
    }

    /// Something new is rendered and stored by each, and no breaker is open.
    async fn is_well(&self) -> bool {
        let client = reqwest::Client::new();
        for instance in &self.instances {
            let Ok(answer) = instance.get(&client, &self.target.new_path()).await else { return false };
            let stored = answer.headers().get("cache-status").is_some_and(|status| {
                status
                    .to_str()
                    .is_ok_and(|status| status.ends_with("stored") || status.ends_with("collapsed"))
            });
            if answer.status() != 200
                || !stored
                || instance.metric(&client, "milliner_redis_breaker_open").await != 0
            {
                return false;
            }
        }
        true
    }
}

/// A line of the table, for whoever runs all faults.
fn report(name: &str, before: &Tally, during: &Tally, back: Duration) {
    let millis = |span: Duration| (span.as_secs_f64() * 1e4).round() / 10.0;
    let line = json!({
        "fault": name, "seconds": span().as_secs(), "hits": during.hits.len(), "misses": during.misses.len(),
        "unavailable": during.count(503), "other": during.others.iter().filter(|(status, _)| **status != 503).map(|(_, (count, _))| count).sum::<u64>(),
        "damaged": during.damaged, "p99_before": millis(before.p99()), "p99_during": millis(during.p99()), "back": millis(back),
    });
    tell(&line);
}

/// Appends to the file that `MILLINER_TEST_FAULT_REPORT` names, if it does.
fn tell(line: &serde_json::Value) {
    if let Some(path) = std::env::var_os("MILLINER_TEST_FAULT_REPORT") {
        let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_down() {
    let redis = RedisServer::start().await;
    let bench = Bench::on("redis-down", &redis).await;
    let begin = async |bench: &Bench| bench.redis.refuse();
    bench.endure("Redis down", begin, async |bench| bench.redis.heal()).await.assert_all_answered();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_hung() {
    let redis = RedisServer::start().await;
    let bench = Bench::on("redis-hung", &redis).await;
    let begin = async |_: &Bench| redis.hang();
    bench.endure("Redis hung", begin, async |_| redis.wake()).await.assert_all_answered();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_slow() {
    let redis = RedisServer::start().await;
    let bench = Bench::on("redis-slow", &redis).await;
    let begin = async |bench: &Bench| bench.redis.delay(Duration::from_millis(400));
    bench.endure("Redis slow (400 ms)", begin, async |bench| bench.redis.heal()).await.assert_all_answered();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_flushed() {
    let redis = RedisServer::start().await;
    let bench = Bench::on("redis-flushed", &redis).await;
    let begin = async |_: &Bench| assert_eq!(redis.ask(&["FLUSHALL"]).await, "ok");
    bench.endure("Redis flushed", begin, async |_| {}).await.assert_all_answered();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_failed_over() {
    let mut sentinels = Sentinels::start().await;
    let nowhere = Proxy::before(sentinels.master.address()).await;
    let bench = Bench::start("redis-failed-over", nowhere, &sentinels.url(), &[]).await;
    let begin = async |_: &Bench| sentinels.master.kill();
    bench.endure("Redis failed over (sentinel)", begin, async |_| {}).await.assert_all_answered();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_down() {
    let redis = RedisServer::start().await;
    let bench = Bench::on("s3-down", &redis).await;
    let begin = async |bench: &Bench| bench.s3.refuse();
    bench.endure("S3 down", begin, async |bench| bench.s3.heal()).await.assert_drawn_from_memory();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_slow() {
    let redis = RedisServer::start().await;
    let bench = Bench::on("s3-slow", &redis).await;
    let begin = async |bench: &Bench| bench.s3.delay(Duration::from_millis(500));
    bench.endure("S3 slow (500 ms)", begin, async |bench| bench.s3.heal()).await.assert_all_answered();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_hung() {
    let redis = RedisServer::start().await;
    let bench = Bench::on("s3-hung", &redis).await;
    let begin = async |bench: &Bench| bench.s3.hold_after(0);
    bench.endure("S3 hung", begin, async |bench| bench.s3.heal()).await.assert_drawn_from_memory();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_broken() {
    let redis = RedisServer::start().await;
    let bench = Bench::on("s3-broken", &redis).await;
    let begin = async |bench: &Bench| {
        bench
            .s3
            .answer("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    };
    bench.endure("S3 answers 500", begin, async |bench| bench.s3.heal()).await.assert_drawn_from_memory();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_truncated() {
    let redis = RedisServer::start().await;
    let bench = Bench::on("s3-truncated", &redis).await;
    let begin = async |bench: &Bench| bench.s3.cut_after(700);
    bench.endure("S3 cuts answers off", begin, async |bench| bench.s3.heal()).await.assert_degraded();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_garbled() {
    let redis = RedisServer::start().await;
    let bench = Bench::on("s3-garbled", &redis).await;
    let begin = async |bench: &Bench| bench.s3.flip_every(2000);
    let during = bench.endure("S3 garbles answers", begin, async |bench| bench.s3.heal()).await;
    // A status may come out as one that says no.
    during.assert_degraded_to(&[500, 503]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqs_down() {
    let (redis, moto) = (RedisServer::start().await, Moto::shared().await);
    moto.make("faults").await;
    let sqs = Proxy::before(moto.address()).await;
    let line = Proxy::before(redis.address()).await;
    let links = format!("redis://{}", line.address());
    let queue = |line: &Proxy| {
        format!("sqs://sqs.eu-west-1.amazonaws.com/123456789012/faults.fifo?endpoint={}", line.url())
    };
    let flags = ["--render", "queue", "--queue", &queue(&sqs)];
    let straight = Proxy::before(moto.address()).await;
    let weed = Weed::shared().await;
    let folder = tempfile::tempdir().unwrap();
    let store = format!("s3://tests/sqs-down?region=eu-west-1&endpoint=http://{}", weed.address());
    let worker = ["--queue", &queue(&straight), "--store", &store];
    let _worker = Instance::worker(folder.path(), &redis.url(), &worker);
    let bench = Bench::start("sqs-down", line, &links, &flags).await;
    let begin = async |_: &Bench| sqs.refuse();
    bench.endure("SQS down", begin, async |_| sqs.heal()).await.assert_all_answered();
}

/// How fast pictures come that no memory has: from the link and the bucket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_redis_and_s3() {
    let redis = RedisServer::start().await;
    let line = Proxy::before(redis.address()).await;
    // No picture fits.
    let bench = Bench::start("tiers", line, &redis.url(), &["--cache-composite-bytes", "1"]).await;
    let began = Instant::now();
    let tally = bench.target.load_for(span()).await;
    let seconds = began.elapsed().as_secs_f64();
    tally.assert_all_answered();
    let client = reqwest::Client::new();
    assert_eq!(bench.instances[0].metric(&client, "milliner_deliveries_total{source=\"memory\"}").await, 0);
    let rate = (tally.hits.len() as f64 / seconds).round();
    tell(
        &json!({"fault": "none: pictures from a link in Redis and a body in S3", "per_second": rate, "p99_ms": (tally.p99().as_secs_f64() * 1e4).round() / 10.0}),
    );
}
