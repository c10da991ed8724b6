//! `/c/…` and `/i/…`: the header contract of recipe-url.md, caching, coalescing.

use axum::http::Method;
use futures::future::join_all;

use crate::support::{Origin, png};

const RECIPE: &str = "/c/cat/hat.png";

#[tokio::test]
async fn a_miss_is_rendered_and_stored_and_the_next_is_a_hit() {
    let origin = Origin::stocked().await;
    let miss = origin.get(RECIPE).await;
    assert_eq!(miss.status, 200, "{miss:?}");
    assert_eq!(miss.header("cache-status"), "milliner-origin; fwd=miss; stored");
    assert!(miss.header("server-timing").contains("draw;dur="), "{}", miss.header("server-timing"));
    let hit = origin.get(RECIPE).await;
    assert_eq!(hit.header("cache-status"), "milliner-origin; hit");
    assert_eq!(hit.header("server-timing"), "memory");
    assert_eq!(hit.body, miss.body);
    assert_eq!(origin.metric("milliner_renders_total{result=\"ok\"}").await, 1);
    let key = miss.header("etag").trim_matches('"').to_owned();
    let object = format!("composites/{}/{key}.png", &key[..2]);
    assert!(origin.stored().await.contains(&object));
}

#[tokio::test]
async fn the_headers_are_the_contract() {
    let origin = Origin::stocked().await;
    let answer = origin.get("/c/cat;h=20;w=20/hat;scale=1.0.png").await;
    assert_eq!(answer.header("content-type"), "image/png");
    assert_eq!(answer.header("content-location"), "/c/cat;w=20;h=20/hat.png");
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=300, stale-while-revalidate=86400, stale-if-error=604800"
    );
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(
        answer.header("access-control-expose-headers"),
        "content-location, etag, cache-status, server-timing, x-request-id, location, link, preference-applied, \
         retry-after, ratelimit, ratelimit-policy"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("vary"), "");
    assert_eq!(answer.header("etag").len(), 42);
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    assert!(!answer.header("x-request-id").is_empty());
}

#[tokio::test]
async fn two_spellings_share_one_key_and_one_render() {
    let origin = Origin::stocked().await;
    let one = origin.get("/c/cat;w=20/hat;rotate=352.png").await;
    let other = origin.get("/c/cat;w=20/hat;rotate=-8.0;opacity=1.png").await;
    assert_eq!(one.header("etag"), other.header("etag"));
    assert_eq!(other.header("cache-status"), "milliner-origin; hit");
}

#[tokio::test]
async fn a_known_validator_is_answered_without_store_or_render() {
    let origin = Origin::stocked().await;
    let explained =
        origin.json(Method::POST, "/v1/composites/explain", &serde_json::json!({"recipe": RECIPE})).await;
    let etag = format!("\"{}\"", explained.value()["key"].as_str().unwrap());
    for given in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}")] {
        let answer = origin.get_with(RECIPE, &[("if-none-match", &given)]).await;
        assert_eq!(answer.status, 304, "{given}");
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("etag"), etag);
        assert!(answer.header("cache-control").starts_with("public, max-age=300"));
    }
    assert_eq!(origin.metric("milliner_renders_total{result=\"ok\"}").await, 0);
    assert_eq!(origin.get_with(RECIPE, &[("if-none-match", "\"other\"")]).await.status, 200);
}

#[tokio::test]
async fn head_says_what_get_would() {
    let origin = Origin::stocked().await;
    let head = origin.head(RECIPE).await;
    let get = origin.get(RECIPE).await;
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    for name in ["etag", "content-type", "content-length", "content-location", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

#[tokio::test]
async fn pinned_recipes_are_immutable_and_older_versions_stay_reachable() {
    let origin = Origin::stocked().await;
    let digest = origin.get("/v1/assets/cat").await.value()["digest"].as_str().unwrap().to_owned();
    let pinned = format!("/c/cat@{}.png", &digest[..12]);
    let before = origin.get(&pinned).await;
    assert_eq!(before.header("cache-control"), "public, max-age=31536000, immutable");
    origin.put("/v1/assets/cat", "image/png", png(40, 40, [1, 2, 3, 255])).await;
    let after = origin.get(&pinned).await;
    assert_eq!((after.status.as_u16(), &after.body), (200, &before.body));
    assert_ne!(origin.get("/c/cat.png").await.body, before.body);
}

#[tokio::test]
async fn auto_is_negotiated_and_only_auto_varies() {
    let origin = Origin::stocked().await;
    let jpeg = origin.get_with("/c/cat/hat.auto", &[("accept", "image/jpeg, image/png;q=0.5")]).await;
    assert_eq!((jpeg.header("content-type"), jpeg.header("vary")), ("image/jpeg", "accept"));
    assert_eq!(jpeg.header("content-location"), "/c/cat/hat.jpg");
    let png = origin.get_with("/c/cat/hat.auto", &[("accept", "image/png, image/jpeg;q=0.5")]).await;
    assert_eq!(png.header("content-type"), "image/png");
    let again = origin.get_with("/c/cat/hat.auto", &[("accept", "image/jpeg, image/png;q=0.5")]).await;
    assert_eq!(again.header("content-type"), "image/jpeg", "what is remembered is remembered per Accept");
    let browser = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
    let avif = origin.get_with("/c/cat/hat.auto", &[("accept", browser)]).await;
    assert_eq!((avif.header("content-type"), &avif.body[4..12]), ("image/avif", &b"ftypavif"[..]));
    let webp = origin.get_with("/c/cat/hat.auto", &[("accept", "image/webp,*/*")]).await;
    assert_eq!((webp.header("content-type"), &webp.body[8..15]), ("image/webp", &b"WEBPVP8"[..]));
    let none = origin.get_with("/c/cat/hat.auto", &[("accept", "text/html")]).await;
    none.assert_problem(406, "not-acceptable", Some("/format"));
}

#[tokio::test]
async fn a_composite_is_also_delivered_by_its_key() {
    let origin = Origin::stocked().await;
    let by_recipe = origin.get(RECIPE).await;
    let key = by_recipe.header("etag").trim_matches('"').to_owned();
    let by_key = origin.get(&format!("/i/{key}.png")).await;
    assert_eq!(by_key.body, by_recipe.body);
    assert_eq!(by_key.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(by_key.header("etag"), by_recipe.header("etag"));
    origin.get(&format!("/i/{key}.jpg")).await.assert_problem(404, "unknown-composite", None);
    let unknown = origin.get(&format!("/i/{}.png", "0".repeat(40))).await;
    unknown.assert_problem(404, "unknown-composite", None);
    assert_eq!(unknown.header("cache-control"), "public, max-age=10");
}

#[tokio::test]
async fn a_thousand_requests_for_one_new_key_are_one_render() {
    let origin = Origin::stocked().await;
    let answers = join_all((0..1000).map(|_| origin.get("/c/cat;w=400/hat.png"))).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
    let collapsed =
        answers.iter().filter(|a| a.header("cache-status") == "milliner-origin; fwd=miss; collapsed");
    assert!(collapsed.count() > 0);
    assert_eq!(origin.metric("milliner_renders_total{result=\"ok\"}").await, 1);
}

#[tokio::test]
async fn a_caller_who_hangs_up_cancels_nobody() {
    let origin = Origin::stocked().await;
    let path = "/c/cat;w=600/hat.png";
    {
        // Polled once: the render has begun. Then its only caller goes away.
        let mut caller = Box::pin(origin.get(path));
        let polled = futures::poll!(&mut caller);
        assert!(polled.is_pending());
    }
    let answer = origin.get(path).await;
    assert_eq!(answer.status, 200);
    assert_eq!(origin.metric("milliner_renders_total{result=\"ok\"}").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_render_is_remembered_for_five_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::stocked_at(folder.path()).await;
    let digest = origin.get("/v1/assets/cat").await.value()["digest"].as_str().unwrap().to_owned();
    let image = folder.path().join(format!("images/{}/{digest}", &digest[..2]));
    let good = std::fs::read(&image).unwrap();
    std::fs::write(&image, b"damaged").unwrap();

    let failed = origin.get(RECIPE).await;
    failed.assert_problem(422, "bad-image", None);
    assert_eq!(failed.header("cache-control"), "no-store");
    std::fs::write(&image, good).unwrap();
    assert_eq!(origin.get(RECIPE).await.status, 422);
    assert_eq!(origin.metric("milliner_renders_total{result=\"failed\"}").await, 1);
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    assert_eq!(origin.get(RECIPE).await.status, 200);
}

#[tokio::test]
async fn composites_links_and_assets_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let before = Origin::stocked_at(folder.path()).await;
    let first = before.get(RECIPE).await;
    let key = first.header("etag").trim_matches('"').to_owned();
    drop(before);
    let store = format!("file:{}", folder.path().display());
    let after = Origin::with(&[("MILLINER_STORE", &store)]).await;
    let again = after.get(RECIPE).await;
    assert_eq!(again.header("cache-status"), "milliner-origin; hit; detail=store");
    assert_eq!(again.body, first.body);
    assert_eq!(after.get(&format!("/v1/composites/{key}")).await.value()["recipe"], RECIPE);
}

#[tokio::test]
async fn what_is_decoded_is_drawn_without_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::stocked_at(folder.path()).await;
    assert_eq!(origin.get("/c/cat/hat.png").await.status, 200);
    std::fs::remove_dir_all(folder.path().join("images")).unwrap();
    let other = origin.get("/c/cat;w=30/hat;rotate=9.png").await;
    assert_eq!(other.status, 200);
    assert!(!other.header("server-timing").contains("fetch"), "{}", other.header("server-timing"));
}

#[tokio::test]
async fn a_link_whose_object_is_gone_is_rendered_anew() {
    let folder = tempfile::tempdir().unwrap();
    let before = Origin::stocked_at(folder.path()).await;
    let first = before.get(RECIPE).await;
    drop(before);
    let key = first.header("etag").trim_matches('"').to_owned();
    std::fs::remove_file(folder.path().join(format!("composites/{}/{key}.png", &key[..2]))).unwrap();
    let store = format!("file:{}", folder.path().display());
    let after = Origin::with(&[("MILLINER_STORE", &store)]).await;
    let by_key = after.get(&format!("/i/{key}.png")).await;
    assert_eq!((by_key.status.as_u16(), &by_key.body), (200, &first.body));
    assert_eq!(by_key.header("cache-status"), "milliner-origin; fwd=miss; stored");
}

#[tokio::test]
async fn a_damaged_object_is_never_served_and_rendered_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut origin = Origin::stocked_at(folder.path()).await;
    let first = origin.get(RECIPE).await;
    let key = first.header("etag").trim_matches('"').to_owned();
    let object = folder.path().join(format!("composites/{}/{key}.png", &key[..2]));
    let mut flipped = first.body.to_vec();
    flipped[40] ^= 1;
    let cut = first.body[..first.body.len() - 1].to_vec();
    let store = format!("file:{}", folder.path().display());
    for (path, damaged) in [(RECIPE.to_owned(), flipped), (format!("/i/{key}.png"), cut)] {
        drop(origin);
        std::fs::write(&object, damaged).unwrap();
        origin = Origin::with(&[("MILLINER_STORE", &store)]).await;
        let answer = origin.get(&path).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &first.body), "{path}");
        assert_eq!(answer.header("cache-status"), "milliner-origin; fwd=miss; stored");
        assert_eq!(std::fs::read(&object).unwrap(), first.body, "the object is whole again");
    }
}

#[tokio::test]
async fn a_full_queue_is_told_at_once() {
    let origin = Origin::with(&[
        ("MILLINER_LIMIT_RENDER_BYTES", "64MiB"),
        ("MILLINER_LIMIT_WORKING_BYTES", "64MiB"),
        ("MILLINER_LIMIT_QUEUE", "1"),
    ])
    .await
    .stock()
    .await;
    let paths: Vec<String> = (0..32).map(|i| format!("/c/cat;w={}/hat.png", 700 + i)).collect();
    let answers = join_all(paths.iter().map(|path| origin.get(path))).await;
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty() && busy.len() < answers.len());
    busy[0].assert_problem(503, "busy", None);
    assert_eq!((busy[0].header("retry-after"), busy[0].header("cache-control")), ("2", "no-store"));
}

#[tokio::test]
async fn a_changed_anchor_gives_a_new_key() {
    let origin = Origin::stocked().await;
    let before = origin.get(RECIPE).await;
    let patch = serde_json::json!({"anchors": {"head": {"x": 0.5, "y": 0.5, "span": 0.5}}});
    let patched = origin.json(Method::PATCH, "/v1/assets/cat", &patch).await;
    assert_eq!(patched.status, 200, "{patched:?}");
    let after = origin.get(RECIPE).await;
    assert_ne!(after.header("etag"), before.header("etag"));
    assert_eq!(after.header("cache-status"), "milliner-origin; fwd=miss; stored");
}
