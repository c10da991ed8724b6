//! A server that runs while a command needs it.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal};

use crate::exec;
use crate::run::probe;

/// A server that ends when this does.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // An orderly end, so that nginx takes its workers along; thumbor leaves its own behind. Who has ended by itself
        // needs nothing more.
        let workers = workers(self.0.id());
        for process in [Pid::from_child(&self.0)].into_iter().chain(workers) {
            let _ = rustix::process::kill_process(process, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

/// The processes that a process started.
fn workers(leader: u32) -> Vec<Pid> {
    let listed = fs::read_to_string(format!("/proc/{leader}/task/{leader}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect()
}

/// Starts a server, and answers when it does at the URL `ready`.
pub fn start(command: &mut Command, ready: &str) -> Result<Server> {
    let mut server = Server(command.spawn()?);
    let patience = Instant::now() + Duration::from_secs(20);
    while !probe::answers(ready) {
        if Instant::now() > patience || server.0.try_wait()?.is_some() {
            bail!("`{}` does not answer at {ready}", exec::line(command));
        }
    }
    Ok(server)
}

/// A port that nobody listens at now.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
