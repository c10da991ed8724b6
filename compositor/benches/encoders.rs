//! Encoding alone, against the encoders that our own replace, on the same pixels in the same run.
//!
//! The picture is made here: gradients, soft and hard edges and noise, as much of each as photographs have. Only ratios
//! within one run mean anything on a shared machine.

use std::hint::black_box;

use compositor::Pixmap;
use compositor::measured::Jpeg;
use criterion::{Criterion, criterion_group, criterion_main};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

const SIDE: u32 = 1024;

/// Something like a photograph.
fn picture() -> Pixmap {
    let samples = (0..SIDE * SIDE).flat_map(|i| pixel(i % SIDE, i / SIDE)).collect();
    Pixmap::from_straight_rgba(SIDE, SIDE, samples).expect("a picture")
}

fn pixel(x: u32, y: u32) -> [u8; 4] {
    let (u, v) = (f64::from(x) / f64::from(SIDE), f64::from(y) / f64::from(SIDE));
    let ground = 90.0 + 80.0 * (3.0 * u + 2.0 * v).sin() * (2.0 * v - u).cos();
    let folds = 30.0 * (40.0 * u + 12.0 * (5.0 * v).sin()).sin() * v;
    let disc = if (u - 0.5).hypot(v - 0.4) < 0.25 { 50.0 } else { 0.0 };
    let stripes = if v > 0.7 && (x / 37 + y / 23).is_multiple_of(2) { -40.0 } else { 0.0 };
    let light = ground + folds + disc + stripes + grain(x, y);
    [light * 1.1, light * 0.9 + 10.0 * u, light * 0.7 + 40.0 * v, 255.0].map(|c| c.clamp(0.0, 255.0) as u8)
}

/// Noise of about ±5.
fn grain(x: u32, y: u32) -> f64 {
    let mut v = x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b);
    v = (v ^ (v >> 15)).wrapping_mul(0x2c1b_3c6d);
    f64::from((v >> 20) % 11) - 5.0
}

fn jpeg(c: &mut Criterion) {
    let picture = picture();
    for (name, quality, sampling) in
        [("jpeg/q80", 80, SamplingFactor::F_2_2), ("jpeg/q95", 95, SamplingFactor::F_1_1)]
    {
        let mut group = c.benchmark_group(name);
        let ours = Jpeg::new(SIDE, SIDE, quality).expect("a size");
        group.bench_function("milliner", |b| b.iter(|| ours.encode_all(black_box(&picture))));
        group.bench_function("jpeg-encoder", |b| {
            b.iter(|| {
                let mut bytes = Vec::with_capacity(picture.data().len() / 16);
                let mut encoder = Encoder::new(&mut bytes, quality);
                encoder.set_sampling_factor(sampling);
                let side = SIDE as u16;
                encoder.encode(black_box(picture.data()), side, side, ColorType::Rgba).expect("JPEG");
                bytes
            });
        });
        let mut bytes = Vec::new();
        group.bench_function("milliner/one interval", |b| {
            b.iter(|| {
                bytes.clear();
                ours.encode(black_box(&picture), ours.intervals() / 2, &mut bytes);
            });
        });
        group.finish();
    }
}

criterion_group!(benches, jpeg);
criterion_main!(benches);
