//! Any text as a recipe: what parses prints canonically, reads back as the same recipe with the same key, and says so
//! also by way of JSON; what does not is refused without a panic.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports what it found")]

use compositor::Recipe;
use fuzz::SHELF;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(value) = text.parse::<serde_json::Value>()
        && let Ok(recipe) = Recipe::from_json(&value)
    {
        holds(&recipe);
    }
    match text.parse::<Recipe>() {
        Ok(recipe) => holds(&recipe),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn holds(recipe: &Recipe) {
    let canonical = recipe.to_path();
    let again: Recipe = canonical.parse().unwrap();
    assert_eq!(again.to_path(), canonical, "canonical form is its own");
    let Ok(plan) = SHELF.catalogue.resolve(recipe, None) else { return };
    let other = SHELF.catalogue.resolve(&again, None).unwrap();
    assert_eq!(plan.key(), other.key());
    let chosen: Recipe = plan.canonical_path().parse().unwrap();
    assert_eq!(SHELF.catalogue.resolve(&chosen, None).unwrap().key(), plan.key(), "{canonical}");
}
