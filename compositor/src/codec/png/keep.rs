//! PNG files that are kept: written once, read for years, so small, and quick to read. A file is an even number of
//! strips of rows, each a deflate segment in an `IDAT` chunk of its own that leans on nothing outside, so that two can
//! be read at a time (`inflate.rs`); words are short enough to be looked up at once; and eight rows in a row have one filter
//! (`unfilter.rs`). A chunk of our own says how many rows a strip has. To everybody else it is a PNG like any other.

use super::matches::squeeze;
use super::unfilter::BAND;

/// `CMF` and `FLG` of zlib (RFC 1950): deflate with a 32 KiB window, slowest level.
pub(super) const ZLIB_HEAD: [u8; 2] = [0x78, 0xda];
pub(super) const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
/// Our own chunk: rows of a strip. Its case says (specification, clause 5.4): not critical, private, and not to be copied
/// by who changes the picture.
pub(super) const KIND: [u8; 4] = *b"stRP";
/// The last segment of a stream: an empty final block.
pub(super) const END: [u8; 5] = [1, 0, 0, 0xff, 0xff];
/// Bytes of a strip, about: a code of its own costs a hundred and the time to make tables of it, and fits the better
/// the less it is for.
const STRIP_BYTES: usize = 256 << 10;
/// A picture of fewer bytes is one strip: halves would lack what they have in common.
const MIN_PAIR_BYTES: usize = 64 << 10;

/// A picture as its file has it: samples row by row, 3 or 4 of each pixel.
pub(super) struct Picture<'a> {
    pub width: u32,
    pub height: u32,
    pub samples: &'a [u8],
    pub opaque: bool,
}

/// The whole file.
pub(super) fn write(picture: &Picture<'_>) -> Vec<u8> {
    if picture.opaque { write_as::<3>(picture) } else { write_as::<4>(picture) }
}

fn write_as<const N: usize>(picture: &Picture<'_>) -> Vec<u8> {
    let Picture { width, height, samples, opaque } = *picture;
    let row_bytes = width as usize * N;
    let strip_rows = strip_rows(1 + row_bytes, height as usize);
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend_from_slice(&[8, if opaque { 2 } else { 6 }, 0, 0, 0]);
    let mut file = SIGNATURE.to_vec();
    append_chunk(&mut file, *b"IHDR", &header);
    append_chunk(&mut file, KIND, &(strip_rows as u32).to_be_bytes());
    append_chunk(&mut file, *b"IDAT", &ZLIB_HEAD);
    let mut adler = simd_adler32::Adler32::new();
    for strip in samples.chunks(row_bytes * strip_rows) {
        let (filtered, segment) = smallest::<N>(strip, row_bytes);
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
fn smallest<const N: usize>(strip: &[u8], row_bytes: usize) -> (Vec<u8>, Vec<u8>) {
    let filtered = filtered::<N>(strip, row_bytes, None);
    let segment = squeeze(&filtered);
    let zeros = filtered.iter().filter(|byte| **byte == 0).count();
    if zeros < filtered.len() / 4 {
        return (filtered, segment);
    }
    let plain = self::filtered::<N>(strip, row_bytes, Some(Filter::None));
    let shorter = squeeze(&plain);
    if shorter.len() < segment.len() { (plain, shorter) } else { (filtered, segment) }
}

/// What predicts a byte from its neighbours (specification, clause 9.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filter {
    None = 0,
    Sub = 1,
    Up = 2,
    Average = 3,
    Paeth = 4,
}

/// Of equals the first, which is the cheapest to undo.
const CHOICES: [Filter; 4] = [Filter::Up, Filter::Sub, Filter::Average, Filter::Paeth];

/// Filtered rows behind the numbers of their filters. The first row leans on nothing above it.
fn filtered<const N: usize>(strip: &[u8], row_bytes: usize, only: Option<Filter>) -> Vec<u8> {
    let (first, rest) = strip.split_at(row_bytes);
    let mut out = Vec::with_capacity(strip.len() + strip.len() / row_bytes);
    append::<N>(&mut out, only.unwrap_or(Filter::Sub), first, &vec![0; row_bytes]);
    let rows = || strip.chunks_exact(row_bytes).zip(rest.chunks_exact(row_bytes));
    let (mut band, mut best) = (Vec::new(), Vec::new());
    for at in (0..rest.len() / row_bytes).step_by(BAND) {
        best.clear();
        for filter in only.map_or(CHOICES.as_slice(), |_| &[Filter::None]) {
            band.clear();
            rows().skip(at).take(BAND).for_each(|(above, row)| append::<N>(&mut band, *filter, row, above));
            if best.is_empty() || cost(&band) < cost(&best) {
                std::mem::swap(&mut band, &mut best);
            }
        }
        out.extend_from_slice(&best);
    }
    out
}

/// What filtered bytes cost, about: those near 0 will have the shortest words.
fn cost(filtered: &[u8]) -> u64 {
    filtered.iter().map(|byte| u64::from((*byte as i8).unsigned_abs())).sum()
}

fn append<const N: usize>(out: &mut Vec<u8>, filter: Filter, row: &[u8], above: &[u8]) {
    out.push(filter as u8);
    // The first pixel has nothing to its left.
    let (left, corner) = ([&[0; N], row].concat(), [&[0; N], above].concat());
    let neighbours = row.iter().zip(&left).zip(above.iter().zip(&corner));
    match filter {
        Filter::None => out.extend_from_slice(row),
        Filter::Sub => out.extend(neighbours.map(|((x, a), _)| x.wrapping_sub(*a))),
        Filter::Up => out.extend(neighbours.map(|((x, _), (b, _))| x.wrapping_sub(*b))),
        Filter::Average => out.extend(
            neighbours.map(|((x, a), (b, _))| x.wrapping_sub(u16::from(*a).midpoint(u16::from(*b)) as u8)),
        ),
        Filter::Paeth => out.extend(neighbours.map(|((x, a), (b, c))| x.wrapping_sub(paeth(*a, *b, *c)))),
    }
}

/// Without branches, so that it vectorises.
#[inline]
fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let (left, above, corner) = (i16::from(a), i16::from(b), i16::from(c));
    let (pa, pb) = (above - corner, left - corner);
    let pc = (pa + pb).abs();
    let (pa, pb) = (pa.abs(), pb.abs());
    let near = if pb <= pc { b } else { c };
    if pa <= pb && pa <= pc { a } else { near }
}

fn append_chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    file.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend_from_slice(&kind);
    file.extend_from_slice(data);
    let crc = crc32fast::hash(&file[start..]);
    file.extend_from_slice(&crc.to_be_bytes());
}
