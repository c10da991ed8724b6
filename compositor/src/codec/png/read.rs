//! Reading the PNG files that `keep.rs` writes: a chunk of our own announces strips that are inflated two at a time, and
//! nothing is in the file that does not have to be. Whatever is not exactly so is `None`, and the `png` crate's to judge.
//!
//! Chunks' checksums are not looked at where a strip is inflated: the stream's own covers all that comes out, and stored
//! files are known by their digest besides.

use super::chunk::{CHUNK_HEAD, CHUNK_TAIL, SIGNATURE};
use super::deflate::END;
use super::inflate::{self, Scratch, Segment, inflate};
use super::keep::{KIND, ZLIB_HEAD};
use super::strips::STRIP_VERSION;
use super::unfilter::{self, unfilter};

/// Longest strip that is read so, in bytes: two are in memory at a time.
pub(super) const MAX_STRIP_BYTES: usize = 1 << 20;

/// A file whose chunks were found to be what they shall be.
pub(super) struct KeptFile<'a> {
    file: &'a [u8],
    pub width: u32,
    pub height: u32,
    pub opaque: bool,
    pub strip_rows: u32,
    /// The Adler-32 of each strip, where those are what composites copy.
    pub ready: Option<&'a [[u8; 4]]>,
    /// Where the chunk of the first strip starts.
    strips: usize,
}

impl<'a> KeptFile<'a> {
    /// Looks at what stands before the first strip.
    pub fn recognise(file: &'a [u8]) -> Option<Self> {
        let mut chunks = Chunks { file, at: SIGNATURE.len() };
        if !file.starts_with(&SIGNATURE) {
            return None;
        }
        let header = chunks.next(*b"IHDR")?;
        let (width, rest) = number(header)?;
        let (height, rest) = number(rest)?;
        let opaque = match rest {
            [8, 2, 0, 0, 0] => true,
            [8, 6, 0, 0, 0] => false,
            _ => return None,
        };
        let (strip_rows, rest) = number(chunks.next(KIND)?)?;
        if strip_rows == 0 || width == 0 || height == 0 {
            return None;
        }
        let ready = match number(rest) {
            None if rest.is_empty() => None,
            None => return None,
            Some((version, rest)) => {
                let (checksums, rest) = rest.as_chunks();
                if !rest.is_empty() || checksums.len() != height.div_ceil(strip_rows) as usize {
                    return None;
                }
                (version == STRIP_VERSION).then_some(checksums)
            }
        };
        (chunks.next(*b"IDAT")? == ZLIB_HEAD).then_some(KeptFile {
            file,
            width,
            height,
            opaque,
            strip_rows,
            ready,
            strips: chunks.at,
        })
    }

    /// Straight RGBA.
    pub fn decode(&self) -> Option<Vec<u8>> {
        if self.opaque { self.decode_as::<3>() } else { self.decode_as::<4>() }
    }

    fn decode_as<const N: usize>(&self) -> Option<Vec<u8>> {
        let (segments, checksum) = self.segments()?;
        let (width, row) = (self.width as usize, self.width as usize * 4);
        let mut rgba = vec![0; row * self.height as usize];
        let mut adler = simd_adler32::Adler32::new();
        let mut at = 0;
        self.inflate(segments.iter(), |segment, filtered| {
            adler.write(&filtered[..segment.bytes]);
            let (done, rest) = rgba.split_at_mut(at);
            let bytes = segment.bytes / (1 + width * N) * row;
            let above = at.checked_sub(row).map(|above| &done[above..]);
            at += bytes;
            unfilter::<N>(filtered, above, &mut rest[..bytes], width)
        })?;
        (adler.finish() == checksum).then_some(rgba)
    }

    /// Inflates strips, two at a time. `take` is given each, and what it stands for with the room behind it that undoing
    /// filters needs.
    pub fn inflate<'s>(
        &self,
        mut segments: impl Iterator<Item = &'s Segment>,
        mut take: impl FnMut(&Segment, &[u8]) -> Option<()>,
    ) -> Option<()> {
        let mut scratch = Scratch::new();
        while let Some(first) = segments.next() {
            let second = segments.next();
            inflate(self.file, &mut scratch, first, second)?;
            take(first, scratch.bytes(0))?;
            if let Some(second) = second {
                take(second, scratch.bytes(1))?;
            }
        }
        Some(())
    }

    /// A strip's whole chunk.
    pub fn chunk(&self, segment: &Segment) -> &'a [u8] {
        &self.file[segment.start - CHUNK_HEAD..segment.end + CHUNK_TAIL]
    }

    /// Where the strips are, all of them, and the checksum of what they stand for.
    pub fn segments(&self) -> Option<(Vec<Segment>, u32)> {
        let row_bytes = 1 + self.width as usize * if self.opaque { 3 } else { 4 };
        let mut chunks = Chunks { file: self.file, at: self.strips };
        let mut segments = Vec::new();
        let mut left = self.height;
        while left > 0 {
            let rows = self.strip_rows.min(left);
            let bytes = row_bytes.checked_mul(rows as usize).filter(|bytes| *bytes <= MAX_STRIP_BYTES)?;
            let start = chunks.at + CHUNK_HEAD;
            let end = start + chunks.next(*b"IDAT")?.len();
            segments.push(Segment { start, end, bytes });
            left -= rows;
        }
        let (checksum, rest) = number(chunks.next(*b"IDAT")?.strip_prefix(&END)?)?;
        let ends = rest.is_empty() && chunks.next(*b"IEND")?.is_empty() && chunks.at == self.file.len();
        ends.then_some((segments, checksum))
    }
}

const _: () = assert!(inflate::ROOM >= unfilter::ROOM);

/// Chunks one behind the other.
struct Chunks<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Chunks<'a> {
    /// The data of the next chunk, if it is of this kind.
    fn next(&mut self, kind: [u8; 4]) -> Option<&'a [u8]> {
        let (length, rest) = number(self.file.get(self.at..)?)?;
        let (data, rest) = rest.strip_prefix(&kind)?.split_at_checked(length as usize)?;
        number(rest)?;
        self.at += CHUNK_HEAD + data.len() + CHUNK_TAIL;
        Some(data)
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}
