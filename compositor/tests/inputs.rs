//! Files that come from outside: every accepted kind, every orientation, and everything that is wrong with files.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use ::png::{BitDepth, ColorType};
use common::{at, jpeg, png};
use compositor::{AssetError, Kind, Limits, Normalised, Pixmap, normalise};

const RED: [u8; 4] = [255, 0, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];

/// What the stored form of a file looks like.
fn stored(bytes: &[u8]) -> (Normalised, Pixmap) {
    let normal = normalise(bytes, &Limits::default()).unwrap_or_else(|error| panic!("{error}"));
    let mut shelf = common::Shelf::new();
    let asset = shelf.add("x", Kind::Base, bytes);
    assert_eq!((asset.digest, asset.width, asset.height), (normal.digest, normal.width, normal.height));
    let drawn = shelf.draw("/c/x.png");
    (normal, drawn)
}

/// EXIF with one entry: the orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    tiff.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0]);
    tiff
}

/// A JPEG with a segment put in behind its start.
fn with_segment(jpeg: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend_from_slice(&[0xff, marker]);
    bytes.extend_from_slice(&u16::to_be_bytes(body.len() as u16 + 2));
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&jpeg[2..]);
    bytes
}

fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    with_segment(jpeg, 0xe1, &[b"Exif\0\0".as_slice(), &exif(orientation)].concat())
}

/// A 48 × 32 picture whose top left 16 × 16 corner is red on blue: its whereabouts tell every orientation.
fn corner(x: u32, y: u32) -> [u8; 4] {
    if x < 16 && y < 16 { RED } else { BLUE }
}

fn is_red(pixmap: &Pixmap, x: u32, y: u32) -> bool {
    let [r, _, b, _] = at(pixmap, x, y);
    r > 180 && b < 80
}

#[test]
fn exif_orientation_is_applied() {
    let upright = jpeg(48, 32, |x, y| {
        let [r, g, b, _] = corner(x, y);
        [r, g, b]
    });
    let (l, t) = (8, 8); // the middle of the red corner, from whichever sides it lies at
    for (orientation, size, red) in [
        (1, (48, 32), (l, t)),
        (2, (48, 32), (47 - l, t)),
        (3, (48, 32), (47 - l, 31 - t)),
        (4, (48, 32), (l, 31 - t)),
        (5, (32, 48), (l, t)),
        (6, (32, 48), (31 - l, t)),
        (7, (32, 48), (31 - l, 47 - t)),
        (8, (32, 48), (l, 47 - t)),
        (9, (48, 32), (l, t)),
    ] {
        let (normal, drawn) = stored(&with_exif(&upright, orientation));
        assert_eq!(
            ((normal.width, normal.height), normal.media_type),
            (size, "image/jpeg"),
            "orientation {orientation}"
        );
        assert!(is_red(&drawn, red.0, red.1), "orientation {orientation}");
        let other = (size.0 - 1 - red.0, size.1 - 1 - red.1);
        assert!(!is_red(&drawn, other.0, other.1), "orientation {orientation}");
    }
}

#[test]
fn a_jpeg_that_needs_nothing_keeps_its_bits_but_not_its_metadata() {
    let plain = jpeg(48, 32, |x, y| [x as u8, y as u8, 99]);
    let mut tagged = with_segment(&plain, 0xfe, b"a comment with GPS 52.1");
    tagged = with_segment(&with_exif(&tagged, 1), 0xe2, b"ICC?");
    tagged.extend_from_slice(b"trailing thumbnail");
    let (normal, _) = stored(&tagged);
    assert_eq!(normal.bytes, plain);
}

#[test]
fn metadata_of_a_png_is_dropped() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
    encoder.set_color(ColorType::Rgb);
    encoder.add_text_chunk("Comment".into(), "secret place".into()).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(png::chunk::ChunkType(*b"eXIf"), &exif(6)).unwrap();
    writer.write_image_data(&[255, 0, 0, 0, 0, 255]).unwrap();
    writer.finish().unwrap();
    let (normal, drawn) = stored(&bytes);
    assert!(
        !normal.bytes.windows(6).any(|w| w == b"secret") && !normal.bytes.windows(4).any(|w| w == b"eXIf")
    );
    assert_eq!(
        (drawn.size(), at(&drawn, 0, 0), at(&drawn, 0, 1)),
        ((1, 2), RED, BLUE),
        "and its orientation is applied"
    );
}

#[test]
fn every_kind_of_png_reads_the_same() {
    let write = |color, depth, palette: Option<&[u8]>, trns: Option<&[u8]>, data: &[u8]| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if let Some(palette) = palette {
            encoder.set_palette(palette.to_vec());
        }
        if let Some(trns) = trns {
            encoder.set_trns(trns.to_vec());
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        writer.finish().unwrap();
        bytes
    };
    let grey = |v| [v, v, v, 255];
    for (name, bytes, left, right) in [
        (
            "grey 1",
            write(ColorType::Grayscale, BitDepth::One, None, None, &[0b0100_0000]),
            grey(0),
            grey(255),
        ),
        (
            "grey 16",
            write(ColorType::Grayscale, BitDepth::Sixteen, None, None, &[0, 0, 128, 128]),
            grey(0),
            grey(128),
        ),
        (
            "grey alpha",
            write(ColorType::GrayscaleAlpha, BitDepth::Eight, None, None, &[9, 255, 7, 0]),
            grey(9),
            [0; 4],
        ),
        ("rgb", write(ColorType::Rgb, BitDepth::Eight, None, None, &[255, 0, 0, 0, 0, 255]), RED, BLUE),
        (
            "rgb key",
            write(
                ColorType::Rgb,
                BitDepth::Eight,
                None,
                Some(&[0, 255, 0, 0, 0, 0]),
                &[255, 0, 0, 0, 0, 255],
            ),
            [0; 4],
            BLUE,
        ),
        (
            "indexed",
            write(ColorType::Indexed, BitDepth::Two, Some(&[255, 0, 0, 0, 0, 255]), None, &[0b0001_0000]),
            RED,
            BLUE,
        ),
        (
            "indexed alpha",
            write(
                ColorType::Indexed,
                BitDepth::Eight,
                Some(&[255, 0, 0, 0, 0, 255]),
                Some(&[255, 0]),
                &[0, 1],
            ),
            RED,
            [0; 4],
        ),
        (
            "rgba 16",
            write(
                ColorType::Rgba,
                BitDepth::Sixteen,
                None,
                None,
                &[255, 255, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255],
            ),
            RED,
            BLUE,
        ),
    ] {
        let (normal, drawn) = stored(&bytes);
        assert_eq!((at(&drawn, 0, 0), at(&drawn, 1, 0)), (left, right), "{name}");
        assert_eq!(normal.opaque, left[3] == 255 && right[3] == 255, "{name}");
    }
}

/// A PNG of RGBA with 16 bits a channel, interlaced by Adam7 (PNG, section 8.2), which no encoder at hand writes.
fn interlaced(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Vec<u8> {
    let passes =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let mut raw = Vec::new();
    for (left, top, across, down) in passes {
        let columns: Vec<u32> = (left..width).step_by(across).collect();
        for y in (top..height).step_by(down).filter(|_| !columns.is_empty()) {
            raw.push(0); // no filter
            raw.extend(columns.iter().flat_map(|x| pixel(*x, y)).flat_map(|sample| [sample, 77]));
        }
    }
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut deflate, &raw).unwrap();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[16, 6, 0, 0, 1]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, body) in [(b"IHDR", header), (b"IDAT", deflate.finish().unwrap()), (b"IEND", Vec::new())] {
        let mut crc = flate2::Crc::new();
        crc.update(name);
        crc.update(&body);
        file.extend([&(body.len() as u32).to_be_bytes()[..], name, &body, &crc.sum().to_be_bytes()].concat());
    }
    file
}

#[test]
fn sixteen_bits_interlaced_are_read() {
    let wave = |x: u32, y: u32| [(x * 11) as u8, (y * 13) as u8, 200, if x < 11 { 255 } else { 0 }];
    for (width, height) in [(1, 1), (3, 2), (8, 8), (19, 13)] {
        let (interlaced, plain) = (interlaced(width, height, wave), png(width, height, wave));
        let read = |file| normalise(file, &Limits::default()).unwrap().digest;
        assert_eq!(read(&interlaced), read(&plain), "{width}×{height}");
    }
}

#[test]
fn every_kind_of_jpeg_is_read() {
    use jpeg_encoder::ColorType::{Cmyk, CmykAsYcck, Luma, Rgb, Ycbcr};
    let encode = |colours, progressive, [left, right]: [&[u8]; 2]| {
        let row: Vec<u8> = [left.repeat(16), right.repeat(16)].concat();
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 100);
        encoder.set_progressive(progressive);
        encoder.encode(&row.repeat(32), 32, 32, colours).unwrap();
        bytes
    };
    // Adobe's marker with transform 0: the three components are R, G and B as they stand.
    let as_rgb = |file: &[u8]| with_segment(file, 0xee, b"Adobe\0\x64\0\0\0\0\0");
    let (red, blue): (&[u8], &[u8]) = (&[255, 0, 0], &[0, 0, 255]);
    let (red_ink, blue_ink): (&[u8], &[u8]) = (&[0, 255, 255, 0], &[255, 255, 0, 0]);
    let cases = [
        ("baseline", encode(Rgb, false, [red, blue]), [RED, BLUE]),
        ("progressive", encode(Rgb, true, [red, blue]), [RED, BLUE]),
        ("grey", encode(Luma, false, [&[200], &[10]]), [[200, 200, 200, 255], [10, 10, 10, 255]]),
        ("RGB", as_rgb(&encode(Ycbcr, false, [red, blue])), [RED, BLUE]),
        ("CMYK", encode(Cmyk, false, [red_ink, blue_ink]), [RED, BLUE]),
        ("progressive CMYK", encode(Cmyk, true, [red_ink, blue_ink]), [RED, BLUE]),
        ("YCCK", encode(CmykAsYcck, false, [red_ink, blue_ink]), [RED, BLUE]),
    ];
    for (name, file, expected) in cases {
        let (normal, drawn) = stored(&file);
        assert_eq!((normal.media_type, normal.opaque), ("image/jpeg", true), "{name}");
        let adobe = normal.bytes.windows(5).any(|word| word == b"Adobe");
        assert!(!adobe, "{name}: kept in colours that not everybody reads");
        for (x, expected) in [(4, expected[0]), (27, expected[1])] {
            let seen = at(&drawn, x, 16);
            let off = seen.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max().unwrap();
            assert!(off <= 6, "{name}: {seen:?} at {x}, expected {expected:?}");
        }
    }
}

#[test]
fn webp_and_gif_are_read() {
    let samples: Vec<u8> = (0..32 * 48).flat_map(|i| corner(i % 48, i / 48)).collect();
    let mut webp = Vec::new();
    image_webp::WebPEncoder::new(&mut webp).encode(&samples, 48, 32, image_webp::ColorType::Rgba8).unwrap();
    let (normal, drawn) = stored(&webp);
    assert_eq!((normal.media_type, at(&drawn, 3, 3), at(&drawn, 40, 3)), ("image/png", RED, BLUE));

    // An animation whose first frame covers only a part of its canvas, and one whose frame reaches over it.
    let animation = |left| common::animated_webp((64, 40), (left, 4), (48, 32), &webp[12..]);
    let (_, drawn) = stored(&animation(10));
    assert_eq!(
        (drawn.size(), at(&drawn, 9, 6), at(&drawn, 13, 7), at(&drawn, 50, 7), at(&drawn, 58, 7)),
        ((64, 40), [0; 4], RED, BLUE, [0; 4])
    );
    let error = normalise(&animation(18), &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("reaches over its canvas"), "{error}");

    // An animation whose header says nothing of the alpha that its frame has.
    let veiled = [100, 10, 0, 128].repeat(48 * 32);
    let mut webp = Vec::new();
    image_webp::WebPEncoder::new(&mut webp).encode(&veiled, 48, 32, image_webp::ColorType::Rgba8).unwrap();
    let mut silent = common::animated_webp((48, 32), (0, 0), (48, 32), &webp[12..]);
    silent[20] &= !0x10;
    let (normal, drawn) = stored(&silent);
    assert_eq!((normal.opaque, at(&drawn, 5, 5)), (false, [100, 10, 0, 128]));

    // A GIF whose first frame covers only a part of its screen.
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, 8, 8, &[255, 0, 0, 0, 0, 255]).unwrap();
    let frame = |left, index| gif::Frame {
        left,
        top: 2,
        width: 3,
        height: 3,
        buffer: vec![index; 9].into(),
        ..Default::default()
    };
    encoder.write_frame(&frame(4, 0)).unwrap();
    encoder.write_frame(&frame(0, 1)).unwrap();
    drop(encoder);
    let (_, drawn) = stored(&bytes);
    assert_eq!(
        (drawn.size(), at(&drawn, 4, 2), at(&drawn, 3, 2), at(&drawn, 0, 2)),
        ((8, 8), RED, [0; 4], [0; 4])
    );
}

#[test]
fn an_icc_profile_is_converted_to_srgb() {
    // The same numbers mean a stronger red in Display P3, so that in sRGB green and blue go down.
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let srgb = moxcms::ColorProfile::new_srgb().encode().unwrap();
    let tagged = |icc: &[u8]| {
        let mut bytes = Vec::new();
        let mut info = png::Info::with_size(1, 1);
        info.color_type = ColorType::Rgb;
        info.bit_depth = BitDepth::Eight;
        info.icc_profile = Some(icc.to_vec().into());
        let mut writer = png::Encoder::with_info(&mut bytes, info).unwrap().write_header().unwrap();
        writer.write_image_data(&[200, 100, 100]).unwrap();
        writer.finish().unwrap();
        bytes
    };
    let [r, g, b, _] = at(&stored(&tagged(&p3)).1, 0, 0);
    assert!(
        (212..=218).contains(&r) && (90..=98).contains(&g) && (92..=100).contains(&b),
        "P3 became {r} {g} {b}"
    );
    assert_eq!(at(&stored(&tagged(&srgb)).1, 0, 0), [200, 100, 100, 255]);
    assert_eq!(at(&stored(&tagged(b"not a profile at all")).1, 0, 0), [200, 100, 100, 255]);
}

#[test]
fn levels_are_halves_in_the_format_of_the_whole() {
    let wave = |x: u32, y: u32| [(x / 3) as u8, (y / 2) as u8, ((x * y) / 900) as u8];
    let cases = [
        ("image/png", png(701, 400, |x, y| [wave(x, y)[0], wave(x, y)[1], wave(x, y)[2], (y / 2) as u8])),
        ("image/jpeg", jpeg(701, 400, wave)),
    ];
    for (media_type, file) in cases {
        let normal = normalise(&file, &Limits::default()).unwrap();
        let sizes: Vec<_> = normal.levels.iter().map(|copy| (copy.level.width, copy.level.height)).collect();
        assert_eq!(sizes, [(351, 200), (176, 100)], "{media_type}");
        for copy in &normal.levels {
            let read = normalise(&copy.bytes, &Limits::default()).unwrap();
            assert_eq!(
                (read.digest, read.media_type, read.opaque, copy.bytes.len() as u64),
                (copy.level.digest, media_type, normal.opaque, copy.level.bytes)
            );
        }
        assert_eq!(normalise(&normal.bytes, &Limits::default()).unwrap(), normal, "{media_type}");
    }
    // One that has to be turned is encoded anew, and its levels are those of what is kept.
    let turned = normalise(&with_exif(&jpeg(701, 400, wave), 6), &Limits::default()).unwrap();
    assert_eq!(normalise(&turned.bytes, &Limits::default()).unwrap(), turned);
    assert!(normalise(&png(256, 256, |_, _| RED), &Limits::default()).unwrap().levels.is_empty());
}

#[test]
fn what_is_no_image_is_refused_by_name() {
    for bytes in
        [b"".as_slice(), b"GIF", b"hello, world", b"<svg xmlns='http://www.w3.org/2000/svg'/>", &[0; 64]]
    {
        assert_eq!(normalise(bytes, &Limits::default()), Err(AssetError::Unrecognised));
    }
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let noise = |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) as u8;
    let samples: Vec<u8> = (0..64 * 64).flat_map(|i| [noise(i, 1), noise(i, 2), noise(i, 3), 255]).collect();
    let mut webp = Vec::new();
    image_webp::WebPEncoder::new(&mut webp).encode(&samples, 64, 64, image_webp::ColorType::Rgba8).unwrap();
    let mut gif = Vec::new();
    let indices: Vec<u8> = (0..64 * 64).map(|i| noise(i, 4) & 3).collect();
    let palette = [0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255];
    gif::Encoder::new(&mut gif, 64, 64, &palette)
        .unwrap()
        .write_frame(&gif::Frame::from_indexed_pixels(64, 64, indices, None))
        .unwrap();
    let files = [
        ("PNG", png(64, 64, |x, y| [noise(x, y), noise(y, x), 7, noise(x, 9)])),
        ("JPEG", jpeg(64, 64, |x, y| [noise(x, y), noise(y, x), 7])),
        ("WebP", webp),
        ("GIF", gif),
    ];
    for (name, file) in files {
        assert!(normalise(&file, &Limits::default()).is_ok(), "{name}");
        for kept in (0..20).map(|i| file.len() * i / 20) {
            assert!(
                normalise(&file[..kept], &Limits::default()).is_err(),
                "{name} cut to {kept} of {} bytes",
                file.len()
            );
        }
    }
}

#[test]
fn headers_that_promise_too_much_are_refused_before_decoding() {
    // A PNG header of 60,000 × 60,000 with nothing behind it: the answer is about its size, so nothing was allocated.
    let mut bomb = png(1, 1, |_, _| RED);
    bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let mut crc = crc(&bomb[12..29]).to_be_bytes().to_vec();
    bomb.splice(29..33, crc.drain(..));
    let error = normalise(&bomb, &Limits::default()).unwrap_err();
    assert!(matches!(error, AssetError::Limit { needed: 3_600_000_000, allowed: 50_000_000, .. }), "{error}");

    let mut jpeg_bomb = jpeg(16, 16, |_, _| [0; 3]);
    let sof = jpeg_bomb.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg_bomb[sof + 5..sof + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    let error = normalise(&jpeg_bomb, &Limits::default()).unwrap_err();
    assert!(matches!(error, AssetError::Limit { needed: 4_294_836_225, .. }), "{error}");

    let limits = Limits { body_bytes: 10, ..Limits::default() };
    assert!(matches!(normalise(&png(1, 1, |_, _| RED), &limits), Err(AssetError::Limit { allowed: 10, .. })));
}

/// CRC-32 as PNG has it (PNG third edition, annex D).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

#[test]
fn flipped_bits_never_panic() {
    let file = jpeg(32, 32, |x, y| [x as u8 * 8, y as u8 * 8, 128]);
    let other = png(32, 32, |x, y| [x as u8 * 8, y as u8 * 8, 128, 255]);
    for original in [file, other] {
        for i in 0..original.len() {
            let mut broken = original.clone();
            broken[i] ^= 1 << (i % 8);
            // Refused or read, but never a picture of another size than it says.
            if let Ok(normal) = normalise(&broken, &Limits { source_pixels: 1 << 20, ..Limits::default() }) {
                assert!(u64::from(normal.width) * u64::from(normal.height) <= 1 << 20);
            }
        }
    }
}
