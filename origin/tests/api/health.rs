//! Health, readiness, metrics.

use std::time::Duration;

use crate::support::Origin;

#[tokio::test]
async fn the_public_listener_says_yes_or_no_and_the_admin_listener_says_why() {
    let origin = Origin::stocked().await;
    assert_eq!(origin.get("/healthz").await.text(), "ok\n");
    assert_eq!(origin.get("/readyz").await.text(), "ready\n");
    let detail = origin.admin("/readyz").await.value();
    assert_eq!(
        (&detail["ready"], &detail["store"], &detail["assets"]),
        (&true.into(), &"ok".into(), &2.into())
    );
    assert_eq!(origin.get("/metrics").await.status, 404, "numbers are for operators");

    origin.app.start_draining();
    assert_eq!(origin.get("/readyz").await.status, 503);
    assert_eq!(origin.get("/healthz").await.status, 200);
    assert_eq!(origin.admin("/readyz").await.value()["draining"], true);
}

#[tokio::test]
async fn the_store_is_looked_at_once_a_second_however_many_ask() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::stocked_at(folder.path()).await;
    tokio::time::pause();
    let temporary = folder.path().join("tmp");
    assert_eq!(origin.get("/readyz").await.status, 200);
    std::fs::remove_dir_all(&temporary).unwrap();
    for _ in 0..3 {
        assert_eq!(origin.get("/readyz").await.status, 200, "nobody has looked since");
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(origin.get("/readyz").await.status, 503);
    std::fs::create_dir(&temporary).unwrap();
    assert_eq!(origin.admin("/readyz").await.status, 503, "operators share it");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(origin.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn metrics_count_what_was_answered() {
    let origin = Origin::stocked().await;
    for path in ["/c/cat.png", "/c/cat.png", "/c/nobody.png"] {
        origin.get(path).await;
    }
    let requests = |status: &str| {
        format!("milliner_requests_total{{method=\"GET\",route=\"/c/{{recipe}}\",status=\"{status}\"}}")
    };
    assert_eq!(origin.metric(&requests("2xx")).await, 2);
    assert_eq!(origin.metric(&requests("4xx")).await, 1);
    assert_eq!(origin.metric("milliner_deliveries_total{source=\"memory\"}").await, 1);
    let seconds = "milliner_request_seconds_count{method=\"GET\",route=\"/c/{recipe}\"}";
    assert_eq!(origin.metric(seconds).await, 3);
    assert_eq!(origin.metric("milliner_assets").await, 2);
}

#[tokio::test]
async fn every_stage_of_a_journey_is_timed_under_one_name() {
    let origin = Origin::stocked().await;
    let miss = origin.get("/c/cat/hat.png").await;
    origin.get("/c/cat/hat.png").await;
    let timing = miss.header("server-timing");
    let stages: Vec<&str> = timing.split(", ").map(|stage| stage.split(';').next().unwrap()).collect();
    assert_eq!(stages, ["lease", "object", "queue", "fetch", "draw", "put", "link"], "{timing}");
    for stage in stages {
        let count = format!("milliner_stage_seconds_count{{stage=\"{stage}\"}}");
        assert_eq!(origin.metric(&count).await, 1, "{stage}");
    }
    assert_eq!(origin.metric("milliner_stage_seconds_count{stage=\"wait\"}").await, 0);
}
