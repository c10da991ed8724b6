//! From text to typed settings: one small type per kind of value.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderValue;

use super::settings::{SETTINGS, Setting};
use super::{CdnUrl, ConfigError, LinksUrl, Mode, QueueUrl, RenderAt, StoreUrl};

/// Looks a setting up and parses it.
pub struct Reader<'a> {
    lookup: &'a dyn Fn(&'static str) -> Option<String>,
}

impl<'a> Reader<'a> {
    pub fn new(lookup: &'a dyn Fn(&'static str) -> Option<String>) -> Self {
        Self { lookup }
    }

    /// The typed value of one variable. An empty value counts as not set.
    pub fn get<T: FromStr>(&self, variable: &'static str) -> Result<T, ConfigError> {
        let setting = find(variable);
        let given = (self.lookup)(variable).filter(|v| !v.is_empty());
        let text = given.as_deref().unwrap_or(setting.default);
        text.parse().map_err(|_| {
            let shown =
                if setting.secret { "[hidden]".to_owned() } else { format!("{:?}", without_user(text)) };
            Self::error(variable, shown)
        })
    }

    /// The error for a value that parses but does not fit the others.
    pub fn error(variable: &'static str, given: String) -> ConfigError {
        let setting = find(variable);
        ConfigError { variable, flag: setting.flag, given, allowed: setting.allowed }
    }
}

/// A URL without the name and the password that somebody may have put into it.
fn without_user(text: &str) -> String {
    let hidden = text.split_once("://").and_then(|(scheme, rest)| {
        let (_, host) = rest.rsplit_once('@')?;
        Some(format!("{scheme}://[hidden]@{host}"))
    });
    hidden.unwrap_or_else(|| text.to_owned())
}

fn find(variable: &str) -> &'static Setting {
    SETTINGS.iter().find(|s| s.variable == variable).expect("every variable that is read is in SETTINGS")
}

/// A value that does not parse; the setting says what is allowed.
#[derive(Debug)]
pub struct Unusable;

impl FromStr for StoreUrl {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => {
                Ok(Self::Files(path.strip_prefix("//").unwrap_or(path).into()))
            }
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("s3", _)) => text.parse().map(Self::S3),
            _ => Err(Unusable),
        }
    }
}

impl FromStr for LinksUrl {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        if text == "memory:" { Ok(Self::Memory) } else { text.parse().map(|url| Self::Redis(Box::new(url))) }
    }
}

impl FromStr for CdnUrl {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let url = text.strip_prefix("webhook:").unwrap_or_default();
        match url.split_once("://") {
            _ if text == "off" => Ok(Self::None),
            _ if text.starts_with("cloudfront:") => text.parse().map(Self::CloudFront),
            Some(("http" | "https", rest)) if !rest.is_empty() => Ok(Self::Webhook(url.to_owned())),
            _ => Err(Unusable),
        }
    }
}

impl FromStr for QueueUrl {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        if text == "memory:" { Ok(Self::Memory) } else { text.parse().map(Self::Sqs) }
    }
}

impl FromStr for RenderAt {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        match text {
            "here" => Ok(Self::Here),
            "queue" => Ok(Self::Queue),
            _ => Err(Unusable),
        }
    }
}

impl FromStr for Mode {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        match text {
            "optional" => Ok(Self::Optional),
            "required" => Ok(Self::Required),
            _ => Err(Unusable),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Optional { "optional" } else { "required" })
    }
}

/// `off`, or a value.
pub struct OrOff<T>(pub Option<T>);

impl<T: FromStr> FromStr for OrOff<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "off" { Ok(Self(None)) } else { text.parse().map(|v| Self(Some(v))) }
    }
}

/// Nothing, or a value.
pub struct OrNone<T>(pub Option<T>);

impl<T: FromStr> FromStr for OrNone<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|v| Self(Some(v))) }
    }
}

/// `auto`, or a value.
pub struct OrAuto<T>(pub Option<T>);

impl<T: FromStr> FromStr for OrAuto<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "auto" { Ok(Self(None)) } else { text.parse().map(|v| Self(Some(v))) }
    }
}

/// A comma-separated list.
pub struct List<T>(Vec<T>);

impl<T> List<T> {
    pub fn into_values<V: From<T>>(self) -> Vec<V> {
        self.0.into_iter().map(V::from).collect()
    }
}

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(T::from_str)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// `scheme://host[:port]`, as a browser writes the `Origin` header.
pub struct WebOrigin(HeaderValue);

impl From<WebOrigin> for HeaderValue {
    fn from(origin: WebOrigin) -> Self {
        origin.0
    }
}

impl FromStr for WebOrigin {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).ok_or(Unusable)?;
        if host.is_empty() || host.contains('/') {
            return Err(Unusable);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| Unusable)
    }
}

/// Empty, or a base URL that a path can be appended to.
pub struct BaseUrl(pub String);

impl FromStr for BaseUrl {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let absolute = text.starts_with("http://") || text.starts_with("https://");
        if text.is_empty() || (absolute && !text.ends_with('/')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Unusable)
        }
    }
}

/// Bytes: `1048576`, `1024KiB`, `1MiB`.
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let (digits, shift) = [("KiB", 10), ("MiB", 20), ("GiB", 30)]
            .iter()
            .find_map(|(unit, shift)| text.strip_suffix(unit).map(|digits| (digits, *shift)))
            .unwrap_or((text, 0));
        let count: u64 = digits.trim_end().parse().map_err(|_| Unusable)?;
        count.checked_mul(1 << shift).map(Self).ok_or(Unusable)
    }
}

/// A time span above zero.
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        match humantime::parse_duration(text) {
            Ok(span) if !span.is_zero() => Ok(Self(span)),
            _ => Err(Unusable),
        }
    }
}

/// The base URL of a service.
pub struct Endpoint(pub String);

impl FromStr for Endpoint {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let url = url::Url::parse(text).map_err(|_| Unusable)?;
        if url.has_host() && matches!(url.scheme(), "http" | "https") {
            Ok(Self(text.to_owned()))
        } else {
            Err(Unusable)
        }
    }
}

/// A number from 0 to 1.
pub struct Ratio(pub f64);

impl FromStr for Ratio {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)).map(Self).ok_or(Unusable)
    }
}

/// A filter that the log understands.
pub struct LogFilter(pub String);

impl FromStr for LogFilter {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        tracing_subscriber::EnvFilter::try_new(text).map(|_| Self(text.to_owned())).map_err(|_| Unusable)
    }
}

/// `text` or `json`.
pub enum LogFormat {
    Text,
    Json,
}

impl LogFormat {
    pub fn is_json(&self) -> bool {
        matches!(self, Self::Json)
    }
}

impl FromStr for LogFormat {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(Unusable),
        }
    }
}
