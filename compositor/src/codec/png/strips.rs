//! Writing PNG strip by strip. A strip is some rows in an `IDAT` chunk of their own: a deflate segment that starts and
//! ends on a byte, its first row filtered without the row above. So a strip's bytes follow from its own pixels alone,
//! whoever makes it and when.
//!
//! A strip with something on it is written in the filter and the code of the bare ground below, unless these suit it
//! badly. Then everything beside what lies on it has the bits that it has in the strip of the ground, and whoever has
//! that strip writes the middle of its rows anew and copies the rest.

use std::ops::Range;

use super::adler::Checksum;
use super::amend::Seams;
use super::chunk::{CHUNK_HEAD, SIGNATURE, append_chunk, append_header, finished, start_chunk};
use super::deflate::{self, Code, Lines};
use super::filter::{Filter, Samples};
use super::style::{HEAD_BITS, Sample, Style, is_sampled};
use crate::pixmap::{Rows, is_opaque, unpremultiply};
use crate::scene::hull;
use crate::simd::widest;

/// Version of the bytes of strips: a change that alters one byte of any bare strip raises it. Kept files say which they
/// have (`keep.rs`), and those of another version are not copied.
pub(super) const STRIP_VERSION: u32 = 1;
/// Rows of a strip: what a layer touches is encoded anew strip by strip, so few; every strip costs about 100 bytes and
/// a row that the filter serves badly, so not too few.
const STRIP_ROWS: u32 = 16;
/// A strip has at least this many bytes of samples: narrow pictures have taller strips.
const MIN_STRIP_BYTES: u32 = 32 << 10;
/// `CMF` and `FLG` of zlib (RFC 1950): deflate with a 32 KiB window, fastest level.
const ZLIB_HEAD: [u8; 2] = [0x78, 0x01];

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
    pub(super) samples: Vec<u8>,
    pub(super) filtered: Vec<u8>,
    pub(super) chunk: Vec<u8>,
}

impl Frame {
    pub fn new(width: u32, height: u32, opaque: bool) -> Self {
        Frame { width, height, opaque }
    }

    fn strip_rows(&self) -> u32 {
        STRIP_ROWS.max(MIN_STRIP_BYTES.div_ceil(self.row_bytes() as u32))
    }

    pub(super) fn pixel_bytes(&self) -> usize {
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
        let mut head = SIGNATURE.to_vec();
        append_header(&mut head, self.width, self.height, self.opaque);
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

    /// Bytes of a row and of the number of its filter.
    pub(super) fn line(&self) -> usize {
        1 + self.row_bytes()
    }

    /// The bytes of rows that come out of their filters otherwise than those of the ground, by eights: those of pixels that
    /// changed, of their neighbours to the right, and of what lies below.
    pub(super) fn changed_bytes(
        &self,
        changed: &[Range<u32>],
    ) -> impl Iterator<Item = (usize, Range<usize>)> {
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
        let seams = (!marks.is_empty()).then(|| Box::new(Seams::new(style, &marks, filtered)));
        Strip { chunk: finished(chunk, end), checksum: Checksum::of(filtered), seams }
    }

    /// The samples of a whole strip.
    fn all_samples<'a>(&self, samples: &'a mut Vec<u8>, canvas: Rows<'a>, strip: u32) -> Samples<'a> {
        let rows = self.rows(strip);
        self.samples(samples, canvas.range(rows.clone()), 0..rows.len(), 0..self.width as usize)
    }

    /// The samples that a file has for pixels, where they are in these rows and columns; anything elsewhere.
    pub(super) fn samples<'a>(
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

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::pictures;
    use super::*;
    use crate::asset::Digest;
    use crate::pixmap::Pixmap;

    pub fn picture(width: u32, height: u32, alpha: impl Fn(u32, u32) -> u8) -> Pixmap {
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

    /// Files that were kept have strips of the version that wrote them.
    #[test]
    fn the_version_is_raised_when_a_byte_changes() {
        let bytes = pictures().flat_map(|(pixmap, opaque)| file(&pixmap, opaque)).collect::<Vec<_>>();
        let (version, digest) = (STRIP_VERSION, Digest::of(&bytes).to_string());
        assert_eq!(
            (version, digest.as_str()),
            (1, "3db9981ad708b054538b8d38d7bc8dad8f410efd314a1b93f17fc959bf4a342e"),
            "the bytes of strips have changed: raise STRIP_VERSION, and then write version and digest here"
        );
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
}
