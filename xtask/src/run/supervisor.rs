//! Several servers as one: started together, their logs prefixed, stopped together. Each runs in a
//! process group of its own, so that what it started itself (workerd under node) ends with it, and
//! so that Ctrl-C in the terminal reaches us alone and we decide the order. When one dies, the rest
//! is stopped and its last words are the error.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::probe;
use crate::say::{self, Colour};

/// A server to start, and the URL that answers 200 once it is ready.
pub struct Service {
    pub name: &'static str,
    pub command: Command,
    pub ready: String,
}

/// How it ended: somebody asked (Ctrl-C, SIGTERM, SIGHUP), or a service died by itself.
pub enum End {
    Asked,
    Died(String),
}

pub struct Supervisor {
    running: Vec<Running>,
    sender: Sender<Event>,
    events: Receiver<Event>,
}

struct Running {
    name: &'static str,
    ready: String,
    child: Child,
    group: Pid,
    last_lines: VecDeque<String>,
}

enum Event {
    Signal,
    Line { name: &'static str, text: String },
}

/// How often children are looked at; also the longest wait between two probes.
const TICK: Duration = Duration::from_millis(50);
/// A debug build on a busy machine with a cold disk has needed 20 s.
const START_WITHIN: Duration = Duration::from_secs(90);
/// Longer than the origin takes to drain (`MILLINER_DRAIN_TIMEOUT`, 25 s).
const STOP_WITHIN: Duration = Duration::from_secs(30);
const LAST_LINES: usize = 15;
const COLOURS: [Colour; 4] = [Colour::Blue, Colour::Magenta, Colour::Cyan, Colour::Yellow];

impl Supervisor {
    pub fn new() -> Supervisor {
        let (sender, events) = channel();
        Supervisor { running: Vec::new(), sender, events }
    }

    /// From here on Ctrl-C, SIGTERM and SIGHUP end the services first, then us.
    pub fn obey_signals(&self) -> Result<()> {
        let signals = self.sender.clone();
        ctrlc::set_handler(move || {
            // The receiver is gone only when we are about to exit anyway.
            let _ = signals.send(Event::Signal);
        })
        .context("cannot listen for signals")
    }

    /// Start these, and return once all of them are ready; or tell how it ended before that.
    pub fn start(&mut self, services: Vec<Service>) -> Result<Option<End>> {
        let first = self.running.len();
        for service in services {
            self.spawn(service)?;
        }
        let deadline = Instant::now() + START_WITHIN;
        for index in first..self.running.len() {
            while !probe::answers(&self.running[index].ready) {
                if let Some(end) = self.turn()? {
                    return Ok(Some(end));
                }
                if Instant::now() > deadline {
                    let Running { name, ready, .. } = &self.running[index];
                    bail!("{name} is not ready after {START_WITHIN:?}: {ready} does not answer 200");
                }
            }
        }
        Ok(None)
    }

    /// Pass logs on until the end.
    pub fn watch(&mut self) -> Result<End> {
        loop {
            if let Some(end) = self.turn()? {
                return Ok(end);
            }
        }
    }

    /// End every service, the last started first; returns when all their processes are gone.
    pub fn stop(&mut self) {
        for service in self.running.iter().rev() {
            signal(service.group, Signal::TERM);
        }
        let deadline = Instant::now() + STOP_WITHIN;
        while self.running.iter_mut().any(Running::is_alive) {
            match self.events.recv_timeout(TICK) {
                Ok(Event::Line { name, text }) => self.log(name, text),
                Ok(Event::Signal) => break, // asked twice: no more patience
                Err(_) if Instant::now() > deadline => break,
                Err(_) => {}
            }
        }
        for service in &mut self.running {
            service.kill();
        }
    }

    fn spawn(&mut self, Service { name, mut command, ready }: Service) -> Result<()> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        if !say::is_coloured() {
            command.env("NO_COLOR", "1");
        }
        let mut child = command.spawn().with_context(|| {
            format!("cannot start {name} (`{}`)", command.get_program().to_string_lossy())
        })?;
        let group = Pid::from_child(&child);
        if let Some(stdout) = child.stdout.take() {
            self.follow(name, stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            self.follow(name, stderr);
        }
        self.running.push(Running { name, ready, child, group, last_lines: VecDeque::new() });
        Ok(())
    }

    /// Turn a stream into events, line by line, until its writer closes it.
    fn follow(&self, name: &'static str, stream: impl Read + Send + 'static) {
        let sender = self.sender.clone();
        thread::spawn(move || {
            let mut lines = BufReader::new(stream).split(b'\n');
            while let Some(Ok(line)) = lines.next() {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if sender.send(Event::Line { name, text }).is_err() {
                    return;
                }
            }
        });
    }

    /// Handle what happened within one tick.
    fn turn(&mut self) -> Result<Option<End>> {
        match self.events.recv_timeout(TICK) {
            Ok(Event::Signal) => return Ok(Some(End::Asked)),
            Ok(Event::Line { name, text }) => self.log(name, text),
            Err(RecvTimeoutError::Timeout) => return self.find_dead(),
            Err(RecvTimeoutError::Disconnected) => bail!("the supervisor lost its own events"),
        }
        Ok(None)
    }

    fn find_dead(&mut self) -> Result<Option<End>> {
        for index in 0..self.running.len() {
            if let Some(status) = self.running[index].child.try_wait()? {
                return Ok(Some(End::Died(self.last_words(index, status))));
            }
        }
        Ok(None)
    }

    /// What a dead service said last; its pipe may still hold some of it.
    fn last_words(&mut self, index: usize, status: ExitStatus) -> String {
        while let Ok(Event::Line { name, text }) = self.events.recv_timeout(TICK) {
            self.log(name, text);
        }
        let Running { name, last_lines, .. } = &self.running[index];
        let report = format!("{name} stopped by itself ({status}). Its last lines:");
        last_lines.iter().fold(report, |report, line| format!("{report}\n    {line}"))
    }

    fn log(&mut self, name: &'static str, text: String) {
        let Some(index) = self.running.iter().position(|service| service.name == name) else { return };
        let prefix = say::paint(COLOURS[index % COLOURS.len()], &format!("{name:<6} │"));
        say::line(&format!("{prefix} {text}"));
        let lines = &mut self.running[index].last_lines;
        lines.push_back(text);
        if lines.len() > LAST_LINES {
            lines.pop_front();
        }
    }
}

impl Running {
    /// Whether any process of the group is left; reaps the first one when it has ended.
    fn is_alive(&mut self) -> bool {
        let leader = matches!(self.child.try_wait(), Ok(None));
        leader || test_kill_process_group(self.group).is_ok()
    }

    /// What did not end by itself ends now.
    fn kill(&mut self) {
        signal(self.group, Signal::KILL);
        // Nothing can be done about a child that even SIGKILL does not end.
        let _ = self.child.wait();
    }
}

/// A group that is gone already is what we want.
fn signal(group: Pid, signal: Signal) {
    let _ = kill_process_group(group, signal);
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use rustix::process::test_kill_process;

    use super::*;

    fn shell(name: &'static str, script: &str, ready: &str) -> Service {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Service { name, command, ready: ready.to_owned() }
    }

    /// A URL that never answers.
    fn silence() -> String {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        format!("http://127.0.0.1:{port}")
    }

    #[test]
    fn a_dead_service_is_named_with_its_last_words() {
        let mut supervisor = Supervisor::new();
        let service = shell("edge", "echo no such worker; exit 3", &silence());
        let Some(End::Died(report)) = supervisor.start(vec![service]).unwrap() else { panic!("still alive") };
        assert_eq!(report, "edge stopped by itself (exit status: 3). Its last lines:\n    no such worker");
    }

    #[test]
    fn grandchildren_end_too() {
        let mut supervisor = Supervisor::new();
        // The child of the first process ignores SIGTERM: only the end of the group ends both.
        let script = "sh -c 'trap \"\" TERM; echo $$; exec sleep 600' & wait";
        supervisor.spawn(shell("edge", script, &silence())).unwrap();
        let grandchild = loop {
            supervisor.turn().unwrap();
            let pid = supervisor.running[0].last_lines.iter().find_map(|line| line.parse().ok());
            if let Some(pid) = pid.and_then(Pid::from_raw) {
                break pid;
            }
        };
        supervisor.sender.send(Event::Signal).unwrap();
        supervisor.stop();
        while test_kill_process(grandchild).is_ok() {
            thread::yield_now();
        }
    }

    #[test]
    fn a_signal_ends_the_watch() {
        let mut supervisor = Supervisor::new();
        supervisor.sender.send(Event::Signal).unwrap();
        assert!(matches!(supervisor.watch().unwrap(), End::Asked));
    }
}
