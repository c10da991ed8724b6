//! PNG files that are kept: written once, read for years, so small, and quick to read. A file is one strip of rows or
//! more, each a deflate segment in an `IDAT` chunk of its own that leans on nothing outside, so that two can be read at a
//! time (`inflate.rs`). A chunk of our own says how many rows a strip has. To everybody else it is a PNG like any other.
//!
//! There are two kinds of strips. Those of a photograph are what a composite of the bare picture has (`strips.rs`):
//! whoever draws on it at its own size copies every strip that nothing lies on, and reads the others alone
//! (`ready.rs`). A drawing is much smaller with matches (`matches.rs`); its strips are few, their words short enough to
//! be looked up at once, and eight rows in a row have one filter (`unfilter.rs`).

use super::adler::Checksum;
use super::chunk::{SIGNATURE, append_chunk, append_header};
use super::deflate::stored;
use super::filter::{self, Filter, Samples};
use super::matches::{LOOKS_IN_DRAWINGS, LOOKS_IN_NOISE, squeeze};
use super::read::MAX_STRIP_BYTES;
use super::strips::{Frame, STRIP_VERSION, Scratch, Strip};
use super::unfilter::BAND;
use crate::pixmap::Pixmap;

/// `CMF` and `FLG` of zlib (RFC 1950): deflate with a 32 KiB window, slowest level.
pub(super) const ZLIB_HEAD: [u8; 2] = [0x78, 0xda];
/// Our own chunk: rows of a strip; where strips are ready for composites, also the version of those ([`STRIP_VERSION`])
/// and the Adler-32 of what each strip stands for. All are big-endian numbers of 32 bits. Its case says (specification,
/// clause 5.4): not critical, private, and not to be copied by who changes the picture.
pub(super) const KIND: [u8; 4] = *b"stRP";
/// Bytes of a strip, about: a code of its own costs a hundred and the time to make tables of it, and fits the better
/// the less it is for.
const STRIP_BYTES: usize = 256 << 10;
/// A picture of fewer bytes is one strip: halves would lack what they have in common.
const MIN_PAIR_BYTES: usize = 64 << 10;
/// What a filtered byte of a photograph is at least, on average. Only where there is less is it worth trying without filters.
const NOISE: u64 = 2;
/// Of equals the first, which is the cheapest to undo.
const CHOICES: [Filter; 4] = [Filter::Up, Filter::Sub, Filter::Average, Filter::Paeth];
/// A picture is kept ready for composites if that makes its file larger by no more than this part of it.
const READY_IS_WORTH: usize = 16;

/// The whole file. The two kinds are never in memory together: of ready strips the length is counted first.
pub(super) fn write(pixmap: &Pixmap, opaque: bool) -> Vec<u8> {
    let Some(ready) = ready_length(pixmap, opaque) else {
        return write_squeezed(pixmap, opaque, usize::MAX).unwrap_or_default();
    };
    write_squeezed(pixmap, opaque, ready).unwrap_or_else(|| write_ready(pixmap, opaque, ready))
}

/// The strips of the bare picture's composite, one after the other.
fn ready_strips(pixmap: &Pixmap, opaque: bool) -> impl Iterator<Item = Strip> {
    let frame = Frame::new(pixmap.width(), pixmap.height(), opaque);
    let mut scratch = Scratch::default();
    (0..frame.strips()).map(move |strip| frame.encode(pixmap.rows(), strip, false, &mut scratch))
}

/// Bytes of a file of strips that composites copy. `None`: they are too long to be read two at a time.
pub(super) fn ready_length(pixmap: &Pixmap, opaque: bool) -> Option<usize> {
    let frame = Frame::new(pixmap.width(), pixmap.height(), opaque);
    if frame.rows(0).len() * frame.line() > MAX_STRIP_BYTES {
        return None;
    }
    let kind = 4 * (2 + frame.strips() as usize);
    let around = head(pixmap, opaque, &vec![0; kind]).len() + Frame::tail(Checksum::EMPTY).len();
    Some(around + ready_strips(pixmap, opaque).map(|strip| strip.chunk.len()).sum::<usize>())
}

/// A file of strips that composites copy, which has so many bytes.
pub(super) fn write_ready(pixmap: &Pixmap, opaque: bool, length: usize) -> Vec<u8> {
    let frame = Frame::new(pixmap.width(), pixmap.height(), opaque);
    let mut kind = [frame.rows(0).end.to_be_bytes(), STRIP_VERSION.to_be_bytes()].concat();
    let strips_from = head(pixmap, opaque, &vec![0; kind.len() + 4 * frame.strips() as usize]).len();
    let mut file = Vec::with_capacity(length);
    file.resize(strips_from, 0);
    let mut checksum = Checksum::EMPTY;
    for strip in ready_strips(pixmap, opaque) {
        file.extend_from_slice(&strip.chunk);
        kind.extend_from_slice(&strip.checksum.adler.to_be_bytes());
        checksum = checksum.followed_by(strip.checksum);
    }
    file[..strips_from].copy_from_slice(&head(pixmap, opaque, &kind));
    file.extend_from_slice(&Frame::tail(checksum));
    file
}

/// A file that is as small as it gets. `None`: it gets no smaller, to speak of, than one of `ready` bytes.
pub(super) fn write_squeezed(pixmap: &Pixmap, opaque: bool, ready: usize) -> Option<Vec<u8>> {
    let (width, height) = pixmap.size();
    let frame = Frame::new(width, height, opaque);
    let rows = strip_rows(frame.line(), height as usize) as u32;
    let mut file = head(pixmap, opaque, &rows.to_be_bytes());
    file.reserve_exact(ready.min(most_bytes(&frame, height.div_ceil(rows) as usize, height as usize)));
    let (mut checksum, mut samples) = (Checksum::EMPTY, Vec::new());
    for first in (0..height).step_by(rows as usize) {
        let rows = first..(first + rows).min(height);
        let pixels = pixmap.rows().range(rows.clone());
        let (filtered, segment) =
            smallest(frame.samples(&mut samples, pixels, 0..rows.len(), 0..width as usize));
        checksum = checksum.followed_by(Checksum::of(&filtered));
        append_chunk(&mut file, *b"IDAT", &segment);
        if file.len() + file.len() / READY_IS_WORTH >= ready {
            return None;
        }
    }
    file.extend_from_slice(&Frame::tail(checksum));
    file.shrink_to_fit();
    Some(file)
}

/// Most bytes that a file of so many strips and rows can have: what has no shorter form is stored.
fn most_bytes(frame: &Frame, strips: usize, rows: usize) -> usize {
    const AROUND_A_STRIP: usize = 64;
    const AROUND_ALL: usize = 256;
    stored(rows * frame.line()) + strips * AROUND_A_STRIP + AROUND_ALL
}

/// What stands before the strips.
fn head(pixmap: &Pixmap, opaque: bool, kind: &[u8]) -> Vec<u8> {
    let mut file = SIGNATURE.to_vec();
    append_header(&mut file, pixmap.width(), pixmap.height(), opaque);
    append_chunk(&mut file, KIND, kind);
    append_chunk(&mut file, *b"IDAT", &ZLIB_HEAD);
    file
}

/// Rows of a strip, so that the number of strips is even, and all have a first row and whole bands where that can be.
fn strip_rows(row_bytes: usize, rows: usize) -> usize {
    let bytes = row_bytes * rows;
    if bytes < MIN_PAIR_BYTES {
        return rows;
    }
    let strips = bytes.div_ceil(STRIP_BYTES).next_multiple_of(2);
    let rows = rows.div_ceil(strips);
    if rows > BAND { (rows - 1).next_multiple_of(BAND) + 1 } else { rows }
}

/// A strip's filtered rows and the segment for them: by filters that suit each band, or without any, which serves
/// drawings better.
fn smallest(strip: Samples<'_>) -> (Vec<u8>, Vec<u8>) {
    let filtered = filtered_by_bands(strip);
    if filter::cost(&filtered) > filtered.len() as u64 * NOISE {
        let segment = squeeze(&filtered, LOOKS_IN_NOISE);
        return (filtered, segment);
    }
    let segment = squeeze(&filtered, LOOKS_IN_DRAWINGS);
    let mut plain = Vec::with_capacity(filtered.len());
    strip.append(Filter::None, 0..strip.rows(), &mut plain);
    let shorter = squeeze(&plain, LOOKS_IN_DRAWINGS);
    if shorter.len() < segment.len() { (plain, shorter) } else { (filtered, segment) }
}

/// Filtered rows, behind the numbers of their filters: of every band by the one that leaves the least. The first row is a
/// band of its own.
fn filtered_by_bands(strip: Samples<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(strip.data.len() + strip.rows());
    strip.append(Filter::Sub, 0..1, &mut out);
    let (mut band, mut best) = (Vec::new(), Vec::new());
    for first in (1..strip.rows()).step_by(BAND) {
        best.clear();
        for filter in CHOICES {
            band.clear();
            strip.append(filter, first..(first + BAND).min(strip.rows()), &mut band);
            if best.is_empty() || filter::cost(&band) < filter::cost(&best) {
                std::mem::swap(&mut band, &mut best);
            }
        }
        out.extend_from_slice(&best);
    }
    out
}
