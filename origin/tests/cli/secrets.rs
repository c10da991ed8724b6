//! What nobody may read in a log: keys, passwords, tokens and signatures, however much is logged and whatever goes wrong.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};

use crate::servers::redis::RedisServer;
use crate::servers::until;
use crate::servers::weed::{ADMIN, Weed};
use crate::{command, support};

const SIGNING: &str = "5f5e6b65795f6f665f746573747332325f5e6b65795f6f665f74657374733232";
/// Tokens of services that nobody runs: each call to them fails, and is told of.
const WEBHOOK: &str = "webhook:http://127.0.0.1:9/hook?token=secret-of-webhook";
const COLLECTOR: &str = "authorization=secret-of-collector";

/// `milliner` with every secret that it can have.
fn initiated(folder: &Path, args: &[&str], weed: &Weed, redis: &RedisServer) -> Command {
    let store = format!("s3://tests/secrets?region=eu-west-1&endpoint=http://{}", weed.address());
    let mut command = command(folder, args);
    command.env("AWS_ACCESS_KEY_ID", ADMIN.id).env("AWS_SECRET_ACCESS_KEY", ADMIN.secret);
    command.env("SSL_CERT_FILE", redis.certificate()).env("MILLINER_LINKS", redis.secured_url());
    command.env("MILLINER_STORE", store).env("MILLINER_SIGNING_KEYS", format!("main:{SIGNING}"));
    command.env("MILLINER_CDN", WEBHOOK).env("OTEL_EXPORTER_OTLP_HEADERS", COLLECTOR);
    command.env("MILLINER_OTLP", "http://127.0.0.1:9").env("MILLINER_LOG", "trace");
    command.env("MILLINER_LISTEN", "127.0.0.1:0").env("MILLINER_ADMIN_LISTEN", "off");
    command.env("MILLINER_KEYS", "required").env("MILLINER_LOG_FORMAT", "json");
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_logged_whatever_is_asked() {
    let (weed, redis) = (Weed::shared().await, RedisServer::with_tls().await);
    let folder = tempfile::tempdir().unwrap();
    let scopes = ["keys", "create", "--name", "all", "--scope", "read,write,render,sign"];
    let made = initiated(folder.path(), &scopes, &weed, &redis).output().unwrap();
    let made = String::from_utf8(made.stdout).unwrap();
    let key = made.split_whitespace().find(|word| word.starts_with("mk_")).expect("a key is printed");

    let file = folder.path().join("log");
    let log = || fs::read_to_string(&file).unwrap();
    let mut serve = initiated(folder.path(), &["serve"], &weed, &redis);
    let mut server = serve.stderr(File::create(&file).unwrap()).spawn().unwrap();
    let told = |log: &str| Some(log.split_once("\"listen\":\"")?.1.split_once('"')?.0.to_owned());
    until("it serves", async || told(&log()).is_some()).await;
    let url = format!("http://{}", told(&log()).unwrap());
    let signature = ask_everything(&url, key).await;
    until("the webhook was tried", async || log().contains("the CDN did not take what to forget")).await;
    kill_process(Pid::from_child(&server), Signal::TERM).unwrap();
    let ended = tokio::task::spawn_blocking(move || server.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));

    let (log, secret) = (log(), key.rsplit_once('_').unwrap().1);
    assert!(log.len() > 50_000, "so much is logged: {} bytes", log.len());
    for secret in [secret, "not-a-secret-of-ours", &signature, SIGNING, "secret-of-"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret}: {line:?}");
    }
}

/// Asks for everything that a secret has to do with, rightly and wrongly. Answers a signature that was given.
async fn ask_everything(url: &str, key: &str) -> String {
    let client = Client::new();
    let wrong = format!("{}_not-a-secret-of-ours", key.rsplit_once('_').unwrap().0);
    let put = |key: &str| {
        let put = client.put(format!("{url}/v1/assets/cat?kind=base")).header("x-api-key", key);
        put.header("content-type", "image/png").body(support::png(20, 20, [1, 2, 3, 255])).send()
    };
    let post = |path: &str, body: &'static str| {
        let post = client.post(format!("{url}{path}")).header("x-api-key", key);
        post.header("content-type", "application/json").body(body).send()
    };
    for (key, status) in [(wrong.as_str(), 401), ("not-a-secret-of-ours", 401), (key, 201)] {
        assert_eq!(put(key).await.unwrap().status(), status);
    }
    let signed = post("/v1/sign", "{\"recipe\": \"/c/cat.png\"}").await.unwrap().text().await.unwrap();
    let signed: serde_json::Value = serde_json::from_str(&signed).unwrap();
    let path = signed["path"].as_str().unwrap();
    let forged = path.replace("cat.png", "cat;w=9.png");
    for (path, status) in [(path, 200), (forged.as_str(), 403)] {
        assert_eq!(client.get(format!("{url}{path}")).send().await.unwrap().status(), status, "{path}");
    }
    assert_eq!(post("/v1/purge", "{\"asset\": \"cat\"}").await.unwrap().status(), 200);
    signed["signature"].as_str().unwrap().to_owned()
}
