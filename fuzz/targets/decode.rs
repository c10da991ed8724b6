//! Any bytes as an uploaded picture: they are refused with a reason, or become a stored form that is read back with the
//! size it says and drawn on like any other. What begins as a PNG, as a stored file, which nobody but us writes: it is drawn
//! on or refused.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports what it found")]

use std::sync::Arc;

use compositor::{Asset, Catalogue, Compositor, Digest, Kind, RenderError, normalise};
use fuzz::{LIMITS, SHELF, blanked, read_png, visible};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let normal = normalise(bytes, &LIMITS);
    match &normal {
        Ok(normal) => {
            assert!(u64::from(normal.width) * u64::from(normal.height) <= LIMITS.source_pixels);
            let again = normalise(&normal.bytes, &LIMITS).unwrap();
            assert_eq!(&again, normal, "the stored form is its own stored form");
            draw_on(&normal.bytes, (normal.width, normal.height), normal.opaque, true);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Some((size, opaque)) = png_header(bytes) {
        draw_on(bytes, size, opaque, false);
    }
});

/// Size of what says that it is a PNG, and whether it has no alpha.
fn png_header(bytes: &[u8]) -> Option<((u32, u32), bool)> {
    let (width, rest) = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")?.split_first_chunk()?;
    let (height, rest) = rest.split_first_chunk()?;
    let (width, height) = (u32::from_be_bytes(*width), u32::from_be_bytes(*height));
    (width > 0 && height > 0).then_some(((width, height), rest.get(1)? & 4 == 0))
}

/// Puts a hat on a stored file.
fn draw_on(file: &[u8], (width, height): (u32, u32), opaque: bool, is_ours: bool) {
    let hat = SHELF.catalogue.assets().iter().find(|asset| asset.id.as_ref() == "hat").unwrap();
    let (id, digest) = ("stored".parse().unwrap(), Digest::of(file));
    let stored =
        Asset { id, digest, kind: Kind::Base, width, height, opaque, levels: Vec::new(), ..hat.clone() };
    let mut ingredients = SHELF.ingredients.clone();
    ingredients.insert(digest, Arc::from(file));
    let catalogue = Catalogue::new(vec![stored, hat.clone()]);
    let warm = Compositor::new(LIMITS, 8 << 20);
    for place in ["top", "bottom", "top"] {
        let path = format!("/c/stored/hat;at={place};scale=0.3.png");
        let plan = catalogue.resolve(&path.parse().unwrap(), None).unwrap();
        let cold = SHELF.cold.compose(&plan, &ingredients);
        let warm = warm.compose(&plan, &ingredients);
        match (cold, warm) {
            (Ok(cold), Ok(warm)) if is_ours => {
                assert!(cold == warm, "what a compositor keeps must not change a result");
                let drawn = SHELF.cold.draw(&plan, &ingredients).unwrap();
                assert!(blanked(read_png(&cold.bytes)) == visible(&drawn));
            }
            (Err(RenderError::Limit { .. }), Err(RenderError::Limit { .. })) => return,
            (cold, warm) => assert!(!is_ours, "cold {:?}, warm {:?}", cold.err(), warm.err()),
        }
    }
}
