//! PNG files that are kept: written once, read for years, so small, and quick to read. A file is one strip
//! of rows, or about an even number of them, each a deflate segment in an `IDAT` chunk of its own that leans on nothing outside, so that two can
//! be read at a time (`inflate.rs`); words are short enough to be looked up at once; and eight rows in a row have one filter
//! (`unfilter.rs`). A chunk of our own says how many rows a strip has. To everybody else it is a PNG like any other.

use super::chunk::{SIGNATURE, append_chunk, append_header};
use super::deflate::END;
use super::filter::{self, Filter, Samples};
use super::matches::{LOOKS_IN_DRAWINGS, LOOKS_IN_NOISE, squeeze};
use super::unfilter::BAND;

/// `CMF` and `FLG` of zlib (RFC 1950): deflate with a 32 KiB window, slowest level.
pub(super) const ZLIB_HEAD: [u8; 2] = [0x78, 0xda];
/// Our own chunk: rows of a strip. Its case says (specification, clause 5.4): not critical, private, and not to be copied
/// by who changes the picture.
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

/// A picture as its file has it: samples row by row, 3 or 4 of each pixel.
pub(super) struct Picture<'a> {
    pub width: u32,
    pub height: u32,
    pub samples: &'a [u8],
    pub opaque: bool,
}

/// The whole file.
pub(super) fn write(picture: &Picture<'_>) -> Vec<u8> {
    let Picture { width, height, samples, opaque } = *picture;
    let pixel_bytes = if opaque { 3 } else { 4 };
    let row_bytes = width as usize * pixel_bytes;
    let strip_rows = strip_rows(1 + row_bytes, height as usize);
    let mut file = SIGNATURE.to_vec();
    append_header(&mut file, width, height, opaque);
    append_chunk(&mut file, KIND, &(strip_rows as u32).to_be_bytes());
    append_chunk(&mut file, *b"IDAT", &ZLIB_HEAD);
    let mut adler = simd_adler32::Adler32::new();
    for strip in samples.chunks(row_bytes * strip_rows) {
        let (filtered, segment) = smallest(Samples { data: strip, row_bytes, pixel_bytes });
        adler.write(&filtered);
        append_chunk(&mut file, *b"IDAT", &segment);
    }
    append_chunk(&mut file, *b"IDAT", &[END.as_slice(), &adler.finish().to_be_bytes()].concat());
    append_chunk(&mut file, *b"IEND", &[]);
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
