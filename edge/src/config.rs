//! The only reader of the worker's variables and secrets: once per isolate, into plain data. `README.md`
//! lists them; `wrangler.toml` sets the plain ones.

use std::cell::OnceCell;
use std::rc::Rc;
use std::str::FromStr;

use worker::Env;

use compositor::{Keyring, SigningKey};

/// Everything that can be set, validated.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ORIGIN_URL`: scheme and authority of the origin, without a trailing slash.
    pub origin: String,
    /// `MILLINER_API_KEY`: shown when the edge itself reads assets; a secret with the scope `read`.
    pub api_key: Option<ApiKey>,
    /// `MILLINER_SIGNING` and `MILLINER_SIGNING_KEYS`: as the origin has them.
    pub signing: Keyring,
    /// `ORIGIN_TIMEOUT_MS`: longest wait for the origin's head of a composite.
    pub origin_timeout_ms: u64,
    /// `CATALOGUE_FRESH_MS`: how long the catalogue is used without asking whether it changed.
    pub catalogue_fresh_ms: u64,
    /// `COMPOSITE_FRESH_SECS`: how long an object is kept without asking whether it was purged.
    pub composite_fresh_secs: u64,
    /// `RENDER_BYTES`: most working memory of a render at the edge; 0 turns it off.
    pub render_bytes: u64,
}

/// A key that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(pub String);

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// A variable that cannot be used. Its value is not repeated: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the variable {variable} is not usable; allowed: {allowed}")]
pub struct ConfigError {
    pub variable: &'static str,
    pub allowed: &'static str,
}

thread_local! {
    /// An isolate's variables never change: a change of them is a new isolate.
    static CONFIG: OnceCell<Rc<Config>> = const { OnceCell::new() };
}

/// The configuration of this isolate.
pub fn of(env: &Env) -> Result<Rc<Config>, ConfigError> {
    if let Some(known) = CONFIG.with(|config| config.get().cloned()) {
        return Ok(known);
    }
    let read = Rc::new(Config::read(|name| env.var(name).ok().map(|value| value.to_string()))?);
    Ok(CONFIG.with(|config| config.get_or_init(|| read).clone()))
}

impl Config {
    /// Reads every variable through `lookup`. An empty value counts as not set.
    fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name| lookup(name).filter(|value| !value.is_empty());
        Ok(Self {
            origin: origin(get("ORIGIN_URL"))?,
            api_key: get("MILLINER_API_KEY").map(ApiKey),
            signing: signing(get("MILLINER_SIGNING").as_deref(), get("MILLINER_SIGNING_KEYS").as_deref())?,
            origin_timeout_ms: number("ORIGIN_TIMEOUT_MS", get("ORIGIN_TIMEOUT_MS"), 15_000)?,
            catalogue_fresh_ms: number("CATALOGUE_FRESH_MS", get("CATALOGUE_FRESH_MS"), 5_000)?,
            composite_fresh_secs: number("COMPOSITE_FRESH_SECS", get("COMPOSITE_FRESH_SECS"), 86_400)?,
            // An isolate has 128 MB for its code, its buffers and all concurrent requests.
            render_bytes: number("RENDER_BYTES", get("RENDER_BYTES"), 64 << 20)?,
        })
    }
}

fn origin(given: Option<String>) -> Result<String, ConfigError> {
    let refused =
        ConfigError { variable: "ORIGIN_URL", allowed: "http://host:port or https://host, without a path" };
    let url = given.ok_or_else(|| refused.clone())?;
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = host.map(|host| host.strip_suffix('/').unwrap_or(host)).ok_or_else(|| refused.clone())?;
    if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
        return Err(refused);
    }
    Ok(url.strip_suffix('/').unwrap_or(&url).to_owned())
}

fn signing(mode: Option<&str>, keys: Option<&str>) -> Result<Keyring, ConfigError> {
    let required = match mode {
        None | Some("optional") => false,
        Some("required") => true,
        Some(_) => {
            return Err(ConfigError { variable: "MILLINER_SIGNING", allowed: "optional or required" });
        }
    };
    let refused = ConfigError {
        variable: "MILLINER_SIGNING_KEYS",
        allowed: "one or two id:secret, comma-separated; none only where signatures are optional",
    };
    let keys: Vec<SigningKey> = keys
        .into_iter()
        .flat_map(|keys| keys.split(','))
        .map(|key| key.trim().parse().map_err(|_| refused.clone()))
        .collect::<Result<_, _>>()?;
    if keys.len() > 2 || (required && keys.is_empty()) {
        return Err(refused);
    }
    Ok(Keyring::new(required, keys))
}

fn number<T: FromStr>(variable: &'static str, given: Option<String>, default: T) -> Result<T, ConfigError> {
    let Some(given) = given else { return Ok(default) };
    given.parse().map_err(|_| ConfigError { variable, allowed: "a whole number" })
}

#[cfg(test)]
mod tests {
    use super::{Config, ConfigError};

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into()))
    }

    fn refused(pairs: &[(&str, &str)]) -> &'static str {
        read(pairs).unwrap_err().variable
    }

    #[test]
    fn defaults_need_only_an_origin() {
        let config = read(&[("ORIGIN_URL", "http://127.0.0.1:8080/"), ("MILLINER_API_KEY", "")]).unwrap();
        assert_eq!(config.origin, "http://127.0.0.1:8080");
        assert_eq!((config.catalogue_fresh_ms, config.render_bytes), (5_000, 64 << 20));
        let unsigned = config.signing.sign("/c/tabby.png", None, None).is_none();
        assert!(!config.signing.is_required() && unsigned && config.api_key.is_none());
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let origin = ("ORIGIN_URL", "https://origin.example");
        for url in ["", "origin.example", "https://", "https://a/b", "https://u@a", "ftp://a"] {
            assert_eq!(refused(&[("ORIGIN_URL", url)]), "ORIGIN_URL", "{url}");
        }
        assert_eq!(refused(&[origin, ("MILLINER_SIGNING", "maybe")]), "MILLINER_SIGNING");
        assert_eq!(refused(&[origin, ("MILLINER_SIGNING", "required")]), "MILLINER_SIGNING_KEYS");
        assert_eq!(refused(&[origin, ("MILLINER_SIGNING_KEYS", "short:secret")]), "MILLINER_SIGNING_KEYS");
        assert_eq!(refused(&[origin, ("RENDER_BYTES", "64MiB")]), "RENDER_BYTES");
    }

    #[test]
    fn secrets_do_not_print() {
        let config = read(&[
            ("ORIGIN_URL", "https://origin.example"),
            ("MILLINER_API_KEY", "swordfish"),
            ("MILLINER_SIGNING_KEYS", "main:swordfish-swordfish"),
        ]);
        assert!(!format!("{config:?}").contains("swordfish"));
    }
}
