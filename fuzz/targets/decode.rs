//! Any bytes as an uploaded picture: they are refused with a reason, or become a stored form that is read back with the
//! size it says. The same bytes as a stored file, which nobody but us writes, are drawn on or refused.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports what it found")]

use std::sync::Arc;

use compositor::{Asset, Catalogue, Digest, Kind, normalise};
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
    let plan = catalogue.resolve(&"/c/stored/hat;at=top;scale=0.3.png".parse().unwrap(), None).unwrap();
    match (SHELF.cold.compose(&plan, &ingredients), is_ours) {
        (Ok(composite), true) => {
            let drawn = SHELF.cold.draw(&plan, &ingredients).unwrap();
            assert!(blanked(read_png(&composite.bytes)) == visible(&drawn));
        }
        (Ok(_), false) => {}
        (Err(error), _) => assert!(!error.to_string().is_empty()),
    }
}
