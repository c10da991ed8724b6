//! Real servers for tests: started on ports that nobody else takes, waited for by asking them, and ended with the test,
//! also with one that is killed. `cargo xtask test` installs the programs.

#![allow(dead_code, reason = "each suite uses its part of this")]

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Weak, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

#[path = "moto.rs"]
pub mod moto;
#[path = "redis.rs"]
pub mod redis;
#[path = "weed.rs"]
pub mod weed;

/// Longest a server may take to start, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(25);

/// A running program with a folder and ports of its own. It ends when this is dropped.
pub struct Server {
    child: Child,
    place: Place,
}

impl Server {
    /// Starts what `command` makes of the place, its output going to a file there.
    pub fn start(name: &str, command: impl FnOnce(&Place) -> Command) -> Self {
        let place = Place::claim();
        let child = started(name, command(&place), &place);
        Self { child, place }
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self, name: &str, command: impl FnOnce(&Place) -> Command) {
        self.child = started(name, command(&self.place), &self.place);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The address of one of its ports.
    pub fn address(&self, port: u16) -> SocketAddr {
        self.place.address(port)
    }

    /// Asks until the answer is yes.
    pub async fn until(&mut self, what: &str, mut asked: impl AsyncFnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !asked().await {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > end {
                let log = fs::read_to_string(self.place.log()).unwrap_or_default();
                panic!("no {what} ({ended:?}):\n{log}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.place.folder);
    }
}

fn started(name: &str, mut command: Command, place: &Place) -> Child {
    let log = File::create(place.log()).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    spawn(command).unwrap_or_else(|error| panic!("{name} does not start: {error}"))
}

/// Waits until something holds, looking often.
pub async fn until(what: &str, holds: impl AsyncFnMut() -> bool) {
    until_within(PATIENCE, what, holds).await;
}

/// The same of something that takes its time.
pub async fn until_within(most: Duration, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + most;
    while !holds().await {
        assert!(Instant::now() < end, "waited {most:?} in vain: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// A folder and some ports, ours as long as we hold the lock.
pub struct Place {
    pub folder: PathBuf,
    first: u16,
    _lock: File,
}

impl Place {
    /// Ports in one place.
    const PORTS: u16 = 8;
    /// Below the ports that the kernel gives to outgoing connections: there a free port may be taken at any moment.
    const FIRST: u16 = 20_000;
    const PLACES: u32 = 1_000;

    /// One that no other test has, and whose ports nobody listens on. What a killed test left there is removed.
    fn claim() -> Self {
        let root = std::env::temp_dir().join("milliner-tests");
        fs::create_dir_all(&root).unwrap();
        let start = std::process::id();
        (0..Self::PLACES)
            .map(|i| start.wrapping_add(i) % Self::PLACES)
            .find_map(|i| Self::try_claim(&root, Self::FIRST + i as u16 * Self::PORTS))
            .expect("there are free ports")
    }

    fn try_claim(root: &Path, first: u16) -> Option<Self> {
        let lock = File::create(root.join(format!("{first}.lock"))).ok()?;
        lock.try_lock().ok()?;
        let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if !(first..first + Self::PORTS).all(free) {
            return None;
        }
        let folder = root.join(first.to_string());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Some(Self { folder, first, _lock: lock })
    }

    /// One of its ports.
    pub fn port(&self, number: u16) -> u16 {
        assert!(number < Self::PORTS);
        self.first + number
    }

    fn address(&self, number: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port(number)).into()
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

/// A program by name: from the tools that `cargo xtask test` installs, else from the path. It ends with us.
pub fn command(program: &str) -> Command {
    let installed = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("xtask/tools/python");
    let tools = std::env::var_os("MILLINER_TEST_TOOLS").map_or(installed, PathBuf::from);
    let on_the_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
    };
    let (found, packages) = match Some(tools.join("bin").join(program)).filter(|file| file.is_file()) {
        Some(file) => (file, Some(tools)),
        None => match on_the_path() {
            Some(file) => (file, None),
            None => panic!("this test needs `{program}`: `cargo xtask test --only rust` installs it"),
        },
    };
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(found);
    if let Some(packages) = packages {
        command.env("PYTHONPATH", packages);
    }
    command
}

/// Starts a child on a thread that never ends: the kernel ends such a child with the thread that started it, and that
/// of a test may end before others that share the server do.
fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static STARTER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
        let (send, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                let _ = answer.send(command.spawn());
            }
        });
        send
    });
    let (answer, child) = mpsc::channel();
    STARTER.send((command, answer)).unwrap();
    child.recv().unwrap()
}

/// A server that the tests of one process share: started by the first, ended with the last.
pub struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    pub const fn new() -> Self {
        Self(Mutex::const_new(Weak::new()))
    }

    pub async fn get(&self, start: impl AsyncFnOnce() -> T) -> Arc<T> {
        let mut shared = self.0.lock().await;
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(start().await);
        *shared = Arc::downgrade(&started);
        started
    }
}

/// The status and the text of a plain request, if anybody answers.
pub async fn ask(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    Some((answer.get(9..12)?.parse().ok()?, answer))
}
