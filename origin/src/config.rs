//! The only reader of the environment: flags and `MILLINER_…` variables become small typed structs, once, at start.
//!
//! A flag wins over its variable, the variable over the default. A wrong value stops the start and names the
//! variable, what was given and what is allowed. `config/settings.rs` is the one list of what can be set.

mod cloudfront_url;
mod parse;
mod redis_url;
mod s3_url;
mod settings;
mod sqs_url;
mod strays;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use compositor::{Keyring, Limit, Limits, SigningKey};

use crate::fleet::{Fleet, FleetError};
use crate::keys::Environment;

pub use cloudfront_url::CloudFrontUrl;
pub use redis_url::{RedisLayout, RedisUrl};
pub use s3_url::S3Url;
pub use settings::{Flags, SETTINGS, Setting, with_flags};
pub use sqs_url::SqsUrl;
pub use strays::{Stray, is_ours, strays};

/// Everything that can be set, validated.
#[derive(Clone, Debug)]
pub struct Config {
    pub store: StoreUrl,
    pub links: LinksUrl,
    /// Longest a call to the Redis of [`links`](Self::links) may take.
    pub redis_timeout: Duration,
    pub cdn: CdnUrl,
    /// How long a composite stays that nobody asks for; `None`: for ever.
    pub sweep_unused: Option<Duration>,
    pub queue: QueueUrl,
    pub render_at: RenderAt,
    /// Longest a caller waits for a render that was ordered from the queue.
    pub answer_within: Duration,
    pub server: ServerConfig,
    pub access: AccessConfig,
    pub limits: LimitConfig,
    pub cache: CacheConfig,
    pub log: LogConfig,
    pub traces: TraceConfig,
    /// The program that rasterises SVG in a child process: this one.
    pub rasteriser: PathBuf,
}

/// `MILLINER_STORE`: where bytes live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `file:PATH`
    Files(PathBuf),
    /// `memory:`, gone when the process ends.
    Memory,
    /// `s3://BUCKET/PREFIX`
    S3(S3Url),
}

/// `MILLINER_LINKS`: where links live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinksUrl {
    /// `memory:`; with a store on disk, journalled beside it.
    Memory,
    /// A Redis, with leases and whatever else instances share.
    Redis(Box<RedisUrl>),
}

impl LinksUrl {
    /// The Redis, if it is one.
    pub fn redis(&self) -> Option<&RedisUrl> {
        match self {
            Self::Memory => None,
            Self::Redis(url) => Some(url),
        }
    }
}

/// `MILLINER_CDN`: who is told what to forget.
#[derive(Clone, PartialEq, Eq)]
pub enum CdnUrl {
    /// Nobody.
    None,
    /// A URL that takes `{"paths": […]}`; it may hold a token.
    Webhook(String),
    /// `cloudfront:DISTRIBUTION`
    CloudFront(CloudFrontUrl),
}

impl std::fmt::Debug for CdnUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Webhook(_) => f.write_str("Webhook(…)"),
            Self::CloudFront(url) => write!(f, "{url:?}"),
        }
    }
}

/// `MILLINER_QUEUE`: where renders wait that other processes do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueUrl {
    /// `memory:`
    Memory,
    /// `sqs://HOST/ACCOUNT/NAME.fifo`
    Sqs(SqsUrl),
}

/// `MILLINER_RENDER`: who renders what nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenderAt {
    /// The instance that is asked for it.
    Here,
    /// Whoever works on the queue.
    Queue,
}

/// Listeners and the life of a connection.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    /// `None`: no admin listener.
    pub admin_listen: Option<SocketAddr>,
    /// Proxies of ours that append to `X-Forwarded-For`.
    pub trusted_proxies: u8,
    /// Web origins that may write from a browser.
    pub cors_origins: Vec<HeaderValue>,
    /// Connections served at once, on each listener.
    pub connections: usize,
    /// Longest a client may take over the head of a request, and a connection may idle between two.
    pub head_timeout: Duration,
    /// Longest a client may take nothing of what it is sent.
    pub send_timeout: Duration,
    /// Longest an API request may take, its body included.
    pub request_timeout: Duration,
    /// How long requests are still taken after a shutdown began.
    pub drain_delay: Duration,
    /// Longest the drain at shutdown waits for running requests.
    pub drain_timeout: Duration,
    /// How often changes made by other processes are looked for in the catalogue.
    pub catalogue_poll: Duration,
    /// What signed URLs begin with; empty: a path only.
    pub public_url: String,
}

/// Who may do what.
#[derive(Clone, Debug)]
pub struct AccessConfig {
    pub keys: Mode,
    /// What keys must be for; `None`: whatever they are for.
    pub environment: Option<Environment>,
    /// One or two keys.
    pub signing: Keyring,
}

/// Whether a credential must be shown. One that is shown is always checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Optional,
    Required,
}

/// Bounds that are checked before memory is spent.
#[derive(Clone, Debug)]
pub struct LimitConfig {
    /// Of one picture; passed to the compositor.
    pub picture: Limits,
    /// Bytes of working memory of all renders at once.
    pub render_bytes: u64,
    /// Renders that may wait for memory; past that 503.
    pub queue: usize,
    /// Longest a render may wait in the queue.
    pub queue_timeout: Duration,
    /// Uploads read and decoded at once; past that 503.
    pub uploads: usize,
    /// Calls of one address a minute, of those that cost something; `None`: any number.
    pub address_rate: Option<NonZeroU32>,
    /// Longest the rasteriser may take over one SVG.
    pub svg_timeout: Duration,
}

/// Sizes of the in-memory caches.
#[derive(Clone, Copy, Debug)]
pub struct CacheConfig {
    /// Finished composites, encoded.
    pub composite_bytes: u64,
    /// Decoded assets, inside the compositor.
    pub decoded_bytes: u64,
    /// Resolved URLs.
    pub resolved_urls: usize,
}

/// What is logged and how.
#[derive(Clone, Debug)]
pub struct LogConfig {
    pub filter: String,
    pub json: bool,
}

/// Where traces go.
#[derive(Clone, Debug)]
pub struct TraceConfig {
    /// Base URL of a collector; `None`: nowhere.
    pub collector: Option<String>,
    /// The part of traces that is sent, of those that no caller has decided about: 0 to 1.
    pub sample: f64,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{variable} (flag --{flag}): {given} is not usable; allowed: {allowed}")]
pub struct ConfigError {
    pub variable: &'static str,
    pub flag: &'static str,
    pub given: String,
    pub allowed: &'static str,
}

/// The variable that sets a limit; `None`: nothing does.
pub fn variable_of(limit: Limit) -> Option<&'static str> {
    let variable = format!("MILLINER_LIMIT_{}", limit.field()?.to_ascii_uppercase());
    SETTINGS.iter().map(|setting| setting.variable).find(|known| *known == variable)
}

impl Config {
    /// Reads every setting through `lookup`, which answers a variable's value when it is set.
    pub fn read(lookup: impl Fn(&'static str) -> Option<String>) -> Result<Self, ConfigError> {
        let reader = parse::Reader::new(&lookup);
        let server = ServerConfig::read(&reader)?;
        let (links, queue): (LinksUrl, QueueUrl) =
            (reader.get("MILLINER_LINKS")?, reader.get("MILLINER_QUEUE")?);
        let render_at = reader.get("MILLINER_RENDER")?;
        if render_at == RenderAt::Queue && (links.redis().is_none() || queue == QueueUrl::Memory) {
            let given = "queue, without a queue and links that other processes have too (MILLINER_QUEUE=sqs:…, MILLINER_LINKS=redis:…),";
            return Err(parse::Reader::error("MILLINER_RENDER", given.to_owned()));
        }
        Ok(Self {
            store: reader.get("MILLINER_STORE")?,
            links,
            redis_timeout: reader.get::<parse::Span>("MILLINER_REDIS_TIMEOUT")?.0,
            cdn: reader.get("MILLINER_CDN")?,
            sweep_unused: reader
                .get::<parse::OrOff<parse::Span>>("MILLINER_SWEEP_UNUSED")?
                .0
                .map(|span| span.0),
            queue,
            render_at,
            answer_within: reader.get::<parse::Span>("MILLINER_ANSWER_WITHIN")?.0,
            access: AccessConfig::read(&reader, server.listen)?,
            server,
            limits: LimitConfig::read(&reader)?,
            cache: CacheConfig::read(&reader)?,
            log: LogConfig::read(&reader)?,
            traces: TraceConfig::read(&reader)?,
            rasteriser: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("milliner")),
        })
    }
}

impl Config {
    /// What instances share, if these links are shared.
    pub fn fleet(&self) -> Result<Option<Fleet>, FleetError> {
        self.links.redis().map(|url| Fleet::new(url, self.redis_timeout)).transpose()
    }
}

impl ServerConfig {
    fn read(reader: &parse::Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            listen: reader.get("MILLINER_LISTEN")?,
            admin_listen: reader.get::<parse::OrOff<SocketAddr>>("MILLINER_ADMIN_LISTEN")?.0,
            trusted_proxies: reader.get("MILLINER_TRUSTED_PROXIES")?,
            cors_origins: reader.get::<parse::List<parse::WebOrigin>>("MILLINER_CORS_ORIGINS")?.into_values(),
            connections: reader.get("MILLINER_LIMIT_CONNECTIONS")?,
            head_timeout: reader.get::<parse::Span>("MILLINER_HEAD_TIMEOUT")?.0,
            send_timeout: reader.get::<parse::Span>("MILLINER_SEND_TIMEOUT")?.0,
            request_timeout: reader.get::<parse::Span>("MILLINER_REQUEST_TIMEOUT")?.0,
            drain_delay: reader.get::<parse::Span>("MILLINER_DRAIN_DELAY")?.0,
            drain_timeout: reader.get::<parse::Span>("MILLINER_DRAIN_TIMEOUT")?.0,
            catalogue_poll: reader.get::<parse::Span>("MILLINER_CATALOGUE_POLL")?.0,
            public_url: reader.get::<parse::BaseUrl>("MILLINER_PUBLIC_URL")?.0,
        })
    }
}

impl AccessConfig {
    fn read(reader: &parse::Reader<'_>, listen: SocketAddr) -> Result<Self, ConfigError> {
        let by_listener = if listen.ip().is_loopback() { Mode::Optional } else { Mode::Required };
        let signing: Mode = reader.get("MILLINER_SIGNING")?;
        let signing_keys: Vec<SigningKey> =
            reader.get::<parse::List<SigningKey>>("MILLINER_SIGNING_KEYS")?.into_values();
        let unusable = signing_keys.len() > 2 || (signing == Mode::Required && signing_keys.is_empty());
        if unusable {
            let given = format!("{} keys with MILLINER_SIGNING={signing}", signing_keys.len());
            return Err(parse::Reader::error("MILLINER_SIGNING_KEYS", given));
        }
        Ok(Self {
            keys: reader.get::<parse::OrAuto<Mode>>("MILLINER_KEYS")?.0.unwrap_or(by_listener),
            environment: reader.get::<parse::OrNone<Environment>>("MILLINER_ENVIRONMENT")?.0,
            signing: Keyring::new(signing == Mode::Required, signing_keys),
        })
    }
}

impl LimitConfig {
    fn read(reader: &parse::Reader<'_>) -> Result<Self, ConfigError> {
        let picture = Limits {
            source_pixels: reader.get("MILLINER_LIMIT_SOURCE_PIXELS")?,
            canvas_pixels: reader.get("MILLINER_LIMIT_CANVAS_PIXELS")?,
            drawn_pixels: reader.get("MILLINER_LIMIT_DRAWN_PIXELS")?,
            working_bytes: reader.get::<parse::Size>("MILLINER_LIMIT_WORKING_BYTES")?.0,
            body_bytes: reader.get::<parse::Size>("MILLINER_LIMIT_BODY_BYTES")?.0,
            layers: reader.get("MILLINER_LIMIT_LAYERS")?,
        };
        let render_bytes = reader.get::<parse::Size>("MILLINER_LIMIT_RENDER_BYTES")?.0;
        if render_bytes < picture.working_bytes {
            let given = format!("{render_bytes}, less than MILLINER_LIMIT_WORKING_BYTES,");
            return Err(parse::Reader::error("MILLINER_LIMIT_RENDER_BYTES", given));
        }
        Ok(Self {
            picture,
            render_bytes,
            queue: reader.get("MILLINER_LIMIT_QUEUE")?,
            queue_timeout: reader.get::<parse::Span>("MILLINER_LIMIT_QUEUE_TIMEOUT")?.0,
            uploads: reader.get("MILLINER_LIMIT_UPLOADS")?,
            address_rate: reader.get::<parse::OrOff<NonZeroU32>>("MILLINER_LIMIT_ADDRESS_RATE")?.0,
            svg_timeout: reader.get::<parse::Span>("MILLINER_LIMIT_SVG_TIMEOUT")?.0,
        })
    }
}

impl CacheConfig {
    fn read(reader: &parse::Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            composite_bytes: reader.get::<parse::Size>("MILLINER_CACHE_COMPOSITE_BYTES")?.0,
            decoded_bytes: reader.get::<parse::Size>("MILLINER_CACHE_DECODED_BYTES")?.0,
            resolved_urls: reader.get("MILLINER_CACHE_RESOLVED_URLS")?,
        })
    }
}

impl LogConfig {
    fn read(reader: &parse::Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            filter: reader.get::<parse::LogFilter>("MILLINER_LOG")?.0,
            json: reader.get::<parse::LogFormat>("MILLINER_LOG_FORMAT")?.is_json(),
        })
    }
}

impl TraceConfig {
    fn read(reader: &parse::Reader<'_>) -> Result<Self, ConfigError> {
        let parse::Ratio(sample) = reader.get("MILLINER_OTLP_SAMPLE")?;
        let collector = reader.get::<parse::OrOff<parse::Endpoint>>("MILLINER_OTLP")?.0;
        Ok(Self { collector: collector.map(|parse::Endpoint(url)| url), sample })
    }
}

#[cfg(test)]
mod tests;
