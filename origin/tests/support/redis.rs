//! Real Redis: one server, a master with a replica and a sentinel, a cluster. Nothing is kept on disk.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use redis::{RedisResult, Value};
use rustix::process::Signal;

use super::{Place, Server, command, until};

const PROGRAM: &str = "redis-server";

/// A user beside the default one, and the password that it takes.
const USER: (&str, &str) = ("shop", "secret-of-shop");

/// A running server.
pub struct RedisServer {
    server: Server,
    make: Box<dyn Fn(&Place) -> Command + Send + Sync>,
}

impl RedisServer {
    /// One that is empty, ready.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with more arguments.
    pub async fn with(arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        Self::made(move |place| empty(place, &arguments)).await
    }

    /// One that speaks TLS on a port of its own, where a user with a password may come, too.
    pub async fn with_tls() -> Self {
        Self::made(secured).await
    }

    async fn made(make: impl Fn(&Place) -> Command + Send + Sync + 'static) -> Self {
        let mut server = Self { server: Server::start(PROGRAM, &make), make: Box::new(make) };
        server.ready().await;
        server
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again where it was, empty.
    pub async fn start_again(&mut self) {
        self.server.start_again(PROGRAM, &self.make);
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

    /// The same of one that speaks TLS.
    pub fn secured_url(&self) -> String {
        let (user, password) = USER;
        format!("rediss://{user}:{password}@{}", self.server.address(2))
    }

    /// The certificate by which it is known.
    pub fn certificate(&self) -> PathBuf {
        self.server.place().folder.join(CERTIFICATE)
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

const CERTIFICATE: &str = "certificate.pem";

/// A certificate that vouches for itself, and for nobody else.
const REQUEST: &str = "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = extensions\n\
    [name]\nCN = Redis of tests\n\
    [extensions]\nsubjectAltName = IP:127.0.0.1\nbasicConstraints = critical, CA:FALSE\n";

fn secured(place: &Place) -> Command {
    let in_place = |name: &str| place.folder.join(name).display().to_string();
    let (request, key, certificate) = (in_place("request"), in_place("key.pem"), in_place(CERTIFICATE));
    std::fs::write(&request, REQUEST).unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-config", &request]);
    let made = openssl.args(["-keyout", &key, "-out", &certificate]).output().unwrap();
    assert!(made.status.success(), "{made:?}");

    let (user, password) = USER;
    let mut redis = empty(place, &[]);
    redis.args(["--tls-port", &place.port(2).to_string(), "--tls-auth-clients", "no"]);
    redis.args(["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-ca-cert-file", &certificate]);
    redis.args(["--user", user, "on", &format!(">{password}"), "~*", "&*", "+@all"]);
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

/// Three masters that share the slots, and what follows them.
pub struct Cluster {
    pub masters: Vec<RedisServer>,
    /// In the order of the masters that they follow.
    pub replicas: Vec<RedisServer>,
}

impl Cluster {
    pub async fn start() -> Self {
        let mut masters = Vec::new();
        for (first, last) in [("0", "5460"), ("5461", "10922"), ("10923", "16383")] {
            let master = node().await;
            master.ask(&["CLUSTER", "ADDSLOTSRANGE", first, last]).await;
            masters.push(master);
        }
        let cluster = Self { masters, replicas: Vec::new() };
        for other in &cluster.masters[1..] {
            cluster.meet(other).await;
        }
        cluster.is_whole(3).await;
        cluster
    }

    /// The same with a replica of each.
    pub async fn with_replicas() -> Self {
        let mut cluster = Self::start().await;
        for _ in 0..3 {
            let replica = node().await;
            cluster.meet(&replica).await;
            cluster.replicas.push(replica);
        }
        cluster.is_whole(6).await;
        for (master, replica) in cluster.masters.iter().zip(&cluster.replicas) {
            replica.ask(&["CLUSTER", "REPLICATE", &master.ask(&["CLUSTER", "MYID"]).await]).await;
            until("the replica follows", async || {
                replica.ask(&["INFO", "replication"]).await.contains("master_link_status:up")
            })
            .await;
        }
        cluster
    }

    async fn meet(&self, other: &RedisServer) {
        let bus = other.server.address(1).port().to_string();
        self.masters[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &other.port(), &bus]).await;
    }

    /// All know all.
    async fn is_whole(&self, nodes: usize) {
        let known = format!("cluster_known_nodes:{nodes}");
        for node in self.masters.iter().chain(&self.replicas) {
            until("the cluster is whole", async || {
                let info = node.ask(&["CLUSTER", "INFO"]).await;
                info.contains("cluster_state:ok") && info.contains(&known)
            })
            .await;
        }
    }

    /// Which master has this name.
    pub async fn owner_of(&self, name: &str) -> usize {
        for (number, master) in self.masters.iter().enumerate() {
            // Others say who has it, which is an error.
            if ask(&master.url(), &["EXISTS", name]).await.is_ok_and(|found| found == "1") {
                return number;
            }
        }
        panic!("nobody has {name}")
    }

    /// `MILLINER_LINKS` for it.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.masters.iter().map(|node| node.address().to_string()).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }
}

/// A node that soon misses another.
async fn node() -> RedisServer {
    let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
    RedisServer::with(&[&arguments[..], &["--repl-diskless-sync-delay", "0"]].concat()).await
}
