//! The jobs by the `image` crate, as its documentation suggests. Warm: the base is decoded and fitted, the hat decoded
//! and sized; what is left is a copy of the base, blending and encoding. It turns by quarters only and has no blend
//! modes, so it has no J5, and it writes neither lossy WebP nor, without a C library, AVIF.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, RgbaImage};

use crate::inputs::Job;

pub struct Peer<'a> {
    job: &'a Job,
    base: RgbaImage,
    hat: RgbaImage,
}

impl<'a> Peer<'a> {
    pub fn new(job: &'a Job) -> Option<Self> {
        let can = job.effects.is_empty() && matches!(job.format.as_str(), "jpg" | "png");
        can.then(|| Peer {
            job,
            base: sized(&job.base, (job.canvas, job.canvas)),
            hat: sized(&job.hat, job.hat_size),
        })
    }

    pub fn cold(&self, dx: u32) -> Vec<u8> {
        let (job, side) = (self.job, self.job.canvas);
        self.finish(sized(&job.base, (side, side)), &sized(&job.hat, job.hat_size), dx)
    }

    pub fn warm(&self, dx: u32) -> Vec<u8> {
        self.finish(self.base.clone(), &self.hat, dx)
    }

    fn finish(&self, mut base: RgbaImage, hat: &RgbaImage, dx: u32) -> Vec<u8> {
        imageops::overlay(&mut base, hat, i64::from(self.job.at.0 + dx), i64::from(self.job.at.1));
        let mut bytes = Cursor::new(Vec::new());
        if self.job.format == "jpg" {
            let rgb = DynamicImage::ImageRgba8(base).into_rgb8();
            rgb.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 80)).expect("a JPEG");
        } else {
            base.write_with_encoder(PngEncoder::new(&mut bytes)).expect("a PNG");
        }
        bytes.into_inner()
    }
}

/// Decoded and, where it has another size, resized.
fn sized(bytes: &[u8], (width, height): (u32, u32)) -> RgbaImage {
    let picture = image::load_from_memory(bytes).expect("a picture").into_rgba8();
    if picture.dimensions() == (width, height) {
        return picture;
    }
    imageops::resize(&picture, width, height, FilterType::Lanczos3)
}
