//! Any bytes as an uploaded picture: they are refused with a reason, or become a stored form that is read back with the
//! size it says.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports what it found")]

use compositor::normalise;
use fuzz::LIMITS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let normal = match normalise(bytes, &LIMITS) {
        Ok(normal) => normal,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(u64::from(normal.width) * u64::from(normal.height) <= LIMITS.source_pixels);
    let again = normalise(&normal.bytes, &LIMITS).unwrap();
    assert_eq!(again, normal, "the stored form is its own stored form");
});
