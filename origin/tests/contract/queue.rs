//! The queue: an order within a group, one delivery at a time, loans that end with time, an end for what always fails.

use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use origin::queue::{Delivery, Memory, Poison, Queue, QueueError, RenderJob, Rules};
use tokio::time::Instant;

use crate::proxy::Proxy;
use crate::servers::moto::Moto;
use crate::together;

/// How long a delivery is lent here. SQS counts in seconds.
const LENT: Duration = Duration::from_secs(2);
const AT_ONCE: Duration = Duration::ZERO;
/// Longer than anything here should take.
const LONG: Duration = Duration::from_secs(15);

/// A queue whose dead letters can be counted.
struct Bench {
    queue: Queue,
    dead: Option<(aws_sdk_sqs::Client, String)>,
}

macro_rules! on_every_back_end {
    ($($name:ident),+ $(,)?) => {
        /// By a clock that goes on as soon as everybody waits.
        mod memory {
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                super::$name(super::Bench::in_memory()).await;
            })+
        }
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn sqs() {
            let moto = Moto::shared().await;
            let mut checks = vec![
                $((stringify!($name), $name(Bench::at(&moto, stringify!($name)).await).boxed())),+
            ];
            checks.push(("unreadable_messages_are_poison", unreadable_messages_are_poison(moto.clone()).boxed()));
            checks.push(("what_is_not_there_is_refused", what_is_not_there_is_refused(moto.clone()).boxed()));
            checks.push(("a_dead_server_is_told_in_time", a_dead_server_is_told_in_time(moto.clone()).boxed()));
            together(checks).await;
        }
    };
}

on_every_back_end!(
    a_job_arrives_as_it_was_sent_and_is_done,
    jobs_of_a_group_come_in_order_and_one_after_the_other,
    nobody_is_delivered_what_another_has,
    what_is_not_done_comes_again,
    what_is_kept_longer_does_not_come_meanwhile,
    what_is_given_back_comes_when_it_is_wanted,
    what_fails_too_often_dies,
    of_two_with_one_generation_one_is_delivered,
    a_wait_ends_with_the_first_job,
    depth_tells_what_waits_and_what_is_lent,
);

impl Bench {
    fn in_memory() -> Self {
        let rules = Rules { visibility: LENT, ..Rules::default() };
        Self { queue: Queue::Memory(Memory::with(rules)), dead: None }
    }

    async fn at(moto: &Moto, name: &str) -> Self {
        // A name of a queue has at most 80 characters, this one and what comes before and after it.
        let name = &name[..name.len().min(60)];
        moto.make(name).await;
        let dead = moto.url(&format!("dead-{name}"), "1s").queue_url();
        let queue = moto.queue(&moto.url(name, "2s")).await;
        Self { queue, dead: Some((moto.client().await, dead)) }
    }

    async fn dead(&self) -> u64 {
        use aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages as Waiting;
        match &self.dead {
            Some((client, url)) => {
                let get = client.get_queue_attributes().queue_url(url).attribute_names(Waiting);
                get.send().await.unwrap().attributes().unwrap()[&Waiting].parse().unwrap()
            }
            None => self.queue.depth().await.unwrap().dead.unwrap(),
        }
    }

    async fn send(&self, job: &RenderJob) {
        self.queue.send(job).await.unwrap();
    }

    /// The one job that comes within a wait.
    async fn one(&self, wait: Duration) -> Delivery {
        let mut delivered = self.queue.receive(1, wait).await.unwrap();
        assert_eq!(delivered.len(), 1);
        delivered.remove(0)
    }

    async fn none(&self, wait: Duration) {
        let delivered = self.queue.receive(10, wait).await.unwrap();
        assert!(delivered.is_empty(), "{delivered:?}");
    }
}

/// The job of a group, and a number in it.
fn job(group: &str, number: u8) -> RenderJob {
    let key = format!("{group}{:0>1$}", number, 40 - group.len()).parse().unwrap();
    RenderJob { key, recipe: format!("/c/cat;w={number}.png"), generation: 0, trace: None }
}

async fn a_job_arrives_as_it_was_sent_and_is_done(bench: Bench) {
    let sent = RenderJob { generation: 12, ..job("abc", 1) };
    bench.none(AT_ONCE).await;
    bench.send(&sent).await;
    let delivery = bench.one(LONG).await;
    assert_eq!((delivery.job.as_ref(), delivery.receives), (Ok(&sent), 1));
    delivery.done().await.unwrap();
    bench.none(LENT + Duration::from_secs(1)).await;
    bench.queue.check().await.unwrap();
}

async fn jobs_of_a_group_come_in_order_and_one_after_the_other(bench: Bench) {
    for number in 1..=3 {
        bench.send(&job("abc", number)).await;
    }
    bench.send(&job("def", 9)).await;
    let first = bench.one(LONG).await;
    assert_eq!(first.job, Ok(job("abc", 1)));
    let others = bench.queue.receive(10, AT_ONCE).await.unwrap();
    let others: Vec<_> = others.iter().map(|delivery| delivery.job.clone()).collect();
    assert_eq!(others, [Ok(job("def", 9))], "the group waits for its first, others do not");
    first.done().await.unwrap();
    for number in 2..=3 {
        let next = bench.one(LONG).await;
        assert_eq!(next.job, Ok(job("abc", number)));
        next.done().await.unwrap();
    }
}

async fn nobody_is_delivered_what_another_has(bench: Bench) {
    for number in 0..4 {
        bench.send(&job(&format!("{number:03}"), number)).await;
    }
    let all = join_all((0..8).map(|_| bench.queue.receive(1, AT_ONCE))).await;
    let mut numbers: Vec<_> = all
        .into_iter()
        .flat_map(|delivered| delivered.unwrap())
        .map(|delivery| delivery.job.unwrap().recipe)
        .collect();
    numbers.sort();
    assert_eq!(numbers, (0..4).map(|number| job("abc", number).recipe).collect::<Vec<_>>());
}

async fn what_is_not_done_comes_again(bench: Bench) {
    bench.send(&job("abc", 1)).await;
    let started = Instant::now();
    let lost = bench.one(LONG).await;
    drop(lost);
    let again = bench.one(LONG).await;
    assert!(started.elapsed() + Duration::from_millis(100) >= LENT, "{:?}", started.elapsed());
    assert_eq!((again.job.as_ref(), again.receives), (Ok(&job("abc", 1)), 2));
    again.done().await.unwrap();
}

async fn what_is_kept_longer_does_not_come_meanwhile(bench: Bench) {
    bench.send(&job("abc", 1)).await;
    let kept = bench.one(LONG).await;
    kept.extend(LENT * 3).await.unwrap();
    bench.none(LENT * 2).await;
    kept.extend(LENT * 3).await.unwrap();
    kept.done().await.unwrap();
    bench.none(AT_ONCE).await;
}

async fn what_is_given_back_comes_when_it_is_wanted(bench: Bench) {
    bench.send(&job("abc", 1)).await;
    bench.one(LONG).await.retry(AT_ONCE).await.unwrap();
    let again = bench.one(AT_ONCE).await;
    assert_eq!(again.receives, 2);
    again.retry(LENT * 2).await.unwrap();
    bench.none(LENT).await;
    let again = bench.one(LONG).await;
    assert_eq!(again.receives, 3);
    again.done().await.unwrap();
}

async fn what_fails_too_often_dies(bench: Bench) {
    bench.send(&job("abc", 1)).await;
    bench.send(&job("abc", 2)).await;
    for receives in 1..=3 {
        let failing = bench.one(LONG).await;
        assert_eq!((failing.job.as_ref(), failing.receives), (Ok(&job("abc", 1)), receives));
        failing.retry(AT_ONCE).await.unwrap();
    }
    let next = bench.one(LONG).await;
    assert_eq!(next.job, Ok(job("abc", 2)), "the group goes on without it");
    assert_eq!(bench.dead().await, 1);
    next.done().await.unwrap();
}

async fn of_two_with_one_generation_one_is_delivered(bench: Bench) {
    let first = job("abc", 1);
    let second = RenderJob { generation: 1, ..first.clone() };
    for job in [&first, &first, &second, &first, &second] {
        bench.send(job).await;
    }
    for sent in [first, second] {
        let delivery = bench.one(LONG).await;
        assert_eq!(delivery.job, Ok(sent));
        delivery.done().await.unwrap();
    }
    bench.none(AT_ONCE).await;
}

async fn a_wait_ends_with_the_first_job(bench: Bench) {
    let started = Instant::now();
    let later = async {
        tokio::task::yield_now().await;
        bench.send(&job("abc", 1)).await;
    };
    let (delivery, ()) = tokio::join!(bench.one(LONG), later);
    assert!(started.elapsed() < LONG / 2, "{:?}", started.elapsed());
    delivery.done().await.unwrap();
    let started = Instant::now();
    bench.none(Duration::from_secs(1)).await;
    assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
}

async fn depth_tells_what_waits_and_what_is_lent(bench: Bench) {
    for number in 1..=3 {
        bench.send(&job(&format!("{number:03}"), number)).await;
    }
    let lent = bench.one(LONG).await;
    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.waiting, depth.lent), (2, 1));
    lent.done().await.unwrap();
    assert_eq!(bench.queue.depth().await.unwrap().lent, 0);
}

/// SQS knows a message for five minutes, also after it was deleted. So does ours; the server of the tests does not.
#[tokio::test(start_paused = true)]
async fn a_job_is_known_for_five_minutes_and_no_longer() {
    let bench = Bench::in_memory();
    bench.send(&job("abc", 1)).await;
    bench.one(AT_ONCE).await.done().await.unwrap();
    bench.send(&job("abc", 1)).await;
    bench.none(LONG).await;
    bench.send(&RenderJob { generation: 1, ..job("abc", 1) }).await;
    bench.one(AT_ONCE).await.done().await.unwrap();
    tokio::time::advance(Duration::from_mins(5)).await;
    bench.send(&job("abc", 1)).await;
    bench.one(AT_ONCE).await.done().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_was_too_late_is_told() {
    let bench = Bench::in_memory();
    bench.send(&job("abc", 1)).await;
    let late = bench.one(AT_ONCE).await;
    tokio::time::advance(LENT).await;
    assert!(matches!(late.extend(LENT).await, Err(QueueError::Expired)));
    let again = bench.one(AT_ONCE).await;
    assert!(matches!(late.done().await, Err(QueueError::Expired)), "it is somebody else's now");
    again.done().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_takes_no_more() {
    let queue = Queue::Memory(Memory::with(Rules { capacity: 1, ..Rules::default() }));
    queue.send(&job("abc", 1)).await.unwrap();
    let refused = queue.send(&job("abc", 2)).await;
    assert!(matches!(refused, Err(QueueError::Unavailable { .. })), "{refused:?}");
    queue.receive(1, AT_ONCE).await.unwrap().remove(0).done().await.unwrap();
    queue.send(&job("abc", 2)).await.unwrap();
}

async fn unreadable_messages_are_poison(moto: std::sync::Arc<Moto>) {
    let bench = Bench::at(&moto, "poison").await;
    let (client, _) = bench.dead.as_ref().unwrap();
    let url = moto.url("poison", "2s").queue_url();
    for (text, id) in [("{\"version\":2}", "newer"), ("cat", "foreign")] {
        let send = client.send_message().queue_url(&url).message_body(text);
        send.message_group_id(id).message_deduplication_id(id).send().await.unwrap();
    }
    bench.send(&job("abc", 1)).await;
    let mut kinds = Vec::new();
    for delivery in bench.queue.receive(10, LONG).await.unwrap() {
        kinds.push(match &delivery.job {
            Err(Poison::Version(2)) => "newer",
            Err(_) => "foreign",
            Ok(_) => "job",
        });
        delivery.done().await.unwrap();
    }
    assert_eq!(kinds, ["newer", "foreign", "job"]);
}

async fn what_is_not_there_is_refused(moto: std::sync::Arc<Moto>) {
    let queue = moto.queue(&moto.url("nowhere", "2s")).await;
    let errors = [
        queue.send(&job("abc", 1)).await.unwrap_err(),
        queue.receive(1, LONG).await.unwrap_err(),
        queue.check().await.unwrap_err(),
    ];
    assert!(errors.iter().all(|error| matches!(error, QueueError::Refused { .. })), "{errors:?}");
}

async fn a_dead_server_is_told_in_time(moto: std::sync::Arc<Moto>) {
    let proxy = Proxy::before(moto.address()).await;
    proxy.hold_after(0);
    let queue = moto.queue(&Moto::url_at(proxy.address(), "dead", "2s")).await;
    let (started, job) = (Instant::now(), job("abc", 1));
    let (checked, sent, received) = tokio::join!(queue.check(), queue.send(&job), queue.receive(1, AT_ONCE));
    let errors = [checked.unwrap_err(), sent.unwrap_err(), received.map(drop).unwrap_err()];
    assert!(errors.iter().all(|error| matches!(error, QueueError::Unavailable { .. })), "{errors:?}");
    // Five seconds, and what a busy machine adds.
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}
