//! Any pixels through every encoder of ours, read back by decoders that are not: lossless files have the same pixels,
//! and a JPEG of quality 100 is within a few steps of them.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports what it found")]

use compositor::measured::encode;
use compositor::{Format, Pixmap};
use fuzz::{blanked, read_jpeg, read_png, read_webp, visible};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [wide, quality, rest @ ..] = bytes else { return };
    let Some(pixmap) = pixmap(*wide, rest) else { return };
    let exact = visible(&pixmap);
    let opaque = exact.chunks_exact(4).all(|pixel| pixel[3] == 255);
    assert!(blanked(read_png(&encode(&pixmap, Format::Png, 100, opaque).unwrap())) == exact);
    assert!(blanked(read_webp(&encode(&pixmap, Format::Webp, 100, opaque).unwrap())) == exact);
    let quality = quality % 100 + 1;
    let jpeg = read_jpeg(&encode(&pixmap, Format::Jpeg, quality, true).unwrap());
    assert_eq!(jpeg.len(), exact.len());
    if quality == 100 && opaque {
        assert!(exact.iter().zip(&jpeg).all(|(a, b)| a.abs_diff(*b) <= 6), "a JPEG of quality 100 is near");
    }
});

/// A picture as wide as asked, the samples repeated to fill at least one row.
fn pixmap(wide: u8, samples: &[u8]) -> Option<Pixmap> {
    let width = usize::from(wide) + 1;
    let rows = samples.len().div_ceil(width * 4).max(1);
    let samples: Vec<u8> = samples.iter().copied().cycle().take(width * rows * 4).collect();
    Pixmap::from_straight_rgba(width as u32, rows as u32, samples)
}
