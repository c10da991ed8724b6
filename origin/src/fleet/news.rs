//! What one instance tells the others. A line of text, `what subject`; news that cannot be read are passed over, since
//! the next version may know more kinds.

use std::fmt;
use std::str::FromStr;

use compositor::CompositeKey;

/// Something happened somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Whoever had the lease of this composite has it no more: rendered, or failed.
    Settled(CompositeKey),
    /// A composite was purged: nobody may answer it from memory.
    Purged(CompositeKey),
    /// The catalogue changed.
    Catalogue,
    /// The connection was lost and some may have been missed.
    Gap,
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settled(key) => write!(f, "settled {key}"),
            Self::Purged(key) => write!(f, "purged {key}"),
            Self::Catalogue => f.write_str("catalogue"),
            Self::Gap => f.write_str("gap"),
        }
    }
}

impl FromStr for News {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const UNKNOWN: &str = "not news that this version knows";
        match text.split_once(' ') {
            Some(("settled", key)) => key.parse().map(Self::Settled).map_err(|_| UNKNOWN),
            Some(("purged", key)) => key.parse().map(Self::Purged).map_err(|_| UNKNOWN),
            None if text == "catalogue" => Ok(Self::Catalogue),
            None if text == "gap" => Ok(Self::Gap),
            _ => Err(UNKNOWN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood() {
        let key: CompositeKey = "5".repeat(40).parse().unwrap();
        for news in [News::Settled(key), News::Purged(key), News::Catalogue, News::Gap] {
            assert_eq!(news.to_string().parse(), Ok(news));
        }
        for odd in ["", "settled", "settled x", "moved house"] {
            assert!(odd.parse::<News>().is_err(), "{odd}");
        }
    }
}
