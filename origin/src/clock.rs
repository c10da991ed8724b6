//! Wall-clock time as it is stored and shown.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Whole seconds since 1970, UTC.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// `2026-11-23T05:00:00Z` (RFC 3339).
pub fn rfc3339(unix_secs: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(unix_secs)).to_string()
}
