//! `s3://BUCKET/PREFIX?region=…&endpoint=…&path-style=…&sse=…`: which bucket, where, and how it is spoken to. It holds no
//! credentials: those come from the AWS SDK's own chain, and a URL with a name or a password in it is refused.

use std::str::FromStr;

use url::Url;

use super::parse::Unusable;

/// A bucket, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Url {
    pub bucket: String,
    /// What every name begins with, before a slash.
    pub prefix: Option<String>,
    /// `None`: the SDK's chain says.
    pub region: Option<String>,
    /// A server other than AWS's.
    pub endpoint: Option<String>,
    /// The bucket in the path and not in the host's name: what most other servers want.
    pub path_style: bool,
    /// Encrypted where it is kept, with keys of the service.
    pub encrypted: bool,
}

impl FromStr for S3Url {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let url = Url::parse(text).map_err(|_| Unusable)?;
        if has_more_than_a_host(&url) || url.port().is_some() || url.scheme() != "s3" {
            return Err(Unusable);
        }
        let mut parsed = Self {
            bucket: url.host_str().filter(|name| is_bucket(name)).ok_or(Unusable)?.to_owned(),
            prefix: prefix(url.path())?,
            region: None,
            endpoint: None,
            path_style: false,
            encrypted: true,
        };
        let (mut path_style, mut encrypted) = (None, None);
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                ("region", region) if is_name(region) => parsed.region = Some(region.to_owned()),
                ("endpoint", endpoint) => parsed.endpoint = Some(self::endpoint(endpoint)?),
                ("path-style", "true") => path_style = Some(true),
                ("path-style", "false") => path_style = Some(false),
                ("sse", "aes256") => encrypted = Some(true),
                ("sse", "none") => encrypted = Some(false),
                _ => return Err(Unusable),
            }
        }
        // AWS wants the one and offers the other; what else there is often has neither.
        let is_aws = parsed.endpoint.is_none();
        Ok(Self {
            path_style: path_style.unwrap_or(!is_aws),
            encrypted: encrypted.unwrap_or(is_aws),
            ..parsed
        })
    }
}

/// A base URL without a path. What lies in front of a bucket's name is the SDK's to make.
pub fn endpoint(text: &str) -> Result<String, Unusable> {
    let url = Url::parse(text).map_err(|_| Unusable)?;
    let is_base = matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none();
    if is_base && !has_more_than_a_host(&url) {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(Unusable)
    }
}

pub fn has_more_than_a_host(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some() || url.fragment().is_some()
}

/// By the rules for general-purpose buckets, as far as characters go.
fn is_bucket(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    (3..=63).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with(['-', '.'])
}

/// A name of a region.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Names that need no encoding anywhere.
fn prefix(path: &str) -> Result<Option<String>, Unusable> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let segment = |segment: &str| !segment.is_empty() && segment.chars().all(allowed);
    match path {
        "" => Ok(None),
        path if path.split('/').all(segment) => Ok(Some(path.to_owned())),
        _ => Err(Unusable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> S3Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_bucket_of_aws_needs_only_its_name() {
        let S3Url { bucket, prefix, region, endpoint, path_style, encrypted } = parsed("s3://hats");
        assert_eq!((bucket.as_str(), prefix, region, endpoint), ("hats", None, None, None));
        assert!(encrypted && !path_style);
    }

    #[test]
    fn another_server_is_spoken_to_by_path_and_encrypts_when_told() {
        let url = parsed("s3://hats/a/b-1/?region=eu-west-1&endpoint=http://127.0.0.1:8333/");
        assert_eq!(url.prefix.as_deref(), Some("a/b-1"));
        assert_eq!(url.region.as_deref(), Some("eu-west-1"));
        assert_eq!(url.endpoint.as_deref(), Some("http://127.0.0.1:8333"));
        assert!(url.path_style && !url.encrypted);
        let url = parsed("s3://hats?endpoint=https%3A%2F%2Fs3.example.org&path-style=false&sse=aes256");
        assert!(!url.path_style && url.encrypted);
        assert!(!parsed("s3://hats?sse=none").encrypted && parsed("s3://hats?path-style=true").path_style);
    }

    #[test]
    fn everything_else_is_refused() {
        for wrong in [
            "s3:hats",
            "s3://",
            "s3://Hats",
            "s3://ha",
            "s3://hats:80",
            "s3://id:secret@hats",
            "s3://id@hats",
            "s3://hats#top",
            "s3://hats/a//b",
            "s3://hats/a%20b",
            "s3://hats?regoin=eu-west-1",
            "s3://hats?region=",
            "s3://hats?path-style=yes",
            "s3://hats?sse=aws:kms",
            "s3://hats?endpoint=127.0.0.1:8333",
            "s3://hats?endpoint=http://id:secret@127.0.0.1",
            "s3://hats?endpoint=http://127.0.0.1/path",
        ] {
            assert!(wrong.parse::<S3Url>().is_err(), "{wrong}");
        }
    }
}
