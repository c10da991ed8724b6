//! Where lines end: at line feeds, and with a wrap width at the opportunities of UAX 14; within a word only where it alone
//! is wider than the line.
//!
//! Widths are those of lines shaped as they will be drawn, so kerning, ligatures and joining across a break are right.

use std::ops::Range;

use unicode_linebreak::linebreaks;

use super::shape::{Paragraph, Shaper};
use crate::error::AssetError;

/// Text between line ends that are written (UAX 14, classes BK, CR, LF and NL, and UAX 9's paragraph separators).
pub(super) fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    let ends_line = |c| matches!(c, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some((end, c)) = text.char_indices().find(|(_, c)| ends_line(*c)) else {
            rest = None;
            return Some(text);
        };
        let after = &text[end + c.len_utf8()..];
        rest = Some(if c == '\r' { after.strip_prefix('\n').unwrap_or(after) } else { after });
        Some(&text[..end])
    })
}

/// The lines of a paragraph, without the spaces they end in. `width` is in font units.
pub(super) fn lines(
    paragraph: &Paragraph<'_>,
    shaper: &mut Shaper<'_>,
    width: Option<f64>,
) -> Result<Vec<Range<usize>>, AssetError> {
    let text = paragraph.text;
    let all = trimmed(text, 0..text.len());
    let Some(width) = width else { return Ok(vec![all]) };
    let mut fits = |line: Range<usize>| -> Result<bool, AssetError> {
        Ok(shaper.line(paragraph, line)?.width as f64 <= width)
    };
    if fits(all.clone())? {
        return Ok(vec![all]);
    }
    let opportunities: Vec<usize> = linebreaks(text).map(|(at, _)| at).collect();
    let clusters = clusters(paragraph, shaper)?;
    let mut lines = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = line_end(paragraph, shaper, width, start, &clusters, &opportunities)?;
        lines.push(trimmed(text, start..end));
        start = end;
    }
    Ok(lines)
}

/// Where the line that begins at `start` ends: at the last opportunity that fits; if none does, behind the last cluster
/// that does; if none does, behind the first.
fn line_end(
    paragraph: &Paragraph<'_>,
    shaper: &mut Shaper<'_>,
    width: f64,
    start: usize,
    clusters: &[usize],
    opportunities: &[usize],
) -> Result<usize, AssetError> {
    let text = paragraph.text;
    let mut fits = |end: usize| -> Result<bool, AssetError> {
        Ok(shaper.line(paragraph, trimmed(text, start..end))?.width as f64 <= width)
    };
    let ahead = &clusters[clusters.partition_point(|at| *at <= start)..];
    let reach = last_that(ahead, &mut fits)?.or(ahead.first().copied()).unwrap_or(text.len());
    let within = &opportunities[..opportunities.partition_point(|at| *at <= reach)];
    for end in within.iter().rev().copied().take_while(|end| *end > start) {
        // A soft hyphen shows where the line ends in it, and needs room.
        if !text[..end].ends_with('\u{ad}') || fits(end)? {
            return Ok(end);
        }
    }
    Ok(reach)
}

/// The last of some line ends that fits: by strides that double, then by halves, so that a line costs a few shapings of
/// its own length and not one for each of its characters.
fn last_that(
    ends: &[usize],
    mut fits: impl FnMut(usize) -> Result<bool, AssetError>,
) -> Result<Option<usize>, AssetError> {
    let (mut good, mut bad) = (0, 1);
    while bad <= ends.len() && fits(ends[bad - 1])? {
        (good, bad) = (bad, bad * 2);
    }
    bad = bad.min(ends.len() + 1);
    while bad - good > 1 {
        let middle = usize::midpoint(good, bad);
        if fits(ends[middle - 1])? {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Ok(good.checked_sub(1).map(|last| ends[last]))
}

/// Where the clusters of a paragraph end: what the font keeps together, at least whole graphemes.
fn clusters(paragraph: &Paragraph<'_>, shaper: &mut Shaper<'_>) -> Result<Vec<usize>, AssetError> {
    let length = paragraph.text.len();
    let mut ends: Vec<usize> =
        shaper.line(paragraph, 0..length)?.glyphs.iter().map(|glyph| glyph.cluster).collect();
    ends.push(length);
    ends.sort_unstable();
    ends.dedup();
    Ok(ends)
}

/// A line without the spaces it ends in: they hang (CSS Text 3, section 4.1.3).
fn trimmed(text: &str, line: Range<usize>) -> Range<usize> {
    let hangs = |c: char| c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}');
    line.start..line.start + text[line.clone()].trim_end_matches(hangs).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_feeds_in_all_their_spellings_end_paragraphs() {
        let split: Vec<&str> = paragraphs("a\nb\r\nc\rd\u{2028}\n\u{85}e\n").collect();
        assert_eq!(split, ["a", "b", "c", "d", "", "", "e", ""]);
    }

    #[test]
    fn the_last_line_end_is_found_whatever_the_number() {
        let ends: Vec<usize> = (1..=40).collect();
        for most in 0..=41 {
            let mut asked = 0;
            let found = last_that(&ends, |end| {
                asked += 1;
                Ok(end <= most)
            });
            assert_eq!(found, Ok((1..=40).contains(&most.min(40)).then_some(most.min(40))), "{most}");
            assert!(asked <= 12, "{most}: {asked}");
        }
    }
}
