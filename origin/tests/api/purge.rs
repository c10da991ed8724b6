//! Purging: by every kind of target, everywhere, and told to a CDN.

use axum::http::Method;
use axum::routing::post;
use origin::links::Link;
use origin::purge::sweep;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{Answer, Origin, png};

async fn purge(origin: &Origin, body: Value) -> Answer {
    origin.json(Method::POST, "/v1/purge", &body).await
}

/// How many composites and objects a purge of this drops.
async fn dropped(origin: &Origin, body: Value) -> (u64, u64) {
    let answer = purge(origin, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let view = answer.value();
    assert_eq!(view["remaining"], 0);
    assert_eq!(view["keys"].as_array().unwrap().len() as u64, view["composites"].as_u64().unwrap());
    (view["composites"].as_u64().unwrap(), view["objects"].as_u64().unwrap())
}

/// Where a composite came from.
async fn source(origin: &Origin, path: &str) -> String {
    let answer = origin.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("cache-status").to_owned()
}

const HIT: &str = "milliner-origin; hit";
const RENDERED: &str = "milliner-origin; fwd=miss; stored";

#[tokio::test]
async fn an_assets_composites_go_and_others_stay() {
    let origin = Origin::stocked().await;
    for path in ["/c/cat.png", "/c/cat/hat.png", "/c/hat.png"] {
        assert_eq!(source(&origin, path).await, RENDERED);
    }
    assert_eq!(dropped(&origin, json!({"asset": "cat"})).await, (2, 2));
    assert_eq!(source(&origin, "/c/hat.png").await, HIT);
    let kinds = origin.stored_kinds().await;
    assert!(kinds.contains(&("composites".to_owned(), 1)), "{kinds:?}");
    assert_eq!(dropped(&origin, json!({"asset": "cat"})).await, (0, 0), "a second time there is nothing");
    for path in ["/c/cat.png", "/c/cat/hat.png"] {
        assert_eq!(source(&origin, path).await, RENDERED, "{path} is rendered again");
    }
}

#[tokio::test]
async fn older_versions_are_purged_with_their_asset_and_alone_by_digest() {
    let origin = Origin::stocked().await;
    let old = origin.get("/v1/assets/cat").await.value()["digest"].as_str().unwrap().to_owned();
    let pinned = format!("/c/cat@{}.png", &old[..12]);
    assert_eq!(source(&origin, &pinned).await, RENDERED);
    let other = origin.put("/v1/assets/cat", "image/png", png(30, 30, [1, 2, 3, 255])).await;
    assert_eq!(other.status, 200, "{}", other.text());
    assert_eq!(source(&origin, "/c/cat.png").await, RENDERED);
    assert_eq!(dropped(&origin, json!({"digest": old})).await, (1, 1));
    assert_eq!(source(&origin, "/c/cat.png").await, HIT);
    assert_eq!(source(&origin, &pinned).await, RENDERED);
    assert_eq!(dropped(&origin, json!({"asset": "cat"})).await, (2, 2));
}

#[tokio::test]
async fn by_key_by_recipe_and_by_tag() {
    let origin = Origin::stocked().await;
    let explain = origin.json(Method::POST, "/v1/composites/explain", &json!({"recipe": "/c/cat.png"})).await;
    let key = explain.value()["key"].as_str().unwrap().to_owned();
    assert_eq!(dropped(&origin, json!({"key": key})).await, (0, 0), "a key that nobody rendered");
    source(&origin, "/c/cat.png").await;
    assert_eq!(dropped(&origin, json!({"key": key})).await, (1, 1));
    assert_eq!(origin.get(&format!("/v1/composites/{key}")).await.status, 404);
    assert_eq!(origin.get(&format!("/i/{key}.png")).await.status, 404);

    for accept in ["image/avif", "image/webp", "image/png"] {
        assert_eq!(origin.get_with("/c/cat/hat.auto", &[("accept", accept)]).await.status, 200);
    }
    assert_eq!(
        dropped(&origin, json!({"recipe": "/c/cat/hat.auto"})).await,
        (3, 3),
        "each format of an auto recipe"
    );

    source(&origin, "/c/cat.png").await;
    source(&origin, "/c/hat.png").await;
    assert_eq!(dropped(&origin, json!({"tag": "test"})).await, (1, 1));
    assert_eq!(dropped(&origin, json!({"tag": "nobody-has-it"})).await, (0, 0));
}

#[tokio::test]
async fn what_cannot_be_purged_is_refused_by_name() {
    let origin = Origin::stocked().await;
    source(&origin, "/c/cat.png").await;
    for (body, status, slug, pointer) in [
        (json!({}), 400, "bad-request", Some("")),
        (json!({"asset": "cat", "tag": "test"}), 400, "bad-request", Some("")),
        (json!({"asset": "../cat"}), 400, "bad-request", Some("/asset")),
        (json!({"asset": "dog"}), 404, "unknown-asset", None),
        (json!({"digest": "12"}), 400, "bad-request", Some("/digest")),
        (json!({"key": 7}), 400, "bad-request", Some("/key")),
        (json!({"recipe": "/c/cat;w=huge.png"}), 400, "bad-recipe", Some("/base/w")),
        (json!({"all": true}), 400, "bad-request", Some("/all")),
    ] {
        purge(&origin, body).await.assert_problem(status, slug, pointer);
    }
    assert_eq!(source(&origin, "/c/cat.png").await, HIT, "and nothing was purged");
}

#[tokio::test]
async fn what_nobody_asks_for_is_swept_and_rendered_again_when_somebody_does() {
    let origin = Origin::stocked().await;
    for path in ["/c/cat.png", "/c/hat.png"] {
        assert_eq!(source(&origin, path).await, RENDERED);
    }
    let day = std::time::Duration::from_hours(24);
    assert_eq!(sweep(&origin.app, day).await.unwrap(), 0, "both were just asked for");
    let explained =
        origin.json(Method::POST, "/v1/composites/explain", &json!({"recipe": "/c/cat.png"})).await;
    let key = explained.value()["key"].as_str().unwrap().parse().unwrap();
    let link = origin.app.links.get(&key).await.unwrap().unwrap();
    origin.app.links.set(Link { created: 1, used: 0, ..link }).await.unwrap();
    assert_eq!(sweep(&origin.app, day).await.unwrap(), 1);
    assert_eq!(origin.app.links.get(&key).await.unwrap(), None);
    assert_eq!(source(&origin, "/c/hat.png").await, HIT);
    assert_eq!(source(&origin, "/c/cat.png").await, RENDERED);
}

#[tokio::test]
async fn a_webhook_is_told_the_paths_in_one_call_and_again_if_it_fails() {
    let (told, mut calls) = mpsc::unbounded_channel();
    let answers = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let hook = move |axum::Json(body): axum::Json<Value>| {
        let (told, answers) = (told.clone(), std::sync::Arc::clone(&answers));
        async move {
            told.send(body).unwrap();
            let first = answers.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            if first { axum::http::StatusCode::BAD_GATEWAY } else { axum::http::StatusCode::OK }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("webhook:http://{}/forget", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, axum::Router::new().route("/forget", post(hook))).into_future());

    let origin = Origin::with(&[("MILLINER_CDN", &url)]).await.stock().await;
    source(&origin, "/c/cat.png").await;
    source(&origin, "/c/cat/hat.png").await;
    dropped(&origin, json!({"asset": "cat"})).await;
    let (first, second) = (calls.recv().await.unwrap(), calls.recv().await.unwrap());
    assert_eq!(first, second, "a call that failed is made again");
    let paths: Vec<&str> =
        first["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    assert_eq!(paths.len(), 6, "{paths:?}");
    for path in ["/c/cat.png", "/c/cat/hat.png", "/c/cat.auto", "/c/cat/hat.auto"] {
        assert!(paths.contains(&path), "{paths:?}");
    }
    assert_eq!(paths.iter().filter(|path| path.starts_with("/i/")).count(), 2, "{paths:?}");

    // The CDN has what nobody here knows of any more: it is told of what was named.
    dropped(&origin, json!({"recipe": "/c/cat.png"})).await;
    let paths = calls.recv().await.unwrap()["paths"].as_array().unwrap().clone();
    assert_eq!(paths.len(), 5, "{paths:?}");
    assert!(paths.contains(&json!("/c/cat.png")), "{paths:?}");
}
