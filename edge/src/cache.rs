//! The edge cache: the platform's Cache API, its entries named by content.
//!
//! A composite is kept below its key, `/i/{key}.{ext}`, an ingredient below its digest, so an entry can
//! never be wrong, only unwanted (purged). Entries are therefore kept far longer than they are fresh and
//! carry the time they were stored; freshness is judged here, because the Cache API gives nothing stale.

use compositor::{CompositeKey, Digest, Format};
use worker::{Cache, Headers, Response, ResponseBody};

/// How long the platform may keep an entry, at most: a year, as long as a key is good.
const KEEP: &str = "public, max-age=31536000";
/// When an entry was stored, in milliseconds since 1970.
const STORED_AT: &str = "x-milliner-stored-at";

/// An entry as it was stored.
pub struct Entry {
    pub media_type: String,
    pub etag: Option<String>,
    /// Milliseconds since 1970.
    pub stored_at: u64,
    pub body: Response,
}

/// The time by the platform's clock, which advances only with input and output. Milliseconds since 1970.
pub fn now() -> u64 {
    worker::Date::now().as_millis()
}

/// The name of a composite's entry: its own public address.
pub fn composite(door: &str, key: &CompositeKey, format: Format) -> String {
    format!("{door}/i/{key}.{}", format.extension())
}

/// The name of the catalogue's entry.
pub fn catalogue(door: &str) -> String {
    format!("{door}/v1/catalogue")
}

/// The name of an ingredient's entry. By digest alone: two assets with the same content share it.
pub fn ingredient(door: &str, digest: &Digest) -> String {
    format!("{door}/v1/assets/-/content?digest={digest}")
}

/// The name of the entry of an ingredient's smaller rendition, `width` pixels wide.
pub fn rendition(door: &str, digest: &Digest, width: u32) -> String {
    format!("{door}/v1/assets/-/content?digest={digest}&w={width}")
}

/// The name of the note that says which composite a recipe had last.
pub fn last_known(door: &str, canonical_path: &str) -> String {
    format!("{door}{canonical_path}")
}

/// Looks an entry up. A cache that fails is a cache without the entry.
pub async fn find(name: &str) -> Option<Entry> {
    match Cache::default().get(name, false).await {
        Ok(found) => found.map(Entry::read),
        Err(error) => {
            worker::console_warn!("cache lookup of {name}: {error}");
            None
        }
    }
}

/// Stores an entry. A cache that fails costs a later miss, nothing else.
pub async fn keep(name: &str, media_type: &str, etag: Option<&str>, body: ResponseBody) {
    if let Err(error) = put(name, media_type, etag, body).await {
        worker::console_warn!("cache write of {name}: {error}");
    }
}

async fn put(name: &str, media_type: &str, etag: Option<&str>, body: ResponseBody) -> worker::Result<()> {
    let headers = Headers::new();
    headers.set("content-type", media_type)?;
    headers.set("cache-control", KEEP)?;
    headers.set(STORED_AT, &now().to_string())?;
    if let Some(etag) = etag {
        headers.set("etag", etag)?;
    }
    let response = Response::builder().with_headers(headers).body(body);
    Cache::default().put(name, response).await
}

/// Drops an entry.
pub async fn forget(name: &str) {
    if let Err(error) = Cache::default().delete(name, false).await {
        worker::console_warn!("cache removal of {name}: {error}");
    }
}

impl Entry {
    fn read(response: Response) -> Self {
        let header = |name| response.headers().get(name).ok().flatten();
        Self {
            media_type: header("content-type").unwrap_or_default(),
            etag: header("etag"),
            stored_at: header(STORED_AT).and_then(|text| text.parse().ok()).unwrap_or(0),
            body: response,
        }
    }

    /// Seconds until the entry wants revalidation; negative: it is overdue.
    pub fn ttl_secs(&self, fresh_secs: u64) -> i64 {
        ttl_secs(self.stored_at, fresh_secs, now())
    }
}

fn ttl_secs(stored_at: u64, fresh_secs: u64, now: u64) -> i64 {
    let age = now.saturating_sub(stored_at) / 1000;
    i64::try_from(fresh_secs).unwrap_or(i64::MAX).saturating_sub(i64::try_from(age).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::ttl_secs;

    #[test]
    fn an_entry_outlives_its_freshness_with_a_negative_ttl() {
        assert_eq!(ttl_secs(1_000, 60, 1_000), 60);
        assert_eq!(ttl_secs(1_000, 60, 31_999), 30);
        assert_eq!(ttl_secs(1_000, 60, 71_000), -10);
        assert_eq!(ttl_secs(9_000, 60, 1_000), 60, "a clock that was set back");
    }
}
