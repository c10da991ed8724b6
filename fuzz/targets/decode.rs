//! Any bytes as an uploaded picture: they are refused with a reason, or become a stored form that is read back with the
//! size it says. The same bytes as a stored file, which nobody but us writes, are drawn or refused.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports what it found")]

use std::sync::Arc;

use compositor::{Catalogue, Digest, Ingredients, Kind, normalise};
use fuzz::{LIMITS, SHELF, asset};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let normal = match normalise(bytes, &LIMITS) {
        Ok(normal) => normal,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(u64::from(normal.width) * u64::from(normal.height) <= LIMITS.source_pixels);
    let again = normalise(&normal.bytes, &LIMITS).unwrap();
    assert_eq!(again, normal, "the stored form is its own stored form");
    let mut stored = asset("stored", Kind::Base, &normal);
    stored.digest = Digest::of(bytes);
    let ingredients = Ingredients::from([(stored.digest, Arc::from(bytes))]);
    let catalogue = Catalogue::new(vec![stored]);
    let plan = catalogue.resolve(&"/c/stored.png".parse().unwrap(), None).unwrap();
    if let Err(error) = SHELF.cold.compose(&plan, &ingredients) {
        assert!(!error.to_string().is_empty());
    }
});
