//! nginx in front, set up as the operators' document says: what is asked for arrives as it was sent, clients are told apart,
//! and events come as they happen.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::server::{Server, request_of};
use crate::servers::{self, Place, ask, command};
use crate::{catalogue, milliner};

const OPERATING: &str = include_str!("../../../docs/operating.md");

/// The document's lines, on a port of ours and without TLS.
fn configuration(place: &Place, origin: SocketAddr) -> String {
    let (_, server) = OPERATING.split_once("    server {\n").expect("a server of nginx");
    let (server, _) = server.split_once("\n    }\n").expect("its end");
    let lines: Vec<&str> = server.lines().filter(|line| !line.contains("ssl_certificate")).collect();
    let server = lines.join("\n").replace("443 ssl", &format!("127.0.0.1:{}", place.port(0)));
    let server = server.replace("127.0.0.1:8080", &origin.to_string());
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {kind};\n"))
        .concat();
    // One process: nobody is left behind when it is ended.
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{folders}server {{\n{server}\n}}\n}}\n"
    )
}

async fn before(origin: SocketAddr) -> servers::Server {
    let start = |place: &Place| -> Command {
        let file = place.folder.join("nginx.conf");
        std::fs::write(&file, configuration(place, origin)).unwrap();
        let mut nginx = command("nginx");
        nginx.arg("-p").arg(&place.folder).arg("-c").arg(file);
        nginx
    };
    let mut nginx = servers::Server::start("nginx", start);
    let address = nginx.address(0);
    nginx
        .until("nginx", async || ask(address, "/healthz").await.is_some_and(|(status, _)| status == 200))
        .await;
    nginx
}

fn stocked(flags: &[&str]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    assert!(milliner(folder.path(), &["import", "catalogue"]).status.success());
    let server = Server::start_as(folder.path(), flags, &[]);
    (folder, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_for_arrives_as_it_was_sent() {
    let (_folder, server) = stocked(&[]);
    let nginx = before(server.address()).await;
    let sound =
        ["/c/cat;w=30/hat.png", "/c/cat;w=30/~fill;color=7c2436;opacity=0.5.png", "/c/cat%3Bw=30.png"];
    let odd = [
        "/c//cat.png",
        "/c/cat%2Fhat.png",
        "/c/x/../cat.png",
        "/c/cat.png?unknown=%20",
        "/i/%2e%2e/v1/catalogue",
    ];
    for path in sound.into_iter().chain(odd) {
        let head = format!("GET {path} HTTP/1.1");
        let directly = server.request(&head, b"");
        assert_eq!(directly.0 == 200, sound.contains(&path), "{path}: {}", directly.0);
        assert!(request_of(nginx.address(0), &head, b"") == directly, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_the_one_that_nginx_saw() {
    let (_folder, server) = stocked(&["--trusted-proxies", "1", "--limit-address-rate", "2"]);
    let nginx = before(server.address()).await;
    for (call, status) in [200, 200, 429, 429].into_iter().enumerate() {
        // Whatever it says of itself.
        let head = format!("GET /v1/catalogue HTTP/1.1\r\nx-forwarded-for: 203.0.113.{call}");
        assert_eq!(request_of(nginx.address(0), &head, b"").0, status, "call {call}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_come_as_they_happen() {
    let (_folder, server) = stocked(&[]);
    let nginx = before(server.address()).await;
    let recipes: Vec<String> = (0..500).map(|i| format!("\"/c/photo;w=600;h={}.webp\"", 100 + i)).collect();
    let (status, job) = server.post_json("/v1/jobs", &format!("{{\"recipes\": [{}]}}", recipes.join(",")));
    assert_eq!(status, 202);
    let job: serde_json::Value = serde_json::from_slice(&job).unwrap();
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    let mut events = TcpStream::connect(nginx.address(0)).unwrap();
    write!(events, "GET {path}/events HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    let (mut heard, mut piece) = (String::new(), [0; 4096]);
    while heard.matches("event: progress").count() < 2 {
        let read = events.read(&mut piece).unwrap();
        assert!(read > 0 && !heard.contains("event: end"), "all at its end: {heard}");
        heard.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
    assert_eq!(server.request(&format!("DELETE {path} HTTP/1.1"), b"").0, 200);
}
