//! Formats that are written strip by strip, behind one face. A file is a head, parts that each follow from their own
//! pixels alone, and a tail.

use std::ops::Range;
use std::sync::Arc;

use super::{Format, JpegFrame, Output, png};
use crate::error::RenderError;
use crate::fit::Rect;
use crate::pixmap::Rows;

/// The shape of a file.
pub(crate) enum Strips {
    /// A part is an `IDAT` chunk.
    Png(png::Frame),
    /// A part is a restart interval with the marker behind it.
    Jpeg(Box<JpegFrame>),
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
    jpeg: Vec<u8>,
}

/// What of a file was made before, by the number of the part.
pub(crate) type Parts = Vec<Option<Arc<Part>>>;

impl Strips {
    /// The shape of a file of this size; `None`: the format is not written strip by strip.
    ///
    /// # Errors
    /// The format has no pictures of this size.
    pub fn new(output: Output, (width, height): (u32, u32)) -> Result<Option<Self>, RenderError> {
        Ok(match output.format {
            Format::Png => Some(Self::Png(png::Frame::new(width, height, output.opaque))),
            Format::Jpeg => Some(Self::Jpeg(Box::new(JpegFrame::new(width, height, output.quality)?))),
            Format::Webp | Format::Avif => None,
        })
    }

    /// How many parts there are.
    pub fn parts(&self) -> u32 {
        match self {
            Self::Png(frame) => frame.strips(),
            Self::Jpeg(frame) => frame.intervals(),
        }
    }

    /// The rows that a part needs.
    pub fn rows(&self, part: u32) -> Range<u32> {
        match self {
            Self::Png(frame) => frame.rows(part),
            Self::Jpeg(frame) => frame.rows(part),
        }
    }

    /// Does a part stand for any pixel of a rectangle for which `is_in` holds? It is asked for rows and columns.
    pub fn covers(&self, part: u32, is_in: impl Fn(&Range<u32>, &Range<u32>) -> bool) -> bool {
        match self {
            Self::Png(frame) => is_in(&frame.rows(part), &(0..frame.width())),
            Self::Jpeg(frame) => frame
                .pixels(part)
                .any(|Rect { x, y, width, height }| is_in(&(y..y + height), &(x..x + width))),
        }
    }

    /// Encodes a part from its rows.
    pub fn encode(&self, rows: Rows<'_>, part: u32, scratch: &mut Scratch) -> Part {
        match self {
            Self::Png(frame) => {
                let png::Strip { chunk, checksum } = frame.encode(rows, part, &mut scratch.png);
                Part { bytes: chunk, checksum }
            }
            Self::Jpeg(frame) => {
                let bytes = &mut scratch.jpeg;
                bytes.clear();
                frame.encode(rows, part, bytes);
                bytes.extend_from_slice(&frame.marker_after(part));
                Part { bytes: bytes.as_slice().into(), checksum: png::Checksum::EMPTY }
            }
        }
    }

    /// A file that is handed to `sink` piece by piece, from its head on.
    pub fn file<'a>(&self, sink: &'a mut dyn FnMut(&[u8])) -> File<'a> {
        let (head, is_png) = match self {
            Self::Png(frame) => (frame.head(), true),
            Self::Jpeg(frame) => (frame.head(), false),
        };
        sink(&head);
        File { sink, checksum: is_png.then_some(png::Checksum::EMPTY) }
    }
}

/// A file that parts are appended to.
pub(crate) struct File<'a> {
    sink: &'a mut dyn FnMut(&[u8]),
    /// Of all parts so far, where the file ends with one.
    checksum: Option<png::Checksum>,
}

impl File<'_> {
    /// Appends the next part.
    pub fn push(&mut self, part: &Part) {
        (self.sink)(&part.bytes);
        self.checksum = self.checksum.map(|checksum| checksum.followed_by(part.checksum));
    }

    /// Writes what stands behind the last part.
    pub fn end(self) {
        if let Some(checksum) = self.checksum {
            (self.sink)(&png::Frame::tail(checksum));
        }
    }
}
