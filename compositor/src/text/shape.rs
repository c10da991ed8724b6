//! From characters to glyphs: runs of one direction (UAX 9) and one script (UAX 24), each shaped by the font's own rules
//! (ligatures, kerning, joining, marks), in the order in which they stand on the line.

use std::ops::Range;

use harfrust::unicode::script;
use harfrust::{Buffer, Direction, Script, ShapeOptions, ShapePlan, ShaperFont};
use read_fonts::model::Font;
use unicode_bidi::BidiInfo;

use super::font::bad;
use crate::error::AssetError;

/// Shown only where a line ends in it.
const SOFT_HYPHEN: char = '\u{ad}';

/// Text between two line feeds, with what is decided for all of it: directions and scripts.
pub(super) struct Paragraph<'t> {
    pub text: &'t str,
    bidi: BidiInfo<'t>,
    /// Where each script begins.
    scripts: Vec<(usize, Script)>,
}

/// A glyph on its line, in font units, y upwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glyph {
    pub id: u32,
    pub x: i64,
    pub y: i64,
    /// The byte of the paragraph that it begins at.
    pub cluster: usize,
}

/// A shaped line, from left to right.
#[derive(Debug, Default)]
pub(super) struct Shaped {
    pub glyphs: Vec<Glyph>,
    /// Sum of the advances, in font units.
    pub width: i64,
}

/// Characters of one direction and one script.
struct Run {
    range: Range<usize>,
    direction: Direction,
    script: Script,
}

impl<'t> Paragraph<'t> {
    pub fn new(text: &'t str) -> Self {
        Paragraph { text, bidi: BidiInfo::new(text, None), scripts: scripts(text) }
    }

    /// The runs of a line in visual order.
    fn runs(&self, line: Range<usize>) -> Vec<Run> {
        let Some(paragraph) = self.bidi.paragraphs.first() else { return Vec::new() };
        let (levels, ranges) = self.bidi.visual_runs(paragraph, line);
        let mut runs = Vec::with_capacity(ranges.len());
        for range in ranges {
            let direction = match levels.get(range.start) {
                Some(level) if level.is_rtl() => Direction::RightToLeft,
                _ => Direction::LeftToRight,
            };
            let first = runs.len();
            runs.extend(self.by_script(range).map(|(range, script)| Run { range, direction, script }));
            if direction == Direction::RightToLeft {
                runs[first..].reverse();
            }
        }
        runs
    }

    fn by_script(&self, range: Range<usize>) -> impl Iterator<Item = (Range<usize>, Script)> {
        let ends = self.scripts.iter().skip(1).map(|(start, _)| *start).chain([self.text.len()]);
        let parts = self.scripts.iter().zip(ends);
        let parts =
            parts.map(move |((start, script), end)| (range.start.max(*start)..range.end.min(end), *script));
        parts.filter(|(part, _)| part.start < part.end)
    }
}

/// The scripts of a text; characters that many scripts share (spaces, digits, marks) go with what stands before them.
fn scripts(text: &str) -> Vec<(usize, Script)> {
    let mut scripts: Vec<(usize, Script)> = vec![(0, Script::COMMON)];
    for (at, c) in text.char_indices() {
        let own = script(u32::from(c));
        let last = scripts.len() - 1;
        match scripts[last].1 {
            _ if [Script::COMMON, Script::INHERITED, Script::UNKNOWN].contains(&own) => {}
            current if current == own => {}
            Script::COMMON => scripts[last].1 = own,
            _ => scripts.push((at, own)),
        }
    }
    scripts
}

/// Shapes the lines of one text. Plans (which rules of the font apply to a script) are made once.
pub(super) struct Shaper<'f> {
    font: ShaperFont<'f, 'f>,
    plans: Vec<ShapePlan>,
    buffer: Buffer,
    hyphen: char,
}

impl<'f> Shaper<'f> {
    pub fn new(font: &'f Font) -> Self {
        let hyphen = if font.charmap().map_unicode('\u{2010}').is_some() { '\u{2010}' } else { '-' };
        Shaper { font: ShaperFont::new(font), plans: Vec::new(), buffer: Buffer::new(), hyphen }
    }

    /// Shapes part of a paragraph as a line of its own.
    pub fn line(&mut self, paragraph: &Paragraph<'_>, line: Range<usize>) -> Result<Shaped, AssetError> {
        let mut shaped = Shaped::default();
        let broken = line.end < paragraph.text.trim_end().len();
        for run in paragraph.runs(line.clone()) {
            let hyphen = (broken && run.range.end == line.end).then_some(self.hyphen);
            self.run(paragraph.text, &run, hyphen)?;
            let positions = self.buffer.glyph_positions();
            for (info, position) in self.buffer.glyph_infos().iter().zip(positions) {
                shaped.glyphs.push(Glyph {
                    id: info.glyph_id,
                    x: shaped.width + i64::from(position.x_offset),
                    y: i64::from(position.y_offset),
                    cluster: info.cluster as usize,
                });
                shaped.width += i64::from(position.x_advance);
            }
        }
        Ok(shaped)
    }

    /// Shapes one run into the buffer; letters also join with what stands beyond the run's ends.
    fn run(&mut self, text: &str, run: &Run, hyphen: Option<char>) -> Result<(), AssetError> {
        let Range { start, end } = run.range;
        let buffer = &mut self.buffer;
        buffer.clear();
        for (at, c) in text[start..end].char_indices() {
            let shown = match (c, hyphen) {
                ('\t', _) => ' ',
                (SOFT_HYPHEN, Some(hyphen)) if start + at + c.len_utf8() == end => hyphen,
                _ => c,
            };
            buffer.push(u32::from(shown), (start + at) as u32);
        }
        buffer.set_direction(run.direction);
        buffer.set_script(Some(run.script));
        buffer.set_pre_context(&text[..start]);
        buffer.set_post_context(&text[end..]);
        let known =
            self.plans.iter().position(|p| p.direction() == run.direction && p.script() == Some(run.script));
        let plan = known.unwrap_or_else(|| {
            self.plans.push(ShapePlan::new(&self.font, run.direction, Some(run.script), None, &[]));
            self.plans.len() - 1
        });
        let options = ShapeOptions::new().plan(self.plans.get(plan));
        harfrust::shape(&self.font, buffer, options)
            .map_err(|error| bad(format!("it cannot shape text: {error}")))
    }
}
