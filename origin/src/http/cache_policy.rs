//! How long an answer may be kept, and by whom. Handlers choose one; `http/finish.rs` writes the header.

use axum::http::HeaderValue;

/// What `Cache-Control` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CachePolicy {
    /// Content-addressed: never changes.
    Immutable,
    /// By recipe: fresh for minutes, usable for a week while nothing better can be had.
    Recipe,
    /// Valid for so many seconds and not one more: a signed URL that expires.
    Expiring { secs: u64 },
    /// Kept by anybody, checked every time.
    Revalidate,
    /// Content-addressed, for the caller alone.
    PrivateImmutable,
    /// Kept by the caller alone, checked every time.
    Private,
    /// A refusal of a delivery URL: long enough to stop a storm, short enough to mend a typo.
    Brief,
    /// Never kept.
    NoStore,
}

impl CachePolicy {
    /// Of an asset's image: `pinned` by its digest or not, `open` to everybody or not.
    pub fn content(pinned: bool, open: bool) -> Self {
        match (pinned, open) {
            (true, true) => Self::Immutable,
            (true, false) => Self::PrivateImmutable,
            (false, true) => Self::Revalidate,
            (false, false) => Self::Private,
        }
    }

    /// The header's value.
    pub fn header_value(self) -> HeaderValue {
        let text = match self {
            Self::Immutable => "public, max-age=31536000, immutable",
            Self::Recipe => "public, max-age=300, stale-while-revalidate=86400, stale-if-error=604800",
            Self::Expiring { secs } => {
                let text = format!("public, max-age={}", secs.min(300));
                return HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("no-store"));
            }
            Self::Revalidate => "public, no-cache",
            Self::PrivateImmutable => "private, max-age=31536000, immutable",
            Self::Private => "private, no-cache",
            Self::Brief => "public, max-age=10",
            Self::NoStore => "no-store",
        };
        HeaderValue::from_static(text)
    }
}
