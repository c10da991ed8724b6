//! A real `milliner serve` or `milliner work` in a process of its own.

#![allow(dead_code, reason = "each suite uses its part of this")]

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use reqwest::{Client, Response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::servers::weed::ADMIN;
use crate::support::MILLINER;

/// A running process, killed when it is dropped.
pub struct Instance {
    child: Child,
    /// Empty of one that only works.
    url: String,
    admin: String,
}

impl Instance {
    /// Starts a server on a folder and a Redis, and waits until it says where it listens.
    pub fn start(folder: &Path, links: &str, flags: &[&str]) -> Self {
        Self::of("serve", folder, links, flags)
    }

    /// The same of a process that works on a queue.
    pub fn worker(folder: &Path, links: &str, flags: &[&str]) -> Self {
        Self::of("work", folder, links, flags)
    }

    /// A server whose files cannot grow past so many bytes, as on a disk without room.
    pub fn with_file_limit(folder: &Path, bytes: u64) -> Self {
        let mut command = Command::new("sh");
        // A write past the limit is to fail; it would end the process otherwise.
        let limited = format!("trap '' XFSZ; exec prlimit --fsize={bytes} -- \"$0\" \"$@\"");
        command.env_clear().args(["-c", &limited, MILLINER, "serve", "--log-format", "json"]);
        Self::begin(command, folder, &[])
    }

    /// A process of any role on a machine whose clock is so many seconds ahead, or behind.
    pub fn with_clock(ahead: i32, role: &str, folder: &Path, links: &str, flags: &[&str]) -> Self {
        let mut command = Self::command(role, links);
        command.env("LD_PRELOAD", libfaketime()).env("FAKETIME", format!("{ahead:+}"));
        // What runs evenly everywhere, and what others wrote, stays as it is.
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
        Self::begin(command, folder, flags)
    }

    /// A server that takes this certificate, and no other, for those it speaks TLS with.
    pub fn trusting(certificate: &Path, folder: &Path, links: &str) -> Self {
        let mut command = Self::command("serve", links);
        command.env("SSL_CERT_FILE", certificate);
        Self::begin(command, folder, &[])
    }

    fn of(role: &str, folder: &Path, links: &str, flags: &[&str]) -> Self {
        Self::begin(Self::command(role, links), folder, flags)
    }

    fn command(role: &str, links: &str) -> Command {
        let mut command = Command::new(MILLINER);
        command.env_clear().args([role, "--links", links, "--log-format", "json"]);
        command
    }

    fn begin(mut command: Command, folder: &Path, flags: &[&str]) -> Self {
        command.current_dir(folder).env("PATH", "/usr/bin:/bin");
        command.env("AWS_ACCESS_KEY_ID", ADMIN.id).env("AWS_SECRET_ACCESS_KEY", ADMIN.secret);
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]).args(flags);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let start = listening(&mut lines);
        let address = |field: &str| {
            start["fields"][field].as_str().map(|at| format!("http://{at}")).unwrap_or_default()
        };
        let (url, admin) = (address("listen"), address("admin"));
        // A full pipe would stop it.
        std::thread::spawn(move || io::copy(&mut lines, &mut io::sink()));
        Self { child, url, admin }
    }

    /// The URL of a path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub async fn get(&self, client: &Client, path: &str) -> reqwest::Result<Response> {
        client.get(self.at(path)).send().await
    }

    pub async fn put(&self, client: &Client, path: &str, body: Vec<u8>) -> u16 {
        let request = client.put(self.at(path)).header("content-type", "image/png").body(body);
        request.send().await.unwrap().status().as_u16()
    }

    /// What it says of one of its parts.
    pub async fn state(&self, client: &Client, part: &str) -> String {
        let answer = client.get(format!("{}/readyz", self.admin)).send().await.unwrap();
        let states: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        states[part].as_str().unwrap_or_else(|| panic!("no {part} in {states}")).to_owned()
    }

    /// One sample of `/metrics`.
    pub async fn metric(&self, client: &Client, sample: &str) -> u64 {
        let text = client.get(format!("{}/metrics", self.admin)).send().await.unwrap().text().await.unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {sample} in {text}")).parse().unwrap()
    }

    /// Renders that it finished.
    pub async fn renders(&self, client: &Client) -> u64 {
        self.metric(client, "milliner_renders_total{result=\"ok\"}").await
    }

    /// The most memory that it ever had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// What it has now, in bytes.
    pub fn resident_memory(&self) -> u64 {
        self.memory("VmRSS:")
    }

    fn memory(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        value.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends it in order, and answers its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.wait().unwrap().code()
    }
}

/// Where Debian has it, for this kind of processor.
fn libfaketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let mut libraries = folders.map(|folder| folder.unwrap().path().join("faketime/libfaketime.so.1"));
    libraries.find(|library| library.exists()).expect("the Debian package libfaketime is installed")
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The line that says where it listens.
fn listening(lines: &mut BufReader<ChildStderr>) -> Value {
    let mut told = String::new();
    loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it did not start: {told}");
        if let Ok(value) = serde_json::from_str::<Value>(&line)
            && value["fields"]["admin"].is_string()
        {
            return value;
        }
        told.push_str(&line);
    }
}
