//! Writing PNG strip by strip. A strip is some rows in an `IDAT` chunk of their own: a deflate segment that starts and
//! ends on a byte, its first row filtered without the row above. So a strip's bytes follow from its own pixels alone,
//! whoever makes it and when.
//!
//! A strip with something on it is written in the filter and the code of the bare ground below, unless these suit it
//! badly. Then everything beside what lies on it has the bits that it has in the strip of the ground, and whoever has
//! that strip writes the middle of its rows anew and copies the rest.

use std::ops::Range;

use super::deflate::{self, Code, Lines, Mark, SYMBOLS, Sample};
use super::filter::{Filter, Samples};
use super::keep::SIGNATURE;
use crate::pixmap::{Rows, is_opaque, unpremultiply};
use crate::scene::hull;
use crate::simd::widest;

/// Rows of a strip: what a layer touches is encoded anew strip by strip, so few; every strip costs about 100 bytes and
/// a row that the filter serves badly, so not too few.
const STRIP_ROWS: u32 = 16;
/// A strip has at least this many bytes of samples: narrow pictures have taller strips.
const MIN_STRIP_BYTES: u32 = 32 << 10;
/// `CMF` and `FLG` of zlib (RFC 1950): deflate with a 32 KiB window, fastest level.
const ZLIB_HEAD: [u8; 2] = [0x78, 0x01];
/// The modulus of Adler-32.
const ADLER: u32 = 65_521;
const MODULUS: u64 = ADLER as u64;
/// Length and type of a chunk.
const CHUNK_HEAD: usize = 8;
/// About what the head of a deflate segment takes, in bits.
const HEAD_BITS: u64 = 700;
/// Every row of this many is asked whether the code of the ground suits what lies on it.
const SAMPLED: usize = 4;

/// The shape of a PNG file: 8 bits a sample, RGB or RGBA, not interlaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    width: u32,
    height: u32,
    opaque: bool,
}

/// One encoded strip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Strip {
    /// A whole `IDAT` chunk.
    pub chunk: Box<[u8]>,
    pub checksum: Checksum,
    /// What writing a part of it anew needs.
    pub seams: Option<Box<Seams>>,
}

/// Where a strip can be taken up in the middle, and how it goes on there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seams {
    style: Style,
    /// Each with the checksum of what stands before it.
    marks: Box<[(Mark, Checksum)]>,
}

impl Seams {
    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.marks)
    }
}

/// How a strip is written: its filter, and its code by the lengths of its words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Style {
    filter: Filter,
    lengths: [u8; SYMBOLS],
    /// Bits that the ground takes.
    ground_bits: u64,
    /// Noise, which is stored as it is.
    is_stored: bool,
}

impl Style {
    /// Is a strip with this on it, of which a sample was taken, at most about a quarter larger than in a style of its own?
    fn suits(&self, sample: &Sample) -> bool {
        sample.excess(&self.lengths) * SAMPLED as u64 <= self.ground_bits / 4 + HEAD_BITS
    }
}

/// What lies below something.
#[derive(Clone, Copy)]
pub(crate) enum Below<'a> {
    /// The ground's strip, with its seams.
    Strip { chunk: &'a [u8], seams: Option<&'a Seams> },
    /// The ground's rows.
    Rows(Rows<'a>),
}

/// Memory that one strip after the other is worked on in.
#[derive(Default)]
pub(crate) struct Scratch {
    samples: Vec<u8>,
    filtered: Vec<u8>,
    chunk: Vec<u8>,
}

/// Adler-32 of some bytes, and how many they are: enough to join it with that of the bytes behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checksum {
    adler: u32,
    /// How many bytes, but for whole multiples of the modulus: no more of it counts.
    bytes: u32,
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
    pub fn new(width: u32, height: u32, opaque: bool) -> Self {
        Frame { width, height, opaque }
    }

    fn strip_rows(&self) -> u32 {
        STRIP_ROWS.max(MIN_STRIP_BYTES.div_ceil(self.row_bytes() as u32))
    }

    fn pixel_bytes(&self) -> usize {
        if self.opaque { 3 } else { 4 }
    }

    fn row_bytes(&self) -> usize {
        self.width as usize * self.pixel_bytes()
    }

    /// How many strips there are.
    pub fn strips(&self) -> u32 {
        self.height.div_ceil(self.strip_rows())
    }

    /// The rows of a strip.
    pub fn rows(&self, strip: u32) -> Range<u32> {
        let first = strip * self.strip_rows();
        first..(first + self.strip_rows()).min(self.height)
    }

    /// What stands before the first strip.
    pub fn head(&self) -> Vec<u8> {
        let mut header = Vec::with_capacity(13);
        header.extend_from_slice(&self.width.to_be_bytes());
        header.extend_from_slice(&self.height.to_be_bytes());
        let colour_type = if self.opaque { 2 } else { 6 };
        header.extend_from_slice(&[8, colour_type, 0, 0, 0]);
        let mut head = SIGNATURE.to_vec();
        append_chunk(&mut head, *b"IHDR", &header);
        append_chunk(&mut head, *b"IDAT", &ZLIB_HEAD);
        head
    }

    /// What stands behind the last strip; `checksum` is that of all strips.
    pub fn tail(checksum: Checksum) -> Vec<u8> {
        let mut end = deflate::END.to_vec();
        end.extend_from_slice(&checksum.adler.to_be_bytes());
        let mut tail = Vec::with_capacity(33);
        append_chunk(&mut tail, *b"IDAT", &end);
        append_chunk(&mut tail, *b"IEND", &[]);
        tail
    }

    /// Encodes a strip in the style that suits it; `canvas` has its rows. `with_seams`: so that it can be amended, unless
    /// it is noise.
    pub fn encode(&self, canvas: Rows<'_>, strip: u32, with_seams: bool, scratch: &mut Scratch) -> Strip {
        let style = self.style(canvas, strip, scratch);
        self.write(style, with_seams, scratch)
    }

    /// Encodes a strip of a canvas that has something on its ground. `changed` are the columns, for each row of the strip,
    /// in which it may not be the ground.
    pub fn encode_over(
        &self,
        below: Below<'_>,
        canvas: Rows<'_>,
        changed: &[Range<u32>],
        strip: u32,
        scratch: &mut Scratch,
    ) -> Strip {
        let encoded = match below {
            Below::Strip { chunk, seams: Some(seams) } => {
                self.amend(chunk, seams, canvas, changed, strip, scratch)
            }
            Below::Strip { seams: None, .. } => None,
            Below::Rows(ground) => {
                let style = self.style(ground, strip, scratch);
                self.encode_in(style, canvas, changed, strip, scratch)
            }
        };
        encoded.unwrap_or_else(|| self.encode(canvas, strip, false, scratch))
    }

    /// Encodes a whole strip in the style of its ground; `None`: that does not suit it.
    fn encode_in(
        &self,
        style: Style,
        canvas: Rows<'_>,
        changed: &[Range<u32>],
        strip: u32,
        scratch: &mut Scratch,
    ) -> Option<Strip> {
        if style.is_stored {
            return None;
        }
        self.filter(style.filter, canvas, strip, scratch);
        let mut sample = Sample::new();
        for (row, bytes) in self.changed_bytes(changed).filter(|(row, _)| is_sampled(*row)) {
            sample.add(&scratch.filtered[row * self.line() + 1..][bytes]);
        }
        style.suits(&sample).then(|| self.write(style, false, scratch))
    }

    /// The same from the ground's strip: what did not change is copied.
    fn amend(
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

    /// Bytes of a row and of the number of its filter.
    fn line(&self) -> usize {
        1 + self.row_bytes()
    }

    /// The bytes of rows that come out of their filters otherwise than those of the ground, by eights: those of pixels that
    /// changed, of their neighbours to the right, and of what lies below.
    fn changed_bytes(&self, changed: &[Range<u32>]) -> impl Iterator<Item = (usize, Range<usize>)> {
        let above = std::iter::once(&(0..0)).chain(changed);
        let pixel_bytes = self.pixel_bytes();
        changed.iter().zip(above).enumerate().filter_map(move |(row, (own, above))| {
            let columns = hull(own, above);
            let (start, end) =
                (columns.start as usize * pixel_bytes, (columns.end as usize + 1) * pixel_bytes);
            let bytes = start / 8 * 8..end.next_multiple_of(8).min(self.row_bytes());
            (!columns.is_empty()).then_some((row, bytes))
        })
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

    /// The style that suits a strip. Leaves its filtered bytes in the scratch.
    fn style(&self, canvas: Rows<'_>, strip: u32, scratch: &mut Scratch) -> Style {
        let filter = self.all_samples(&mut scratch.samples, canvas, strip).choose();
        self.filter(filter, canvas, strip, scratch);
        let lines = Lines { data: &scratch.filtered, length: self.line() };
        let counts = deflate::count(lines);
        let code = Code::of(&counts);
        let ground_bits = code.bits_of(&counts) + HEAD_BITS;
        let is_stored = ground_bits / 8 > deflate::stored(lines.data.len()) as u64;
        Style { filter, lengths: *code.lengths(), ground_bits, is_stored }
    }

    /// Filters a whole strip.
    fn filter(&self, filter: Filter, canvas: Rows<'_>, strip: u32, scratch: &mut Scratch) {
        let Scratch { samples, filtered, .. } = scratch;
        filtered.clear();
        self.all_samples(samples, canvas, strip).append(filter, 0..self.rows(strip).len(), filtered);
    }

    /// Writes what is filtered.
    fn write(&self, style: Style, with_seams: bool, scratch: &mut Scratch) -> Strip {
        let Scratch { filtered, chunk, .. } = scratch;
        start_chunk(chunk);
        let (code, lines) =
            (Code::with_lengths(&style.lengths), Lines { data: filtered, length: self.line() });
        let mut marks = Vec::new();
        let end = match (style.is_stored, with_seams) {
            (true, _) => deflate::store(chunk, CHUNK_HEAD, filtered),
            (false, false) => deflate::write_segment(chunk, CHUNK_HEAD, lines, &code, |_| ()),
            (false, true) => deflate::write_segment(chunk, CHUNK_HEAD, lines, &code, |mark| marks.push(mark)),
        };
        let seams =
            (!marks.is_empty()).then(|| Box::new(Seams { style, marks: with_checksums(&marks, filtered) }));
        Strip { chunk: finished(chunk, end), checksum: Checksum::of(filtered), seams }
    }

    /// The samples of a whole strip.
    fn all_samples<'a>(&self, samples: &'a mut Vec<u8>, canvas: Rows<'a>, strip: u32) -> Samples<'a> {
        let rows = self.rows(strip);
        self.samples(samples, canvas.range(rows.clone()), 0..rows.len(), 0..self.width as usize)
    }

    /// The samples that a file has for pixels, where they are in these rows and columns; anything elsewhere.
    fn samples<'a>(
        &self,
        samples: &'a mut Vec<u8>,
        pixels: &'a [u8],
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Samples<'a> {
        let (width, pixel_bytes) = (self.width as usize, self.pixel_bytes());
        let part = |row: usize| &pixels[(row * width + columns.start) * 4..][..columns.len() * 4];
        let as_they_are = !self.opaque && rows.clone().all(|row| is_opaque(part(row)));
        if !as_they_are {
            samples.resize(pixels.len() / 4 * pixel_bytes, 0);
            for row in rows {
                let to = &mut samples[(row * width + columns.start) * pixel_bytes..]
                    [..columns.len() * pixel_bytes];
                if self.opaque {
                    set_rgb(to, part(row));
                } else {
                    to.copy_from_slice(part(row));
                    unpremultiply(to);
                }
            }
        }
        let data = if as_they_are { pixels } else { samples };
        Samples { data, row_bytes: self.row_bytes(), pixel_bytes }
    }
}

impl Checksum {
    /// Of no bytes.
    pub const EMPTY: Checksum = Checksum { adler: 1, bytes: 0 };

    fn of(bytes: &[u8]) -> Self {
        let mut adler = simd_adler32::Adler32::new();
        adler.write(bytes);
        Checksum { adler: adler.finish(), bytes: (bytes.len() % ADLER as usize) as u32 }
    }

    /// Of these bytes and those behind them: `a` adds up, and every `a` of the second part was started from the end of
    /// the first (RFC 1950, section 8.2).
    pub fn followed_by(self, next: Checksum) -> Checksum {
        let ((a1, b1), (a2, b2)) = (self.halves(), next.halves());
        let before = a1 + MODULUS - 1;
        let bytes = u64::from(self.bytes + next.bytes);
        Checksum::joined(before + a2, b1 + b2 + u64::from(next.bytes) * (before % MODULUS), bytes)
    }

    /// Of what stands behind `start` in bytes that begin with it.
    fn without(self, start: Checksum) -> Checksum {
        let ((a1, b1), (a, b)) = (start.halves(), self.halves());
        let bytes = u64::from(self.bytes + ADLER - start.bytes) % MODULUS;
        let grown = bytes * ((a1 + MODULUS - 1) % MODULUS) % MODULUS;
        Checksum::joined(a + MODULUS + 1 - a1, b + 2 * MODULUS - b1 - grown, bytes)
    }

    fn halves(self) -> (u64, u64) {
        (u64::from(self.adler & 0xffff), u64::from(self.adler >> 16))
    }

    fn joined(a: u64, b: u64, bytes: u64) -> Checksum {
        let adler = ((b % MODULUS) << 16) | (a % MODULUS);
        Checksum { adler: adler as u32, bytes: (bytes % MODULUS) as u32 }
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

fn is_sampled(row: usize) -> bool {
    row % SAMPLED == 1
}

/// Colours without alpha, four pixels in three words.
fn set_rgb(to: &mut [u8], pixels: &[u8]) {
    widest(
        #[inline(always)]
        || {
            let (twelves, rest) = to.as_chunks_mut::<12>();
            let (sixteens, left) = pixels.as_chunks::<16>();
            for (to, from) in twelves.iter_mut().zip(sixteens) {
                let mut words = [0; 4];
                for (word, pixel) in words.iter_mut().zip(from.as_chunks::<4>().0) {
                    *word = u32::from_le_bytes(*pixel) & 0xff_ffff;
                }
                let [a, b, c, d] = words;
                for (to, word) in to.as_chunks_mut::<4>().0.iter_mut().zip([
                    a | b << 24,
                    b >> 8 | c << 16,
                    c >> 16 | d << 8,
                ]) {
                    *to = word.to_le_bytes();
                }
            }
            for (to, from) in rest.chunks_exact_mut(3).zip(left.chunks_exact(4)) {
                to.copy_from_slice(&from[..3]);
            }
        },
    );
}

/// Starts a chunk in a buffer: length (still 0) and type (PNG specification, clause 5.3).
fn start_chunk(buffer: &mut Vec<u8>) {
    buffer.resize(buffer.len().max(CHUNK_HEAD), 0);
    buffer[4..CHUNK_HEAD].copy_from_slice(b"IDAT");
}

/// The chunk that starts a buffer and whose data end at `end`: its length filled in, its CRC behind it.
fn finished(buffer: &mut [u8], end: usize) -> Box<[u8]> {
    buffer[..4].copy_from_slice(&((end - CHUNK_HEAD) as u32).to_be_bytes());
    let crc = crc32fast::hash(&buffer[4..end]);
    let mut chunk = Vec::with_capacity(end + 4);
    chunk.extend_from_slice(&buffer[..end]);
    chunk.extend_from_slice(&crc.to_be_bytes());
    chunk.into_boxed_slice()
}

pub(super) fn append_chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend_from_slice(&kind);
    out.extend_from_slice(data);
    let crc = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&crc.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixmap::Pixmap;

    fn picture(width: u32, height: u32, alpha: impl Fn(u32, u32) -> u8) -> Pixmap {
        let pixel = |x: u32, y: u32| [(x * 3) as u8, (y * 5) as u8, (x ^ y) as u8, alpha(x, y)];
        let straight =
            (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y));
        Pixmap::from_straight_rgba(width, height, straight.collect()).unwrap()
    }

    fn file(pixmap: &Pixmap, opaque: bool) -> Vec<u8> {
        let frame = Frame::new(pixmap.width(), pixmap.height(), opaque);
        let mut bytes = frame.head();
        let mut checksum = Checksum::EMPTY;
        for strip in 0..frame.strips() {
            let strip = frame.encode(pixmap.rows(), strip, false, &mut Scratch::default());
            bytes.extend_from_slice(&strip.chunk);
            checksum = checksum.followed_by(strip.checksum);
        }
        bytes.extend_from_slice(&Frame::tail(checksum));
        bytes
    }

    #[test]
    fn an_independent_decoder_reads_every_size_back() {
        for (width, height) in [(1, 1), (3, 2), (1, 40_000), (9000, 2), (257, 129), (700, 50)] {
            for opaque in [true, false] {
                let pixmap = picture(width, height, |x, y| if opaque { 255 } else { (x + y) as u8 });
                let decoded = image::load_from_memory(&file(&pixmap, opaque)).unwrap();
                assert_eq!(
                    decoded.to_rgba8().into_raw(),
                    pixmap.to_straight_rgba(),
                    "{width}×{height} {opaque}"
                );
                assert_eq!(decoded.color().has_alpha(), !opaque);
            }
        }
    }

    #[test]
    fn a_pixel_changes_its_own_strip_only() {
        let before = picture(200, 300, |_, _| 255);
        let frame = Frame::new(200, 300, true);
        let mut after = before.clone();
        after.data_mut()[(100 * 200 + 7) * 4] ^= 0x55;
        let encode =
            |pixmap: &Pixmap, strip| frame.encode(pixmap.rows(), strip, false, &mut Scratch::default());
        for strip in 0..frame.strips() {
            let same = encode(&before, strip) == encode(&after, strip);
            assert_eq!(same, !frame.rows(strip).contains(&100), "strip {strip}");
        }
    }

    #[test]
    fn checksums_join() {
        let bytes: Vec<u8> = (0..200_000_u64).map(|i| ((i * i) >> 7) as u8).collect();
        for cut in [0, 1, 65_521, 100_000, 200_000] {
            let (first, second) = bytes.split_at(cut);
            let joined = Checksum::EMPTY.followed_by(Checksum::of(first)).followed_by(Checksum::of(second));
            assert_eq!(joined, Checksum::of(&bytes), "cut at {cut}");
            assert_eq!(joined.without(Checksum::of(first)), Checksum::of(second), "cut at {cut}");
        }
    }

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
