//! The only reader of the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

/// How the web server was set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// `MILLINER_WEB_LISTEN`: address and port to listen on. Default `127.0.0.1:3000`.
    pub listen: SocketAddr,
    /// `MILLINER_DELIVERY_URL`: base URL of pictures and API for browsers. Default `http://127.0.0.1:8787`, the local edge.
    pub delivery: String,
    /// `MILLINER_ORIGIN_URL`: base URL of the origin for this server. Default `http://127.0.0.1:8080`.
    pub origin: String,
    /// `MILLINER_WEB_SITE`: folder of the static files. Default `web/build/site`.
    pub site: PathBuf,
}

/// A variable whose value makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{variable} is `{given}`; allowed: {allowed}")]
pub struct ConfigError {
    variable: &'static str,
    given: String,
    allowed: &'static str,
}

impl Config {
    /// # Errors
    /// The variable, what was given and what is allowed.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name: &str, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
        let listen = get("MILLINER_WEB_LISTEN", "127.0.0.1:3000");
        let listen = listen.parse().map_err(|_| ConfigError {
            variable: "MILLINER_WEB_LISTEN",
            given: listen.clone(),
            allowed: "an IP address and a port, like 127.0.0.1:3000",
        })?;
        Ok(Config {
            listen,
            delivery: base_url(
                "MILLINER_DELIVERY_URL",
                &get("MILLINER_DELIVERY_URL", "http://127.0.0.1:8787"),
            )?,
            origin: base_url("MILLINER_ORIGIN_URL", &get("MILLINER_ORIGIN_URL", "http://127.0.0.1:8080"))?,
            site: get("MILLINER_WEB_SITE", "web/build/site").into(),
        })
    }

    /// Scheme and authority of the delivery URL, as a content security policy names it.
    pub fn delivery_origin(&self) -> &str {
        let authority = self.delivery.find("://").map_or(0, |at| at + 3);
        let end = self.delivery[authority..].find('/').map_or(self.delivery.len(), |at| authority + at);
        &self.delivery[..end]
    }
}

/// An absolute http(s) URL without query, its last slash dropped. It ends up in a policy header, so nothing odd gets by.
fn base_url(variable: &'static str, given: &str) -> Result<String, ConfigError> {
    let parsed = reqwest::Url::parse(given).ok();
    let fine = parsed.is_some_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    let plain = given.bytes().all(|byte| byte.is_ascii_graphic() && !b";,'\"<>".contains(&byte));
    if !fine || !plain {
        return Err(ConfigError {
            variable,
            given: given.to_owned(),
            allowed: "an absolute http or https URL",
        });
    }
    Ok(given.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, value: &'static str) -> Result<Config, ConfigError> {
        Config::read(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn nothing_set_is_a_local_studio() {
        let config = Config::read(|_| None).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
        assert_eq!(config.delivery, "http://127.0.0.1:8787");
        assert_eq!(config.origin, "http://127.0.0.1:8080");
    }

    #[test]
    fn a_wrong_value_is_named() {
        let error = read("MILLINER_WEB_LISTEN", "here").unwrap_err();
        assert_eq!(
            error.to_string(),
            "MILLINER_WEB_LISTEN is `here`; allowed: an IP address and a port, like 127.0.0.1:3000"
        );
        for url in ["ftp://x", "x", "http://x/?a=1", "http://x;script-src *", ""] {
            assert!(read("MILLINER_DELIVERY_URL", url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_policy_names_scheme_and_authority() {
        let config = read("MILLINER_DELIVERY_URL", "https://img.example:8443/cats/").unwrap();
        assert_eq!(config.delivery, "https://img.example:8443/cats");
        assert_eq!(config.delivery_origin(), "https://img.example:8443");
    }
}
