//! Poison among good jobs, by the hundred: all good ones are done, and all others end among the dead letters.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName::{
    ApproximateNumberOfMessages as Waiting, ApproximateNumberOfMessagesNotVisible as Lent,
};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use compositor::{Catalogue, Recipe};
use serde_json::json;

use super::instance::Instance;
use super::servers::moto::Moto;
use super::servers::redis::RedisServer;
use super::servers::{until, until_within};
use super::{span, support, tell};

/// Messages of one call, which is what SQS takes.
const BATCH: usize = 10;

async fn waiting_and_lent(client: &Client, url: &str) -> (u64, u64) {
    let get = client.get_queue_attributes().queue_url(url).attribute_names(Waiting).attribute_names(Lent);
    let answer = get.send().await.unwrap();
    let count = |name| answer.attributes().unwrap()[&name].parse().unwrap();
    (count(Waiting), count(Lent))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_keeps_no_good_job_from_being_done() {
    let good = if span().as_secs() >= 30 { 1000 } else { 100 };
    let poison = good / 10;
    let (moto, redis): (Arc<Moto>, _) = (Moto::shared().await, RedisServer::start().await);
    moto.make("poisoned").await;
    let folder = tempfile::tempdir().unwrap();
    // Short polls: moto's long ones do not see that a group was freed meanwhile.
    let queue = format!(
        "sqs://sqs.eu-west-1.amazonaws.com/123456789012/poisoned.fifo?endpoint=http://{}&visibility=10s&wait=2s",
        moto.address()
    );
    let server = Instance::start(folder.path(), &redis.url(), &["--redis-timeout", "10s"]);
    let http = reqwest::Client::new();
    assert_eq!(
        server.put(&http, "/v1/assets/cat?kind=base", support::png(60, 60, [1, 2, 3, 255])).await,
        201
    );
    let catalogue = server.get(&http, "/v1/catalogue").await.unwrap().bytes().await.unwrap();
    let catalogue: Catalogue = serde_json::from_slice(&catalogue).unwrap();
    let job = |n: u64| {
        let recipe = Recipe::parse(&format!("/c/cat;w={};h={}.png", 10 + n % 100, 10 + n / 100)).unwrap();
        let plan = catalogue.resolve(&recipe, None).unwrap();
        (
            plan.key().to_string(),
            json!({"version": 1, "key": plan.key(), "recipe": plan.canonical_path(), "generation": 1})
                .to_string(),
        )
    };
    let (client, url) = (moto.client().await, moto.url("poisoned", "3s").queue_url());
    let bodies: Vec<(String, String)> =
        (0..good).map(job).chain((0..poison).map(|n| (format!("{n:040}"), format!("no job {n}")))).collect();
    for batch in bodies.chunks(BATCH) {
        let entry = |(i, (key, body)): (usize, &(String, String))| {
            SendMessageBatchRequestEntry::builder()
                .id(i.to_string())
                .message_body(body)
                .message_group_id(&key[key.len() - 3..])
                .message_deduplication_id(key)
                .build()
                .unwrap()
        };
        let entries = batch.iter().enumerate().map(entry).collect();
        let sent =
            client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
        assert!(sent.failed().is_empty(), "{sent:?}");
    }
    let worker =
        Instance::worker(folder.path(), &redis.url(), &["--queue", &queue, "--redis-timeout", "10s"]);
    let dead_letters = moto.url("dead-poisoned", "3s").queue_url();
    // By their ends: SQS counts what waits and what is lent one after the other, and misses a job that is given back
    // between the two.
    let ended = async || {
        let done = worker.metric(&http, "milliner_queue_jobs_total{end=\"done\"}").await;
        (done, waiting_and_lent(&client, &dead_letters).await.0)
    };
    let all = async || {
        let (done, dead) = ended().await;
        done + dead >= good + poison
    };
    until_within(Duration::from_mins(10), "all jobs end", all).await;
    until("nothing is left", async || waiting_and_lent(&client, &url).await == (0, 0)).await;
    let (done, dead) = ended().await;
    assert_eq!((done, dead), (good, poison));
    assert_eq!(worker.renders(&http).await, good);
    tell(
        &json!({"fault": "poison jobs", "good": good, "done": done, "poison": poison, "dead_letters": dead}),
    );
}
