//! What the instances of one deployment share: a Redis. Links, leases and rates live in it, and news travel through it.
//!
//! Nothing depends on it being there. Every call ends soon (`MILLINER_REDIS_TIMEOUT`); after a few failures in a row the breaker
//! answers at once that there is no Redis, and one call a second tries whether there is one again. Callers go on
//! without: slower, never wrong.

mod connection;
mod news;

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, FromRedisValue, RedisError};
use tokio::sync::broadcast;
use tokio::time::timeout;

use crate::breaker::{Breaker, BreakerState};
use crate::config::RedisUrl;
use connection::Connection;

pub use news::News;

/// News that a slow reader may be behind before it is told that it missed some.
const NEWS_KEPT: usize = 1024;

/// A handle to the shared Redis.
#[derive(Clone)]
pub struct Fleet(Arc<Parts>);

struct Parts {
    connection: Arc<Connection>,
    breaker: Breaker,
    news: broadcast::Sender<News>,
    /// Longest that any call may take.
    patience: Duration,
    /// What every name begins with: several deployments may share a Redis.
    prefix: String,
}

/// A call that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    #[error("Redis: no answer within {} ms", .0.as_millis())]
    Slow(Duration),
    /// The breaker is open.
    #[error("Redis is not asked for the moment: the last calls failed")]
    Resting,
}

impl Fleet {
    /// A handle that connects when it is first used, and again whenever a connection is lost.
    pub fn new(url: &RedisUrl, patience: Duration) -> Result<Self, FleetError> {
        let (news, _) = broadcast::channel(NEWS_KEPT);
        let channel = format!("{}:news", url.prefix());
        let connection = Arc::new(Connection::new(url, channel, news.clone())?);
        let prefix = url.prefix().to_owned();
        Ok(Self(Arc::new(Parts { connection, breaker: Breaker::before("Redis"), news, patience, prefix })))
    }

    /// The name of something that belongs to `owner`. A cluster keeps all that belongs to one owner on one node, so that
    /// a script can work on it.
    pub fn name(&self, owner: impl std::fmt::Display, what: &str) -> String {
        format!("{}:{{{owner}}}:{what}", self.0.prefix)
    }

    /// The channel that news travel through.
    pub fn channel(&self) -> String {
        format!("{}:news", self.0.prefix)
    }

    /// One command.
    pub async fn call<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, FleetError> {
        if !self.0.breaker.admits() {
            return Err(FleetError::Resting);
        }
        let answer = timeout(self.0.patience, self.0.connection.ask(command)).await;
        let slow = |_| FleetError::Slow(self.0.patience);
        let answer = answer.map_err(slow).and_then(|answer| answer.map_err(FleetError::from));
        match &answer {
            Ok(_) => self.0.breaker.succeeded(),
            Err(error) => {
                self.0.connection.failed(error);
                self.0.breaker.failed(error);
            }
        }
        Ok(redis::from_redis_value(answer?).map_err(RedisError::from)?)
    }

    /// A script on names of one owner. It is sent whole: a server that restarted has forgotten it.
    pub async fn run<T: FromRedisValue>(
        &self,
        script: &str,
        names: &[String],
        arguments: &[&str],
    ) -> Result<T, FleetError> {
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(names.len()).arg(names).arg(arguments);
        self.call(&command).await
    }

    /// The news from now on, our own included.
    pub fn listen(&self) -> broadcast::Receiver<News> {
        self.0.news.subscribe()
    }

    /// Tells every instance. Who is not reached learns it by looking, a little later.
    pub async fn tell(&self, news: &News) -> Result<(), FleetError> {
        let mut command = redis::cmd("PUBLISH");
        command.arg(self.channel()).arg(news.to_string());
        self.call::<i64>(&command).await.map(drop)
    }

    /// Does it answer?
    pub async fn check(&self) -> Result<(), FleetError> {
        self.call::<redis::Value>(&redis::cmd("PING")).await.map(drop)
    }

    /// Is it asked at all?
    pub fn breaker(&self) -> BreakerState {
        self.0.breaker.state()
    }
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fleet({:?}, {:?})", self.0.prefix, self.breaker())
    }
}
