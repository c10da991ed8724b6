//! PNG: every colour type in, through the `png` crate, but for files that we kept ourselves; RGB or RGBA with 8 bits
//! out: composites strip by strip and fast, assets small and quick to read.

mod adler;
mod amend;
mod bits;
mod chunk;
mod deflate;
mod filter;
mod huffman;
mod inflate;
mod keep;
mod matches;
mod read;
mod ready;
mod repeat;
mod strips;
mod style;
mod symbols;
mod unfilter;

use std::io::Cursor;

use png::{ColorType, Decoder, Transformations};

use super::{Decoded, Input, check_size};
use crate::error::AssetError;
use crate::limits::Limits;
use crate::pixmap::{Pixmap, expand};

pub(crate) use adler::Checksum;
pub(crate) use amend::Seams;
pub(crate) use ready::Ready;
pub(crate) use strips::{Below, Frame, Scratch, Strip};

/// What the `png` crate may allocate besides the pixels: rows, a palette, profiles, text it skips.
const DECODER_BYTES: usize = 16 << 20;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, AssetError> {
    if let Some(kept) = read::KeptFile::recognise(bytes) {
        let (width, height, opaque) = (kept.width, kept.height, kept.opaque);
        check_size(Input::Png, width, height, limits)?;
        if let Some(rgba) = kept.decode() {
            return Ok(Decoded { width, height, rgba, opaque, icc: None, exif: None });
        }
    }
    decode_any(bytes, limits)
}

/// By the `png` crate.
fn decode_any(bytes: &[u8], limits: &Limits) -> Result<Decoded, AssetError> {
    let malformed = |error: png::DecodingError| Input::Png.malformed(error);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: DECODER_BYTES });
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    let (width, height) = decoder.read_header_info().map_err(malformed)?.size();
    let pixels = check_size(Input::Png, width, height, limits)?;

    let mut reader = decoder.read_info().map_err(malformed)?;
    let mut samples =
        vec![0; reader.output_buffer_size().ok_or_else(|| Input::Png.malformed("it is too large"))?];
    let frame = reader.next_frame(&mut samples).map_err(malformed)?;
    reader.finish().map_err(malformed)?;
    samples.truncate(frame.buffer_size());
    let rgba = match frame.color_type {
        ColorType::Rgba => samples,
        ColorType::Rgb | ColorType::Indexed => expand(&samples, pixels, |[r, g, b]| [r, g, b, 255]),
        ColorType::GrayscaleAlpha => expand(&samples, pixels, |[l, a]| [l, l, l, a]),
        ColorType::Grayscale => expand(&samples, pixels, |[l]| [l, l, l, 255]),
    };
    let info = reader.info();
    let opaque = !matches!(frame.color_type, ColorType::Rgba | ColorType::GrayscaleAlpha);
    let icc = info.icc_profile.as_ref().filter(|_| info.srgb.is_none()).map(|icc| icc.to_vec());
    let exif = info.exif_metadata.as_ref().map(|exif| exif.to_vec());
    Ok(Decoded { width, height, rgba, opaque, icc, exif })
}

/// Encodes an asset: written once, read for years.
pub(super) fn encode_to_keep(pixmap: &Pixmap, opaque: bool) -> Vec<u8> {
    keep::write(pixmap, opaque)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn noise(seed: u32) -> impl Iterator<Item = u8> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
    }

    /// Pictures of every kind: flat, drawn, smooth, photographed and noisy.
    fn samples(kind: u32, width: u32, height: u32) -> Vec<u8> {
        let mut noise = noise(kind + width);
        let mut samples = Vec::new();
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let grain = noise.next().unwrap_or(0);
            samples.extend(match kind {
                0 => [7, 7, 7, 255],
                1 => [[200, 30, 30, 255], [0; 4]][usize::from((x / 9 + y / 7).is_multiple_of(2))],
                2 => [x as u8, y as u8, (x + y) as u8, (x * y / 64) as u8],
                3 => [
                    ((x / 3) as u8).wrapping_add(grain % 5),
                    ((y / 5) as u8).wrapping_add(grain % 3),
                    (x ^ y) as u8,
                    255 - grain % 7,
                ],
                _ => [grain, noise.next().unwrap_or(0), noise.next().unwrap_or(0), noise.next().unwrap_or(0)],
            });
        }
        samples
    }

    const SIZES: [(u32, u32); 13] = [
        (1, 1),
        (3, 2),
        (1, 40_000),
        (40_000, 2),
        (7, 9),
        (8, 40),
        (9, 3000),
        (257, 129),
        (300, 90),
        (700, 250),
        (1024, 66),
        (12, 5),
        (200, 1300),
    ];

    pub fn pictures() -> impl Iterator<Item = (Pixmap, bool)> {
        SIZES.into_iter().flat_map(|(width, height)| {
            (0..5).flat_map(move |kind| {
                [true, false].map(|opaque| {
                    let mut samples = samples(kind, width, height);
                    if opaque {
                        samples.iter_mut().skip(3).step_by(4).for_each(|alpha| *alpha = 255);
                    }
                    (Pixmap::from_straight_rgba(width, height, samples).unwrap(), opaque)
                })
            })
        })
    }

    /// A picture as each kind of kept file.
    fn files(pixmap: &Pixmap, opaque: bool) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
        let squeezed = keep::write_squeezed(pixmap, opaque, usize::MAX).unwrap();
        let ready =
            keep::ready_length(pixmap, opaque).map(|length| keep::write_ready(pixmap, opaque, length));
        std::iter::once(("squeezed", squeezed)).chain(ready.map(|file| ("ready", file)))
    }

    #[test]
    fn kept_files_are_read_back_by_everybody() {
        let files = |(pixmap, opaque): (Pixmap, bool)| {
            files(&pixmap, opaque)
                .map(|(kind, file)| (kind, file, pixmap.clone(), opaque))
                .collect::<Vec<_>>()
        };
        for (kind, file, pixmap, opaque) in pictures().flat_map(files) {
            let name = format!("{kind}: {pixmap:?} {opaque}");
            let expected = pixmap.to_straight_rgba();
            let ours = read::KeptFile::recognise(&file).and_then(|kept| kept.decode());
            assert!(ours.unwrap() == expected, "by us: {name}");
            let crates = decode_any(&file, &Limits::default()).unwrap();
            assert!(crates.rgba == expected && crates.opaque == opaque, "by the png crate: {name}");
            let decoded = image::load_from_memory(&file).unwrap();
            assert!(decoded.to_rgba8().into_raw() == expected, "by the image crate: {name}");
            assert_eq!(decoded.color().has_alpha(), !opaque);
        }
    }

    #[test]
    fn what_the_crate_writes_is_read_by_the_crate() {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 4, 4);
        encoder.set_color(ColorType::Rgba);
        encoder.write_header().unwrap().write_image_data(&[9; 64]).unwrap();
        assert!(read::KeptFile::recognise(&file).is_none());
        assert_eq!(decode(&file, &Limits::default()).unwrap().rgba, [9; 64]);
    }

    #[test]
    fn a_cut_file_is_refused() {
        let pixmap = Pixmap::from_straight_rgba(300, 90, samples(3, 300, 90)).unwrap();
        for (kind, file) in files(&pixmap, false) {
            for end in (0..file.len()).step_by(97) {
                let cut = decode(&file[..end], &Limits::default());
                assert!(cut.is_err(), "{kind}: {end} of {} bytes", file.len());
            }
        }
    }

    #[test]
    fn a_damaged_file_is_what_the_crate_says_it_is() {
        let pictures = [1, 3, 4].map(|kind| samples(kind, 200, 100));
        for pixmap in pictures.map(|samples| Pixmap::from_straight_rgba(200, 100, samples).unwrap()) {
            for (kind, file) in files(&pixmap, false) {
                let whole = decode(&file, &Limits::default()).unwrap().rgba;
                for at in (0..file.len()).step_by(file.len() / 400 + 1).chain(0..120) {
                    let mut damaged = file.clone();
                    damaged[at] ^= 1 << (at % 8);
                    let ours = decode(&damaged, &Limits::default()).ok().map(|decoded| decoded.rgba);
                    let crates = decode_any(&damaged, &Limits::default()).ok().map(|decoded| decoded.rgba);
                    // What only a chunk's checksum tells, the picture does not show.
                    let same = ours == crates || ours.is_some_and(|rgba| rgba == whole);
                    assert!(same, "{kind}, byte {at}");
                }
            }
        }
    }
}
