//! `Cache-Status` (RFC 9211): what this cache did and why, as one entry of a list in which every cache on
//! the way adds its own, the one nearest the caller last.

use std::fmt;

/// How the edge came by an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// From the cache.
    Hit {
        /// Seconds until it wants revalidation; negative: it is stale by that much; `None`: no entry was
        /// looked at, the caller's own copy is current.
        ttl_secs: Option<i64>,
        detail: Option<&'static str>,
    },
    /// Not from the cache.
    Forwarded {
        why: Forward,
        /// What the origin said, where that is not 200 or not said at all.
        status: Option<u16>,
        stored: bool,
        detail: Option<&'static str>,
    },
}

/// Why the cache did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// It is not something this cache keeps.
    Bypass,
    /// It was not there.
    Miss,
}

impl Status {
    /// Served from a cache entry that is good for this long.
    pub fn hit(ttl_secs: i64) -> Self {
        Self::Hit { ttl_secs: Some(ttl_secs), detail: None }
    }

    /// The caller holds it already.
    pub fn validated() -> Self {
        Self::Hit { ttl_secs: None, detail: Some("validated") }
    }

    /// Passed through, whatever it is.
    pub fn bypass() -> Self {
        Self::Forwarded { why: Forward::Bypass, status: None, stored: false, detail: None }
    }

    /// Not in the cache; the origin answered and that was kept.
    pub fn stored() -> Self {
        Self::Forwarded { why: Forward::Miss, status: None, stored: true, detail: None }
    }

    /// Not in the cache, and the answer is not kept.
    pub fn miss(status: Option<u16>) -> Self {
        Self::Forwarded { why: Forward::Miss, status, stored: false, detail: None }
    }

    /// Not in the cache, not to be had from the origin; made here, and kept.
    pub fn rendered(status: Option<u16>) -> Self {
        Self::Forwarded { why: Forward::Miss, status, stored: true, detail: Some("rendered-at-edge") }
    }

    /// The same with a word of explanation.
    pub fn because(self, why: &'static str) -> Self {
        let detail = Some(why);
        match self {
            Self::Hit { ttl_secs, .. } => Self::Hit { ttl_secs, detail },
            Self::Forwarded { why, status, stored, .. } => Self::Forwarded { why, status, stored, detail },
        }
    }

    /// The list with our entry behind what earlier caches wrote.
    pub fn after(&self, earlier: Option<&str>) -> String {
        match earlier {
            Some(earlier) if !earlier.is_empty() => format!("{earlier}, {self}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("milliner-edge; ")?;
        let detail = match self {
            Self::Hit { ttl_secs, detail } => {
                f.write_str("hit")?;
                if let Some(ttl_secs) = ttl_secs {
                    write!(f, "; ttl={ttl_secs}")?;
                }
                detail
            }
            Self::Forwarded { why, status, stored, detail } => {
                f.write_str(if *why == Forward::Bypass { "fwd=bypass" } else { "fwd=miss" })?;
                if let Some(status) = status {
                    write!(f, "; fwd-status={status}")?;
                }
                if *stored {
                    f.write_str("; stored")?;
                }
                detail
            }
        };
        detail.map_or(Ok(()), |detail| write!(f, "; detail={detail}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn entries_read_as_the_rfc_writes_them() {
        for (status, expect) in [
            (Status::hit(60), "milliner-edge; hit; ttl=60"),
            (Status::hit(-5).because("stale-if-error"), "milliner-edge; hit; ttl=-5; detail=stale-if-error"),
            (Status::stored(), "milliner-edge; fwd=miss; stored"),
            (Status::validated(), "milliner-edge; hit; detail=validated"),
            (Status::miss(Some(404)), "milliner-edge; fwd=miss; fwd-status=404"),
            (Status::bypass(), "milliner-edge; fwd=bypass"),
            (
                Status::stored().because("rendered-at-edge"),
                "milliner-edge; fwd=miss; stored; detail=rendered-at-edge",
            ),
        ] {
            assert_eq!(status.to_string(), expect);
        }
    }

    #[test]
    fn ours_is_the_last_entry() {
        let ours = Status::stored();
        assert_eq!(ours.after(None), "milliner-edge; fwd=miss; stored");
        assert_eq!(ours.after(Some("")), "milliner-edge; fwd=miss; stored");
        assert_eq!(ours.after(Some("milliner; hit")), "milliner; hit, milliner-edge; fwd=miss; stored");
    }
}
