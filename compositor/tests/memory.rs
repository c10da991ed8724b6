//! The memory that a plan predicts is never exceeded: every allocation of a render is counted.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Shelf, jpeg, noise, png};
use compositor::{Compositor, Kind, Limits, RenderError, normalise};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const SANS: &[u8] = include_bytes!("fonts/blocks.ttf");

/// Noise over a gradient: as hard to compress as photographs are.
fn sample(x: u32, y: u32, salt: u32) -> u8 {
    let noise = (x ^ y.rotate_left(16) ^ salt).wrapping_mul(0x9e37_79b1) >> 27;
    ((x / 8 + y / 6 + salt * 40) as u8).wrapping_add(noise as u8)
}

fn shelf() -> Shelf {
    let mut shelf = Shelf::new();
    let veiled = |x, y| [sample(x, y, 1), sample(x, y, 2), sample(x, y, 3), sample(x, y, 4)];
    let photo = jpeg(800, 600, |x, y| [sample(x, y, 1), sample(x, y, 2), sample(x, y, 3)]);
    shelf.add("photo", Kind::Base, &photo);
    shelf.add("drawn", Kind::Base, &png(600, 500, veiled));
    shelf.add("hat", Kind::Overlay, &png(420, 300, veiled));
    shelf.add("long", Kind::Overlay, &png(3000, 20, veiled));
    shelf.add("dot", Kind::Base, &png(10, 10, veiled));
    shelf.add("jot", Kind::Base, &jpeg(9, 7, |x, y| [sample(x, y, 1), sample(x, y, 2), sample(x, y, 3)]));
    // Strips that composites copy, of few pixels.
    shelf.add("strip", Kind::Base, &png(20, 900, |x, y| [noise(x, y, 1) / 16, noise(x, y, 2) / 8, 9, 255]));
    shelf.add("line", Kind::Overlay, &png(6000, 1, veiled));
    shelf.add_font("sans", SANS);
    shelf
}

const RECIPES: [&str; 30] = [
    "/c/dot.png",
    "/c/dot.jpg",
    "/c/dot;q=100.webp",
    "/c/jot.png",
    "/c/strip/hat;at=center.png",
    "/c/strip/hat;at=top;scale=0.5.png",
    "/c/photo.jpg",
    "/c/photo.png",
    "/c/photo.webp",
    "/c/photo;q=100.webp",
    "/c/photo.avif",
    "/c/drawn.png",
    "/c/drawn.jpg",
    "/c/drawn;q=100.webp",
    "/c/photo;w=200.jpg",
    "/c/photo;w=900;dpr=1.5.jpg",
    "/c/photo;w=400;h=400;fit=cover/hat;at=center.png",
    "/c/photo;w=400;h=400;fit=contain;bg=00000000;radius=0.5/hat;at=center;scale=0.4;rotate=90.png",
    "/c/drawn/hat;at=center;rotate=33.png",
    "/c/drawn/hat;at=center;scale=3;rotate=33;blend=luminosity;opacity=0.5.png",
    "/c/drawn/hat;at=center;flip=h;shadow=10px,10px,30px,00000080.png",
    "/c/drawn/hat;at=center;scale=0.05;tile=xy;shadow=4px,4px,8px,000000.png",
    "/c/drawn/hat;at=center;mask=drawn;scale=0.8;rotate=5.png",
    "/c/drawn/long;at=center;scale=2;rotate=90.png",
    "/c/dot;w=8192;h=1;dpr=3;fit=fill.png",
    "/c/dot;w=4096;h=1;dpr=2;fit=fill/line;at=center;scale=20;tile=x.png",
    "/c/drawn/~fill;color=ff0000;to=0000ff;gradient=radial;mask=hat.png",
    "/c/photo/~text;t=SGF0cyBvbiBjYXRzIGFuZCBvbiBtdWdz;size=0.2;wrap=0.6;at=center.png",
    "/c/photo;w=500/~text;t=SGF0cw;size=0.4;at=center;rotate=20;shadow=9px,9px,20px,000000;mask=hat.jpg",
    "/c/photo;w=420/hat;at=top/hat;at=bottom;rotate=7/hat;at=right;blend=multiply/hat;at=left;op=xor/~fill;color=00ff0020.png",
];

/// What the heap holds at most while `work` is done, beyond what it held before, in bytes.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let done = work();
    (done, (HEAP.peak_usage() - before) as u64)
}

#[test]
fn no_render_takes_more_memory_than_predicted() {
    let shelf = shelf();
    for path in RECIPES {
        let plan = shelf.plan(path);
        // Native encoders of lossy formats take their memory past this heap; all else is counted.
        for cache_bytes in [0, 256 << 20] {
            let compositor = Compositor::new(Limits::default(), cache_bytes);
            for turn in ["first", "second", "third"] {
                let (composite, peak) = peak_of(|| compositor.compose(&plan, &shelf.ingredients));
                match composite {
                    Ok(_) => {
                        let predicted = plan.working_bytes();
                        assert!(
                            peak <= predicted,
                            "{path}, {turn}: {peak} bytes, predicted were {predicted}"
                        );
                    }
                    Err(error) => assert!(matches!(error, RenderError::NotDrawn { .. }), "{path}: {error}"),
                }
            }
        }
    }
}

/// What the origin lets an upload take: `BYTES_PER_SOURCE_PIXEL`, and `SEARCH_BYTES`.
#[test]
fn an_import_takes_ten_bytes_a_pixel() {
    // What works on a strip at a time is the same for every picture.
    const SCRATCH: u64 = 8 << 20;
    let veil = |x, y| [noise(x, y, 1), noise(x, y, 2), noise(x, y, 3), noise(x, y, 4) | 1];
    let pictures = [
        png(1500, 1500, veil),
        png(20_000, 120, veil),
        png(1500, 1500, |x, y| [sample(x, y, 1), sample(x, y, 2), sample(x, y, 3), 255]),
        png(1500, 1500, |x, y| [(x / 100) as u8, (y / 90) as u8, 7, 255]),
    ];
    for picture in pictures {
        let (normal, peak) = peak_of(|| normalise(&picture, &Limits::default()).unwrap());
        let pixels = u64::from(normal.width) * u64::from(normal.height);
        assert!(peak <= 10 * pixels + SCRATCH, "{}×{}: {peak} bytes", normal.width, normal.height);
    }
}

#[test]
fn what_is_over_the_limit_is_refused_before_anything_is_decoded() {
    let shelf = shelf();
    let plan = shelf.plan("/c/photo;w=700/hat;at=center;rotate=33.png");
    let limits = Limits { working_bytes: plan.working_bytes() - 1, ..Limits::default() };
    let compositor = Compositor::new(limits, 0);
    let (refused, peak) = peak_of(|| compositor.compose(&plan, &shelf.ingredients));
    assert!(matches!(refused, Err(RenderError::Limit { .. })), "{refused:?}");
    assert!(peak < 16 << 10, "{peak} bytes to say no");
}
