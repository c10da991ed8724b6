//! What the caller asks: read from the request once, plain data afterwards.

use worker::{Method, Request};

const MAX_REQUEST_ID_BYTES: usize = 64;

/// One request, without its body.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    /// As sent: percent-encoding kept, dot segments resolved by the URL parser.
    pub path: String,
    /// Without the question mark; empty where there is none.
    pub query: String,
    pub accept: Option<String>,
    pub if_none_match: Option<String>,
    /// The caller's own where it is sane, else a new one.
    pub request_id: String,
    /// Scheme and authority this door was called by. Entries of the cache are named below it, so that a
    /// purge by URL finds them.
    pub door: String,
    /// The caller's address, where the platform says it.
    pub client: Option<String>,
    /// Does the caller show an API key? What it reads is then its own.
    pub shows_key: bool,
    /// Does a browser ask whether another site's script may call?
    pub is_preflight: bool,
}

impl Call {
    /// Reads a request.
    pub fn read(request: &Request) -> worker::Result<Self> {
        let (door, path, query) = split(&request.inner().url());
        let headers = request.headers();
        let method = request.method();
        let is_preflight = method == Method::Options && headers.has("access-control-request-method")?;
        Ok(Self {
            method,
            path,
            query,
            accept: headers.get("accept")?,
            if_none_match: headers.get("if-none-match")?,
            request_id: headers.get("x-request-id")?.filter(|id| is_sane_id(id)).unwrap_or_else(new_id),
            door,
            shows_key: headers.has("x-api-key")?,
            client: headers.get("cf-connecting-ip")?,
            is_preflight,
        })
    }

    /// Is only the answer's head wanted, or all of it: is it a reading call?
    pub fn reads(&self) -> bool {
        matches!(self.method, Method::Get | Method::Head)
    }

    /// Path and query, as an origin is asked for them.
    pub fn target(&self) -> String {
        with_query(&self.path, &self.query)
    }

    /// Does the caller hold the representation with this entity tag (RFC 9110, section 13.1.2)?
    pub fn holds(&self, etag: &str) -> bool {
        self.if_none_match.as_deref().is_some_and(|given| names(given, etag))
    }
}

/// A path and its query, if any.
pub fn with_query(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Does a list of entity tags name this one? The comparison is weak, as `If-None-Match` wants it. `*`
/// never matches: it asks whether anything is there, and answering that is the work a 304 saves.
fn names(list: &str, etag: &str) -> bool {
    list.split(',').map(str::trim).any(|given| given.strip_prefix("W/").unwrap_or(given) == etag)
}

/// An absolute URL as (scheme and authority, path, query).
fn split(url: &str) -> (String, String, String) {
    let url = url.split('#').next().unwrap_or_default();
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let authority = address.find("://").map_or(0, |at| at + 3);
    let path = address[authority..].find('/').map_or(address.len(), |at| authority + at);
    let (door, path) = address.split_at(path);
    let path = if path.is_empty() { "/" } else { path };
    (door.to_owned(), path.to_owned(), query.to_owned())
}

/// Fit to be logged and passed on?
fn is_sane_id(id: &str) -> bool {
    (1..=MAX_REQUEST_ID_BYTES).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// 96 random bits. They tell requests apart, they keep no secret: `Math.random` will do.
fn new_id() -> String {
    let part = || (worker::js_sys::Math::random() * f64::from(u32::MAX)) as u32;
    format!("{:08x}{:08x}{:08x}", part(), part(), part())
}

#[cfg(test)]
mod tests {
    use super::{is_sane_id, names, split, with_query};

    #[test]
    fn a_url_splits_into_door_path_and_query() {
        let cases = [
            ("https://m.example/c/a.png", ("https://m.example", "/c/a.png", "")),
            (
                "http://127.0.0.1:8787/c/a;w=8/b.png?k=1&s=x",
                ("http://127.0.0.1:8787", "/c/a;w=8/b.png", "k=1&s=x"),
            ),
            ("https://m.example?x=/y", ("https://m.example", "/", "x=/y")),
            ("https://m.example/a?b?c#d", ("https://m.example", "/a", "b?c")),
        ];
        for (url, (door, path, query)) in cases {
            assert_eq!(split(url), (door.to_owned(), path.to_owned(), query.to_owned()), "{url}");
        }
    }

    #[test]
    fn a_query_is_put_back() {
        assert_eq!(with_query("/v1/assets", ""), "/v1/assets");
        assert_eq!(with_query("/v1/assets", "kind=base"), "/v1/assets?kind=base");
    }

    #[test]
    fn entity_tags_compare_weakly() {
        for (list, expect) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", false),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(names(list, "\"a\""), expect, "{list}");
        }
    }

    #[test]
    fn only_sane_request_ids_are_taken_over() {
        assert!(is_sane_id("01J-abc_9.z"));
        for bad in ["", "a b", "a\nb", "é", &"x".repeat(65)] {
            assert!(!is_sane_id(bad), "{bad:?}");
        }
    }
}
