//! Any bytes as an uploaded font: refused with a reason, or a text set in it is drawn, or refused with a reason.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports what it found")]

use std::sync::Arc;

use compositor::{Catalogue, normalise_font};
use fuzz::{LIMITS, SHELF};
use libfuzzer_sys::fuzz_target;

const PATHS: [&str; 2] = [
    "/c/cat/~text;t=SGVsbG8sIFdvcmxkIQ;font=fuzzed.png",
    "/c/cat/~text;t=2LPZhNin2YUg16nXnNeV150;font=fuzzed;wrap=0.3;rotate=20.png",
];

fuzz_target!(|bytes: &[u8]| {
    let normal = match normalise_font(bytes, &LIMITS) {
        Ok(normal) => normal,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let mut assets = SHELF.catalogue.assets().to_vec();
    assets.push(fuzz::asset("fuzzed", compositor::Kind::Font, &normal));
    let catalogue = Catalogue::new(assets);
    let mut ingredients = SHELF.ingredients.clone();
    ingredients.insert(normal.digest, Arc::from(normal.bytes));
    for path in PATHS {
        let plan = catalogue.resolve(&path.parse().unwrap(), None).unwrap();
        if let Err(error) = SHELF.cold.draw(&plan, &ingredients) {
            assert!(!error.to_string().is_empty());
        }
    }
});
