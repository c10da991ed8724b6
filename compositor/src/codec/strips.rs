//! Formats that are written strip by strip, behind one face. A file is a head, parts that each follow from their own
//! pixels alone, and a tail.

use std::ops::Range;
use std::sync::Arc;

use super::{Format, JpegFrame, Output, jpeg, png};
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
    seams: Seams,
}

/// What writing some of a part anew needs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seams {
    /// It has none: it is noise, or nobody will ask.
    None,
    /// It may have some, which nobody has found yet.
    Unknown,
    Png(Box<png::Seams>),
    Jpeg(Box<jpeg::amend::Seams>),
}

impl Part {
    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        let seams = match &self.seams {
            Seams::None | Seams::Unknown => 0,
            Seams::Png(seams) => seams.bytes(),
            Seams::Jpeg(seams) => seams.bytes(),
        };
        size_of::<Self>() + self.bytes.len() + seams
    }

    /// Is it known what writing some of it anew needs?
    pub fn knows_seams(&self) -> bool {
        self.seams != Seams::Unknown
    }
}

/// What lies below what is on a part of a picture: the ground, as far as it is encoded already.
#[derive(Clone, Copy)]
pub(crate) enum Below<'a> {
    /// A part that knows its seams.
    Part(&'a Part),
    Rows(Rows<'a>),
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

    /// What a file that was kept has of this one, where that is the bare picture.
    pub fn ready<'a>(&self, file: &'a [u8]) -> Option<png::Ready<'a>> {
        match self {
            Self::Png(frame) => png::Ready::recognise(file, frame),
            Self::Jpeg(_) => None,
        }
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

    /// Is anything that a part stands for changed? `changed` has columns for every row.
    pub fn is_touched(&self, part: u32, changed: &[Range<u32>]) -> bool {
        let rows = |rows: Range<u32>| &changed[rows.start as usize..rows.end as usize];
        match self {
            Self::Png(frame) => rows(frame.rows(part)).iter().any(|columns| !columns.is_empty()),
            Self::Jpeg(frame) => frame.pixels(part).any(|Rect { x, y, width, height }| {
                let meets = |columns: &Range<u32>| columns.start < x + width && x < columns.end;
                rows(y..y + height).iter().any(|columns| !columns.is_empty() && meets(columns))
            }),
        }
    }

    /// Encodes a part that is all ground. `to_keep`: with what it takes to write some of it anew.
    pub fn encode(&self, rows: Rows<'_>, part: u32, to_keep: bool, scratch: &mut Scratch) -> Part {
        match self {
            Self::Png(frame) => frame.encode(rows, part, to_keep, &mut scratch.png).into(),
            Self::Jpeg(frame) => interval(frame, part, &mut scratch.jpeg, |bytes| {
                if to_keep {
                    return Seams::Jpeg(Box::new(frame.encode_ground(rows, part, bytes)));
                }
                frame.encode(rows, part, bytes);
                Seams::None
            }),
        }
    }

    /// Encodes a part that has something on its ground. `changed` are the columns, for every row of the picture, in which
    /// it may not be the ground. The bytes are the same whatever is known of the ground.
    pub fn encode_over(
        &self,
        below: Below<'_>,
        rows: Rows<'_>,
        changed: &[Range<u32>],
        part: u32,
        scratch: &mut Scratch,
    ) -> Part {
        match self {
            Self::Png(frame) => {
                let below = match below {
                    Below::Rows(ground) => png::Below::Rows(ground),
                    Below::Part(Part { bytes, seams: Seams::Png(seams), .. }) => {
                        png::Below::Strip { chunk: bytes, seams: Some(seams) }
                    }
                    Below::Part(Part { bytes, .. }) => png::Below::Strip { chunk: bytes, seams: None },
                };
                let Range { start, end } = frame.rows(part);
                let changed = &changed[start as usize..end as usize];
                frame.encode_over(below, rows, changed, part, &mut scratch.png).into()
            }
            Self::Jpeg(frame) => interval(frame, part, &mut scratch.jpeg, |bytes| {
                match below {
                    Below::Part(Part { seams: Seams::Jpeg(seams), .. }) => {
                        frame.amend(seams, rows, part, |y| changed[y as usize].clone(), bytes);
                    }
                    _ => frame.encode(rows, part, bytes),
                }
                Seams::None
            }),
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

impl From<png::Strip> for Part {
    fn from(png::Strip { chunk, checksum, seams }: png::Strip) -> Self {
        Part { bytes: chunk, checksum, seams: seams.map_or(Seams::None, Seams::Png) }
    }
}

impl png::Ready<'_> {
    /// Parts of the bare picture, those that are asked for. `None`: one is damaged.
    pub fn parts(&self, is_wanted: impl Fn(usize) -> bool) -> Option<Parts> {
        let part = |number| {
            let (chunk, checksum) = self.strip(number)?;
            Some(Arc::new(Part { bytes: chunk.into(), checksum, seams: Seams::Unknown }))
        };
        let parts = (0..self.count())
            .map(|number| if is_wanted(number) { part(number).map(Some) } else { Some(None) });
        parts.collect()
    }
}

/// A restart interval that `encode` appends to `bytes`, with the marker behind it.
fn interval(
    frame: &JpegFrame,
    number: u32,
    bytes: &mut Vec<u8>,
    encode: impl FnOnce(&mut Vec<u8>) -> Seams,
) -> Part {
    bytes.clear();
    let seams = encode(bytes);
    bytes.extend_from_slice(&frame.marker_after(number));
    Part { bytes: bytes.as_slice().into(), checksum: png::Checksum::EMPTY, seams }
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
