//! How the time of a render grows: with the overlay's share of the canvas, with the canvas, and with the layers. One
//! thing grows, all else stays; `cargo xtask bench --only growth` makes a picture of the curves.

use std::fmt::Write as _;
use std::io::Cursor;

use compositor::Anchor;
use criterion::Criterion;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, RgbaImage};

use crate::cpu::CpuTime;
use crate::inputs;
use crate::milliner::{self, Ours};

const AREAS: [u32; 6] = [1, 3, 10, 30, 60, 100];
const CANVASES: [u32; 5] = [256, 512, 1024, 2048, 4096];
const LAYERS: [u32; 5] = [1, 2, 4, 8, 16];
/// Side of the canvas while something else grows.
const SIDE: u32 = 1024;
/// Share of the canvas that an overlay covers while something else grows, in percent.
const AREA: u32 = 10;

pub fn curves(c: &mut Criterion<CpuTime>) {
    let pictures = Pictures::load();
    for format in ["png", "jpg"] {
        for area in AREAS {
            measure(c, "growth-area", area, format, || pictures.job(SIDE, area, 1, format));
        }
        for side in CANVASES {
            measure(c, "growth-canvas", side, format, || pictures.job(side, AREA, 1, format));
        }
        for layers in LAYERS {
            measure(c, "growth-layers", layers, format, || pictures.job(SIDE, AREA, layers, format));
        }
    }
}

fn measure(c: &mut Criterion<CpuTime>, curve: &str, at: u32, format: &str, job: impl Fn() -> Ours) {
    let mut group = c.benchmark_group(curve);
    group.sample_size(10).warm_up_time(std::time::Duration::from_millis(200));
    group.measurement_time(std::time::Duration::from_millis(600));
    // Criterion names a benchmark before it decides to run it: pictures are made when one is run, and once for both.
    let ours = std::cell::OnceCell::new();
    let mut run = 0;
    let mut next = || {
        run += 1;
        run % 8
    };
    group.bench_function(format!("{at}/{format}/cold"), |b| {
        let (ours, cold) = (ours.get_or_init(&job), milliner::cold());
        b.iter(|| ours.render(&cold, next()));
    });
    group.bench_function(format!("{at}/{format}/warm"), |b| {
        let ours = ours.get_or_init(&job);
        let warm = milliner::warm(ours);
        b.iter(|| ours.render(&warm, next()));
    });
    group.finish();
}

struct Pictures {
    photo: RgbaImage,
    hat: Vec<u8>,
}

impl Pictures {
    /// The photograph, and a square cut out of the hat, which can cover any share of a square canvas.
    fn load() -> Self {
        let decode = |name| image::load_from_memory(&inputs::file(name)).expect("a picture").into_rgba8();
        let hat = imageops::crop_imm(&decode("hat.png"), 150, 0, 900, 900).to_image();
        Pictures { photo: decode("base-1024.png"), hat: encoded(hat, "png") }
    }

    fn job(&self, side: u32, area: u32, layers: u32, format: &str) -> Ours {
        let photo = imageops::resize(&self.photo, side, side, FilterType::CatmullRom);
        let base = encoded(photo, format);
        let span = f64::from(area).sqrt() / 10.0;
        let corner = (1.0 - span) / 2.0;
        let place = Anchor { x: corner, y: corner, span, angle: 0.0 };
        Ours::of(&base, &self.hat, place, String::new(), stack(layers), format)
    }
}

/// Layers over each other, a little smaller each, so that none is the same as another.
fn stack(layers: u32) -> String {
    (0..layers).fold(String::new(), |mut path, layer| {
        let _ = write!(path, "/hat;scale={:.2}", 1.0 - f64::from(layer) / 100.0); // writing to a String cannot fail
        path
    })
}

fn encoded(picture: RgbaImage, format: &str) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    if format == "jpg" {
        let rgb = DynamicImage::ImageRgba8(picture).into_rgb8();
        rgb.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 90)).expect("a JPEG");
    } else {
        picture.write_with_encoder(PngEncoder::new(&mut bytes)).expect("a PNG");
    }
    bytes.into_inner()
}
