//! Formats that are written strip by strip, behind one face. A file is a head, parts that each follow from their own
//! pixels alone, and a tail.

use std::ops::Range;
use std::sync::Arc;

use super::{Format, Output, png};
use crate::pixmap::Rows;

/// The shape of a file.
pub(crate) enum Strips {
    Png(png::Frame),
}

/// One part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub bytes: Box<[u8]>,
    /// What joining PNG parts needs.
    checksum: png::Checksum,
}

/// Memory that one part after the other is worked on in.
#[derive(Default)]
pub(crate) struct Scratch {
    png: png::Scratch,
}

/// What of a file was made before, by the number of the part.
pub(crate) type Parts = Vec<Option<Arc<Part>>>;

impl Strips {
    /// The shape of a file of this size; `None`: the format is not written strip by strip.
    pub fn new(output: Output, (width, height): (u32, u32)) -> Option<Self> {
        match output.format {
            Format::Png => Some(Self::Png(png::Frame::new(width, height, output.opaque))),
            Format::Jpeg | Format::Webp | Format::Avif => None,
        }
    }

    /// How many parts there are.
    pub fn parts(&self) -> u32 {
        match self {
            Self::Png(frame) => frame.strips(),
        }
    }

    /// The rows that a part needs.
    pub fn rows(&self, part: u32) -> Range<u32> {
        match self {
            Self::Png(frame) => frame.rows(part),
        }
    }

    /// Rows and columns of every rectangle of pixels that a part stands for.
    pub fn areas(&self, part: u32) -> impl Iterator<Item = (Range<u32>, Range<u32>)> {
        match self {
            Self::Png(frame) => std::iter::once((frame.rows(part), 0..frame.width())),
        }
    }

    /// Encodes a part from its rows.
    pub fn encode(&self, rows: Rows<'_>, part: u32, scratch: &mut Scratch) -> Part {
        match self {
            Self::Png(frame) => {
                let png::Strip { chunk, checksum } = frame.encode(rows, part, &mut scratch.png);
                Part { bytes: chunk, checksum }
            }
        }
    }

    /// The file.
    pub fn join(&self, parts: &[Arc<Part>]) -> Vec<u8> {
        let mut file = Vec::with_capacity(parts.iter().map(|part| part.bytes.len()).sum::<usize>() + 128);
        match self {
            Self::Png(frame) => {
                file.extend_from_slice(&frame.head());
                let mut checksum = png::Checksum::EMPTY;
                for part in parts {
                    file.extend_from_slice(&part.bytes);
                    checksum = checksum.followed_by(part.checksum);
                }
                file.extend_from_slice(&png::Frame::tail(checksum));
            }
        }
        file
    }
}
