//! Pictures and catalogues made on the spot, so that a test says what it needs.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a helper of tests panics like a test")]

use std::sync::Arc;

use compositor::{
    Asset, Catalogue, Compositor, Digest, Ingredients, Kind, Limits, Normalised, Pixmap, normalise,
    normalise_font,
};

/// A PNG of straight RGBA from a function of the pixel.
pub fn png(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Vec<u8> {
    let samples: Vec<u8> =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&samples).unwrap();
    writer.finish().unwrap();
    bytes
}

/// Noise in which nothing repeats.
pub fn noise(x: u32, y: u32, salt: u32) -> u8 {
    let mixed = x.wrapping_mul(0x1656_67b1).wrapping_add(y.wrapping_mul(0x27d4_eb2f)) ^ salt;
    ((mixed ^ mixed >> 13).wrapping_mul(0x4bf1_9f61) >> 21) as u8
}

/// A JPEG of RGB from a function of the pixel.
pub fn jpeg(width: u16, height: u16, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    let (w, h) = (u32::from(width), u32::from(height));
    let samples: Vec<u8> =
        (0..h).flat_map(|y| (0..w).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, 95)
        .encode(&samples, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}

/// An animated WebP of one frame: the canvas's size, and the frame's place, size and chunks.
pub fn animated_webp(canvas: (u32, u32), place: (u32, u32), size: (u32, u32), chunks: &[u8]) -> Vec<u8> {
    let three = |value: u32| value.to_le_bytes().into_iter().take(3);
    let chunk = |name: &[u8; 4], data: Vec<u8>| [name, &(data.len() as u32).to_le_bytes(), &*data].concat();
    let header = [0x12, 0, 0, 0].into_iter().chain(three(canvas.0 - 1)).chain(three(canvas.1 - 1));
    let frame =
        three(place.0 / 2).chain(three(place.1 / 2)).chain(three(size.0 - 1)).chain(three(size.1 - 1));
    let frame = frame.chain([100, 0, 0, 0]).chain(chunks.iter().copied()).collect();
    let body = [
        b"WEBP".to_vec(),
        chunk(b"VP8X", header.collect()),
        chunk(b"ANIM", vec![255, 255, 255, 255, 0, 0]),
        chunk(b"ANMF", frame),
    ];
    chunk(b"RIFF", body.concat())
}

/// A catalogue with the bytes of its assets.
pub struct Shelf {
    pub assets: Vec<Asset>,
    pub ingredients: Ingredients,
    pub compositor: Compositor,
}

impl Shelf {
    pub fn new() -> Self {
        Shelf {
            assets: Vec::new(),
            ingredients: Ingredients::new(),
            compositor: Compositor::new(Limits::default(), 64 << 20),
        }
    }

    /// Adds a font; `sans` is that of every text that names none.
    pub fn add_font(&mut self, id: &str, bytes: &[u8]) {
        let normal = normalise_font(bytes, &Limits::default()).unwrap();
        self.put(id, Kind::Font, normal);
    }

    pub fn add(&mut self, id: &str, kind: Kind, bytes: &[u8]) -> &mut Asset {
        self.put(id, kind, normalise(bytes, &Limits::default()).unwrap())
    }

    fn put(&mut self, id: &str, kind: Kind, normal: Normalised) -> &mut Asset {
        let asset = normal.asset(&id.parse().unwrap(), kind);
        self.ingredients.extend(normal.into_files().map(|(digest, file)| (digest, Arc::from(file))));
        self.assets.push(asset);
        self.assets.last_mut().unwrap()
    }

    pub fn catalogue(&self) -> Catalogue {
        Catalogue::new(self.assets.clone())
    }

    pub fn plan(&self, path: &str) -> compositor::Plan {
        self.catalogue()
            .resolve(&path.parse().unwrap(), None)
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    #[track_caller]
    pub fn draw(&self, path: &str) -> Pixmap {
        self.compositor
            .draw(&self.plan(path), &self.ingredients)
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    #[track_caller]
    pub fn compose(&self, path: &str) -> Vec<u8> {
        self.compositor
            .compose(&self.plan(path), &self.ingredients)
            .unwrap_or_else(|error| panic!("{path}: {error}"))
            .bytes
    }
}

/// The straight pixel at (x, y).
pub fn at(pixmap: &Pixmap, x: u32, y: u32) -> [u8; 4] {
    let straight = pixmap.to_straight_rgba();
    let i = (y as usize * pixmap.width() as usize + x as usize) * 4;
    straight[i..i + 4].try_into().unwrap()
}

/// Where a layer's visible pixels have their centre of mass, in pixels, and how much of the canvas they cover.
pub fn centroid(pixmap: &Pixmap) -> (f64, f64, f64) {
    let (mut sx, mut sy, mut mass) = (0.0, 0.0, 0.0);
    for (i, pixel) in pixmap.data().chunks_exact(4).enumerate() {
        let weight = f64::from(pixel[3]) / 255.0;
        sx += weight * ((i as u32 % pixmap.width()) as f64 + 0.5);
        sy += weight * ((i as u32 / pixmap.width()) as f64 + 0.5);
        mass += weight;
    }
    (sx / mass, sy / mass, mass)
}

pub fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}
