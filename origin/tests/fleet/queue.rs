//! Renders that are left to workers: servers that order, a queue, and processes that do nothing else.

use std::net::SocketAddr;
use std::sync::Arc;

use aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::instance::Instance;
use super::proxy::Proxy;
use super::servers::moto::Moto;
use super::servers::until;
use super::{CLOCKS, Fleet, SLOW, all_are, damage, support};

/// How long a job is lent.
const LENT: &str = "2s";

/// Two servers that render nothing themselves, and their workers.
struct Works {
    fleet: Fleet,
    workers: Vec<Instance>,
    /// What they order by.
    line: Proxy,
    moto: Arc<Moto>,
    name: &'static str,
    flags: Vec<String>,
}

impl Works {
    async fn start(name: &'static str, workers: usize, flags: &[&str]) -> Self {
        let moto = Moto::shared().await;
        moto.make(name).await;
        let line = Proxy::before(moto.address()).await;
        let queue = queue_url(line.address(), name);
        let servers = [&["--render", "queue", "--queue", &queue], flags].concat();
        let fleet = Fleet::start(2, &servers).await;
        // What befalls the servers' line does not befall workers.
        let flags = ["--redis-timeout", "10s", "--queue", &queue_url(moto.address(), name)];
        let flags = flags.map(str::to_owned).to_vec();
        let mut works = Self { fleet, workers: Vec::new(), line, moto, name, flags };
        for _ in 0..workers {
            works.hire();
        }
        works
    }

    /// One more worker.
    fn hire(&mut self) {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let folder: &TempDir = &self.fleet.folder;
        let clock = CLOCKS[self.workers.len() % CLOCKS.len()];
        let worker = Instance::with_clock(-clock, "work", folder.path(), &self.fleet.redis.url(), &flags);
        self.workers.push(worker);
    }

    /// A sample of `/metrics`, over all workers that still live.
    async fn of_workers(&self, sample: &str) -> u64 {
        let each = self.workers.iter().map(|worker| worker.metric(&self.fleet.client, sample));
        futures::future::join_all(each).await.into_iter().sum()
    }

    async fn renders(&self) -> (u64, u64) {
        (self.fleet.renders().await, self.of_workers("milliner_renders_total{result=\"ok\"}").await)
    }

    /// Dead letters.
    async fn dead(&self) -> u64 {
        let url = self.moto.url(&format!("dead-{}", self.name), LENT).queue_url();
        let get = self.moto.client().await.get_queue_attributes().queue_url(url);
        let answer = get.attribute_names(ApproximateNumberOfMessages).send().await.unwrap();
        answer.attributes().unwrap()[&ApproximateNumberOfMessages].parse().unwrap()
    }
}

/// With short polls: moto's long ones do not see that a group was freed meanwhile. And with patience: a busy machine is no
/// fault.
fn queue_url(at: SocketAddr, name: &str) -> String {
    format!(
        "sqs://sqs.eu-west-1.amazonaws.com/123456789012/{name}.fifo?endpoint=http://{at}&visibility={LENT}&wait=2s&patience=20s"
    )
}

#[tokio::test]
async fn a_thousand_callers_are_one_render_of_one_worker() {
    let works = Works::start("thousand", 2, &[]).await;
    all_are(200, &works.fleet.ask("/c/cat/hat;at=center.png", 1000).await);
    assert_eq!(works.renders().await, (0, 1));
    // One order, and another for every ten seconds that it takes on a busy machine: those find it there.
    let orders = works.of_workers("milliner_queue_seconds_count{}").await;
    assert!((1..=4).contains(&orders), "{orders} for a thousand callers");
    // The same picture is rendered again right after a purge, though the queue swallows repetitions for minutes.
    let purge = works.fleet.client.post(works.fleet.instances[0].at("/v1/purge"));
    let purge = purge.header("content-type", "application/json").body(json!({"asset": "cat"}).to_string());
    assert_eq!(purge.send().await.unwrap().status(), 200);
    all_are(200, &works.fleet.ask("/c/cat/hat;at=center.png", 10).await);
    assert_eq!(works.renders().await, (0, 2));
}

#[tokio::test]
async fn when_a_worker_is_killed_another_one_does_its_job() {
    let mut works = Works::start("killed", 1, &["--answer-within", "1m"]).await;
    let callers: Vec<_> = (0..100)
        .map(|i| {
            let url = works.fleet.instances[i % 2].at(SLOW);
            tokio::spawn(works.fleet.client.get(url).send())
        })
        .collect();
    until("the worker renders", async || works.of_workers("milliner_rendering").await == 1).await;
    works.workers[0].kill();
    works.workers.clear();
    works.hire();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(works.renders().await, (0, 1), "one more render, by one that lives");
}

#[tokio::test]
async fn who_waits_too_long_is_given_a_job() {
    let mut works = Works::start("later", 0, &["--answer-within", "300ms"]).await;
    let answer = works.fleet.instances[0].get(&works.fleet.client, "/c/cat;w=50.png").await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (202, &"1".parse().unwrap()));
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    works.hire();
    until("the job is done", async || {
        // Whichever server is asked.
        let job = works.fleet.instances[1].get(&works.fleet.client, &location).await.unwrap();
        let job: Value = serde_json::from_slice(&job.bytes().await.unwrap()).unwrap();
        job["state"] == "done" && job["rendered"] == 1
    })
    .await;
    let delivered = works.fleet.instances[0].get(&works.fleet.client, "/c/cat;w=50.png").await.unwrap();
    assert_eq!(delivered.status(), 200);
    assert_eq!(works.renders().await, (0, 1));
}

#[tokio::test]
async fn a_lost_link_is_made_again_by_a_worker_that_has_the_picture() {
    let works = Works::start("lost", 1, &[]).await;
    all_are(200, &works.fleet.ask("/c/cat;w=70.png", 1).await);
    works.fleet.redis.ask(&["FLUSHALL"]).await;
    // One that has nothing in memory yet.
    let queue = queue_url(works.line.address(), works.name);
    let flags = ["--render", "queue", "--queue", &queue, "--redis-timeout", "10s"];
    let next = Instance::start(works.fleet.folder.path(), &works.fleet.redis.url(), &flags);
    assert_eq!(next.get(&works.fleet.client, "/c/cat;w=70.png").await.unwrap().status(), 200);
    assert_eq!(works.renders().await, (0, 1), "its object was still there");
}

#[tokio::test]
async fn what_can_never_be_drawn_is_refused_without_a_worker() {
    let works = Works::start("refused", 0, &["--limit-layers", "1"]).await;
    let refused = works.fleet.ask("/c/cat/hat;at=center/hat;at=center.png", 10).await;
    all_are(422, &refused);
}

#[tokio::test]
async fn without_the_queue_servers_render_themselves() {
    let works = Works::start("cut", 1, &[]).await;
    works.line.refuse();
    all_are(200, &works.fleet.ask("/c/cat;w=60.png", 100).await);
    assert_eq!(works.renders().await, (1, 0), "leases are kept all the same");
    works.line.heal();
    until("workers are asked again", async || {
        let width = works.fleet.renders().await;
        let path = format!("/c/cat;w={}.png", 100 + width);
        all_are(200, &works.fleet.ask(&path, 1).await);
        works.renders().await.1 > 0
    })
    .await;
}

#[tokio::test]
async fn poison_ends_among_the_dead_and_good_jobs_are_done() {
    let works = Works::start("poison", 2, &[]).await;
    // Of all that it can be drawn from, a picture that is damaged afterwards.
    let good = support::png(60, 60, [1, 200, 3, 255]);
    assert_eq!(
        works.fleet.instances[0].put(&works.fleet.client, "/v1/assets/good?kind=base", good).await,
        201
    );
    damage_all_but(&works, "good").await;
    let queue = works.moto.url(works.name, LENT).queue_url();
    let client = works.moto.client().await;
    for i in 0..5 {
        let send =
            client.send_message().queue_url(&queue).message_body("no job").message_group_id(format!("g{i}"));
        send.message_deduplication_id(format!("d{i}")).send().await.unwrap();
    }
    let bad = works.fleet.ask("/c/cat/hat;at=center.png", 100).await;
    assert!(bad.iter().all(|(status, _)| *status == 422), "{:?}", bad[0]);
    for width in 10..40 {
        all_are(200, &works.fleet.ask(&format!("/c/good;w={width}.png"), 1).await);
    }
    until("six are dead", async || works.dead().await == 6).await;
    assert_eq!(works.renders().await, (0, 30));
}

/// Damages every image that was there before this asset.
async fn damage_all_but(works: &Works, id: &str) {
    let asset = works.fleet.instances[0].get(&works.fleet.client, &format!("/v1/assets/{id}")).await.unwrap();
    let asset: Value = serde_json::from_slice(&asset.bytes().await.unwrap()).unwrap();
    let digest = asset["digest"].as_str().unwrap();
    let images = works.fleet.folder.path().join("data/images");
    let kept = images.join(&digest[..2]).join(digest);
    let sound = std::fs::read(&kept).unwrap();
    damage(&images);
    std::fs::write(kept, sound).unwrap();
}
