//! Composites by API, and explaining them.

use axum::http::Method;
use serde_json::json;

use crate::support::Origin;

#[tokio::test]
async fn a_composite_is_described_and_rendered_once() {
    let origin = Origin::stocked().await;
    let body = json!({"recipe": {"base": {"id": "cat", "w": 20}, "layers": ["hat"], "format": "png"}});
    let made = origin.json(Method::POST, "/v1/composites", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let view = made.value();
    assert_eq!(
        (&view["recipe"], &view["width"], &view["height"]),
        (&json!("/c/cat;w=20/hat.png"), &json!(20), &json!(20))
    );
    assert!(
        view["colour"].as_str().unwrap().starts_with('#') && view["thumbhash"].as_str().unwrap().len() > 8
    );
    let delivered = origin.get(view["immutable"].as_str().unwrap()).await;
    assert_eq!(delivered.body.len() as u64, view["bytes"].as_u64().unwrap());

    let again = origin.json(Method::POST, "/v1/composites", &json!({"recipe": "/c/cat;w=20/hat.png"})).await;
    assert_eq!((again.status.as_u16(), &again.value()["key"]), (200, &view["key"]));
    let record = origin.get(&format!("/v1/composites/{}", view["key"].as_str().unwrap())).await.value();
    assert_eq!((&record["thumbhash"], &record["hits"]), (&view["thumbhash"], &json!(1)));
    assert_eq!(record["ingredients"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_composite_that_cannot_be_stored_is_answered_and_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::stocked_at(folder.path()).await;
    std::fs::remove_dir_all(folder.path().join("tmp")).unwrap(); // where every write begins
    let made = origin.json(Method::POST, "/v1/composites", &json!({"recipe": "/c/cat/hat.png"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let view = made.value();
    assert!(view["thumbhash"].as_str().unwrap().len() > 8);
    let record = origin.get(&format!("/v1/composites/{}", view["key"].as_str().unwrap())).await;
    record.assert_problem(404, "unknown-composite", None);
}

#[tokio::test]
async fn explaining_renders_nothing() {
    let origin = Origin::stocked().await;
    let body = json!({"recipe": "/c/cat;h=30;w=30/hat;rotate=352.auto", "accept": "image/png"});
    let explained = origin.json(Method::POST, "/v1/composites/explain", &body).await;
    assert_eq!(explained.status, 200, "{}", explained.text());
    let view = explained.value();
    assert_eq!(view["canonical"], "/c/cat;w=30;h=30/hat;rotate=-8.auto");
    assert_eq!(view["recipe"], "/c/cat;w=30;h=30/hat;rotate=-8.png");
    assert_eq!(view["cache"], json!({"memory": false, "link": false, "object": false}));
    assert_eq!(view["ingredients"][1]["pointer"], "/layers/0");
    assert!(view["working_bytes"].as_u64().unwrap() > 0);
    assert_eq!(origin.metric("milliner_renders_total{result=\"ok\"}").await, 0);

    origin.get(view["recipe"].as_str().unwrap()).await;
    let after = origin.json(Method::POST, "/v1/composites/explain", &body).await.value();
    assert_eq!(after["cache"], json!({"memory": true, "link": true, "object": true}));
    assert_eq!(after["key"], view["key"]);
}

#[tokio::test]
async fn unknown_composites_and_keys_are_told_apart() {
    let origin = Origin::stocked().await;
    let unknown = origin.get(&format!("/v1/composites/{}", "0".repeat(40))).await;
    unknown.assert_problem(404, "unknown-composite", None);
    assert_eq!(unknown.header("cache-control"), "no-store");
    origin.get("/v1/composites/zz").await.assert_problem(400, "bad-request", Some("/key"));
}
