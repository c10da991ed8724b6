//! `sqs://sqs.REGION.amazonaws.com/ACCOUNT/NAME.fifo?region=…&endpoint=…&visibility=…&wait=…&patience=…`: the address of a FIFO
//! queue as AWS shows it, with another scheme. It holds no credentials: those come from the AWS SDK's own chain.

use std::str::FromStr;
use std::time::Duration;

use url::Url;

use super::parse::Unusable;
use super::s3_url::{endpoint, has_more_than_a_host, is_name};
use crate::queue::{LONGEST_WAIT, PATIENCE, VISIBILITY};

/// What SQS allows.
const LONGEST_VISIBILITY: Duration = Duration::from_hours(12);
/// By then nobody who waits is served by it.
const LONGEST_PATIENCE: Duration = Duration::from_mins(1);

/// A FIFO queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqsUrl {
    /// What the queue is addressed by: `https://HOST`, or the endpoint.
    base: String,
    /// `/ACCOUNT/NAME.fifo`
    path: String,
    pub region: String,
    /// A server other than AWS's.
    pub endpoint: Option<String>,
    /// How long a delivery is lent.
    pub visibility: Duration,
    /// Longest that one call waits for a job.
    pub wait: Duration,
    /// Longest that an order may take.
    pub patience: Duration,
}

impl SqsUrl {
    /// As SQS calls it.
    pub fn queue_url(&self) -> String {
        format!("{}{}", self.base, self.path)
    }
}

impl FromStr for SqsUrl {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let url = Url::parse(text).map_err(|_| Unusable)?;
        if has_more_than_a_host(&url) || url.scheme() != "sqs" || !is_fifo(url.path()) {
            return Err(Unusable);
        }
        let host = url.host_str().ok_or(Unusable)?;
        let (mut region, mut elsewhere) = (region_of(host), None);
        let (mut visibility, mut wait, mut patience) = (VISIBILITY, LONGEST_WAIT, PATIENCE);
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                ("region", name) if is_name(name) => region = Some(name.to_owned()),
                ("endpoint", text) => elsewhere = Some(endpoint(text)?),
                ("visibility", text) => visibility = span(text, LONGEST_VISIBILITY)?,
                ("wait", text) => wait = span(text, LONGEST_WAIT)?,
                ("patience", text) => patience = span(text, LONGEST_PATIENCE)?,
                _ => return Err(Unusable),
            }
        }
        let base = match &elsewhere {
            Some(endpoint) => endpoint.clone(),
            // Another host is no queue of AWS's, and a port is none of theirs.
            None if region_of(host).is_some() && url.port().is_none() => format!("https://{host}"),
            None => return Err(Unusable),
        };
        let region = region.ok_or(Unusable)?;
        let path = url.path().to_owned();
        Ok(Self { base, path, region, endpoint: elsewhere, visibility, wait, patience })
    }
}

/// `/ACCOUNT/NAME.fifo`
fn is_fifo(path: &str) -> bool {
    let name_of_queue = |name: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let stem = name.strip_suffix(".fifo").unwrap_or_default();
        name.len() <= 80 && !stem.is_empty() && stem.chars().all(allowed)
    };
    match path.strip_prefix('/').and_then(|path| path.split_once('/')) {
        Some((account, name)) => {
            !account.is_empty() && account.chars().all(|c| c.is_ascii_digit()) && name_of_queue(name)
        }
        None => false,
    }
}

/// `sqs.REGION.amazonaws.com`, also in China.
fn region_of(host: &str) -> Option<String> {
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let region = host.strip_prefix("sqs.")?.strip_suffix(".amazonaws.com")?;
    is_name(region).then(|| region.to_owned())
}

fn span(text: &str, longest: Duration) -> Result<Duration, Unusable> {
    match humantime::parse_duration(text) {
        Ok(span) if !span.is_zero() && span <= longest => Ok(span),
        _ => Err(Unusable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "sqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo";

    #[test]
    fn a_queue_of_aws_says_its_region() {
        let url: SqsUrl = QUEUE.parse().unwrap();
        assert_eq!(url.queue_url(), "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo");
        assert_eq!((url.region.as_str(), url.endpoint), ("eu-west-1", None));
        assert_eq!((url.visibility, url.wait, url.patience), (VISIBILITY, LONGEST_WAIT, PATIENCE));
        let chinese: SqsUrl =
            QUEUE.replace("eu-west-1.amazonaws.com", "cn-north-1.amazonaws.com.cn").parse().unwrap();
        assert_eq!(chinese.region, "cn-north-1");
    }

    #[test]
    fn another_server_needs_its_address_and_a_region() {
        let text = format!(
            "{QUEUE}?endpoint=http://127.0.0.1:5000&region=eu-west-2&visibility=2m&wait=1s&patience=300ms"
        );
        let url: SqsUrl = text.parse().unwrap();
        assert_eq!(url.queue_url(), "http://127.0.0.1:5000/123456789012/jobs.fifo");
        assert_eq!(url.region, "eu-west-2");
        assert_eq!((url.visibility, url.wait), (Duration::from_mins(2), Duration::from_secs(1)));
        assert_eq!(url.patience, Duration::from_millis(300));
        let host = "sqs://127.0.0.1:5000/123456789012/jobs.fifo?endpoint=http://127.0.0.1:5000";
        assert!(
            host.parse::<SqsUrl>().is_err() && format!("{host}&region=eu-west-1").parse::<SqsUrl>().is_ok()
        );
    }

    #[test]
    fn everything_else_is_refused() {
        for wrong in [
            "memory",
            "sqs:",
            "sqs://sqs.eu-west-1.amazonaws.com",
            "sqs://sqs.eu-west-1.amazonaws.com/jobs.fifo",
            "sqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs",
            "sqs://sqs.eu-west-1.amazonaws.com/123456789012/.fifo",
            "sqs://sqs.eu-west-1.amazonaws.com/123456789012/a/jobs.fifo",
            "sqs://sqs.eu-west-1.amazonaws.com:80/123456789012/jobs.fifo",
            "sqs://example.org/123456789012/jobs.fifo",
            "sqs://id:secret@sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo",
            "sqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo?visibility=0s",
            "sqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo?visibility=13h",
            "sqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo?wait=21s",
            "sqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo?patience=2m",
        ] {
            assert!(wrong.parse::<SqsUrl>().is_err(), "{wrong}");
        }
    }
}
