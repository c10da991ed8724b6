//! Any recipe over a small catalogue: it is refused with a reason, or drawn; a lossless file has exactly the pixels that
//! were drawn, and a compositor that has drawn before writes the same bytes as one that keeps nothing.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports what it found")]

use compositor::{Format, Recipe};
use fuzz::{SHELF, blanked, read_jpeg, read_png, read_webp, visible};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(recipe) = text.parse::<Recipe>() else { return };
    let Ok(plan) = SHELF.catalogue.resolve(&recipe, None) else { return };
    let cold = SHELF.cold.compose(&plan, &SHELF.ingredients);
    let warm = SHELF.warm.compose(&plan, &SHELF.ingredients);
    let composite = match (cold, warm) {
        (Ok(cold), Ok(warm)) => {
            assert!(cold == warm, "what a compositor keeps must not change a result");
            cold
        }
        (Err(cold), Err(warm)) => return assert_eq!(cold.to_string(), warm.to_string()),
        (cold, warm) => panic!("cold {:?}, warm {:?}", cold.err(), warm.err()),
    };
    assert_eq!((composite.width, composite.height), plan.canvas());
    let drawn = SHELF.cold.draw(&plan, &SHELF.ingredients).unwrap();
    match composite.format {
        Format::Png => assert!(blanked(read_png(&composite.bytes)) == visible(&drawn)),
        Format::Webp if plan.lossless_everywhere() => {
            assert!(blanked(read_webp(&composite.bytes)) == visible(&drawn));
        }
        Format::Jpeg => assert_eq!(read_jpeg(&composite.bytes).len(), drawn.data().len()),
        Format::Webp | Format::Avif => {}
    }
});
