//! Two pictures beside each other: how many pixels differ, by how much, and a picture that shows where.

use std::fmt;
use std::io::Cursor;

/// What a difference is multiplied by before it is shown: one step of 255 has to be seen.
const AMPLIFIED: u8 = 32;
/// Pixels between the pictures that stand side by side.
const GAP: usize = 8;

/// Straight RGBA, as a decoder that is not ours reads it.
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub rgba: Vec<u8>,
}

/// How two pictures differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// Width and height of the golden and of what is drawn now, where they are not the same.
    sizes: Option<[(u32, u32); 2]>,
    /// Pixels that are not equal.
    pixels: usize,
    /// The largest difference of two samples.
    largest: u8,
}

impl Picture {
    pub fn read(file: &[u8]) -> Self {
        if file.starts_with(b"RIFF") {
            return Picture::read_webp(file);
        }
        let rgba = image::load_from_memory(file).unwrap().into_rgba8();
        Picture { width: rgba.width(), height: rgba.height(), rgba: rgba.into_raw() }
    }

    fn read_webp(file: &[u8]) -> Self {
        let mut decoder = image_webp::WebPDecoder::new(Cursor::new(file)).unwrap();
        let (width, height) = decoder.dimensions();
        let mut samples = vec![0; decoder.output_buffer_size().unwrap()];
        decoder.read_image(&mut samples).unwrap();
        if !decoder.has_alpha() {
            samples = samples.chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect();
        }
        Picture { width, height, rgba: samples }
    }

    pub fn png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgba);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&self.rgba).unwrap();
        writer.finish().unwrap();
        bytes
    }

    /// The pixel at (x, y); nothing outside.
    fn pixel(&self, x: usize, y: usize) -> [u8; 4] {
        let inside = x < self.width as usize && y < self.height as usize;
        let start = (y * self.width as usize + x) * 4;
        if inside { self.rgba[start..start + 4].try_into().unwrap() } else { [0; 4] }
    }
}

impl Difference {
    pub fn of(golden: &Picture, now: &Picture) -> Self {
        let sizes = [(golden.width, golden.height), (now.width, now.height)];
        let (width, height) = common_size(golden, now);
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let apart = places.map(|(x, y)| largest(apart(golden, now, x, y)));
        let differing: Vec<u8> = apart.filter(|apart| *apart > 0).collect();
        Difference {
            sizes: (sizes[0] != sizes[1]).then_some(sizes),
            pixels: differing.len(),
            largest: differing.into_iter().max().unwrap_or_default(),
        }
    }

    /// Is every pixel the same?
    pub fn is_none(&self) -> bool {
        self.sizes.is_none() && self.pixels == 0
    }
}

/// Golden, now, and the amplified difference, from left to right.
pub fn side_by_side(golden: &Picture, now: &Picture) -> Picture {
    let (width, height) = common_size(golden, now);
    let gap = [[0; 4]; GAP];
    let rgba = (0..height).flat_map(|y| {
        let row = |picture: &dyn Fn(usize) -> [u8; 4]| (0..width).map(picture).collect::<Vec<_>>();
        let shown = |x| {
            let [r, g, b, a] = apart(golden, now, x, y).map(|apart| apart.saturating_mul(AMPLIFIED));
            [r.max(a), g.max(a), b.max(a), 255]
        };
        [row(&|x| golden.pixel(x, y)), gap.to_vec(), row(&|x| now.pixel(x, y)), gap.to_vec(), row(&shown)]
            .concat()
    });
    let rgba = rgba.flatten().collect();
    Picture { width: (3 * width + 2 * GAP) as u32, height: height as u32, rgba }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some([(width, height), (now_width, now_height)]) = self.sizes {
            write!(f, "{width}×{height} became {now_width}×{now_height}; ")?;
        }
        match self.pixels {
            0 => write!(f, "the pixels are the same, the file is not"),
            pixels => write!(f, "{pixels} pixels differ, by at most {} of 255", self.largest),
        }
    }
}

/// The size that holds both.
fn common_size(a: &Picture, b: &Picture) -> (usize, usize) {
    (a.width.max(b.width) as usize, a.height.max(b.height) as usize)
}

/// How far the samples of two pixels are apart.
fn apart(a: &Picture, b: &Picture, x: usize, y: usize) -> [u8; 4] {
    let (a, b) = (a.pixel(x, y), b.pixel(x, y));
    std::array::from_fn(|i| a[i].abs_diff(b[i]))
}

fn largest(samples: [u8; 4]) -> u8 {
    samples.into_iter().max().unwrap_or_default()
}

#[test]
fn two_pictures_that_differ_are_told_apart() {
    let grey = |width: u32, height: u32| Picture {
        width,
        height,
        rgba: [90, 90, 90, 255].repeat((width * height) as usize),
    };
    let same = Difference::of(&grey(4, 3), &grey(4, 3));
    assert_eq!(same, Difference { sizes: None, pixels: 0, largest: 0 });
    assert!(same.is_none() && same.to_string().contains("the file is not"));

    let mut other = grey(4, 3);
    other.rgba[0] = 91;
    other.rgba[47] = 250;
    let difference = Difference::of(&grey(4, 3), &other);
    assert_eq!(difference, Difference { sizes: None, pixels: 2, largest: 5 });
    assert!(!difference.is_none());
    let beside = side_by_side(&grey(4, 3), &other);
    assert_eq!((beside.width, beside.height), (3 * 4 + 16, 3));
    assert_eq!((beside.pixel(0, 0)[0], beside.pixel(12, 0)[0]), (90, 91));
    assert_eq!((beside.pixel(24, 0), beside.pixel(25, 0)), ([32, 0, 0, 255], [0, 0, 0, 255]));
    assert_eq!(beside.pixel(27, 2), [160, 160, 160, 255]);
    assert_eq!(Picture::read(&beside.png()).rgba, beside.rgba);

    let taller = Difference::of(&grey(4, 3), &grey(4, 5));
    assert_eq!(taller, Difference { sizes: Some([(4, 3), (4, 5)]), pixels: 8, largest: 255 });
    assert!(taller.to_string().starts_with("4×3 became 4×5; 8 pixels differ"));
}
