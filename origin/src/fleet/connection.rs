//! The connection: to one server, to the master that sentinels name, or to a cluster. It is made in the background,
//! once for all who wait for it, and given up when a call on it fails, so that the next call finds the server that is
//! there now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use redis::aio::{MultiplexedConnection, SendError};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind,
    RedisError, ServerErrorKind, TlsMode, Value,
};
use tokio::sync::broadcast;

use super::{FleetError, News};
use crate::config::{RedisLayout, RedisUrl};

/// Longest a connection may take to be made: names, TCP, TLS, a sentinel's answer.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest the library waits for an answer: it ends what callers left behind, whose own bound is shorter.
const ANSWER: Duration = Duration::from_secs(30);

/// A connection that comes back.
pub struct Connection {
    servers: Servers,
    channel: String,
    news: broadcast::Sender<News>,
    state: Mutex<State>,
}

/// Whom to connect to.
enum Servers {
    One(Client),
    /// Finding the master changes the client.
    Sentinel(tokio::sync::Mutex<SentinelClient>),
    Cluster(ClusterClient),
}

enum State {
    Closed,
    Opening(Attempt),
    Open(Open),
}

type Attempt = Shared<BoxFuture<'static, Result<Open, RedisError>>>;

/// Commands of many callers share one connection.
#[derive(Clone)]
enum Open {
    One(MultiplexedConnection),
    Cluster(Box<ClusterConnection>),
}

impl Connection {
    pub fn new(url: &RedisUrl, channel: String, news: broadcast::Sender<News>) -> Result<Self, RedisError> {
        let servers = match url.layout() {
            RedisLayout::One => Servers::One(one(url)?),
            RedisLayout::Sentinel { master } => Servers::Sentinel(sentinel(url, master)?.into()),
            RedisLayout::Cluster => Servers::Cluster(cluster(url, sender(&news))?),
        };
        Ok(Self { servers, channel, news, state: Mutex::new(State::Closed) })
    }

    /// Sends a command over the connection, which is made first if there is none.
    pub async fn ask(self: &Arc<Self>, command: &Cmd) -> Result<Value, RedisError> {
        match self.opened().await? {
            Open::One(mut connection) => command.query_async(&mut connection).await,
            Open::Cluster(mut connection) => command.query_async(&mut *connection).await,
        }
    }

    /// Gives the connection up if the failure says that it, or the server at its other end, is not the right one.
    pub fn failed(&self, error: &FleetError) {
        let is_lost = match error {
            FleetError::Slow(_) => true,
            FleetError::Redis(error) => is_lost(error),
            FleetError::Resting => false,
        };
        if is_lost {
            let mut state = self.state();
            if matches!(*state, State::Open(_)) {
                *state = State::Closed;
            }
        }
    }

    async fn opened(self: &Arc<Self>) -> Result<Open, RedisError> {
        let attempt = {
            let mut state = self.state();
            match &*state {
                State::Open(open) => return Ok(open.clone()),
                State::Opening(attempt) => attempt.clone(),
                State::Closed => {
                    let attempt = self.attempt();
                    *state = State::Opening(attempt.clone());
                    attempt
                }
            }
        };
        attempt.await
    }

    /// Connects in a task of its own: whoever stops waiting does not stop it.
    fn attempt(self: &Arc<Self>) -> Attempt {
        let connection = Arc::clone(self);
        let task = tokio::spawn(async move {
            let opened = tokio::time::timeout(CONNECT, connection.open()).await;
            let opened = opened.unwrap_or_else(|_| Err(io_error("no connection in time")));
            *connection.state() = match &opened {
                Ok(open) => State::Open(open.clone()),
                Err(_) => State::Closed,
            };
            if opened.is_ok() {
                // What was told before is not known here; nobody may be listening.
                let _ = connection.news.send(News::Gap);
            }
            opened
        });
        task.map(|ended| ended.unwrap_or_else(|_| Err(io_error("connecting was given up")))).boxed().shared()
    }

    async fn open(&self) -> Result<Open, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_push_sender(sender(&self.news));
        let mut one = match &self.servers {
            Servers::One(client) => client.get_multiplexed_async_connection_with_config(&config).await?,
            Servers::Sentinel(client) => {
                client.lock().await.get_async_connection_with_config(&config).await?
            }
            Servers::Cluster(client) => {
                let mut cluster = client.get_async_connection().await?;
                cluster.subscribe(&self.channel).await?;
                return Ok(Open::Cluster(Box::new(cluster)));
            }
        };
        one.subscribe(&self.channel).await?;
        Ok(Open::One(one))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn one(url: &RedisUrl) -> Result<Client, RedisError> {
    let address = url.addresses().next().ok_or_else(|| io_error("no address"))?;
    Client::open(address.into_connection_info()?.set_redis_settings(url.settings()))
}

fn sentinel(url: &RedisUrl, master: &str) -> Result<SentinelClient, RedisError> {
    let builder = SentinelClientBuilder::new(url.addresses(), master, SentinelServerType::Master)?
        .set_client_to_redis_protocol(ProtocolVersion::RESP3)
        .set_client_to_redis_db(url.database());
    let builder = if url.tls() {
        builder.set_client_to_redis_tls_mode(TlsMode::Secure).set_client_to_sentinel_tls_mode(TlsMode::Secure)
    } else {
        builder
    };
    match url.user() {
        Some((user, password)) => {
            builder.set_client_to_redis_username(user).set_client_to_redis_password(password).build()
        }
        None => builder.build(),
    }
}

fn cluster(url: &RedisUrl, sender: impl redis::aio::AsyncPushSender) -> Result<ClusterClient, RedisError> {
    let builder = ClusterClientBuilder::new(url.addresses())
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(CONNECT)
        .response_timeout(ANSWER)
        .push_sender(sender);
    let builder = if url.tls() { builder.tls(TlsMode::Secure) } else { builder };
    match url.user() {
        Some((user, password)) => builder.username(user).password(password).build(),
        None => builder.build(),
    }
}

/// Is another connection, perhaps to another server, what helps?
fn is_lost(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
    match error.kind() {
        ErrorKind::Server(kind) => matches!(kind, ReadOnly | MasterDown | ClusterDown | BusyLoading),
        ErrorKind::UnexpectedReturnType | ErrorKind::Extension => false,
        _ => true,
    }
}

fn io_error(text: &'static str) -> RedisError {
    RedisError::from(std::io::Error::other(text))
}

/// Takes what the server pushes: news, and that the connection is gone.
fn sender(
    news: &broadcast::Sender<News>,
) -> impl Fn(PushInfo) -> Result<(), SendError> + Send + Sync + use<> {
    let news = news.clone();
    move |push: PushInfo| {
        let told = match push.kind {
            PushKind::Message => message(&push.data).and_then(|text| text.parse().ok()),
            PushKind::Disconnection => Some(News::Gap),
            _ => None,
        };
        // Nobody may be listening.
        let _ = told.map(|told| news.send(told));
        Ok(())
    }
}

/// The payload: what stands behind the channel's name.
fn message(data: &[Value]) -> Option<String> {
    redis::from_redis_value_ref(data.get(1)?).ok()
}
