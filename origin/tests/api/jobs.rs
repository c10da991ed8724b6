//! Jobs: what they render, when they stop, who goes on with them.

use std::time::Duration;

use axum::http::Method;
use origin::jobs::{JobId, JobState, keep_running};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::{Answer, Origin, request};

/// A runner of jobs, as a server has one; stops when it is told to, or dropped.
struct Runner {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Runner {
    fn start(origin: &Origin) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(keep_running(origin.app.clone(), stopped)) }
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}

async fn begin(origin: &Origin, body: &Value) -> Answer {
    origin.json(Method::POST, "/v1/jobs", body).await
}

/// The events of a job, to its end.
async fn events(origin: &Origin, job: &Value) -> Vec<(String, Value)> {
    let answer = origin.get(job["events"].as_str().unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/event-stream"));
    assert_eq!((answer.header("x-accel-buffering"), answer.header("cache-control")), ("no", "no-cache"));
    let event = |text: &str| {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
        };
        (field("event"), serde_json::from_str(&field("data")).unwrap())
    };
    answer.text().split("\n\n").filter(|text| text.contains("event:")).map(event).collect()
}

/// The job when it has ended.
async fn ended(origin: &Origin, job: &Value) -> Value {
    let (name, last) = events(origin, job).await.pop().unwrap();
    assert_eq!(name, "end", "{last}");
    last
}

fn matrix(widths: std::ops::Range<u32>) -> Value {
    let sizes: Vec<Value> = widths.map(|w| json!({"w": w})).collect();
    json!({"matrix": {"bases": ["cat"], "overlays": ["hat", []], "sizes": sizes, "formats": ["png"]}})
}

#[tokio::test]
async fn a_matrix_is_rendered_and_found_afterwards() {
    let origin = Origin::stocked().await;
    let _runner = Runner::start(&origin);
    origin.get("/c/cat;w=10/hat.png").await;
    let begun = begin(&origin, &matrix(10..14)).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let job = begun.value();
    assert_eq!(begun.header("location"), format!("/v1/jobs/{}", job["id"].as_str().unwrap()));
    let last = ended(&origin, &job).await;
    let counts = |job: &Value| {
        ["total", "settled", "found", "rendered", "failed"].map(|name| job[name].as_u64().unwrap())
    };
    assert_eq!((last["state"].as_str(), counts(&last)), (Some("done"), [8, 8, 1, 7, 0]));
    assert_eq!(origin.get(begun.header("location")).await.value(), last);
    assert_eq!(origin.metric("milliner_renders_total{result=\"ok\"}").await, 8);
    let delivered = origin.get("/c/cat;w=13.png").await;
    assert_eq!(delivered.header("cache-status"), "milliner-origin; hit");

    let again = begin(&origin, &matrix(10..14)).await;
    assert_eq!((again.status.as_u16(), &again.value()["id"]), (202, &job["id"]));
    assert_eq!(counts(&ended(&origin, &again.value()).await), [8, 8, 8, 0, 0]);

    // As a lifecycle rule does: the link is still there, and it is in memory.
    let explained = json!({"recipe": "/c/cat;w=13.png"});
    let explained = origin.json(Method::POST, "/v1/composites/explain", &explained).await;
    let key = explained.value()["key"].as_str().unwrap().parse().unwrap();
    let object = origin::store::ObjectKey::Composite(key, compositor::Format::Png);
    assert!(origin.app.store.remove(&object).await.unwrap());
    let again = begin(&origin, &matrix(10..14)).await.value();
    assert_eq!(counts(&ended(&origin, &again).await), [8, 8, 7, 1, 0]);
    assert!(origin.app.store.contains(&object).await.unwrap());
}

#[tokio::test]
async fn a_job_that_runs_is_not_begun_twice() {
    let origin = Origin::stocked().await;
    let first = begin(&origin, &matrix(10..14)).await;
    let second = begin(&origin, &matrix(10..14)).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (202, 200));
    assert_eq!(first.value(), second.value());
    assert_eq!(first.value()["state"], "waiting");
}

#[tokio::test]
async fn a_budget_ends_a_job() {
    let origin = Origin::stocked().await;
    let _runner = Runner::start(&origin);
    let mut body = matrix(10..40);
    body["budget"] = json!({"renders": 5});
    let last = ended(&origin, &begin(&origin, &body).await.value()).await;
    assert_eq!((&last["state"], &last["rendered"]), (&json!("exhausted"), &json!(5)));
    body["budget"] = json!({"bytes": 1});
    let last = ended(&origin, &begin(&origin, &body).await.value()).await;
    assert_eq!(
        (&last["state"], &last["found"], &last["rendered"]),
        (&json!("exhausted"), &json!(5), &json!(1))
    );
}

#[tokio::test]
async fn a_cancelled_job_stops() {
    let origin = Origin::stocked().await;
    let waiting = begin(&origin, &matrix(10..30)).await.value();
    let path = format!("/v1/jobs/{}", waiting["id"].as_str().unwrap());
    let cancelled = origin.delete(&path).await;
    assert_eq!((cancelled.status.as_u16(), &cancelled.value()["state"]), (200, &json!("cancelled")));
    let _runner = Runner::start(&origin);
    assert_eq!(ended(&origin, &waiting).await, cancelled.value(), "nobody goes on with it");

    let mut body = matrix(10..2000);
    body["matrix"]["formats"] = json!(["png", "jpg", "webp"]);
    let running = begin(&origin, &body).await.value();
    let path = format!("/v1/jobs/{}", running["id"].as_str().unwrap());
    while origin.get(&path).await.value()["settled"] == 0 {
        tokio::task::yield_now().await;
    }
    let cancelled = origin.delete(&path).await.value();
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(ended(&origin, &running).await, cancelled, "its runner changes nothing any more");
}

#[tokio::test]
async fn failures_are_told_and_do_not_end_a_job() {
    let origin = Origin::stocked().await;
    let body = json!({"recipes": ["/c/cat;w=20.png", "/c/cat/hat.png"]});
    let job = begin(&origin, &body).await.value();
    assert_eq!(origin.delete("/v1/assets/hat").await.status, 204);
    let _runner = Runner::start(&origin);
    let last = ended(&origin, &job).await;
    assert_eq!((&last["state"], &last["rendered"], &last["failed"]), (&json!("done"), &json!(1), &json!(1)));
    assert_eq!(last["failures"][0]["recipe"], "/c/cat/hat.png");
    assert!(last["failures"][0]["detail"].as_str().unwrap().contains("hat"), "{last}");
}

#[tokio::test]
async fn what_can_only_fail_is_refused() {
    let origin = Origin::stocked().await;
    for (body, status, slug, pointer) in [
        (json!({}), 400, "bad-request", ""),
        (json!({"recipes": ["/c/cat.png", "/c/cat;w=0.png"]}), 400, "bad-request", "/recipes/1"),
        (json!({"recipes": ["/c/cat.auto"]}), 400, "bad-request", "/recipes/0"),
        (json!({"recipes": ["/c/cat.png"], "budget": {"renders": 0}}), 400, "bad-request", "/budget/renders"),
        (json!({"recipes": ["/c/cat.png", "/c/dog.png"]}), 404, "unknown-asset", "/recipes/1"),
        (
            json!({"matrix": {"bases": ["cat"], "overlays": ["hat", "hut"], "formats": ["png"]}}),
            404,
            "unknown-asset",
            "/matrix/overlays/1",
        ),
        (
            json!({"matrix": {"bases": ["cat"], "sizes": [7], "formats": ["png"]}}),
            400,
            "bad-request",
            "/matrix/sizes/0",
        ),
    ] {
        begin(&origin, &body).await.assert_problem(status, slug, Some(pointer));
    }
    let long: Vec<u32> = (0..1001).collect();
    let sizes: Vec<Value> = long.iter().map(|w| json!({"w": w + 1})).collect();
    let bases = vec!["cat"; 1001];
    let huge = json!({"matrix": {"bases": bases, "sizes": sizes, "formats": ["png"]}});
    begin(&origin, &huge).await.assert_problem(422, "over-limit", None);
    let unknown = "0".repeat(20);
    for path in ["", "/events"] {
        origin.get(&format!("/v1/jobs/{unknown}{path}")).await.assert_problem(404, "unknown-job", None);
        origin.get(&format!("/v1/jobs/7{path}")).await.assert_problem(400, "bad-request", Some("/id"));
    }
    origin.delete(&format!("/v1/jobs/{unknown}")).await.assert_problem(404, "unknown-job", None);
}

#[tokio::test]
async fn who_prefers_not_to_wait_is_given_a_job() {
    let origin = Origin::stocked().await;
    let _runner = Runner::start(&origin);
    let headers = [("content-type", "application/json"), ("prefer", "return=minimal, Respond-Async; wait=5")];
    let body = json!({"recipe": "/c/cat;w=30/hat.jpg"}).to_string();
    let accepted = origin.send(request(Method::POST, "/v1/composites", &headers, body.into_bytes())).await;
    assert_eq!((accepted.status.as_u16(), accepted.header("preference-applied")), (202, "respond-async"));
    assert_eq!(accepted.header("location"), format!("/v1/jobs/{}", accepted.value()["id"].as_str().unwrap()));
    assert_eq!(ended(&origin, &accepted.value()).await["rendered"], 1);
    assert_eq!(origin.get("/c/cat;w=30/hat.jpg").await.header("cache-status"), "milliner-origin; hit");
}

#[tokio::test]
async fn a_restart_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let first = Origin::stocked_at(folder.path()).await;
    let runner = Runner::start(&first);
    let job = begin(&first, &matrix(10..160)).await.value();
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    // Its record is written once a second, by when all of them may be done.
    while first.metric("milliner_renders_total{result=\"ok\"}").await < 10 {
        tokio::task::yield_now().await;
    }
    runner.stop().await;
    // A render that was begun goes on, and holds the folder.
    while first.app.flights.in_air() > 0 {
        tokio::task::yield_now().await;
    }
    let stopped = first.get(&path).await.value();
    assert_eq!(stopped["state"], "waiting", "{stopped}");
    assert_ne!(stopped["settled"], 0, "{stopped}");
    let by_first = first.metric("milliner_renders_total{result=\"ok\"}").await;

    drop(first);
    let second = Origin::with(&[("MILLINER_STORE", &format!("file:{}", folder.path().display()))]).await;
    let _runner = Runner::start(&second);
    let last = ended(&second, &job).await;
    assert_eq!((&last["state"], &last["total"]), (&json!("done"), &json!(300)));
    assert_eq!(last["found"].as_u64().unwrap() + last["rendered"].as_u64().unwrap(), 300);
    let by_second = second.metric("milliner_renders_total{result=\"ok\"}").await;
    assert_eq!(by_first + by_second, 300, "nothing is rendered twice");
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_runner_is_gone_is_taken_over() {
    let origin = Origin::stocked().await;
    let job = begin(&origin, &matrix(10..13)).await.value();
    let id: JobId = job["id"].as_str().unwrap().parse().unwrap();
    let key = origin::store::ObjectKey::Job(id.clone());
    let (bytes, revision) = origin.app.store.read(&key).await.unwrap().unwrap();
    let mut record: origin::jobs::JobRecord = serde_json::from_slice(&bytes).unwrap();
    record.taken_by("one that was killed");
    let taken = serde_json::to_vec(&record).unwrap();
    origin.app.store.swap(&key, Some(revision), Some(taken.into())).await.unwrap();

    let _runner = Runner::start(&origin);
    let before = tokio::time::Instant::now();
    let job = loop {
        let job = origin::jobs::get(&origin.app, &id).await.unwrap().unwrap();
        if job.state == JobState::Done {
            break job;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(job.rendered, 6);
    assert!(before.elapsed() >= Duration::from_secs(10), "not before it is known to be abandoned");
}
