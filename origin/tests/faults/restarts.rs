//! Ends of processes: in order under load, and at any moment; and more work at once than there is memory for.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::instance::Instance;
use super::load::is_whole;
use super::servers::redis::RedisServer;
use super::servers::until;
use super::servers::weed::Weed;
use super::{span, support, tell};

/// Whether this is the long form of a test.
pub fn is_long() -> bool {
    span() >= Duration::from_secs(30)
}

fn client() -> Client {
    Client::builder().timeout(Duration::from_mins(1)).build().unwrap()
}

/// As a load balancer does: whoever does not take a connection is passed over.
async fn ask(client: &Client, urls: [String; 2], path: &str) -> Result<u16, String> {
    let mut last = String::new();
    for url in urls {
        match client.get(format!("{url}{path}")).send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                return answer.bytes().await.map(|_| status).map_err(|error| error.to_string());
            }
            Err(error) if error.is_connect() => last = error.to_string(),
            Err(error) => return Err(format!("{error:?}")),
        }
    }
    Err(last)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_thousands_of_requests_an_orderly_stop_fails_none() {
    let total: u64 = if is_long() { 5000 } else { 1000 };
    let (redis, folder, client) = (RedisServer::start().await, tempfile::tempdir().unwrap(), client());
    let start = || Instance::start(folder.path(), &redis.url(), &[]);
    let (leaving, staying) = (start(), start());
    leaving.put(&client, "/v1/assets/cat?kind=base", support::png(400, 300, [200, 120, 40, 255])).await;
    until("both know the cat", async || {
        staying.get(&client, "/v1/assets/cat").await.unwrap().status() == 200
    })
    .await;
    let urls = [leaving.at(""), staying.at("")];
    let (next, stopped) = (AtomicU64::new(0), AtomicU64::new(0));
    let callers: FuturesUnordered<_> = (0..32)
        .map(|caller: usize| {
            let (client, urls, next, stopped) = (&client, &urls, &next, &stopped);
            async move {
                let mut failures = Vec::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= total {
                        return failures;
                    }
                    let path = if n % 10 == 0 {
                        format!("/c/cat;w={}.png", 20 + n / 10)
                    } else {
                        "/c/cat;w=100.png".to_owned()
                    };
                    // Every caller prefers the one that leaves, until it is told that it has left.
                    let (first, second) = if caller.is_multiple_of(2) && stopped.load(Ordering::Relaxed) == 0
                    {
                        (0, 1)
                    } else {
                        (1, 0)
                    };
                    match ask(client, [urls[first].clone(), urls[second].clone()], &path).await {
                        Ok(200) => {}
                        other => failures.push(format!("{path}: {other:?}")),
                    }
                }
            }
        })
        .collect();
    let stop = async {
        until("half are answered", async || next.load(Ordering::Relaxed) > total / 2).await;
        let mut leaving = leaving;
        let code = tokio::task::spawn_blocking(move || leaving.terminate()).await.unwrap();
        stopped.store(1, Ordering::Relaxed);
        code
    };
    let (failures, code) = futures::future::join(callers.concat(), stop).await;
    assert_eq!((code, failures.as_slice()), (Some(0), [].as_slice()));
    tell(&json!({"fault": "SIGTERM under load", "requests": total, "failed": failures.len()}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_at_any_moment_loses_nothing_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (rounds, uploads) = outlive_kills(|| Instance::start(folder.path(), "memory:", &[])).await;
    tell_kills("on a folder", rounds, uploads, &files(&folder.path().join("data/composites")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_on_a_bucket_and_a_redis() {
    let (weed, redis) = (Weed::shared().await, RedisServer::start().await);
    let folder = tempfile::tempdir().unwrap();
    let store = format!("s3://tests/kills?region=eu-west-1&endpoint=http://{}", weed.address());
    let start = || Instance::start(folder.path(), &redis.url(), &["--store", &store]);
    let (rounds, uploads) = outlive_kills(start).await;
    tell_kills("on a bucket and a Redis", rounds, uploads, &objects(&weed, "kills/composites/").await);
}

fn tell_kills(place: &str, rounds: u64, uploads: usize, stored: &[Vec<u8>]) {
    assert!(!stored.is_empty() && stored.iter().all(|bytes| is_whole(bytes)), "a stored picture is damaged");
    tell(
        &json!({"fault": format!("kill -9 {place}"), "times": rounds, "uploads": uploads, "lost": 0, "objects": stored.len(), "bad": 0}),
    );
}

/// Kills a process in the midst of its work, again and again, and has the next one show everything that it acknowledged.
/// Answers how often, and how many uploads there were.
async fn outlive_kills(start: impl Fn() -> Instance) -> (u64, usize) {
    let rounds: u64 = if is_long() { 50 } else { 8 };
    let client = client();
    let mut uploads: HashMap<String, Vec<u8>> = HashMap::new();
    let mut answered: HashMap<String, Vec<u8>> = HashMap::new();
    for round in 0..rounds {
        let mut instance = start();
        let acknowledged = Mutex::new(Acknowledged::default());
        let first = Notify::new();
        // Some moment between the first upload and some dozens later, another one in each round.
        let moment = async {
            first.notified().await;
            tokio::time::sleep(Duration::from_millis((round * 37) % 150)).await;
        };
        tokio::select! {
            () = work(&client, &instance, round, &acknowledged, &first) => {}
            () = moment => {}
        }
        instance.kill();
        let more = acknowledged.into_inner().unwrap();
        uploads.extend(more.uploads);
        answered.extend(more.answers);
    }
    assert!(uploads.len() as u64 >= rounds, "{} uploads", uploads.len());
    let instance = start();
    for id in uploads.keys() {
        let answer = instance.get(&client, &format!("/v1/assets/{id}/content")).await.unwrap();
        assert_eq!(answer.status(), 200, "{id} is lost");
        assert!(is_whole(&answer.bytes().await.unwrap()), "{id} is damaged");
    }
    for (path, body) in &answered {
        let answer = instance.get(&client, path).await.unwrap();
        assert_eq!(answer.bytes().await.unwrap(), body, "{path} has changed");
    }
    (rounds, uploads.len())
}

/// What a process has said is done.
#[derive(Default)]
struct Acknowledged {
    uploads: HashMap<String, Vec<u8>>,
    answers: HashMap<String, Vec<u8>>,
}

/// Uploads pictures and asks for composites of them until nobody answers.
async fn work(
    client: &Client,
    instance: &Instance,
    round: u64,
    acknowledged: &Mutex<Acknowledged>,
    first: &Notify,
) {
    for n in 0.. {
        let (id, width) = (format!("a{round}-{n}"), 50 + (round * 7 + n) as u32);
        let picture = support::png(width, 40, [(n % 256) as u8, (round * 5) as u8, 9, 255]);
        let put = client.put(instance.at(&format!("/v1/assets/{id}"))).header("content-type", "image/png");
        let Ok(put) = put.body(picture.clone()).send().await else { return };
        assert_eq!(put.status(), 201);
        acknowledged.lock().unwrap().uploads.insert(id.clone(), picture);
        first.notify_one();
        let path = format!("/c/{id};w=300;h=300.png");
        let Ok(answer) = client.get(instance.at(&path)).send().await else { return };
        assert_eq!(answer.status(), 200);
        let Ok(body) = answer.bytes().await else { return };
        acknowledged.lock().unwrap().answers.insert(path, body.to_vec());
    }
}

/// Every object whose name begins so.
async fn objects(weed: &Weed, prefix: &str) -> Vec<Vec<u8>> {
    let client = weed.client().await;
    let (mut found, mut pages) = (Vec::new(), client.list_objects_v2().bucket("tests").prefix(prefix));
    loop {
        let page = pages.clone().send().await.unwrap();
        for name in page.contents().iter().filter_map(|object| object.key()) {
            let object = client.get_object().bucket("tests").key(name).send().await.unwrap();
            found.push(object.body.collect().await.unwrap().to_vec());
        }
        let Some(next) = page.next_continuation_token else { return found };
        pages = pages.continuation_token(next);
    }
}

fn files(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(std::fs::read(entry.path()).unwrap());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_renders_at_once_than_memory_are_admitted_one_after_the_other() {
    const MEMORY: u64 = 512 << 20;
    let folder = tempfile::tempdir().unwrap();
    let client = Client::builder().timeout(Duration::from_mins(5)).build().unwrap();
    let settings = [
        "--limit-working-bytes",
        "256MiB",
        "--limit-render-bytes",
        "256MiB",
        "--cache-composite-bytes",
        "32MiB",
        "--cache-decoded-bytes",
        "64MiB",
        // A busy machine is no fault.
        "--limit-queue-timeout",
        "5m",
        "--request-timeout",
        "5m",
    ];
    let instance = Instance::start(folder.path(), "memory:", &settings);
    assert_eq!(
        instance
            .put(&client, "/v1/assets/cat?kind=base", support::png(2000, 1500, [200, 120, 40, 255]))
            .await,
        201
    );
    let (instance, client) = (&instance, &client);
    let ask = |n: u32| async move {
        let path = format!("/c/cat;w={};h=3000;fit=fill.png", 3000 + n);
        instance.get(client, &path).await.unwrap().status().as_u16()
    };
    let statuses: Vec<u16> = (0..50).map(ask).collect::<FuturesUnordered<_>>().collect().await;
    assert_eq!(statuses, [200; 50]);
    let peak = instance.peak_memory();
    assert!(peak < MEMORY, "{} MiB", peak >> 20);
    tell(&json!({"fault": "50 big renders at once", "peak_mib": peak >> 20, "allowed_mib": MEMORY >> 20}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_serves_what_is_there() {
    let (folder, client) = (tempfile::tempdir().unwrap(), client());
    // No file may grow past this: what a disk without room does to a write.
    let instance = Instance::with_file_limit(folder.path(), 40 << 10);
    let small = support::png(60, 60, [200, 120, 40, 255]);
    assert_eq!(instance.put(&client, "/v1/assets/cat?kind=base", small).await, 201);
    let before = instance.get(&client, "/c/cat.png").await.unwrap();
    assert_eq!(before.status(), 200);
    let large = support::noise(200);
    let refused = client.put(instance.at("/v1/assets/noise")).header("content-type", "image/png").body(large);
    let refused = refused.send().await.unwrap();
    assert_eq!(refused.status(), 503);
    let problem: Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
    assert_eq!(problem["title"], "A part of the service is not reachable");
    assert_eq!(
        instance.get(&client, "/v1/assets/noise").await.unwrap().status(),
        404,
        "a refused upload changes nothing"
    );
    let large = instance.get(&client, "/c/cat;w=4000;h=4000.jpg").await.unwrap();
    assert_eq!(
        (large.status().as_u16(), &large.headers()["cache-status"]),
        (200, &"milliner-origin; fwd=miss".parse().unwrap()),
        "it is answered, and not stored"
    );
    assert!(large.bytes().await.unwrap().len() > 40 << 10);
    assert_eq!(instance.get(&client, "/c/cat.png").await.unwrap().status(), 200);
}
