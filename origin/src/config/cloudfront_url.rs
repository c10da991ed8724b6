//! `cloudfront:DISTRIBUTION?region=…&endpoint=…`: which distribution of CloudFront is told what to forget. It holds no
//! credentials: those come from the AWS SDK's own chain.

use std::str::FromStr;

use url::Url;

use super::parse::Unusable;
use super::s3_url::{endpoint, has_more_than_a_host, is_name};

/// Where CloudFront is spoken to, with the region that signatures name. It is one service for all regions but China's.
const PLACES: [(&str, &str); 2] = [
    ("us-east-1", "https://cloudfront.amazonaws.com"),
    ("cn-northwest-1", "https://cloudfront.cn-northwest-1.amazonaws.com.cn"),
];

/// A distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudFrontUrl {
    pub distribution: String,
    pub region: String,
    /// Without a slash at its end.
    pub endpoint: String,
}

impl FromStr for CloudFrontUrl {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let url = Url::parse(text).map_err(|_| Unusable)?;
        if has_more_than_a_host(&url) || url.scheme() != "cloudfront" || !is_distribution(url.path()) {
            return Err(Unusable);
        }
        let (mut region, mut elsewhere) = (None, None);
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                ("region", name) if is_name(name) => region = Some(name.to_owned()),
                ("endpoint", text) => elsewhere = Some(endpoint(text)?),
                _ => return Err(Unusable),
            }
        }
        let region = region.unwrap_or_else(|| PLACES[0].0.to_owned());
        let place = || PLACES.iter().find(|(known, _)| *known == region).map(|(_, url)| (*url).to_owned());
        let endpoint = elsewhere.or_else(place).ok_or(Unusable)?;
        Ok(Self { distribution: url.path().to_owned(), region, endpoint })
    }
}

fn is_distribution(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, String, String) {
        let CloudFrontUrl { distribution, region, endpoint } = text.parse().unwrap();
        (distribution, region, endpoint)
    }

    #[test]
    fn a_distribution_needs_only_its_id() {
        let of = |region: &str, url: &str| ("E2QWRUHAPOMQZL".to_owned(), region.to_owned(), url.to_owned());
        assert_eq!(parsed("cloudfront:E2QWRUHAPOMQZL"), of("us-east-1", "https://cloudfront.amazonaws.com"));
        assert_eq!(
            parsed("cloudfront:E2QWRUHAPOMQZL?region=cn-northwest-1"),
            of("cn-northwest-1", "https://cloudfront.cn-northwest-1.amazonaws.com.cn")
        );
        assert_eq!(
            parsed("cloudfront:E2QWRUHAPOMQZL?endpoint=http://127.0.0.1:5000/&region=eu-west-1"),
            of("eu-west-1", "http://127.0.0.1:5000")
        );
    }

    #[test]
    fn everything_else_is_refused() {
        for wrong in [
            "cloudfront:",
            "cloudfront:e2qwruhapomqzl",
            "cloudfront:E2QW/invalidation",
            "cloudfront://E2QWRUHAPOMQZL",
            "cloudfront:E2QWRUHAPOMQZL#top",
            "cloudfront:E2QWRUHAPOMQZL?region=eu-west-1",
            "cloudfront:E2QWRUHAPOMQZL?endpoint=127.0.0.1",
            "cloudfront:E2QWRUHAPOMQZL?profile=me",
        ] {
            assert!(wrong.parse::<CloudFrontUrl>().is_err(), "{wrong}");
        }
    }
}
