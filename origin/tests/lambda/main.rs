//! The binary as Lambda starts it, against an emulation of its runtime API.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod runtime;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/mod.rs"]
mod support;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use compositor::{Catalogue, Recipe};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use runtime::Function;
use servers::until;
use servers::weed::{ADMIN, Weed};
use support::{jpeg, noise, png};

/// A folder with a cat and a hat, as `milliner import` leaves it.
fn stocked() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fill(&format!("file:{}", folder.path().join("data").display()), &folder);
    folder
}

/// Imports a cat, a hat and a large noise into a store.
fn fill(store: &str, folder: &TempDir) {
    let pictures = folder.path().join("pictures");
    std::fs::create_dir_all(&pictures).unwrap();
    std::fs::write(pictures.join("cat.jpg"), jpeg(400, 300, [200, 120, 40])).unwrap();
    std::fs::write(pictures.join("hat.png"), png(20, 10, [40, 40, 60, 200])).unwrap();
    std::fs::write(pictures.join("noise.png"), noise(1600)).unwrap();
    let imported = std::process::Command::new(support::MILLINER)
        .args(["import", pictures.to_str().unwrap(), "--store", store])
        .env("AWS_ACCESS_KEY_ID", ADMIN.id)
        .env("AWS_SECRET_ACCESS_KEY", ADMIN.secret)
        .output()
        .unwrap();
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
}

/// A request of a function URL or an HTTP API (payload format 2.0).
fn http(method: &str, path: &str, headers: &Value, body: Option<&str>) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "api.lambda-url.eu-west-1.on.aws",
            "domainPrefix": "api", "requestId": "id", "routeKey": "$default", "stage": "$default",
            "time": "23/Nov/2026:00:00:00 +0000", "timeEpoch": 1_795_000_000_000_u64,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "tests"},
        },
        "body": body, "isBase64Encoded": false,
    })
}

/// The same of a REST API, by way of a stage.
fn rest(method: &str, path: &str) -> Value {
    json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": method, "headers": {"accept": "*/*"},
        "multiValueHeaders": {"accept": ["*/*"]}, "queryStringParameters": null,
        "multiValueQueryStringParameters": null, "pathParameters": {"proxy": path}, "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "httpMethod": method, "identity": {"sourceIp": "192.0.2.1"},
            "path": format!("/live{path}"), "protocol": "HTTP/1.1", "requestId": "id", "resourceId": "r",
            "resourcePath": "/{proxy+}", "stage": "live", "requestTimeEpoch": 1_795_000_000_000_u64,
        },
        "body": null, "isBase64Encoded": false,
    })
}

/// The same of a load balancer, which names the caller in a header alone.
fn alb(path: &str, forwarded_for: &str) -> Value {
    let group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/milliner/0123456789abcdef";
    json!({
        "requestContext": {"elb": {"targetGroupArn": group}}, "httpMethod": "GET", "path": path,
        "queryStringParameters": {}, "headers": {"accept": "*/*", "x-forwarded-for": forwarded_for}, "body": "",
        "isBase64Encoded": false,
    })
}

fn header<'a>(answer: &'a Value, name: &str) -> &'a str {
    let all = [&answer["headers"][name], &answer["multiValueHeaders"][name][0]];
    all.into_iter().find_map(Value::as_str).unwrap_or_default()
}

fn body(answer: &Value) -> Vec<u8> {
    let text = answer["body"].as_str().unwrap_or_default();
    match answer["isBase64Encoded"].as_bool() {
        Some(true) => BASE64_STANDARD.decode(text).unwrap(),
        _ => text.as_bytes().to_vec(),
    }
}

#[tokio::test]
async fn requests_of_every_kind_are_answered_by_the_same_service() {
    let folder = stocked();
    let store = format!("file:{}", folder.path().join("data").display());
    let function = Function::start(&[("MILLINER_STORE", &store)]).await;
    let path = "/c/cat;w=40/hat.png";
    let first = function.invoke(http("GET", path, &json!({}), None)).await.unwrap();
    assert_eq!((&first["statusCode"], header(&first, "content-type")), (&json!(200), "image/png"), "{first}");
    assert!(header(&first, "cache-status").starts_with("milliner-origin; fwd=miss"), "{first}");
    assert!(body(&first).starts_with(b"\x89PNG"));
    let again = function.invoke(rest("GET", path)).await.unwrap();
    assert_eq!((&again["statusCode"], header(&again, "cache-status")), (&json!(200), "milliner-origin; hit"));
    assert_eq!(body(&again), body(&first));
    let known = json!({"if-none-match": header(&first, "etag")});
    let unchanged = function.invoke(http("GET", path, &known, None)).await.unwrap();
    assert_eq!((&unchanged["statusCode"], body(&unchanged).len()), (&json!(304), 0));
    let wrong = function.invoke(http("GET", "/c/cat;w=0.png", &json!({}), None)).await.unwrap();
    let problem: Value = serde_json::from_slice(&body(&wrong)).unwrap();
    assert_eq!((&wrong["statusCode"], &problem["pointer"]), (&json!(400), &json!("/base/w")));
}

#[tokio::test]
async fn the_api_needs_a_key_there() {
    let folder = stocked();
    let store = format!("file:{}", folder.path().join("data").display());
    for unsaid in [&[][..], &[("MILLINER_KEYS", "")], &[("MILLINER_KEYS", "auto")]] {
        // One process has the folder: each is gone before the next.
        let function = Function::start(&[&[("MILLINER_STORE", store.as_str())], unsaid].concat()).await;
        let answer = function.invoke(http("GET", "/v1/assets", &json!({}), None)).await.unwrap();
        assert_eq!(answer["statusCode"], 401, "{unsaid:?} {answer}");
    }
    let open = Function::start(&[("MILLINER_STORE", &store), ("MILLINER_KEYS", "optional")]).await;
    let headers = json!({"content-type": "application/json"});
    let sent = http("POST", "/v1/composites", &headers, Some("{\"recipe\": \"/c/cat;w=30.png\"}"));
    let answer = open.invoke(sent).await.unwrap();
    assert_eq!(answer["statusCode"], 201, "{answer}");
}

#[tokio::test]
async fn behind_a_load_balancer_an_address_has_its_limit() {
    let folder = stocked();
    let store = format!("file:{}", folder.path().join("data").display());
    let limits = [("MILLINER_LIMIT_ADDRESS_RATE", "2"), ("MILLINER_TRUSTED_PROXIES", "1")];
    let function = Function::start(&[&[("MILLINER_STORE", store.as_str())], &limits[..]].concat()).await;
    let mut statuses = Vec::new();
    for forwarded_for in ["203.0.113.7", "8.8.8.8, 203.0.113.7", "203.0.113.7", "203.0.113.8"] {
        let answer = function.invoke(alb("/v1/catalogue", forwarded_for)).await.unwrap();
        statuses.push(answer["statusCode"].clone());
    }
    assert_eq!(statuses, [200, 200, 429, 200]);
}

#[tokio::test]
async fn a_batch_is_worked_off_and_only_what_failed_comes_again() {
    let folder = stocked();
    let store = format!("file:{}", folder.path().join("data").display());
    let function = Function::start(&[("MILLINER_STORE", &store)]).await;
    let catalogue = function.invoke(http("GET", "/v1/catalogue", &json!({}), None)).await.unwrap();
    let catalogue: Catalogue = serde_json::from_slice(&body(&catalogue)).unwrap();
    let record = |id: &str, body: &str, receives: u32| {
        json!({
            "messageId": id, "receiptHandle": "r", "body": body, "md5OfBody": "", "messageAttributes": {},
            "attributes": {"ApproximateReceiveCount": receives.to_string(), "MessageGroupId": "000"},
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:renders.fifo",
            "awsRegion": "eu-west-1",
        })
    };
    let job = |path: &str| {
        let plan = catalogue.resolve(&Recipe::parse(path).unwrap(), None).unwrap();
        json!({"version": 1, "key": plan.key(), "recipe": plan.canonical_path(), "generation": 1}).to_string()
    };
    let (good, deadly) = (job("/c/cat;w=50.png"), job("/c/cat;w=51.png"));
    let stale = good.replace("w=50", "w=52");
    let records = [
        record("good", &good, 1),
        record("poison", "no job", 1),
        record("deadly", &deadly, 3),
        record("stale", &stale, 1),
    ];
    let answer = function.invoke(json!({"Records": records})).await.unwrap();
    let failed: Vec<&str> = answer["batchItemFailures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["poison", "deadly"]);
    let hit = function.invoke(http("GET", "/c/cat;w=50.png", &json!({}), None)).await.unwrap();
    assert_eq!(header(&hit, "cache-status"), "milliner-origin; hit");
}

#[tokio::test]
async fn a_cdn_is_told_before_a_purge_is_answered() {
    let folder = stocked();
    let store = format!("file:{}", folder.path().join("data").display());
    let told = Arc::new(Mutex::new(Vec::new()));
    let hear = |State(told): State<Arc<Mutex<Vec<Value>>>>, Json(body): Json<Value>| async move {
        told.lock().unwrap().push(body);
    };
    let router = Router::new().route("/", post(hear)).with_state(Arc::clone(&told));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let webhook = format!("webhook:http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let settings =
        [("MILLINER_STORE", store.as_str()), ("MILLINER_CDN", &webhook), ("MILLINER_KEYS", "optional")];
    let function = Function::start(&settings).await;
    function.invoke(http("GET", "/c/cat;w=40.png", &json!({}), None)).await.unwrap();
    let headers = json!({"content-type": "application/json"});
    let purge = http("POST", "/v1/purge", &headers, Some("{\"asset\": \"cat\"}"));
    let answer = function.invoke(purge).await.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let told = told.lock().unwrap();
    assert!(told.len() == 1 && told[0]["paths"][1] == "/c/cat;w=40.png", "{told:?}");
}

#[tokio::test]
async fn what_changed_while_it_stood_still_is_known_at_an_event() {
    let weed = Weed::shared().await;
    let folder = tempfile::tempdir().unwrap();
    let store = format!("s3://tests/lambda-news?region=eu-west-1&endpoint=http://{}", weed.address());
    fill(&store, &folder);
    let credentials = [("AWS_ACCESS_KEY_ID", ADMIN.id), ("AWS_SECRET_ACCESS_KEY", ADMIN.secret)];
    let settings = [("MILLINER_STORE", store.as_str()), ("MILLINER_CATALOGUE_POLL", "1s")];
    let function = Function::start(&[settings, credentials].concat()).await;
    let known = async || function.invoke(http("GET", "/c/dog.png", &json!({}), None)).await.unwrap();
    assert_eq!(known().await["statusCode"], 404);
    std::fs::write(folder.path().join("pictures/dog.png"), png(30, 30, [90, 60, 30, 255])).unwrap();
    fill(&store, &folder);
    until("the dog is known", async || known().await["statusCode"] == 200).await;
}

#[tokio::test]
async fn what_does_not_fit_is_answered_by_where_it_is() {
    let weed = Weed::shared().await;
    let folder = tempfile::tempdir().unwrap();
    let store = format!("s3://tests/lambda?endpoint=http://{}", weed.address());
    fill(&store, &folder);
    let credentials = [("AWS_ACCESS_KEY_ID", ADMIN.id), ("AWS_SECRET_ACCESS_KEY", ADMIN.secret)];
    let function = Function::start(&[&[("MILLINER_STORE", store.as_str())], &credentials[..]].concat()).await;
    let recipe = function.invoke(http("GET", "/c/noise.png", &json!({}), None)).await.unwrap();
    assert_eq!(recipe["statusCode"], 307, "{recipe}");
    let location = header(&recipe, "location").to_owned();
    assert!(location.starts_with("/i/") && location.contains(".png"), "{location}");
    assert!(header(&recipe, "cache-control").contains("max-age"), "{recipe}");

    let object = function.invoke(http("GET", &location, &json!({}), None)).await.unwrap();
    assert_eq!((&object["statusCode"], header(&object, "cache-control")), (&json!(307), "no-store"));
    let url = header(&object, "location");
    let fetched = reqwest::get(url).await.unwrap();
    assert_eq!(fetched.headers()["content-type"], "image/png");
    assert!(fetched.bytes().await.unwrap().len() > 6 << 20);
}

#[tokio::test]
async fn what_fits_nowhere_is_told_and_logged_like_any_other_failure() {
    let folder = stocked();
    let store = format!("file:{}", folder.path().join("data").display());
    let function = Function::start(&[("MILLINER_STORE", &store)]).await;
    let (path, headers) = ("/v1/assets/noise/content", json!({"x-request-id": "too-large-for-it"}));
    let answer = function.invoke(http("GET", path, &headers, None)).await.unwrap();
    assert_eq!(answer["statusCode"], 500, "{answer}");
    let problem: Value = serde_json::from_slice(&body(&answer)).unwrap();
    assert_eq!([&problem["type"], &problem["instance"]], ["/docs#problem-internal", path]);
    let told = ["content-type", "x-request-id", "cache-control"].map(|name| header(&answer, name));
    assert_eq!(told, ["application/problem+json", "too-large-for-it", "no-store"]);
    let log = function.log();
    let line = log.lines().find(|line| line.contains("ERROR")).expect("it is logged");
    assert!(line.contains("too-large-for-it") && line.contains("6 MiB"), "{line}");
}

/// A function whose answer does not end is ended.
#[tokio::test]
async fn a_job_is_told_as_it_stands_where_nothing_can_be_streamed() {
    let folder = stocked();
    let store = format!("file:{}", folder.path().join("data").display());
    let function = Function::start(&[("MILLINER_STORE", &store), ("MILLINER_KEYS", "optional")]).await;
    let headers = json!({"content-type": "application/json"});
    let begin = http("POST", "/v1/jobs", &headers, Some("{\"recipes\": [\"/c/cat;w=30.png\"]}"));
    let begun = function.invoke(begin).await.unwrap();
    assert_eq!(begun["statusCode"], 202, "{begun}");
    let events = format!("{}/events", header(&begun, "location"));
    let answer = function.invoke(http("GET", &events, &json!({}), None)).await.unwrap();
    assert_eq!((&answer["statusCode"], header(&answer, "content-type")), (&json!(200), "text/event-stream"));
    let text = String::from_utf8(body(&answer)).unwrap();
    let event = text.strip_prefix("event: progress\ndata: ").unwrap_or_else(|| panic!("{text}"));
    let job: Value = serde_json::from_str(event.trim()).unwrap();
    assert_eq!((&job["state"], &job["total"]), (&json!("waiting"), &json!(1)));
}
