//! Rendering a cat in a hat, against the `image` crate doing the same work on the same files in the same run.
//!
//! The two input files are left in the target folder's `tmp`, where `benches/peers/sharp.mjs` finds them.
//!
//! Cold: from file bytes every time. Warm: a compositor that has rendered the combination before, so that what is left
//! is blending and encoding. Only ratios within one run mean anything on a shared machine.

use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;

use compositor::{Anchor, Asset, Catalogue, Compositor, Ingredients, Kind, Limits, Plan, normalise};
use criterion::{Criterion, criterion_group, criterion_main};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ImageFormat, RgbaImage, imageops};

/// The tabby's head and the top hat's band, as the catalogue has them; both peers place by the same numbers.
const HEAD: Anchor = Anchor { x: 0.5, y: 0.4, span: 0.3, angle: 0.0 };
const BAND: Anchor = Anchor { x: 0.5, y: 0.7, span: 0.6, angle: 0.0 };

struct Job {
    base: Arc<[u8]>,
    hat: Arc<[u8]>,
    ingredients: Ingredients,
    catalogue: Catalogue,
}

impl Job {
    fn new() -> Self {
        let (base, hat) = (drawing("cats/tabby"), drawing("overlays/top-hat"));
        let assets =
            vec![asset("tabby", Kind::Base, &base, HEAD), asset("top-hat", Kind::Overlay, &hat, BAND)];
        let ingredients =
            assets.iter().map(|asset| asset.digest).zip([Arc::clone(&base), Arc::clone(&hat)]).collect();
        Job { base, hat, ingredients, catalogue: Catalogue::new(assets) }
    }

    fn plan(&self, path: &str) -> Plan {
        self.catalogue.resolve(&path.parse().expect("a recipe"), None).expect("a known recipe")
    }

    /// The same picture by the `image` crate.
    fn peer(&self, format: ImageFormat) -> Vec<u8> {
        let load = |bytes: &[u8]| image::load_from_memory(bytes).expect("a picture").into_rgba8();
        let (mut base, hat) = (load(&self.base), load(&self.hat));
        let scale = HEAD.span / BAND.span;
        let (w, h) = (f64::from(hat.width()) * scale, f64::from(hat.height()) * scale);
        let hat: RgbaImage =
            imageops::resize(&hat, w.round() as u32, h.round() as u32, imageops::FilterType::Lanczos3);
        let left = HEAD.x * f64::from(base.width()) - BAND.x * w;
        let top = HEAD.y * f64::from(base.height()) - BAND.y * h;
        imageops::overlay(&mut base, &hat, left.round() as i64, top.round() as i64);
        let mut bytes = Cursor::new(Vec::new());
        match format {
            ImageFormat::Jpeg => {
                let rgb = image::DynamicImage::ImageRgba8(base).into_rgb8();
                rgb.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 80)).expect("JPEG");
            }
            _ => base.write_with_encoder(PngEncoder::new(&mut bytes)).expect("PNG"),
        }
        bytes.into_inner()
    }
}

/// A drawing of the repository's catalogue as the PNG that an import makes of it.
fn drawing(name: &str) -> Arc<[u8]> {
    let path = format!("{}/../catalogue/{name}.svg", env!("CARGO_MANIFEST_DIR"));
    let svg = std::fs::read(&path).expect("the catalogue's drawing");
    let tree = resvg::usvg::Tree::from_data(&svg, &resvg::usvg::Options::default()).expect("an SVG");
    let mut pixmap = resvg::tiny_skia::Pixmap::new(1024, 1024).expect("a pixmap");
    resvg::render(&tree, resvg::tiny_skia::Transform::identity(), &mut pixmap.as_mut());
    let png = pixmap.encode_png().expect("a PNG");
    let bytes = normalise(&png, &Limits::default()).expect("an image").bytes;
    let file = format!("{}/{}.png", env!("CARGO_TARGET_TMPDIR"), name.replace('/', "-"));
    std::fs::write(file, &bytes).expect("a writable target folder");
    Arc::from(bytes)
}

fn asset(id: &str, kind: Kind, bytes: &[u8], anchor: Anchor) -> Asset {
    let normal = normalise(bytes, &Limits::default()).expect("an image");
    Asset {
        id: id.parse().expect("an id"),
        digest: compositor::Digest::of(bytes),
        kind,
        width: normal.width,
        height: normal.height,
        bytes: bytes.len() as u64,
        media_type: normal.media_type.into(),
        opaque: normal.opaque,
        title: String::new(),
        tags: Vec::new(),
        licence: None,
        anchors: [("head".to_owned(), anchor)].into(),
        focus: None,
    }
}

fn render(c: &mut Criterion) {
    let job = Job::new();
    for (name, path, format) in [
        ("png", "/c/tabby;w=1024/top-hat.png", ImageFormat::Png),
        ("jpg", "/c/tabby;w=1024/top-hat.jpg", ImageFormat::Jpeg),
    ] {
        let plan = job.plan(path);
        let mut group = c.benchmark_group(name);
        group.sample_size(20);
        group.bench_function("cold/milliner", |b| {
            b.iter(|| {
                Compositor::new(Limits::default(), 0)
                    .compose(black_box(&plan), &job.ingredients)
                    .expect("a composite")
            });
        });
        group.bench_function("cold/image", |b| b.iter(|| black_box(job.peer(format))));
        let warm = Compositor::new(Limits::default(), 64 << 20);
        group.bench_function("warm/milliner", |b| {
            b.iter(|| warm.compose(black_box(&plan), &job.ingredients).expect("a composite"));
        });
        group.finish();
    }
}

criterion_group!(benches, render);
criterion_main!(benches);
