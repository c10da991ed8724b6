//! API keys, their environments and rotation, signed URLs, CORS, request ids.

use std::time::Duration;

use axum::http::Method;
use origin::clock::unix_now;
use origin::keys::{Grant, Keys, RotateError, Scope};
use serde_json::json;

use crate::support::{Origin, grant, png, request};

const KEYS: &str = "new:0123456789abcdef0123,old:fedcba9876543210fedc";

#[tokio::test]
async fn a_required_key_must_be_there_live_and_allowed() {
    let origin = Origin::with(&[("MILLINER_KEYS", "required")]).await;
    let reader = origin.app.keys.create(grant(&[Scope::Read])).await.unwrap();
    let late = Grant { expires: Some(unix_now()), ..grant(&[Scope::Read]) };
    let expired = origin.app.keys.create(late).await.unwrap();
    let list = |key: String| async {
        let key = key;
        origin.get_with("/v1/assets", &[("x-api-key", &key)]).await
    };

    let missing = origin.get("/v1/assets").await;
    missing.assert_problem(401, "no-key", None);
    assert!(missing.header("www-authenticate").contains("x-api-key"));
    assert_eq!(list(reader.text.clone()).await.status, 200);
    for wrong in
        [expired.text, format!("{}x", reader.text), "mk_000000000000_x".to_owned(), "nonsense".to_owned()]
    {
        list(wrong).await.assert_problem(401, "bad-key", None);
    }
    let headers = [("x-api-key", reader.text.as_str()), ("content-type", "image/png")];
    let put = origin.send(request(Method::PUT, "/v1/assets/cat", &headers, png(2, 2, [0; 4]))).await;
    put.assert_problem(403, "no-scope", None);
    assert_eq!(origin.get("/v1/catalogue").await.status, 200, "the manifest needs no key");
}

#[tokio::test]
async fn a_key_that_is_shown_is_checked_also_where_none_is_needed() {
    let origin = Origin::stocked().await;
    origin
        .get_with("/v1/assets", &[("x-api-key", "mk_000000000000_x")])
        .await
        .assert_problem(401, "bad-key", None);
}

#[tokio::test]
async fn rotation_has_a_grace_and_revocation_has_none() {
    let origin = Origin::with(&[("MILLINER_KEYS", "required")]).await;
    let keys = &origin.app.keys;
    let first = keys.create(grant(&[Scope::Read])).await.unwrap();
    let id = &first.record.id;
    let second = keys.rotate(id, Duration::from_mins(1)).await.unwrap();
    for text in [&first.text, &second.text] {
        let answer = origin.get_with("/v1/assets", &[("x-api-key", text)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // A server of its own: what is known here is remembered for a moment.
    let other = || Keys::new(origin.app.store.clone(), &origin.app.config.access, None);
    let third = other().rotate(id, Duration::from_mins(1)).await.unwrap();
    for (text, lives) in [(&first.text, false), (&second.text, true), (&third.text, true)] {
        assert_eq!(other().authorize(Some(text), Scope::Read).await.is_ok(), lives, "the last two secrets");
    }
    assert!(other().revoke(id).await.unwrap());
    for text in [&second.text, &third.text] {
        assert!(other().authorize(Some(text), Scope::Read).await.is_err());
    }
    assert!(matches!(other().rotate(id, Duration::from_mins(1)).await, Err(RotateError::Ended(_))));
}

#[tokio::test]
async fn a_server_of_an_environment_takes_only_its_keys() {
    let production =
        Origin::with(&[("MILLINER_KEYS", "required"), ("MILLINER_ENVIRONMENT", "production")]).await;
    let any = Origin::with(&[("MILLINER_KEYS", "required")]).await;
    let list = async |origin: &Origin, key: &str| origin.get_with("/v1/assets", &[("x-api-key", key)]).await;
    for (environment, taken, says) in [
        (Some("production"), true, ""),
        (Some("staging"), false, "the API key is for `staging`; this server is `production`"),
        (None, false, "the API key is for no environment; this server is `production`"),
    ] {
        let environment = environment.map(|name| name.parse().unwrap());
        let of = Grant { environment, ..grant(&[Scope::Read]) };
        let key = production.app.keys.create(of.clone()).await.unwrap().text;
        let answer = list(&production, &key).await;
        if taken {
            assert_eq!(answer.status, 200, "{}", answer.text());
        } else {
            answer.assert_problem(403, "wrong-environment", None);
            assert_eq!(answer.value()["detail"], says);
            let guess = list(&production, &format!("{key}x")).await;
            guess.assert_problem(401, "bad-key", None);
        }
        let key = any.app.keys.create(of).await.unwrap().text;
        assert_eq!(list(&any, &key).await.status, 200, "a server without one takes all");
    }
}

#[tokio::test]
async fn a_key_has_a_rate() {
    let origin = Origin::with(&[("MILLINER_KEYS", "required")]).await;
    let two = Grant { per_minute: Some(2), ..grant(&[Scope::Read]) };
    let key = origin.app.keys.create(two).await.unwrap();
    let headers = [("x-api-key", key.text.as_str())];
    let first = origin.get_with("/v1/assets", &headers).await;
    assert_eq!(
        (first.header("ratelimit-policy"), first.header("ratelimit")),
        ("\"key\";q=2;w=60", "\"key\";r=1;t=0")
    );
    origin.get_with("/v1/assets", &headers).await;
    let third = origin.get_with("/v1/assets", &headers).await;
    third.assert_problem(429, "too-many-calls", None);
    assert_eq!(third.header("retry-after"), "30");
}

#[tokio::test]
async fn signed_urls_open_what_requires_them() {
    let origin = Origin::with(&[("MILLINER_SIGNING", "required"), ("MILLINER_SIGNING_KEYS", KEYS)])
        .await
        .stock()
        .await;
    origin.get("/c/cat.png").await.assert_problem(403, "bad-signature", None);
    for key in ["new", "old"] {
        let body = json!({"recipe": "/c/cat;h=20;w=20.png", "expires_in": 60, "key": key});
        let signed = origin.json(Method::POST, "/v1/sign", &body).await;
        assert_eq!(signed.status, 200, "{}", signed.text());
        let path = signed.value()["path"].as_str().unwrap().to_owned();
        assert!(path.starts_with(&format!("/c/cat;w=20;h=20.png?k={key}&e=")), "{path}");
        let answer = origin.get(&path).await;
        assert_eq!(answer.status, 200);
        let age: u64 =
            answer.header("cache-control").strip_prefix("public, max-age=").unwrap().parse().unwrap();
        assert!((50..=60).contains(&age), "kept no longer than it is valid");
        let (_, query) = path.split_once('?').unwrap();
        let other_spelling = origin.get(&format!("/c/cat;h=20;w=20.png?{query}")).await;
        assert_eq!(other_spelling.status, 200, "the canonical path is what is signed");
        let other_picture = origin.get(&format!("/c/cat;w=21;h=20.png?{query}")).await;
        other_picture.assert_problem(403, "bad-signature", None);
    }
    let past = unix_now() - 1;
    let expired = origin.app.signing.sign("/c/cat.png", Some(past), None).unwrap();
    origin.get(&expired.path).await.assert_problem(403, "bad-signature", None);
    let unknown = json!({"recipe": "/c/cat.png", "key": "lost"});
    origin.json(Method::POST, "/v1/sign", &unknown).await.assert_problem(400, "bad-request", Some("/key"));
}

#[tokio::test]
async fn an_optional_signature_is_still_checked() {
    let origin = Origin::with(&[("MILLINER_SIGNING_KEYS", KEYS)]).await.stock().await;
    assert_eq!(origin.get("/c/cat.png").await.status, 200);
    origin.get("/c/cat.png?k=new&s=AAAA").await.assert_problem(403, "bad-signature", None);
    origin.get("/c/cat.png?k=new").await.assert_problem(403, "bad-signature", None);
    origin.get("/c/cat.png?e=1").await.assert_problem(403, "bad-signature", None);
}

#[tokio::test]
async fn images_are_as_open_as_composites_of_them() {
    let modes = [
        ("optional", 200, "public, max-age=31536000, immutable"),
        ("required", 401, "private, max-age=31536000, immutable"),
    ];
    for (signing, without_key, with_key) in modes {
        let settings = [("MILLINER_SIGNING", signing), ("MILLINER_SIGNING_KEYS", KEYS)];
        let origin = Origin::with(&[settings[0], settings[1], ("MILLINER_KEYS", "required")]).await;
        let key = origin.app.keys.create(grant(&[Scope::Read, Scope::Write])).await.unwrap().text;
        let headers = [("x-api-key", key.as_str()), ("content-type", "image/png")];
        let put = origin.send(request(Method::PUT, "/v1/assets/cat", &headers, png(4, 4, [9; 4]))).await;
        let digest = put.value()["digest"].as_str().unwrap().to_owned();
        let content = format!("/v1/assets/cat/content?digest={digest}");
        assert_eq!(origin.get(&content).await.status, without_key, "{signing}");
        let answer = origin.get_with(&content, &headers[..1]).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, with_key), "{signing}");
    }
}

#[tokio::test]
async fn reading_is_open_to_every_page_and_writing_to_the_configured_ones() {
    let origin = Origin::stocked().await;
    let preflight = |origin_header: &'static str, method: &'static str| {
        let headers = [("origin", origin_header), ("access-control-request-method", method)];
        origin.send(request(Method::OPTIONS, "/v1/assets/cat", &headers, Vec::new()))
    };
    assert_eq!(preflight("https://anywhere.example", "GET").await.header("access-control-allow-origin"), "*");
    let studio = preflight("http://127.0.0.1:3000", "PUT").await;
    assert_eq!(studio.status, 204);
    assert_eq!(studio.header("access-control-allow-origin"), "http://127.0.0.1:3000");
    assert_eq!(studio.header("access-control-allow-methods"), "PUT");
    assert!(studio.header("access-control-allow-headers").contains("content-type"));
    let stranger = preflight("https://anywhere.example", "PUT").await;
    assert_eq!((stranger.header("access-control-allow-origin"), stranger.header("vary")), ("", "origin"));
}

#[tokio::test]
async fn a_sane_request_id_is_taken_over() {
    let origin = Origin::stocked().await;
    let id = |given: &'static str| async { origin.get_with("/c/cat.png", &[("x-request-id", given)]).await };
    assert_eq!(id("trace-1.a_b").await.header("x-request-id"), "trace-1.a_b");
    let replaced = id("no spaces; please").await.header("x-request-id").to_owned();
    assert_eq!(replaced.len(), 16);
    assert_ne!(origin.get("/nothing").await.header("x-request-id"), replaced);
}
