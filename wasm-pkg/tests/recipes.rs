//! The list of the same-bytes test says what it promises: fifty different recipes, in canonical form,
//! all of them in formats that every tier renders to the same bytes.

use std::collections::BTreeSet;

use compositor::{Format, Recipe};

#[test]
fn fifty_canonical_recipes() {
    let list = include_str!("recipes.txt");
    let recipes: BTreeSet<_> = list.lines().filter(|line| line.starts_with('/')).collect();
    assert_eq!(recipes.len(), 50);
    for path in recipes {
        let recipe = Recipe::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(recipe.to_path(), path);
        let everywhere = match recipe.format.fixed() {
            Some(Format::Png | Format::Jpeg) => true,
            Some(Format::Webp) => recipe.base.quality == Some(100),
            _ => false,
        };
        assert!(everywhere, "{path} is not rendered everywhere");
    }
}
