//! Limits per address: what counts, who is one client, and what is told past the limit.

use std::net::IpAddr;

use axum::http::Method;
use origin::http::Peer;
use origin::keys::{Grant, Scope};

use crate::support::{Answer, Origin, grant, request};

const CLIENT: &str = "203.0.113.7";
const OTHER: &str = "203.0.113.8";

/// With a cat and a hat, put there by nobody whom the tests count, and so many calls a minute.
async fn limited(rate: &str, more: &[(&'static str, &str)]) -> Origin {
    Origin::with(&[&[("MILLINER_LIMIT_ADDRESS_RATE", rate)], more].concat()).await.stock().await
}

/// A call over a connection from this address.
async fn get(origin: &Origin, peer: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = request(Method::GET, path, headers, Vec::new());
    request.extensions_mut().insert(Peer(peer.parse::<IpAddr>().unwrap()));
    origin.send(request).await
}

async fn status(origin: &Origin, peer: &str, path: &str) -> u16 {
    get(origin, peer, path, &[]).await.status.as_u16()
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    answer.assert_problem(429, "too-many-calls", None);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!((answer.header("retry-after"), answer.header("ratelimit")), ("30", "\"address\";r=0;t=30"));
    assert_eq!(answer.header("ratelimit-policy"), "\"address\";q=2;w=60");
    assert!(answer.text().contains("one address may make 2 calls a minute"), "{}", answer.text());
}

#[tokio::test]
async fn calls_of_the_api_are_counted_for_each_address() {
    let origin = limited("2", &[]).await;
    let first = get(&origin, CLIENT, "/v1/catalogue", &[]).await;
    assert_eq!((first.status.as_u16(), first.header("ratelimit")), (200, "\"address\";r=1;t=0"));
    assert_eq!(
        status(&origin, CLIENT, "/v1/assets/nobody").await,
        404,
        "a call that comes to nothing counts"
    );
    assert_refused(&get(&origin, CLIENT, "/v1/assets", &[]).await);
    assert_eq!(status(&origin, OTHER, "/v1/assets").await, 200);
    for free in ["/", "/docs", "/openapi.json", "/healthz", "/readyz"] {
        assert_eq!(status(&origin, CLIENT, free).await, 200, "{free}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_counted_and_a_right_one_has_both_limits() {
    let origin = limited("2", &[]).await;
    let nine = Grant { per_minute: Some(9), ..grant(&[Scope::Read]) };
    let key = origin.app.keys.create(nine).await.unwrap().text;
    let answer = get(&origin, CLIENT, "/v1/assets", &[("x-api-key", &key)]).await;
    let shown: Vec<_> = answer.headers.get_all("ratelimit").iter().collect();
    assert_eq!(shown, ["\"address\";r=1;t=0", "\"key\";r=8;t=0"]);
    let guess = [("x-api-key", "mk_000000000000_guess")];
    get(&origin, CLIENT, "/v1/assets", &guess).await.assert_problem(401, "bad-key", None);
    assert_refused(&get(&origin, CLIENT, "/v1/assets", &guess).await);
}

#[tokio::test]
async fn deliveries_are_counted_when_they_are_not_in_memory() {
    let origin = limited("2", &[]).await;
    let rendered = get(&origin, CLIENT, "/c/cat.png", &[]).await;
    assert_eq!((rendered.status.as_u16(), rendered.header("ratelimit")), (200, ""), "caches would keep it");
    assert_eq!(status(&origin, CLIENT, "/c/hat.png").await, 200);
    assert_refused(&get(&origin, CLIENT, "/c/cat/hat.png", &[]).await);
    let by_key = format!("/i/{}.png", rendered.header("etag").trim_matches('"'));
    for _ in 0..5 {
        assert_eq!(status(&origin, CLIENT, "/c/cat.png").await, 200, "in memory");
        assert_eq!(status(&origin, CLIENT, &by_key).await, 200, "by key, in memory");
    }
    let current = [("if-none-match", rendered.header("etag"))];
    assert_eq!(get(&origin, CLIENT, "/c/cat.png", &current).await.status, 304);
    assert_eq!(status(&origin, CLIENT, "/c/cat;w=no.png").await, 400);
    assert_eq!(status(&origin, CLIENT, "/c/dog.png").await, 404);
    assert_refused(&get(&origin, CLIENT, &format!("/i/{}.png", "0".repeat(40)), &[]).await);
    assert_eq!(status(&origin, OTHER, "/c/cat/hat.png").await, 200);
}

#[tokio::test]
async fn behind_proxies_the_client_is_who_they_say() {
    let origin = limited("2", &[("MILLINER_TRUSTED_PROXIES", "2")]).await;
    let proxy = "10.0.0.1";
    let call = async |list: &str| get(&origin, proxy, "/v1/catalogue", &[("x-forwarded-for", list)]).await;
    for claimed in ["203.0.113.7, 10.0.0.2", "1.1.1.1, 203.0.113.7, 10.0.0.3"] {
        assert_eq!(call(claimed).await.status, 200);
    }
    assert_refused(&call("8.8.8.8, 203.0.113.7, 10.0.0.2").await);
    assert_eq!(call("2001:db8:1:2::1, 10.0.0.2").await.status, 200);
    assert_eq!(call("[2001:db8:1:2:ffff::]:4711, 10.0.0.2").await.status, 200);
    assert_refused(&call("2001:db8:1:2:3:4:5:6, 10.0.0.2").await);
    assert_eq!(call("2001:db8:1:3::1, 10.0.0.2").await.status, 200, "another /64");
    for nonsense in ["unknown, 10.0.0.2", "203.0.113.7"] {
        assert_eq!(call(nonsense).await.status, 200, "it counts for the proxy");
    }
    assert_refused(&call("nobody at all, 10.0.0.2").await);
    assert_eq!(status(&origin, OTHER, "/v1/catalogue").await, 200);
}

#[tokio::test]
async fn who_cannot_be_told_apart_shares_a_limit() {
    let origin =
        Origin::with(&[("MILLINER_LIMIT_ADDRESS_RATE", "2"), ("MILLINER_TRUSTED_PROXIES", "1")]).await;
    let call = async |list: &str| origin.get_with("/v1/catalogue", &[("x-forwarded-for", list)]).await;
    for named in [CLIENT, "8.8.8.8, 203.0.113.7"] {
        assert_eq!(call(named).await.status, 200);
    }
    assert_refused(&call(CLIENT).await);
    for unnamed in ["", "nobody"] {
        assert_eq!(call(unnamed).await.status, 200);
    }
    assert_refused(&origin.get("/v1/catalogue").await);
    assert_eq!(call(OTHER).await.status, 200);
}

#[tokio::test]
async fn without_a_limit_nobody_counts() {
    let origin = Origin::stocked().await;
    for _ in 0..100 {
        let answer = get(&origin, CLIENT, "/v1/catalogue", &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (200, ""));
    }
}
