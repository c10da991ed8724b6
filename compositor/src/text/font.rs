//! Fonts: what may become a font asset, and a font opened for drawing.
//!
//! A font is kept as it came. Everything that drawing relies on is checked here, when it is added and again when it is
//! opened: the wrapper, the table directory, the tables, the em and the height of a line.

use std::sync::Arc;

use read_fonts::model::{Blob, Font};

use super::{Align, layout};
use crate::asset::Digest;
use crate::error::AssetError;
use crate::limits::{Limit, Limits};
use crate::source::Normalised;

/// Longest font in bytes: room for one CJK face. It is held in memory while text is drawn.
pub const MAX_FONT_BYTES: u64 = 16 << 20;

/// Tables without which nothing can be laid out (OpenType 1.9, "Required Tables"); outlines are asked for apart.
const REQUIRED: [&[u8; 4]; 5] = [b"cmap", b"head", b"hhea", b"hmtx", b"maxp"];

/// Lines lower than this part of an em are no design but damage: glyphs would grow without bound to fill them.
const LOWEST_LINE: f64 = 0.25;

/// A font that is ready to set text.
pub(crate) struct Face {
    pub(super) font: Font,
    /// Height of a line in font units: ascender, descender and gap.
    pub(super) line: f64,
    /// From the top of a line down to its baseline, in font units; half of the gap lies above it.
    pub(super) baseline: f64,
}

impl Face {
    /// Opens a font.
    ///
    /// # Errors
    /// [`AssetError::Font`] if it is not one TrueType or OpenType font, or lacks what is needed to set text.
    pub fn open(bytes: Arc<[u8]>) -> Result<Self, AssetError> {
        wrapper(&bytes)?;
        check_tables(&bytes)?;
        let font =
            Font::new(Blob::Shared(Arc::new(bytes)), 0).ok_or_else(|| bad("its tables cannot be read"))?;
        let metrics = font.metrics();
        if metrics.raw_units_per_em != metrics.units_per_em {
            let given = metrics.raw_units_per_em;
            return Err(bad(format!("its em has {given} units; allowed: 16 to 16384")));
        }
        if font.num_glyphs() == 0 || font.outline_glyphs().is_empty() {
            return Err(bad("it has no glyphs"));
        }
        if !font.charmap().has_unicode() {
            return Err(bad("its `cmap` table maps no Unicode characters"));
        }
        let (line, baseline) = line_of(&font)?;
        Ok(Face { font, line, baseline })
    }
}

/// Height of a line and of its part above the baseline, in font units: typographic metrics where the font asks for them
/// (`USE_TYPO_METRICS`), else those of `hhea`, else those of `OS/2`.
fn line_of(font: &Font) -> Result<(f64, f64), AssetError> {
    let metrics = font.metrics();
    let line = metrics.h_line().ok_or_else(|| bad("it says nothing about the height of its lines"))?;
    let (ascender, descender) = (line.ascender.to_f64(), line.descender.to_f64());
    let gap = line.line_gap.to_f64().max(0.0);
    let height = ascender - descender + gap;
    if height < f64::from(metrics.units_per_em) * LOWEST_LINE {
        return Err(bad(format!("its lines are {height} units high, less than a quarter of its em")));
    }
    Ok((height, ascender + gap / 2.0))
}

/// Checks a font for the catalogue; it is stored byte for byte.
///
/// # Errors
/// [`AssetError::Font`] says what it lacks, or that it is too long.
pub fn normalise_font(bytes: &[u8], limits: &Limits) -> Result<Normalised, AssetError> {
    let (needed, allowed) = (bytes.len() as u64, limits.body_bytes.min(MAX_FONT_BYTES));
    if needed > allowed {
        return Err(bad(Limit::BodyBytes.told(needed, allowed)));
    }
    let media_type = wrapper(bytes)?;
    let face = Face::open(Arc::from(bytes))?;
    // Sets a word, so that layout tables and outlines that cannot be followed are found now and not by who uses them.
    layout("Aa", &face, 16.0, Align::Left, None)?;
    let digest = Digest::of(bytes);
    Ok(Normalised {
        bytes: bytes.to_vec(),
        media_type,
        width: 0,
        height: 0,
        opaque: false,
        digest,
        levels: Vec::new(),
    })
}

/// The media type (RFC 8081) by the first four bytes.
fn wrapper(bytes: &[u8]) -> Result<&'static str, AssetError> {
    match bytes.get(..4) {
        Some([0, 1, 0, 0] | b"true") => Ok("font/ttf"),
        Some(b"OTTO") => Ok("font/otf"),
        Some(b"ttcf") => Err(bad("it is a collection; allowed: one font, TTF or OTF")),
        Some(b"wOFF" | b"wOF2") => Err(bad("it is compressed for the web; allowed: TTF or OTF")),
        _ => Err(bad("it begins like no font; allowed: TTF or OTF")),
    }
}

/// Walks the table directory (OpenType 1.9, "Organization of an OpenType Font"): every table must lie in the file.
fn check_tables(bytes: &[u8]) -> Result<(), AssetError> {
    let count = bytes.get(4..6).map_or(0, |count| usize::from(u16::from_be_bytes([count[0], count[1]])));
    let records = bytes.get(12..12 + 16 * count).ok_or_else(|| bad("it ends within its table directory"))?;
    let (records, _) = records.as_chunks::<16>();
    for record in records {
        let [offset, length] = [8, 12].map(|at| {
            let number = [record[at], record[at + 1], record[at + 2], record[at + 3]];
            u64::from(u32::from_be_bytes(number))
        });
        if offset + length > bytes.len() as u64 {
            return Err(bad(format!("it ends before its table `{}` does", record[..4].escape_ascii())));
        }
    }
    let has = |tag: &[u8; 4]| records.iter().any(|record| record.starts_with(tag));
    if let Some(missing) = REQUIRED.into_iter().find(|tag| !has(tag)) {
        return Err(bad(format!("it has no table `{}`", missing.escape_ascii())));
    }
    if !(has(b"glyf") && has(b"loca") || has(b"CFF ") || has(b"CFF2")) {
        return Err(bad("it has no outlines: neither `glyf` and `loca` nor `CFF `"));
    }
    Ok(())
}

/// A font that cannot be used, and why.
pub(super) fn bad(reason: impl Into<String>) -> AssetError {
    AssetError::Font { reason: reason.into() }
}
