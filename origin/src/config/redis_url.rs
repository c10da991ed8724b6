//! `MILLINER_LINKS` where it names a Redis: one server, sentinels, or a cluster.
//!
//! - `redis://[user:password@]host[:port][/database]`
//! - `redis+sentinel://[user:password@]host[:port],host[:port],…/master[/database]`
//! - `redis+cluster://[user:password@]host[:port],host[:port],…`
//!
//! `rediss` in place of `redis` is the same over TLS. `?prefix=name` is what all names begin with.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, ProtocolVersion, RedisConnectionInfo};

use super::parse::Unusable;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;
const PREFIX: &str = "milliner";
/// The server's own name for its default user.
const DEFAULT_USER: &str = "default";

/// Where a Redis is, and how to sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    layout: RedisLayout,
    hosts: Vec<(String, u16)>,
    tls: bool,
    user: Option<(String, String)>,
    database: i64,
    prefix: String,
}

/// What stands at the hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisLayout {
    One,
    /// Sentinels, which know where this master is.
    Sentinel {
        master: String,
    },
    Cluster,
}

impl RedisUrl {
    /// What stands at the hosts.
    pub fn layout(&self) -> &RedisLayout {
        &self.layout
    }

    /// What all names begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The addresses; one, if it is one server.
    pub fn addresses(&self) -> impl Iterator<Item = ConnectionAddr> {
        self.hosts.iter().cloned().map(|(host, port)| {
            if self.tls {
                ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
            } else {
                ConnectionAddr::Tcp(host, port)
            }
        })
    }

    /// Does TLS protect the connection?
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// User and password.
    pub fn user(&self) -> Option<(&str, &str)> {
        self.user.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// Number of the database.
    pub fn database(&self) -> i64 {
        self.database
    }

    /// How a connection is opened: the protocol whose connections also carry news.
    pub fn settings(&self) -> RedisConnectionInfo {
        let settings =
            RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3).set_db(self.database);
        match self.user() {
            Some((user, password)) => settings.set_username(user).set_password(password),
            None => settings,
        }
    }
}

impl FromStr for RedisUrl {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let (scheme, rest) = text.split_once("://").ok_or(Unusable)?;
        let (scheme, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match scheme {
            "redis" => false,
            "rediss" => true,
            _ => return Err(Unusable),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
        let (layout, database) = layout(kind, path)?;
        let port = if matches!(layout, RedisLayout::Sentinel { .. }) { SENTINEL_PORT } else { PORT };
        let hosts: Vec<_> =
            hosts.split(',').map(|host| host_and_port(host, port)).collect::<Result<_, _>>()?;
        if layout == RedisLayout::One && hosts.len() > 1 {
            return Err(Unusable);
        }
        let user = user.map(user_and_password).transpose()?;
        Ok(Self { layout, hosts, tls, user, database, prefix: prefix(query)? })
    }
}

fn layout(kind: &str, path: &str) -> Result<(RedisLayout, i64), Unusable> {
    let number = |text: &str| match text {
        "" => Ok(0),
        text => text.parse::<u8>().map(i64::from).map_err(|_| Unusable),
    };
    match kind {
        "" => Ok((RedisLayout::One, number(path)?)),
        "sentinel" => {
            let (master, database) = path.split_once('/').unwrap_or((path, ""));
            let master = decoded(master)?;
            if master.is_empty() {
                Err(Unusable)
            } else {
                Ok((RedisLayout::Sentinel { master }, number(database)?))
            }
        }
        // A cluster has no other database.
        "cluster" if path.is_empty() => Ok((RedisLayout::Cluster, 0)),
        _ => Err(Unusable),
    }
}

/// `host`, `host:port`, `[::1]:port`.
fn host_and_port(text: &str, default: u16) -> Result<(String, u16), Unusable> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or(Unusable)?)),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Ok(default), |port| port.parse().map_err(|_| Unusable))?;
    if host.is_empty() { Err(Unusable) } else { Ok((host.to_owned(), port)) }
}

fn user_and_password(text: &str) -> Result<(String, String), Unusable> {
    let (user, password) = text.split_once(':').ok_or(Unusable)?;
    let user = if user.is_empty() { DEFAULT_USER.to_owned() } else { decoded(user)? };
    Ok((user, decoded(password)?))
}

fn prefix(query: &str) -> Result<String, Unusable> {
    let plain = |prefix: &str| {
        !prefix.is_empty()
            && prefix.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    match query.strip_prefix("prefix=") {
        None if query.is_empty() => Ok(PREFIX.to_owned()),
        Some(prefix) if plain(prefix) => Ok(prefix.to_owned()),
        _ => Err(Unusable),
    }
}

fn decoded(text: &str) -> Result<String, Unusable> {
    percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| Unusable)
}

impl fmt::Debug for RedisUrl {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layout, hosts, tls, database, prefix, .. } = self;
        write!(f, "RedisUrl({layout:?} at {hosts:?}, tls: {tls}, database {database}, prefix {prefix:?})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> RedisUrl {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn one_server() {
        let url = parsed("redis://cache.example");
        assert_eq!(
            (url.layout(), url.hosts[0].clone()),
            (&RedisLayout::One, ("cache.example".to_owned(), 6379))
        );
        assert_eq!((url.prefix(), url.database(), url.user()), ("milliner", 0, None));
        let url = parsed("rediss://:s%40cret@[::1]:7000/3?prefix=shop-2");
        assert_eq!((url.hosts[0].clone(), url.tls()), (("::1".to_owned(), 7000), true));
        assert_eq!((url.prefix(), url.database(), url.user()), ("shop-2", 3, Some(("default", "s@cret"))));
    }

    #[test]
    fn sentinels_and_clusters() {
        let url = parsed("redis+sentinel://app:secret@a,b:7001/main/2");
        assert_eq!(url.layout(), &RedisLayout::Sentinel { master: "main".to_owned() });
        assert_eq!(url.hosts, [("a".to_owned(), 26_379), ("b".to_owned(), 7001)]);
        assert_eq!((url.database(), url.user()), (2, Some(("app", "secret"))));
        let url = parsed("rediss+cluster://a:1,b:2,c:3");
        assert_eq!((url.layout(), url.addresses().count()), (&RedisLayout::Cluster, 3));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "redis:",
            "redis://",
            "http://a",
            "redis://a,b",
            "redis://a:port",
            "redis://a/x",
            "redis://a?x=1",
            "redis://a?prefix=",
            "redis+sentinel://a",
            "redis+cluster://a/1",
            "redis+odd://a",
            "redis://user@a",
        ] {
            assert!(text.parse::<RedisUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_password_is_not_printed() {
        assert!(!format!("{:?}", parsed("redis://:hunter2@a")).contains("hunter2"));
    }
}
