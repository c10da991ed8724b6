//! Who answered for a picture, read from `Cache-Status` (RFC 9211), in words.

/// What a delivery answer says about its way.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Served {
    /// Nobody was asked yet.
    #[default]
    Unasked,
    /// From the cache of the door that was knocked on.
    Cached,
    /// Through it, from the origin.
    Passed,
    /// An older answer, because the origin did not.
    Stale,
    /// The origin did not answer, so the edge drew it by itself.
    DrawnAtTheEdge,
    /// It was refused, in the server's words.
    Refused(String),
    /// No answer at all.
    Unreachable,
}

impl Served {
    /// Reads a `Cache-Status` value. Members go from the origin's side to ours (RFC 9211, section 2): the last is our door.
    pub fn from_cache_status(value: &str) -> Self {
        let members: Vec<Vec<String>> = value.split(',').map(parameters).collect();
        let says = |wanted: &str| members.iter().flatten().any(|parameter| parameter.contains(wanted));
        let hit = |member: &Vec<String>| member.iter().any(|parameter| parameter == "hit");
        if says("rendered-at-edge") {
            return Served::DrawnAtTheEdge;
        }
        if says("stale-if-error") {
            return Served::Stale;
        }
        if members.last().is_some_and(hit) { Served::Cached } else { Served::Passed }
    }

    /// A few words beside the picture's size; nothing where there is nothing to say.
    pub fn words(&self) -> &'static str {
        match self {
            Served::Unasked | Served::Refused(_) => "",
            Served::Cached => "cached at the edge",
            Served::Passed => "rendered at the origin",
            Served::Stale => "served from before",
            Served::DrawnAtTheEdge => "rendered at the edge",
            Served::Unreachable => "drawn in your browser",
        }
    }
}

fn parameters(member: &str) -> Vec<String> {
    member
        .split(';')
        .skip(1)
        .map(|parameter| parameter.trim().replace('"', "").to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_door_we_knocked_on_speaks_last() {
        for (value, served) in [
            ("edge; hit", Served::Cached),
            ("origin; hit, edge; fwd=miss; stored", Served::Passed),
            ("origin; fwd=miss, edge; hit; ttl=200", Served::Cached),
            ("milliner-edge; hit; ttl=-5; detail=stale-if-error", Served::Stale),
            ("milliner-edge; fwd=miss; stored; detail=rendered-at-edge", Served::DrawnAtTheEdge),
            ("", Served::Passed),
        ] {
            assert_eq!(Served::from_cache_status(value), served, "{value}");
        }
    }
}
