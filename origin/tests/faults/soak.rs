//! Ten minutes of everything: pictures by popularity, new ones, mistakes and purges, on caches that are too small for
//! them. What is right is answered, what is wrong is refused, and memory does not grow.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::Client;
use serde_json::json;

use super::instance::Instance;
use super::load::is_whole;
use super::restarts::is_long;
use super::servers::redis::RedisServer;
use super::{span, support, tell};

const CALLERS: u64 = 16;
/// Pictures that are asked for again and again, some much more often than others.
const KNOWN: u64 = 2000;

/// More than small caches and a busy process need.
const MOST: u64 = 256;

/// How long this one lasts: ten times a fault, where faults last long.
fn length() -> Duration {
    if is_long() { span() * 10 } else { span() * 3 }
}

/// A stream of numbers that is the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `n`, small numbers more often: the logarithm is evenly spread, as in Zipf's law.
    fn popular(&mut self, n: u64) -> u64 {
        let even = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        ((n as f64).powf(even) - 1.0) as u64
    }
}

/// A picture by its number: sizes differ, so do bytes.
fn path(number: u64) -> String {
    format!("/c/cat;w={};h={}/hat.png", 40 + number % 300, 40 + number / 300)
}

/// One call, and the status that it must have.
async fn call(client: &Client, url: &str, numbers: &mut Numbers, new: &AtomicU64) -> (u16, u16, bool) {
    let (path, expected) = match numbers.next() % 100 {
        0..80 => (path(numbers.popular(KNOWN)), 200),
        80..90 => (path(KNOWN + new.fetch_add(1, Ordering::Relaxed)), 200),
        90..94 => ("/c/cat;w=0.png".to_owned(), 400),
        94..96 => ("/c/nobody/hat.png".to_owned(), 404),
        96..98 => ("/i/zz.png".to_owned(), 400),
        _ => {
            let body = json!({"recipe": path(numbers.popular(KNOWN))}).to_string();
            let purge =
                client.post(format!("{url}/v1/purge")).header("content-type", "application/json").body(body);
            return (purge.send().await.map_or(0, |answer| answer.status().as_u16()), 200, true);
        }
    };
    let Ok(answer) = client.get(format!("{url}{path}")).send().await else { return (0, expected, false) };
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap_or_default();
    (status, expected, status != 200 || is_whole(&body))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_level_under_everything_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let small = [
        "--cache-composite-bytes",
        "16MiB",
        "--cache-decoded-bytes",
        "32MiB",
        "--cache-resolved-urls",
        "500",
    ];
    // In the process's own memory links are an index of the store, and grow with it.
    let redis = RedisServer::start().await;
    let instance = Instance::start(folder.path(), &redis.url(), &small);
    let client = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    assert_eq!(instance.put(&client, "/v1/assets/cat?kind=base", support::noise(200)).await, 201);
    assert_eq!(
        instance.put(&client, "/v1/assets/hat?kind=overlay", support::png(90, 60, [40, 40, 60, 200])).await,
        201
    );

    let (stop, new, wrong) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let url = instance.at("");
    let callers: FuturesUnordered<_> = (0..CALLERS)
        .map(|caller| {
            let (client, url, stop, new, wrong) = (&client, &url, &stop, &new, &wrong);
            async move {
                let (mut numbers, mut calls) = (Numbers(caller * 7919 + 1), 0_u64);
                while !stop.load(Ordering::Relaxed) {
                    let (status, expected, sound) = call(client, url, &mut numbers, new).await;
                    wrong.fetch_add(u64::from(status != expected || !sound), Ordering::Relaxed);
                    calls += 1;
                }
                calls
            }
        })
        .collect();
    let watch = async {
        let (began, mut resident) = (Instant::now(), Vec::new());
        while began.elapsed() < length() {
            tokio::time::sleep(length() / 60).await;
            resident.push(instance.resident_memory() >> 20);
        }
        stop.store(true, Ordering::Relaxed);
        resident
    };
    let (calls, resident) = futures::future::join(callers.collect::<Vec<u64>>(), watch).await;
    assert_eq!(wrong.load(Ordering::Relaxed), 0, "answers that are not as they must be");
    // After a third of it every cache is full.
    let looks = resident.len();
    let (after_warm_up, last) = (median(&resident[looks / 3..looks / 2]), median(&resident[looks * 5 / 6..]));
    let seconds = length().as_secs();
    tell(
        &json!({"fault": "soak", "seconds": seconds, "calls": calls.iter().sum::<u64>(), "wrong": 0, "resident_mib_after_warm_up": after_warm_up, "resident_mib_at_the_end": last}),
    );
    assert!(resident.iter().all(|mib| *mib < MOST), "{resident:?} MiB");
    // A short one is still warming up.
    assert!(!is_long() || last <= after_warm_up + after_warm_up / 10 + 8, "{resident:?} MiB");
}

fn median(values: &[u64]) -> u64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    values[values.len() / 2]
}
