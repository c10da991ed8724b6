//! Several origins on one Redis and one store, as real processes: one render for all, and nobody unanswered when a part
//! fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[path = "../support/instance.rs"]
mod instance;
#[path = "../support/proxy.rs"]
mod proxy;
mod queue;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::Client;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use instance::Instance;
use servers::redis::RedisServer;
use servers::until;

/// Some instances with a cat and a hat.
struct Fleet {
    instances: Vec<Instance>,
    client: Client,
    redis: RedisServer,
    folder: TempDir,
}

/// Seconds that the clocks of instances are ahead: no two agree, in no test of this suite.
const CLOCKS: [i32; 3] = [600, 0, -600];

type Answer = (u16, Vec<u8>);

impl Fleet {
    /// Their calls to Redis may take long: a busy machine is no fault.
    async fn start(count: usize, flags: &[&str]) -> Self {
        Self::hasty(count, &[flags, &["--redis-timeout", "10s"]].concat()).await
    }

    /// The same with the usual time for calls to Redis.
    async fn hasty(count: usize, flags: &[&str]) -> Self {
        let (redis, folder) = (RedisServer::start().await, tempfile::tempdir().unwrap());
        let instances: Vec<_> = CLOCKS
            .iter()
            .cycle()
            .take(count)
            .map(|clock| Instance::with_clock(*clock, "serve", folder.path(), &redis.url(), flags))
            .collect();
        let client = Client::builder().timeout(Duration::from_mins(1)).build().unwrap();
        let fleet = Self { instances, client, redis, folder };
        fleet.stock().await;
        fleet
    }

    /// A cat and a hat, known to all.
    async fn stock(&self) {
        let first = &self.instances[0];
        let cat = support::png(400, 300, [200, 120, 40, 255]);
        let hat = support::png(200, 100, [40, 40, 60, 200]);
        assert_eq!(first.put(&self.client, "/v1/assets/cat?kind=base", cat).await, 201);
        assert_eq!(first.put(&self.client, "/v1/assets/hat?kind=overlay", hat).await, 201);
        for instance in &self.instances {
            until("all know the cat and the hat", async || {
                instance.get(&self.client, "/v1/assets/hat").await.unwrap().status() == 200
            })
            .await;
        }
    }

    /// A sample of `/metrics`, over all instances that still live.
    async fn metric(&self, sample: &str) -> u64 {
        let each = self.instances.iter().map(|instance| instance.metric(&self.client, sample));
        futures::future::join_all(each).await.into_iter().sum()
    }

    /// Renders that succeeded.
    async fn renders(&self) -> u64 {
        self.metric("milliner_renders_total{result=\"ok\"}").await
    }

    /// The first instance that renders.
    async fn rendering(&self) -> usize {
        let mut rendering = None;
        until("one renders", async || {
            for (i, instance) in self.instances.iter().enumerate() {
                if instance.metric(&self.client, "milliner_rendering").await == 1 {
                    rendering = Some(i);
                }
            }
            rendering.is_some()
        })
        .await;
        rendering.unwrap()
    }

    /// Asks for a path this many times at once, of all instances in turn.
    async fn ask(&self, path: &str, times: usize) -> Vec<Answer> {
        let answers: FuturesUnordered<_> = (0..times)
            .map(|i| async move {
                let answer = self.instances[i % self.instances.len()].get(&self.client, path).await.unwrap();
                (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
            })
            .collect();
        answers.collect().await
    }

    /// The files of composites, and when each was written.
    fn composites(&self) -> BTreeSet<(String, SystemTime)> {
        files(&self.folder.path().join("data/composites"))
    }
}

/// Every answer is this status; all have one body.
#[track_caller]
fn all_are(status: u16, answers: &[Answer]) {
    let statuses: BTreeSet<u16> = answers.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, BTreeSet::from([status]));
    assert!(answers.iter().all(|(_, body)| *body == answers[0].1), "all have the same body");
}

/// As a load balancer does: who is cut off is sent to the next one.
async fn ask_until_answered(client: Client, urls: Vec<String>, first: usize) -> Answer {
    for turn in 0..urls.len() {
        let Ok(answer) = client.get(&urls[(first + turn) % urls.len()]).send().await else { continue };
        let status = answer.status().as_u16();
        if let Ok(body) = answer.bytes().await {
            return (status, body.to_vec());
        }
    }
    (0, Vec::new())
}

fn files(folder: &Path) -> BTreeSet<(String, SystemTime)> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.insert((entry.path().display().to_string(), entry.metadata().unwrap().modified().unwrap()));
        }
    }
    found
}

/// Changes a byte of every file in a folder.
fn damage(folder: &Path) {
    for (path, _) in files(folder) {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        std::fs::write(&path, bytes).unwrap();
    }
}

/// Long past the end of a lease.
const SLEEP: Duration = Duration::from_secs(15);

/// Takes about two seconds to render.
const SLOW: &str = "/c/cat;w=2600;h=2600;fit=fill/hat;at=center;scale=2.webp";

#[tokio::test]
async fn a_thousand_callers_of_three_instances_cost_one_render() {
    let fleet = Fleet::start(3, &[]).await;
    all_are(200, &fleet.ask("/c/cat/hat;at=center.png", 1000).await);
    assert_eq!(fleet.renders().await, 1);
    let joined = fleet.metric("milliner_deliveries_total{source=\"joined\"}").await;
    let memory = fleet.metric("milliner_deliveries_total{source=\"memory\"}").await;
    assert_eq!(joined + memory, 999, "{joined} waited, {memory} came later");
}

#[tokio::test]
async fn when_the_rendering_instance_is_killed_another_renders_and_all_are_answered() {
    let mut fleet = Fleet::start(3, &[]).await;
    let urls: Vec<String> = fleet.instances.iter().map(|instance| instance.at(SLOW)).collect();
    let ask = |i| tokio::spawn(ask_until_answered(fleet.client.clone(), urls.clone(), i));
    let callers: Vec<_> = (0..1000).map(ask).collect();
    let rendering = fleet.rendering().await;
    fleet.instances[rendering].kill();
    fleet.instances.remove(rendering);
    let answers = futures::future::join_all(callers).await;
    let answers: Vec<Answer> = answers.into_iter().map(|caller| caller.unwrap()).collect();
    all_are(200, &answers);
    assert_eq!(fleet.renders().await, 1, "one more render, by one that lives");
}

#[tokio::test]
async fn a_renderer_that_slept_through_its_lease_overwrites_nothing() {
    let fleet = Fleet::start(2, &[]).await;
    let (first, second) = (&fleet.instances[0], &fleet.instances[1]);
    let asked = tokio::spawn(fleet.client.get(first.at(SLOW)).send());
    until("it renders", async || first.metric(&fleet.client, "milliner_rendering").await == 1).await;
    first.signal(Signal::STOP);
    let asleep = sleep(SLEEP);
    let taken_over = second.get(&fleet.client, SLOW).await.unwrap().bytes().await.unwrap();
    let stored = fleet.composites();
    asleep.await;
    first.signal(Signal::CONT);
    let late = asked.await.unwrap().unwrap().bytes().await.unwrap();
    assert_eq!(late, taken_over, "the late one is the same picture");
    assert_eq!(fleet.composites(), stored, "and no file was written again");
    assert_eq!(second.renders(&fleet.client).await, 1);
}

#[tokio::test]
async fn a_render_that_fails_is_tried_once_and_told_to_all() {
    let fleet = Fleet::start(2, &[]).await;
    damage(&fleet.folder.path().join("data/images"));
    let answers = fleet.ask("/c/cat/hat;at=center.png", 1000).await;
    assert!(answers.iter().all(|(status, _)| *status == 422), "{:?}", answers[0].0);
    let problem: Value = serde_json::from_slice(&answers[0].1).unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("damaged"), "{problem}");
    assert_eq!(fleet.metric("milliner_renders_total{result=\"failed\"}").await, 1);
}

#[tokio::test]
async fn a_change_of_the_catalogue_is_told_to_all() {
    // Nobody looks by itself: only news can do it.
    let fleet = Fleet::start(3, &["--catalogue-poll", "1h"]).await;
    let other = support::png(10, 10, [1, 2, 3, 255]);
    assert_eq!(fleet.instances[1].put(&fleet.client, "/v1/assets/other", other).await, 201);
    for instance in &fleet.instances {
        until("it is there", async || {
            instance.get(&fleet.client, "/c/other.png").await.unwrap().status() == 200
        })
        .await;
    }
}

#[tokio::test]
async fn a_purge_reaches_who_did_not_hear_of_it() {
    let fleet = Fleet::start(2, &[]).await;
    let (first, second) = (&fleet.instances[0], &fleet.instances[1]);
    all_are(200, &fleet.ask("/c/cat.png", 2).await);
    second.signal(Signal::STOP);
    let purge = fleet.client.post(first.at("/v1/purge")).header("content-type", "application/json");
    assert_eq!(purge.body("{\"asset\": \"cat\"}").send().await.unwrap().status(), 200);
    // What was said is lost with the connections that it was said on.
    fleet.redis.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    second.signal(Signal::CONT);
    until("it is rendered anew", async || {
        assert_eq!(second.get(&fleet.client, "/c/cat.png").await.unwrap().status(), 200);
        fleet.renders().await == 2
    })
    .await;
}

#[tokio::test]
async fn hits_of_all_instances_are_counted_together() {
    let mut fleet = Fleet::start(2, &[]).await;
    all_are(200, &fleet.ask("/c/cat.png", 10).await);
    for instance in &mut fleet.instances {
        assert_eq!(instance.terminate(), Some(0));
    }
    let next = Instance::start(fleet.folder.path(), &fleet.redis.url(), &[]);
    let explain = fleet.client.post(next.at("/v1/composites/explain"));
    let explain = explain.header("content-type", "application/json").body("{\"recipe\": \"/c/cat.png\"}");
    let explained = explain.send().await.unwrap().bytes().await.unwrap();
    let explained: Value = serde_json::from_slice(&explained).unwrap();
    let path = format!("/v1/composites/{}", explained["key"].as_str().unwrap());
    let record = next.get(&fleet.client, &path).await.unwrap().bytes().await.unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["hits"], 10, "{record}");
}

#[tokio::test]
async fn a_key_has_one_rate_over_all_instances() {
    let fleet = Fleet::start(2, &[]).await;
    let made = std::process::Command::new(support::MILLINER)
        .current_dir(fleet.folder.path())
        .env_clear()
        .args(["keys", "create", "--name", "tester", "--scope", "read", "--per-minute", "20"])
        .output()
        .unwrap();
    let text = String::from_utf8(made.stdout).unwrap();
    let key = text.split_whitespace().find(|word| word.starts_with("mk_")).expect("a key is printed");
    let mut refused = 0;
    for i in 0..24 {
        let call = fleet.client.get(fleet.instances[i % 2].at("/v1/assets/cat")).header("x-api-key", key);
        refused += usize::from(call.send().await.unwrap().status() == 429);
    }
    // While this runs, a call or two may refill.
    assert!((2..=4).contains(&refused), "{refused} of 24");
}

#[tokio::test]
async fn an_address_has_one_rate_over_all_instances() {
    let fleet = Fleet::start(1, &[]).await;
    let flags = ["--limit-address-rate", "2", "--redis-timeout", "10s"];
    let limited = [(); 2].map(|()| Instance::start(fleet.folder.path(), &fleet.redis.url(), &flags));
    for (turn, expected) in [200, 200, 429, 429].into_iter().enumerate() {
        let answer = limited[turn % 2].get(&fleet.client, "/v1/catalogue").await.unwrap();
        assert_eq!(answer.status(), expected, "call {turn}");
    }
    assert_ne!(fleet.redis.ask(&["GET", "milliner:{127.0.0.1}:rate"]).await, "Nil");
    let left: i64 = fleet.redis.ask(&["PTTL", "milliner:{127.0.0.1}:rate"]).await.parse().unwrap();
    assert!((1..=60_000).contains(&left), "it goes when it is full: {left} ms");
}

#[tokio::test]
async fn without_redis_all_is_answered_and_with_it_back_leases_are_kept_again() {
    let mut fleet = Fleet::start(2, &[]).await;
    all_are(200, &fleet.ask("/c/cat.png", 50).await);
    fleet.redis.kill();
    all_are(200, &fleet.ask("/c/cat.png", 50).await);
    all_are(200, &fleet.ask("/c/cat;w=100.png", 200).await);
    assert!(fleet.renders().await <= 3, "each instance renders for its own callers, once");
    fleet.redis.start_again().await;
    for instance in &fleet.instances {
        until("Redis is asked again", async || {
            let unknown = format!("/v1/composites/{}", "0".repeat(40));
            instance.get(&fleet.client, &unknown).await.unwrap().status() == 404
                && instance.metric(&fleet.client, "milliner_redis_breaker_open").await == 0
        })
        .await;
    }
    let before = fleet.renders().await;
    all_are(200, &fleet.ask("/c/cat;w=101.png", 200).await);
    assert_eq!(fleet.renders().await - before, 1);
}

#[tokio::test]
async fn a_redis_behind_tls_is_used_by_who_trusts_it() {
    let (redis, folder, client) =
        (RedisServer::with_tls().await, tempfile::tempdir().unwrap(), Client::new());
    let trusting = Instance::trusting(&redis.certificate(), folder.path(), &redis.secured_url());
    let cat = support::png(40, 30, [200, 120, 40, 255]);
    assert_eq!(trusting.put(&client, "/v1/assets/cat?kind=base", cat).await, 201);
    assert_eq!(trusting.get(&client, "/c/cat.png").await.unwrap().status(), 200);
    assert_eq!(trusting.state(&client, "links").await, "ok");
    assert_eq!(redis.ask(&["ZCARD", "milliner:{composites}:used"]).await, "1");

    let wary = Instance::start(folder.path(), &redis.secured_url(), &[]);
    assert_eq!(wary.get(&client, "/c/cat.png").await.unwrap().status(), 200, "the store has it");
    let why = wary.state(&client, "links").await;
    assert!(why.contains("ertificate") || why.contains("not asked"), "{why}");
    assert!(!why.contains("secret"), "{why}");
}

#[tokio::test]
async fn a_redis_that_hangs_holds_nobody_up() {
    let fleet = Fleet::hasty(2, &[]).await;
    all_are(200, &fleet.ask("/c/cat.png", 10).await);
    fleet.redis.hang();
    let start = Instant::now();
    all_are(200, &fleet.ask("/c/cat.png", 100).await);
    let hits = start.elapsed();
    all_are(200, &fleet.ask("/c/cat;w=77.png", 100).await);
    let misses = start.elapsed();
    fleet.redis.wake();
    assert!(hits < Duration::from_secs(2) && misses < Duration::from_secs(5), "{hits:?}, {misses:?}");
}
