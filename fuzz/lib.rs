//! What the fuzz targets share: small limits, so that a run costs milliseconds, and a shelf with an asset of every kind.
//!
//! Each target is a program of its own in `targets/`; `cargo xtask fuzz` builds them with coverage counters and runs
//! them from the inputs in `corpus/`.
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports what it found")]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use compositor::{
    Anchor, Asset, Catalogue, Compositor, Ingredients, Kind, Limits, Normalised, Pixmap, normalise,
    normalise_font,
};

/// Limits that any input can be tried under thousands of times a second.
pub const LIMITS: Limits = Limits {
    source_pixels: 1 << 18,
    canvas_pixels: 1 << 16,
    drawn_pixels: 1 << 19,
    working_bytes: 64 << 20,
    body_bytes: 1 << 20,
    layers: 16,
};

/// A catalogue, the bytes of its assets, and a compositor that has drawn before.
pub struct Shelf {
    pub catalogue: Catalogue,
    pub ingredients: Ingredients,
    pub warm: Compositor,
    pub cold: Compositor,
}

/// `cat` (opaque), `photo` (JPEG), `poster` (so noisy that composites copy its strips), `hat` and `mask` (translucent),
/// `sans` and `arabic`.
pub static SHELF: LazyLock<Shelf> = LazyLock::new(|| {
    let mut ingredients = Ingredients::new();
    let mut assets = Vec::new();
    let mut put = |id: &str, kind, normal: Normalised| {
        assets.push(asset(id, kind, &normal));
        ingredients.extend(normal.into_files().map(|(digest, file)| (digest, Arc::from(file))));
    };
    put("cat", Kind::Base, picture(61, 47, |x, y| [(x * 4) as u8, (y * 5) as u8, 90, 255]));
    let poster = picture(100, 600, |x, y| [grain(x, y), grain(y, x), y as u8, (x * 5) as u8 | 31]);
    let kind = poster.bytes.windows(4).position(|name| name == b"stRP").unwrap();
    assert_ne!(poster.bytes[kind - 4..kind], [0, 0, 0, 4], "its strips are those of a composite");
    put("poster", Kind::Base, poster);
    put("hat", Kind::Overlay, picture(40, 30, |x, y| [200, (x * 6) as u8, 30, (x * y % 256) as u8]));
    put("mask", Kind::Overlay, picture(16, 16, |x, y| [0, 0, 0, ((x ^ y) * 16) as u8]));
    put("photo", Kind::Base, normalise(include_bytes!("assets/photo.jpg"), &LIMITS).unwrap());
    put("sans", Kind::Font, font(include_bytes!("../compositor/tests/fonts/blocks.ttf")));
    put("arabic", Kind::Font, font(include_bytes!("../compositor/tests/fonts/arabic.ttf")));
    let (warm, cold) = (Compositor::new(LIMITS, 8 << 20), Compositor::new(LIMITS, 0));
    Shelf { catalogue: Catalogue::new(assets), ingredients, warm, cold }
});

/// Nothing that repeats.
fn grain(x: u32, y: u32) -> u8 {
    let mixed = x.wrapping_mul(0x1656_67b1).wrapping_add(y.wrapping_mul(0x27d4_eb2f));
    let mixed = (mixed ^ mixed >> 13).wrapping_mul(0x4bf1_9f61);
    ((x + y) / 8) as u8 + ((mixed ^ mixed >> 16) % 16) as u8
}

fn font(bytes: &[u8]) -> Normalised {
    normalise_font(bytes, &LIMITS).unwrap()
}

/// An asset of the catalogue, with a head.
pub fn asset(id: &str, kind: Kind, normal: &Normalised) -> Asset {
    let head = Anchor { x: 0.4, y: 0.3, span: 0.5, angle: 7.5 };
    let anchors = BTreeMap::from([("head".to_owned(), head)]);
    Asset { anchors, ..normal.asset(&id.parse().unwrap(), kind) }
}

fn picture(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Normalised {
    let samples: Vec<u8> =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header().unwrap().write_image_data(&samples).unwrap();
    normalise(&file, &LIMITS).unwrap()
}

/// Straight RGBA of a PNG, by a decoder that is not ours.
pub fn read_png(file: &[u8]) -> Vec<u8> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().unwrap();
    let mut samples = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut samples).unwrap();
    reader.finish().unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgba);
    samples
}

/// Straight RGBA of a lossless WebP, by a decoder that is not ours.
pub fn read_webp(file: &[u8]) -> Vec<u8> {
    let mut decoder = image_webp::WebPDecoder::new(std::io::Cursor::new(file)).unwrap();
    let mut samples = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.read_image(&mut samples).unwrap();
    if decoder.has_alpha() {
        return samples;
    }
    samples.chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect()
}

/// Straight RGBA of a JPEG, by a decoder that is not ours.
pub fn read_jpeg(file: &[u8]) -> Vec<u8> {
    let options = zune_core::options::DecoderOptions::default()
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(zune_core::colorspace::ColorSpace::RGBA);
    let file = zune_core::bytestream::ZCursor::new(file);
    zune_jpeg::JpegDecoder::new_with_options(file, options).decode().unwrap()
}

/// The pixels that a lossless file must have: colour under full transparency is nobody's business.
pub fn visible(pixmap: &Pixmap) -> Vec<u8> {
    blanked(pixmap.to_straight_rgba())
}

/// The same of decoded samples.
pub fn blanked(mut samples: Vec<u8>) -> Vec<u8> {
    for pixel in samples.chunks_exact_mut(4).filter(|pixel| pixel[3] == 0) {
        pixel.fill(0);
    }
    samples
}
