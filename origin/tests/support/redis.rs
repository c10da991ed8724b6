//! Real Redis servers for tests: one, a master with a replica and a sentinel, a cluster. On free ports, with nothing on
//! disk but a folder that goes with them, ready when they are handed out and killed when they are dropped.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Longest a server may take to be ready, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at a server that is not ready yet.
const LOOK: Duration = Duration::from_millis(20);

/// A running server.
pub struct RedisServer {
    child: Child,
    pub address: SocketAddr,
    arguments: Vec<String>,
    _folder: TempDir,
}

impl RedisServer {
    /// One that keeps nothing, ready.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with more arguments.
    pub async fn with(arguments: &[&str]) -> Self {
        let server = Self::spawn(free_port(), arguments);
        server.ready().await;
        server
    }

    fn spawn(address: SocketAddr, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, dir) = (address.port().to_string(), folder.path().display().to_string());
        let own = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port, "--dir", &dir];
        let arguments: Vec<String> = own.iter().chain(arguments).map(|text| (*text).to_owned()).collect();
        let child = spawn(&arguments);
        Self { child, address, arguments, _folder: folder }
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again where it was, empty.
    pub async fn start_again(&mut self) {
        self.child = spawn(&self.arguments);
        self.ready().await;
    }

    /// Stops it where it stands: it hears and says nothing, its connections stay.
    pub fn hang(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub fn wake(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// `MILLINER_LINKS` for it.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// A connection to it.
    pub async fn connect(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// What a command answers, as text.
    pub async fn ask(&self, command: &[&str]) -> String {
        ask(&self.url(), command).await.unwrap()
    }

    async fn ready(&self) {
        until("Redis is ready", async || ask(&self.url(), &["PING"]).await.is_ok_and(|pong| pong == "PONG"))
            .await;
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(arguments: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    let spawned = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    spawned
        .expect("`redis-server` starts: `cargo xtask test` installs it, or your distribution's package does")
}

async fn ask(url: &str, command: &[&str]) -> redis::RedisResult<String> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let answer: redis::Value = redis::cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await?;
    Ok(match answer {
        redis::Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        redis::Value::VerbatimString { text, .. } | redis::Value::SimpleString(text) => text,
        redis::Value::Int(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

/// A master with a replica, and a sentinel that makes the replica master when the master is gone.
pub struct Sentinels {
    pub master: RedisServer,
    pub replica: RedisServer,
    sentinel: RedisServer,
    _config: TempDir,
}

impl Sentinels {
    pub async fn start() -> Self {
        let master = RedisServer::start().await;
        let port = master.address.port().to_string();
        let replica =
            RedisServer::with(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]).await;
        until("the replica follows", async || {
            replica.ask(&["INFO", "replication"]).await.contains("master_link_status:up")
        })
        .await;
        let config = tempfile::tempdir().unwrap();
        let file = config.path().join("sentinel.conf");
        let lines = format!(
            "sentinel monitor main 127.0.0.1 {port} 1\nsentinel down-after-milliseconds main 1000\n\
             sentinel failover-timeout main 5000\n"
        );
        std::fs::write(&file, lines).unwrap();
        let sentinel = Self::sentinel(&file).await;
        until("the sentinel knows the replica", async || {
            sentinel.ask(&["SENTINEL", "MASTER", "main"]).await.contains("num-slaves") && {
                let replicas = sentinel.ask(&["SENTINEL", "REPLICAS", "main"]).await;
                replicas.contains(&replica.address.port().to_string())
            }
        })
        .await;
        Self { master, replica, sentinel, _config: config }
    }

    async fn sentinel(file: &std::path::Path) -> RedisServer {
        let address = free_port();
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = [
            &*file.to_string_lossy(),
            "--sentinel",
            "--port",
            &address.port().to_string(),
            "--bind",
            "127.0.0.1",
        ]
        .map(ToOwned::to_owned)
        .into();
        let server = RedisServer { child: spawn(&arguments), address, arguments, _folder: folder };
        server.ready().await;
        server
    }

    /// `MILLINER_LINKS` for them.
    pub fn url(&self) -> String {
        format!("redis+sentinel://{}/main", self.sentinel.address)
    }
}

/// Three masters that share the slots.
pub struct Cluster {
    nodes: Vec<RedisServer>,
}

impl Cluster {
    pub async fn start() -> Self {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let bus = free_port().port().to_string();
            nodes.push(RedisServer::with(&["--cluster-enabled", "yes", "--cluster-port", &bus]).await);
        }
        let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (node, (first, last)) in nodes.iter().zip(slots) {
            node.ask(&["CLUSTER", "ADDSLOTSRANGE", first, last]).await;
        }
        for other in &nodes[1..] {
            let bus = &other.arguments[other.arguments.len() - 1];
            let port = other.address.port().to_string();
            nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]).await;
        }
        for node in &nodes {
            until("the cluster is whole", async || {
                let info = node.ask(&["CLUSTER", "INFO"]).await;
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })
            .await;
        }
        Self { nodes }
    }

    /// `MILLINER_LINKS` for it.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| node.address.to_string()).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Waits until something holds, looking often.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        sleep(LOOK).await;
    }
}
