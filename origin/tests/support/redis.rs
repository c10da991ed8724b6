//! Real Redis: one server, a master with a replica and a sentinel, a cluster. Nothing is kept on disk.

use std::net::SocketAddr;
use std::process::Command;

use redis::{RedisResult, Value};
use rustix::process::Signal;

use super::{Place, Server, command, until};

const PROGRAM: &str = "redis-server";

/// A running server.
pub struct RedisServer {
    server: Server,
    arguments: Vec<String>,
}

impl RedisServer {
    /// One that is empty, ready.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with more arguments.
    pub async fn with(arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let mut server = Self { server: Server::start(PROGRAM, |place| empty(place, &arguments)), arguments };
        server.ready().await;
        server
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again where it was, empty.
    pub async fn start_again(&mut self) {
        let Self { server, arguments } = self;
        server.start_again(PROGRAM, |place| empty(place, arguments));
        self.ready().await;
    }

    /// Stops it where it stands: it hears and says nothing, its connections stay.
    pub fn hang(&self) {
        self.server.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn wake(&self) {
        self.server.signal(Signal::CONT);
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address(0)
    }

    pub fn port(&self) -> String {
        self.address().port().to_string()
    }

    /// `MILLINER_LINKS` for it.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// What a command answers, as text.
    pub async fn ask(&self, words: &[&str]) -> String {
        ask(&self.url(), words).await.unwrap()
    }

    async fn ready(&mut self) {
        let url = self.url();
        let ready = async || ask(&url, &["PING"]).await.is_ok_and(|pong| pong == "PONG");
        self.server.until("Redis", ready).await;
    }
}

fn empty(place: &Place, arguments: &[String]) -> Command {
    let mut redis = command(PROGRAM);
    redis.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
    redis.arg(place.port(0).to_string()).arg("--dir").arg(&place.folder).args(["--cluster-port"]);
    redis.arg(place.port(1).to_string()).args(arguments);
    redis
}

async fn ask(url: &str, words: &[&str]) -> RedisResult<String> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let answer: Value = redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await?;
    Ok(match answer {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => text,
        Value::Int(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

/// A master with a replica, and a sentinel that makes the replica master when the master is gone.
pub struct Sentinels {
    pub master: RedisServer,
    pub replica: RedisServer,
    sentinel: Server,
}

impl Sentinels {
    pub async fn start() -> Self {
        let master = RedisServer::start().await;
        let port = master.port();
        let follow = ["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"];
        let replica = RedisServer::with(&follow).await;
        until("the replica follows", async || {
            replica.ask(&["INFO", "replication"]).await.contains("master_link_status:up")
        })
        .await;
        let sentinel = Server::start("a sentinel", |place| watch(place, &port));
        let url = format!("redis://{}", sentinel.address(0));
        until("the sentinel knows the replica", async || {
            let replicas = ask(&url, &["SENTINEL", "REPLICAS", "main"]).await;
            replicas.is_ok_and(|replicas| replicas.contains(&replica.port()))
        })
        .await;
        Self { master, replica, sentinel }
    }

    /// `MILLINER_LINKS` for them.
    pub fn url(&self) -> String {
        format!("redis+sentinel://{}/main", self.sentinel.address(0))
    }
}

/// A sentinel writes into its configuration what it learns.
fn watch(place: &Place, master: &str) -> Command {
    let file = place.folder.join("sentinel.conf");
    let lines = format!(
        "sentinel monitor main 127.0.0.1 {master} 1\nsentinel down-after-milliseconds main 1000\n\
         sentinel failover-timeout main 5000\n"
    );
    std::fs::write(&file, lines).unwrap();
    let mut sentinel = command(PROGRAM);
    sentinel.arg(file).args(["--sentinel", "--bind", "127.0.0.1", "--port"]).arg(place.port(0).to_string());
    sentinel
}

/// Three masters that share the slots.
pub struct Cluster(Vec<RedisServer>);

impl Cluster {
    pub async fn start() -> Self {
        let mut nodes = Vec::new();
        for (first, last) in [("0", "5460"), ("5461", "10922"), ("10923", "16383")] {
            let node = RedisServer::with(&["--cluster-enabled", "yes"]).await;
            node.ask(&["CLUSTER", "ADDSLOTSRANGE", first, last]).await;
            nodes.push(node);
        }
        for other in &nodes[1..] {
            let bus = other.server.address(1).port().to_string();
            nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &other.port(), &bus]).await;
        }
        for node in &nodes {
            until("the cluster is whole", async || {
                let info = node.ask(&["CLUSTER", "INFO"]).await;
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })
            .await;
        }
        Self(nodes)
    }

    /// `MILLINER_LINKS` for it.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.0.iter().map(|node| node.address().to_string()).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }
}
