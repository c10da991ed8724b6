//! A server as a process: orderly shutdown, and a kill at the worst moment.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{catalogue, command, milliner, stderr, support};

/// The address of a worker.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// How often one looks whether a server still lets anybody in.
const LOOK: Duration = Duration::from_millis(10);
/// How long a connection waits that asks at the last moment: much less than the second that a server gives it.
const MOMENT: Duration = Duration::from_millis(200);

/// A running server or worker, killed when it is dropped.
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: BufReader<std::process::ChildStderr>,
}

impl Server {
    /// Starts one on a free port and waits until it says where it listens.
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: &Path, flags: &[&str]) -> Self {
        Self::start_as(folder, flags, &[])
    }

    /// The same with variables of its own.
    pub fn start_as(folder: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::begin("serve", folder, &[&["--listen", "127.0.0.1:0"], flags].concat(), variables)
    }

    /// A worker.
    pub fn work(folder: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::begin("work", folder, flags, variables)
    }

    fn begin(role: &str, folder: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = command(folder, &[role, "--admin-listen", "off", "--log-format", "json"]);
        command.args(flags).envs(variables.iter().copied());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let value: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let address = value["fields"]["listen"].as_str().map_or(NOWHERE, |at| at.parse().unwrap());
        Self { child, address, log }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// The status and the body of one request.
    pub fn request(&self, head: &str, body: &[u8]) -> (u16, Vec<u8>) {
        request_of(self.address, head, body)
    }

    pub fn get(&self, path: &str) -> (u16, Vec<u8>) {
        self.request(&format!("GET {path} HTTP/1.1"), b"")
    }

    pub fn post_json(&self, path: &str, body: &str) -> (u16, Vec<u8>) {
        let head = format!("POST {path} HTTP/1.1\r\ncontent-type: application/json");
        self.request(&head, body.as_bytes())
    }

    /// Has it stop in order, and answers what it logged.
    pub fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{log}");
        log
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status and the body of one request, of whoever listens there.
pub fn request_of(address: SocketAddr, head: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{head}\r\nhost: test\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len())
        .unwrap();
    stream.write_all(body).unwrap();
    read_answer(&mut stream)
}

fn read_answer(stream: &mut TcpStream) -> (u16, Vec<u8>) {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

#[test]
fn sigterm_finishes_what_runs_and_exits_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let body = support::png(64, 64, [1, 2, 3, 255]);
    let mut upload = server.connect();
    let (first, rest) = body.split_at(body.len() / 2);
    write!(upload, "PUT /v1/assets/cat HTTP/1.1\r\nhost: test\r\ncontent-type: image/png\r\n").unwrap();
    write!(upload, "connection: close\r\ncontent-length: {}\r\n\r\n", body.len()).unwrap();
    upload.write_all(first).unwrap();
    // An answer on a second connection proves that the server reads: the upload's head is in.
    assert_eq!(server.get("/healthz").0, 200);
    server.signal(Signal::TERM);
    let mut line = String::new();
    while !line.contains("draining") {
        line.clear();
        assert!(server.log.read_line(&mut line).unwrap() > 0, "the log ended before the drain");
    }
    upload.write_all(rest).unwrap();
    assert_eq!(read_answer(&mut upload).0, 201);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    drop(server);
    assert_eq!(Server::start(folder.path()).get("/c/cat.png").0, 200);
}

#[test]
fn who_came_at_the_last_moment_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--drain-delay", "100ms"]);
    let mut late = server.connect();
    // An answer on a second connection proves that the first is served.
    assert_eq!(server.get("/healthz").0, 200);
    server.signal(Signal::TERM);
    // Not one connection after the other: a listener whose queue is full lets one wait for a second.
    while TcpStream::connect(server.address).is_ok() {
        std::thread::sleep(LOOK);
    }
    // It asks a moment after nobody else is let in.
    std::thread::sleep(MOMENT);
    write!(late, "GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut late), (200, b"ok\n".to_vec()));
}

#[test]
fn a_connection_that_says_nothing_is_ended_and_its_place_is_given_away() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--limit-connections", "1", "--head-timeout", "200ms"]);
    let (mut silent, mut halting) = (server.connect(), server.connect());
    // All three are connected before the first is ended: one place serves them in turn.
    halting.write_all(b"PRI * HTTP/2.0\r\n").unwrap();
    assert_eq!(server.get("/healthz").0, 200);
    let mut heard = Vec::new();
    assert_eq!(silent.read_to_end(&mut heard).unwrap(), 0, "{}", String::from_utf8_lossy(&heard));
    // However it ends, with an error for half a head or without a word, it ends.
    let _ = halting.read_to_end(&mut heard);
    assert_eq!(server.get("/healthz").0, 200);
}

#[test]
fn a_client_that_takes_nothing_of_its_answers_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    assert!(milliner(folder.path(), &["import", "catalogue"]).status.success());
    let server = Server::start_with(folder.path(), &["--limit-connections", "1", "--send-timeout", "500ms"]);
    assert_eq!(server.get("/c/cat.png").0, 200);
    let mut deaf = server.connect();
    deaf.set_write_timeout(Some(Duration::from_mins(1))).unwrap();
    let asked = b"GET /c/cat.png HTTP/1.1\r\nhost: milliner\r\n\r\n".repeat(100);
    // The server takes no more questions once its answers are not taken.
    let (begun, mut sent) = (Instant::now(), 0);
    let end = loop {
        match deaf.write(&asked[sent..]) {
            Ok(more) => sent = (sent + more) % asked.len(),
            Err(error) => break error,
        }
    };
    assert_ne!(end.kind(), ErrorKind::WouldBlock, "it was held for a minute");
    assert!(begun.elapsed() >= Duration::from_millis(500), "{end} after {:?}", begun.elapsed());
    assert_eq!(server.get("/healthz").0, 200, "its place is given away");
}

#[test]
fn a_client_is_whoever_connects_or_whoever_the_proxy_names() {
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    assert!(milliner(folder.path(), &["import", "catalogue"]).status.success());
    let server = Server::start_with(folder.path(), &["--limit-address-rate", "2"]);
    let picture = server.get("/c/cat.png");
    assert_eq!((picture.0, server.get("/v1/catalogue").0), (200, 200));
    let claims = "GET /v1/catalogue HTTP/1.1\r\nx-forwarded-for: 203.0.113.7";
    assert_eq!((server.request(claims, b"").0, server.get("/c/hat.png").0), (429, 429), "nobody is believed");
    for _ in 0..5 {
        assert_eq!(server.get("/c/cat.png"), picture, "what is in memory costs nothing");
    }
    drop(server);
    let server = Server::start_with(folder.path(), &["--limit-address-rate", "1", "--trusted-proxies", "1"]);
    assert_eq!((server.get("/v1/catalogue").0, server.get("/v1/catalogue").0), (200, 429));
    assert_eq!((server.request(claims, b"").0, server.request(claims, b"").0), (200, 429));
}

#[test]
fn uploads_past_the_limit_are_turned_away_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--limit-uploads", "1"]);
    let body = support::png(8, 8, [1, 2, 3, 255]);
    let put = |id: &str| format!("PUT /v1/assets/{id} HTTP/1.1\r\ncontent-type: image/png");
    let mut first = server.connect();
    // `100 Continue` says that the first upload is being read.
    write!(first, "{}\r\nhost: test\r\nexpect: 100-continue\r\nconnection: close\r\n", put("first")).unwrap();
    write!(first, "content-length: {}\r\n\r\n", body.len()).unwrap();
    let mut interim = [0; 25];
    first.read_exact(&mut interim).unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&interim));
    let (status, problem) = server.request(&put("second"), &body);
    assert_eq!(status, 503, "{}", String::from_utf8_lossy(&problem));
    first.write_all(&body).unwrap();
    assert_eq!(read_answer(&mut first).0, 201);
    assert_eq!(server.request(&put("second"), &body).0, 201);
}

#[test]
fn kill_9_in_mid_upload_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let put = |id: &str| format!("PUT /v1/assets/{id}?kind=base HTTP/1.1\r\ncontent-type: image/png");
    let kept = support::png(32, 32, [9, 8, 7, 255]);
    assert_eq!(server.request(&put("kept"), &kept).0, 201);
    let (status, before) = server.get("/c/kept.png");
    assert_eq!(status, 200);

    // One upload half sent; many more under way while the server dies.
    let mut half = server.connect();
    write!(half, "{}\r\nhost: test\r\ncontent-length: {}\r\n\r\n", put("half"), kept.len()).unwrap();
    half.write_all(&kept[..kept.len() / 2]).unwrap();
    let mut acknowledged = Vec::new();
    std::thread::scope(|scope| {
        let uploads: Vec<_> = (0..4)
            .map(|thread| {
                let (put, server) = (&put, &server);
                scope.spawn(move || {
                    let mut done = Vec::new();
                    for i in 0..1000u32 {
                        let id = format!("asset-{thread}-{i}");
                        let body = support::png(8, 8, [thread, i as u8, (i >> 8) as u8, 255]);
                        let Ok(mut stream) = TcpStream::connect(server.address) else { break };
                        let head = format!("{}\r\nhost: test\r\nconnection: close\r\n", put(&id));
                        let sent = write!(stream, "{head}content-length: {}\r\n\r\n", body.len())
                            .and_then(|()| stream.write_all(&body));
                        let mut answer = Vec::new();
                        let read = sent.and_then(|()| stream.read_to_end(&mut answer).map(|_| ()));
                        if read.is_err() || !answer.starts_with(b"HTTP/1.1 201") {
                            break;
                        }
                        done.push(id);
                        if thread == 0 && i == 10 {
                            server.signal(Signal::KILL);
                        }
                    }
                    done
                })
            })
            .collect();
        acknowledged.extend(uploads.into_iter().flat_map(|upload| upload.join().unwrap()));
    });
    assert!(acknowledged.len() > 10);
    drop(server);

    let server = Server::start(folder.path());
    assert_eq!(server.get("/v1/assets/half").0, 404, "half an upload is none");
    assert_eq!(server.get("/c/kept.png"), (200, before));
    for id in &acknowledged {
        assert_eq!(server.get(&format!("/c/{id}.png")).0, 200, "{id} was acknowledged");
    }
}

#[test]
fn an_import_beside_a_running_server_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    let mut server = Server::start(folder.path());
    assert_eq!(server.get("/c/cat/hat.png").0, 404);
    assert!(milliner(folder.path(), &["import", "catalogue"]).status.success());
    let mut line = String::new();
    while !line.contains("catalogue changed") {
        line.clear();
        assert!(server.log.read_line(&mut line).unwrap() > 0, "the server ended");
    }
    let (status, _) = server.get("/v1/assets/hat");
    assert_eq!(status, 200);
}

#[test]
fn a_second_server_on_the_same_folder_or_port_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let second = milliner(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off"]);
    assert!(stderr(&second).contains("another milliner serves this folder"), "{}", stderr(&second));
    let other = tempfile::tempdir().unwrap();
    let taken = server.address.to_string();
    let second = milliner(other.path(), &["serve", "--listen", &taken, "--admin-listen", "off"]);
    assert!(stderr(&second).contains("MILLINER_LISTEN"), "{}", stderr(&second));
}
