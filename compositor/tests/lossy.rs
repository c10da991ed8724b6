//! Lossy WebP and AVIF, where this build writes them: read back by a decoder, near the pixels, with their alpha.
#![cfg(feature = "lossy")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Shelf, animated_webp, png};
use compositor::{AssetError, Kind, Limits, RenderError, normalise};

fn shelf() -> Shelf {
    let mut shelf = Shelf::new();
    let photo = png(96, 64, |x, y| [(x * 2) as u8, (y * 3) as u8, 120, 255]);
    let cut_out = png(64, 48, |x, y| {
        let inside = (x as i32 - 32).pow(2) + (y as i32 - 24).pow(2) < 400;
        [200, 60, (x * 3) as u8, if inside { 255 } else { 0 }]
    });
    shelf.add("photo", Kind::Base, &photo);
    shelf.add("cut-out", Kind::Base, &cut_out);
    shelf
}

/// Straight RGBA.
fn read(format: &str, file: &[u8]) -> (u32, u32, Vec<u8>) {
    if format == "avif" {
        let pixels = libavif::decode_rgb(file).unwrap();
        return (pixels.width(), pixels.height(), pixels.to_vec());
    }
    let mut decoder = image_webp::WebPDecoder::new(std::io::Cursor::new(file)).unwrap();
    let (width, height) = decoder.dimensions();
    let mut samples = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.read_image(&mut samples).unwrap();
    if !decoder.has_alpha() {
        samples = samples.chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect();
    }
    (width, height, samples)
}

/// Mean absolute difference of the samples of pixels that are seen, and the largest difference of alpha.
fn difference(exact: &[u8], seen: &[u8]) -> (f64, u8) {
    assert_eq!(exact.len(), seen.len());
    let pixels = || exact.chunks_exact(4).zip(seen.chunks_exact(4));
    let visible: Vec<_> = pixels().filter(|(exact, _)| exact[3] == 255).collect();
    let sum: f64 = visible.iter().flat_map(|(a, b)| (0..3).map(|i| f64::from(a[i].abs_diff(b[i])))).sum();
    let alpha = pixels().map(|(a, b)| a[3].abs_diff(b[3])).max().unwrap();
    (sum / (visible.len() * 3) as f64, alpha)
}

#[test]
fn a_lossy_file_is_near_the_picture_and_smaller_at_lower_quality() {
    let shelf = shelf();
    for format in ["webp", "avif"] {
        for (id, alpha_within) in [("photo", 0), ("cut-out", 24)] {
            let exact = shelf.draw(&format!("/c/{id}.png"));
            let mut lengths = Vec::new();
            for (quality, within) in [(30, 9.0), (80, 5.0), (95, 3.0)] {
                let path = format!("/c/{id};q={quality}.{format}");
                let file = shelf.compose(&path);
                let (width, height, seen) = read(format, &file);
                assert_eq!((width, height), exact.size(), "{path}");
                let (mean, alpha) = difference(&exact.to_straight_rgba(), &seen);
                assert!(mean < within && alpha <= alpha_within, "{path}: {mean}, alpha {alpha}");
                lengths.push(file.len());
            }
            assert!(lengths.is_sorted(), "{format} {id}: {lengths:?}");
        }
    }
}

#[test]
fn an_opaque_picture_has_no_alpha_plane() {
    let shelf = shelf();
    assert_eq!(&shelf.compose("/c/photo.webp")[12..16], b"VP8 ");
    assert_eq!(&shelf.compose("/c/cut-out.webp")[12..16], b"VP8X");
    let has_alpha_plane =
        |file: &[u8]| file.windows(9).any(|bytes| bytes == b"auxid:1\0" || bytes.ends_with(b"auxC"));
    assert!(!has_alpha_plane(&shelf.compose("/c/photo.avif")));
    assert!(has_alpha_plane(&shelf.compose("/c/cut-out.avif")));
}

#[test]
fn a_frame_is_as_large_as_it_says() {
    // The decoder's own reading of frames trusts the size and indexes out of bounds.
    let cut_out = shelf().compose("/c/cut-out.webp");
    let chunks = &cut_out[30..];
    assert_eq!(&chunks[..4], b"ALPH");
    let read = |canvas, size| normalise(&animated_webp(canvas, (0, 0), size, chunks), &Limits::default());
    let whole = read((64, 48), (64, 48)).unwrap();
    assert_eq!((whole.width, whole.height, whole.opaque), (64, 48, false));
    for size in [(63, 48), (64, 47), (65, 49), (1, 1)] {
        let error = read((80, 80), size).unwrap_err();
        assert!(matches!(error, AssetError::Malformed { format: "WebP", .. }), "{size:?}: {error}");
    }
}

#[test]
fn a_side_that_the_format_cannot_have_is_refused() {
    let shelf = shelf();
    let compose = |path: &str| shelf.compositor.compose(&shelf.plan(path), &shelf.ingredients);
    let error = compose("/c/photo;w=8192;h=2;dpr=3;fit=fill.webp").unwrap_err();
    assert!(matches!(&error, RenderError::Limit { allowed: 16_383, .. }), "{error}");
    assert!(compose("/c/photo;w=8192;h=2;dpr=3;fit=fill.avif").is_ok());
}
