//! Writing PNG strip by strip. A strip is some rows in an `IDAT` chunk of their own: a deflate segment that starts and
//! ends on a byte, its first row filtered without the row above. So a strip's bytes follow from its own pixels alone,
//! whoever makes it and when.

use std::ops::Range;

use super::{deflate, filter};
use crate::pixmap::{Rows, is_opaque, unpremultiply};

/// Rows of a strip: what a layer touches is encoded anew strip by strip, so few; every strip costs about 100 bytes and
/// a row that the filter serves badly, so not too few.
const STRIP_ROWS: u32 = 16;
/// A strip has at least this many bytes of samples: narrow pictures have taller strips.
const MIN_STRIP_BYTES: u32 = 32 << 10;
/// `CMF` and `FLG` of zlib (RFC 1950): deflate with a 32 KiB window, fastest level.
const ZLIB_HEAD: [u8; 2] = [0x78, 0x01];
const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
/// The modulus of Adler-32.
const ADLER: u32 = 65_521;

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
    bytes: u64,
}

impl Frame {
    pub fn new(width: u32, height: u32, opaque: bool) -> Self {
        Frame { width, height, opaque }
    }

    pub fn width(&self) -> u32 {
        self.width
    }

    fn strip_rows(&self) -> u32 {
        let row_bytes = self.width.saturating_mul(self.samples());
        STRIP_ROWS.max(MIN_STRIP_BYTES.div_ceil(row_bytes))
    }

    fn samples(&self) -> u32 {
        if self.opaque { 3 } else { 4 }
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

    /// Encodes a strip; `canvas` has its rows.
    pub fn encode(&self, canvas: Rows<'_>, strip: u32, scratch: &mut Scratch) -> Strip {
        let Scratch { samples, filtered, chunk } = scratch;
        let pixels = canvas.range(self.rows(strip));
        let row_bytes = self.width as usize * self.samples() as usize;
        filtered.clear();
        if self.opaque {
            set_rgb(samples, pixels);
            filter::append::<3>(filtered, samples, row_bytes);
        } else if is_opaque(pixels) {
            filter::append::<4>(filtered, pixels, row_bytes);
        } else {
            set_straight(samples, pixels);
            filter::append::<4>(filtered, samples, row_bytes);
        }
        chunk.clear();
        chunk.extend_from_slice(&chunk_start(*b"IDAT"));
        deflate::append_segment(chunk, filtered);
        finish_chunk(chunk, 0);
        Strip { chunk: chunk.as_slice().into(), checksum: Checksum::of(filtered) }
    }
}

impl Checksum {
    /// Of no bytes.
    pub const EMPTY: Checksum = Checksum { adler: 1, bytes: 0 };

    fn of(bytes: &[u8]) -> Self {
        let mut adler = simd_adler32::Adler32::new();
        adler.write(bytes);
        Checksum { adler: adler.finish(), bytes: bytes.len() as u64 }
    }

    /// Of these bytes and those behind them: `a` adds up, and every `a` of the second part was started from the end of
    /// the first (RFC 1950, section 8.2).
    pub fn followed_by(self, next: Checksum) -> Checksum {
        let halves = |adler: u32| (u64::from(adler & 0xffff), u64::from(adler >> 16));
        let ((a1, b1), (a2, b2)) = (halves(self.adler), halves(next.adler));
        let modulus = u64::from(ADLER);
        let before = (a1 + modulus - 1) % modulus;
        let a = (before + a2) % modulus;
        let b = (b1 + b2 + next.bytes % modulus * before) % modulus;
        Checksum { adler: ((b << 16) | a) as u32, bytes: self.bytes + next.bytes }
    }
}

fn set_rgb(samples: &mut Vec<u8>, pixels: &[u8]) {
    samples.resize(pixels.len() / 4 * 3, 0);
    for (to, from) in samples.chunks_exact_mut(3).zip(pixels.chunks_exact(4)) {
        to.copy_from_slice(&from[..3]);
    }
}

fn set_straight(samples: &mut Vec<u8>, pixels: &[u8]) {
    samples.clear();
    samples.extend_from_slice(pixels);
    unpremultiply(samples);
}

/// Length (still 0) and type (PNG specification, clause 5.3).
fn chunk_start([a, b, c, d]: [u8; 4]) -> [u8; 8] {
    [0, 0, 0, 0, a, b, c, d]
}

/// Fills in the length of the chunk that starts at `start`, and appends its CRC.
fn finish_chunk(out: &mut Vec<u8>, start: usize) {
    let length = (out.len() - start - 8) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    let crc = crc32fast::hash(&out[start + 4..]);
    out.extend_from_slice(&crc.to_be_bytes());
}

fn append_chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&chunk_start(kind));
    out.extend_from_slice(data);
    finish_chunk(out, start);
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
            let strip = frame.encode(pixmap.rows(), strip, &mut Scratch::default());
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
        let encode = |pixmap: &Pixmap, strip| frame.encode(pixmap.rows(), strip, &mut Scratch::default());
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
        }
    }
}
