//! What every client of AWS shares: an HTTP client without C in it, the SDK's own chain of credentials and regions,
//! bounds on time, and what an answer means. Retries are the SDK's alone: at most three attempts, with jitter, under
//! one budget; nobody here tries again on top of them.

mod fault;

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

pub use fault::{Cause, Fault};

/// Longest a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(1);
/// Longest one attempt at a call of a few bytes may take.
pub const ATTEMPT: Duration = Duration::from_secs(2);
/// Longest a call of a few bytes may take, with all its attempts and the pauses between them.
pub const OPERATION: Duration = Duration::from_secs(5);
/// Attempts, the first included.
const ATTEMPTS: u32 = 3;
/// The pause before the second attempt, at most; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// An upload that moved nothing for so long has ended.
const STALL: Duration = Duration::from_secs(5);
/// The slowest transfer that counts as progress, in bytes a second: large bodies are given time at this rate.
const SLOWEST: u64 = 512 << 10;
/// Servers that only look like AWS do not care about regions, but every signature has one.
const ANY_REGION: &str = "us-east-1";

/// Where a service is and who asks.
#[derive(Clone, Debug, Default)]
pub struct Access<'a> {
    pub region: Option<&'a str>,
    /// A server other than AWS's own.
    pub endpoint: Option<&'a str>,
    /// `None`: whatever the SDK's chain finds, in variables, profiles, and the platform's own services.
    pub credentials: Option<SharedCredentialsProvider>,
}

/// The configuration that clients are made of.
pub async fn configuration(access: Access<'_>) -> SdkConfig {
    let tls = Provider::Rustls(CryptoMode::Ring);
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_PAUSE)
        .with_max_backoff(LONGEST_PAUSE);
    let stalls = StalledStreamProtectionConfig::enabled().grace_period(STALL).build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(Builder::new().tls_provider(tls).build_https())
        .retry_config(retries)
        .timeout_config(bounds(0))
        .stalled_stream_protection(stalls);
    if let Some(region) = access.region {
        loader = loader.region(Region::new(region.to_owned()));
    } else if access.endpoint.is_some() {
        let given = EnvironmentVariableRegionProvider::new();
        loader = loader.region(RegionProviderChain::first_try(given).or_else(ANY_REGION));
    }
    if let Some(endpoint) = access.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(credentials) = access.credentials {
        loader = loader.credentials_provider(credentials);
    }
    loader.load().await
}

/// The bounds on a call that sends so many bytes.
pub fn bounds(bytes: usize) -> TimeoutConfig {
    let transfer = transfer_time(bytes as u64);
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT + transfer)
        .operation_timeout(OPERATION + 2 * transfer)
        .build()
}

/// The bounds on a call that the service may answer so much later, if nothing happens.
pub fn waiting(by: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT + by)
        .operation_timeout(OPERATION + by)
        .build()
}

/// A name that nothing else has.
pub fn new_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    format!("{:032x}", u128::from_le_bytes(bytes))
}

/// How long so many bytes may be under way.
pub fn transfer_time(bytes: u64) -> Duration {
    Duration::from_millis(bytes.saturating_mul(1000) / SLOWEST)
}
