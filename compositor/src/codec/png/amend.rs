//! Writing anew what something on the ground has changed of a strip, and copying all other bits.

use std::ops::Range;

use super::adler::Checksum;
use super::chunk::{CHUNK_HEAD, finished, start_chunk};
use super::deflate::{self, Code, Mark};
use super::filter::Filter;
use super::strips::{Frame, Scratch, Strip};
use super::style::{Sample, Style, is_sampled};
use crate::pixmap::Rows;

/// Where a strip can be taken up in the middle, and how it goes on there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seams {
    style: Style,
    /// Each with the checksum of what stands before it.
    marks: Box<[(Mark, Checksum)]>,
}

impl Seams {
    /// Those of a strip of such filtered bytes.
    pub(super) fn new(style: Style, marks: &[Mark], filtered: &[u8]) -> Self {
        Seams { style, marks: with_checksums(marks, filtered) }
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.marks)
    }
}

/// A part of a row that is written anew.
struct Piece {
    row: usize,
    /// Where it begins and ends, by the numbers of marks.
    marks: Range<usize>,
    /// Its filtered bytes, among those of all pieces.
    filtered: Range<usize>,
    /// Those of them that something on the ground has changed.
    changed: Range<usize>,
}

impl Frame {
    /// Encodes a strip in the style of its ground from the ground's strip: what did not change is copied. `None`: the style
    /// does not suit it.
    pub(super) fn amend(
        &self,
        ground: &[u8],
        Seams { style, marks }: &Seams,
        canvas: Rows<'_>,
        changed: &[Range<u32>],
        strip: u32,
        scratch: &mut Scratch,
    ) -> Option<Strip> {
        let pieces = self.pieces(marks, changed);
        self.filter_pieces(style.filter, &pieces, marks, canvas, strip, scratch);
        let Scratch { filtered, chunk, .. } = scratch;
        let mut sample = Sample::new();
        for piece in pieces.iter().filter(|piece| is_sampled(piece.row)) {
            sample.add(&filtered[piece.changed.clone()]);
        }
        if !style.suits(&sample) {
            return None;
        }
        let (code, segment) = (Code::with_lengths(&style.lengths), &ground[CHUNK_HEAD..]);
        start_chunk(chunk);
        let mut bits = deflate::amended(chunk, CHUNK_HEAD, segment.len(), filtered.len());
        let (mut checksum, mut bit, mut before) = (Checksum::EMPTY, 0, Checksum::EMPTY);
        for Piece { row, marks: ends, filtered: bytes, .. } in pieces {
            let ((from, upto), (to, behind)) = (marks[ends.start], marks[ends.end]);
            bits.copy(segment, bit..from.bit);
            let renewed = &filtered[bytes];
            code.send_piece(&mut bits, renewed, from.byte as usize == row * self.line());
            checksum = checksum.followed_by(upto.without(before)).followed_by(Checksum::of(renewed));
            (bit, before) = (to.bit, behind);
        }
        let (end, of_all) = *marks.last()?;
        bits.copy(segment, bit..end.bit);
        checksum = checksum.followed_by(of_all.without(before));
        let end = code.end(bits);
        Some(Strip { chunk: finished(chunk, end), checksum, seams: None })
    }

    /// What is written anew: from the last mark before what changed to the first one behind it, with eight bytes between
    /// that are what they were, so that tokens end there as before.
    fn pieces(&self, marks: &[(Mark, Checksum)], changed: &[Range<u32>]) -> Vec<Piece> {
        let mut filtered = 0;
        let piece = |(row, bytes): (usize, Range<usize>)| {
            let (line, next) = (row * self.line(), (row + 1) * self.line());
            let upto = |byte: usize| marks.partition_point(|(mark, _)| mark.byte as usize <= byte);
            let first = upto((line + 1 + bytes.start).saturating_sub(8).max(line)) - 1;
            let last = upto((line + 8 + bytes.end).min(next - 1));
            let (from, to) = (marks[first].0.byte as usize, marks[last].0.byte as usize);
            let start = filtered;
            filtered += to - from;
            let changed = start + line + 1 + bytes.start - from..start + line + 1 + bytes.end - from;
            Piece { row, marks: first..last, filtered: start..filtered, changed }
        };
        self.changed_bytes(changed).map(piece).collect()
    }

    /// The filtered bytes of all pieces, one behind the other.
    fn filter_pieces(
        &self,
        filter: Filter,
        pieces: &[Piece],
        marks: &[(Mark, Checksum)],
        canvas: Rows<'_>,
        strip: u32,
        scratch: &mut Scratch,
    ) {
        let Scratch { samples, filtered, .. } = scratch;
        filtered.clear();
        // Whether the number of the filter belongs to a piece, and the bytes of the row that do.
        let in_row = |piece: &Piece| {
            let line = piece.row * self.line();
            let [from, to] = [piece.marks.start, piece.marks.end].map(|mark| marks[mark].0.byte as usize);
            (from == line, from.saturating_sub(line + 1)..to - line - 1)
        };
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return };
        let start = pieces.iter().map(|piece| in_row(piece).1.start).min().unwrap_or(0);
        let end = pieces.iter().map(|piece| in_row(piece).1.end).max().unwrap_or(0);
        let columns = (start / self.pixel_bytes()).saturating_sub(1)..end.div_ceil(self.pixel_bytes());
        let rows = first.row.saturating_sub(1)..last.row + 1;
        let samples = self.samples(samples, canvas.range(self.rows(strip)), rows, columns);
        for piece in pieces {
            let (starts_line, bytes) = in_row(piece);
            if starts_line {
                filtered.push(filter.of_row(piece.row) as u8);
            }
            samples.append_part(filter, piece.row, bytes, filtered);
        }
    }
}

/// Marks, each with the checksum of what stands before it.
fn with_checksums(marks: &[Mark], data: &[u8]) -> Box<[(Mark, Checksum)]> {
    let (mut checksum, mut done) = (Checksum::EMPTY, 0);
    let upto = |mark: &Mark| {
        let byte = mark.byte as usize;
        checksum = checksum.followed_by(Checksum::of(&data[done..byte]));
        done = byte;
        (*mark, checksum)
    };
    marks.iter().map(upto).collect()
}

#[cfg(test)]
mod tests {
    use super::super::strips::{Below, tests::picture};
    use super::*;
    use crate::pixmap::Pixmap;

    /// A ground with something on it in some columns of some rows.
    fn covered(ground: &Pixmap, changed: &[Range<u32>], sample: impl Fn(u32, u32) -> u8) -> Pixmap {
        let mut canvas = ground.clone();
        for (y, columns) in (0..).zip(changed) {
            for x in columns.clone() {
                let value = sample(x, y);
                canvas.row_mut(y)[x as usize * 4..][..4].copy_from_slice(&[value, value, value, 255]);
            }
        }
        canvas
    }

    #[test]
    fn amended_strips_are_those_that_are_encoded_whole() {
        let noise =
            |x: u32, y: u32| (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b)).rotate_left(9) as u8;
        let mut amended = 0;
        for (width, height) in [(700, 50), (257, 129), (64, 130), (3, 2), (9000, 3)] {
            for (opaque, flat) in [(true, false), (false, false), (false, true)] {
                let alpha = |x: u32, y: u32| {
                    if opaque {
                        255
                    } else if flat {
                        0
                    } else {
                        (x + y) as u8
                    }
                };
                let ground = picture(width, height, alpha);
                let frame = Frame::new(width, height, opaque);
                for case in 0..12_u32 {
                    let columns = |y: u32| {
                        let start = (case * 97 + y * case) % width;
                        let end = (start + 1 + case * 31 % width).min(width);
                        if (y + case).is_multiple_of(7) { 0..0 } else { start..end }
                    };
                    let changed: Vec<Range<u32>> = (0..height).map(columns).collect();
                    let sample = |x: u32, y: u32| match case % 4 {
                        0 => noise(x, y),
                        1 => 0,
                        _ => (x + y / 2) as u8 & 0xfe,
                    };
                    let canvas = covered(&ground, &changed, sample);
                    for strip in 0..frame.strips() {
                        let rows = frame.rows(strip);
                        let changed = &changed[rows.start as usize..rows.end as usize];
                        let scratch = &mut Scratch::default();
                        let bare = frame.encode(ground.rows(), strip, true, scratch);
                        let over = |below, scratch: &mut Scratch| {
                            frame.encode_over(below, canvas.rows(), changed, strip, scratch)
                        };
                        let whole = over(Below::Rows(ground.rows()), scratch);
                        let below = Below::Strip { chunk: &bare.chunk, seams: bare.seams.as_deref() };
                        let warm = over(below, scratch);
                        assert_eq!(
                            warm.chunk, whole.chunk,
                            "{width}×{height} {opaque} {flat} {case} {strip}"
                        );
                        assert_eq!(warm.checksum, whole.checksum);
                        let alone = frame.encode(canvas.rows(), strip, false, scratch);
                        amended += usize::from(alone.chunk != whole.chunk);
                    }
                }
            }
        }
        assert!(amended > 100, "{amended} strips were in the style of their ground");
    }
}
