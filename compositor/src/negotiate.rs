//! Choosing the format of an `auto` recipe from `Accept` (RFC 9110, section 12.5.1), q-values honoured.

use crate::codec::Format;

/// The offer that the client likes best; of those it likes equally, the first. `None`: it refuses all of them.
pub(crate) fn negotiate(accept: Option<&str>, offers: &[Format]) -> Option<Format> {
    let Some(accept) = accept.filter(|a| !a.trim().is_empty()) else {
        return offers.first().copied();
    };
    let ranges: Vec<Range<'_>> = accept.split(',').filter_map(Range::parse).collect();
    let quality = |offer: &Format| {
        let matching = ranges
            .iter()
            .filter_map(|range| range.matches(offer.media_type()).map(|specific| (specific, range.quality)));
        matching.max_by_key(|(specific, _)| *specific).map_or(0, |(_, quality)| quality)
    };
    let liked = offers.iter().map(|offer| (quality(offer), *offer)).filter(|(quality, _)| *quality > 0);
    // max_by_key keeps the last of equals; the first is ours.
    liked.rev().max_by_key(|(quality, _)| *quality).map(|(_, offer)| offer)
}

/// Does the client name this format itself, and not by a wildcard? Wildcards are sent by many who read only old formats.
pub(crate) fn names(accept: Option<&str>, format: Format) -> bool {
    let ranges = accept.unwrap_or_default().split(',').filter_map(Range::parse);
    ranges.into_iter().any(|range| range.quality > 0 && range.matches(format.media_type()) == Some(2))
}

/// One media range with its weight in thousandths.
struct Range<'a> {
    media: &'a str,
    quality: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().filter(|media| media.contains('/'))?;
        let weight = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
        Some(Range { media, quality: weight.map_or(Some(1000), thousandths)? })
    }

    /// How specifically the range names a media type: 2 exactly, 1 by its type, 0 by `*/*`; `None`: not at all.
    fn matches(&self, media_type: &str) -> Option<u8> {
        if self.media.eq_ignore_ascii_case(media_type) {
            Some(2)
        } else if self.media.eq_ignore_ascii_case("image/*") {
            Some(1)
        } else {
            (self.media == "*/*").then_some(0)
        }
    }
}

/// A weight, `0` to `1` with up to three places; a malformed one makes the whole range void.
fn thousandths(weight: &str) -> Option<u16> {
    let value: f32 = weight.parse().ok()?;
    (weight.len() <= 5 && (0.0..=1.0).contains(&value)).then_some((value * 1000.0 + 0.5) as u16)
}

#[cfg(test)]
mod tests {
    use super::negotiate;
    use crate::codec::Format::{self, Jpeg, Png, Webp};

    #[test]
    fn the_best_liked_offer_wins_and_ties_go_to_the_first() {
        let cases: &[(Option<&str>, Option<Format>)] = &[
            (None, Some(Webp)),
            (Some(""), Some(Webp)),
            (Some("*/*"), Some(Webp)),
            (Some("image/png"), Some(Png)),
            (Some("image/webp;q=0.5, image/png;q=0.9"), Some(Png)),
            (Some("image/*;q=0.8, image/webp;q=0"), Some(Jpeg)),
            (Some("image/avif,image/webp,image/apng,image/*,*/*;q=0.8"), Some(Webp)),
            (Some("IMAGE/PNG, */*;q=0.1"), Some(Png)),
            (Some("text/html"), None),
            (Some("*/*;q=0"), None),
            (Some("image/png;q=2, image/jpeg;q=0.1"), Some(Jpeg)),
            (Some("image/png;q=nonsense, ;;,, image/jpeg"), Some(Jpeg)),
            (Some("image/png; q=0.001"), Some(Png)),
        ];
        for (accept, chosen) in cases {
            assert_eq!(negotiate(*accept, &[Webp, Jpeg, Png]), *chosen, "{accept:?}");
        }
    }
}
