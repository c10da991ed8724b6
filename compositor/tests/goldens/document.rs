//! `docs/recipes.md` against the parser and the goldens: it leaves out no parameter, shows no picture that is not there,
//! and prints above each the recipe that drew it.

use std::collections::BTreeSet;

use compositor::Recipe;

use super::cases::{CASES, file_name};

const DOCUMENT: &str = include_str!("../../../docs/recipes.md");
/// How the document links to a golden.
const LINK: &str = "](../compositor/tests/goldens/";

/// Every parameter that the parser knows.
pub fn parameters() -> BTreeSet<String> {
    let paths = ["/c/a;zzz=1.png", "/c/a/b;zzz=1.png", "/c/a/~text;t=SEk;zzz=1.png", "/c/a/~fill;zzz=1.png"];
    paths.into_iter().flat_map(known).collect()
}

/// The parameters that the parser knows where this recipe has one that it does not know, in its order.
fn known(recipe: &str) -> Vec<String> {
    let error = Recipe::parse(recipe).unwrap_err().to_string();
    let (_, names) = error.split_once("allowed: ").unwrap();
    names.split(", ").map(|name| name.trim_matches('`').to_owned()).collect()
}

/// A picture of the document: its alternative text, its file, and the recipe printed with it.
struct Shown {
    alt: &'static str,
    file: &'static str,
    recipe: String,
}

/// Every picture of the document. The recipe follows it in its cell; in a table without recipes it is the one before the
/// table, with the picture's alternative text for `…`.
fn shown() -> Vec<Shown> {
    let (mut found, mut template) = (Vec::new(), "");
    for line in DOCUMENT.lines() {
        let recipes: Vec<&str> = line.split('`').filter(|code| code.starts_with("/c/")).collect();
        if let Some(one) = recipes.iter().find(|recipe| recipe.contains('…')) {
            template = one;
        }
        for (i, (before, after)) in line.match_indices(LINK).map(|(at, _)| line.split_at(at)).enumerate() {
            let alt = before.rsplit_once("![").unwrap().1;
            let file = after[LINK.len()..].split_once(')').unwrap().0;
            let recipe =
                recipes.get(i).map_or_else(|| template.replace('…', alt), |recipe| (*recipe).to_owned());
            found.push(Shown { alt, file, recipe });
        }
    }
    found
}

#[test]
fn every_picture_of_the_document_is_the_golden_of_the_recipe_beside_it() {
    let shown = shown();
    assert!(shown.len() > 80, "{} pictures", shown.len());
    for Shown { alt, file, recipe } in shown {
        let case = CASES.iter().find(|case| file_name(**case) == file);
        let (name, drawn) = case.unwrap_or_else(|| panic!("there is no case of {file}"));
        assert_eq!(Recipe::parse(&recipe).unwrap().to_path(), *drawn, "{file}");
        assert!(name.ends_with(alt), "{file} is called {alt}");
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(file);
        assert!(path.is_file(), "{} is not there", path.display());
    }
}

/// The part of the document below a heading, down to the next one of its rank.
fn section(heading: &str) -> &'static str {
    let (_, rest) =
        DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}

#[test]
fn the_document_explains_every_parameter_where_it_belongs() {
    let of_layers = known("/c/a/b;zzz=1.png");
    let own = |path| known(path).into_iter().filter(|name| !of_layers.contains(name)).collect::<Vec<_>>();
    let base = known("/c/a;zzz=1.png");
    for (heading, parameters) in [
        ("Base", base),
        ("Every layer", of_layers.clone()),
        ("Fill", own("/c/a/~fill;zzz=1.png")),
        ("Text", own("/c/a/~text;t=SEk;zzz=1.png")),
    ] {
        let rows = section(heading).lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        let rows: Vec<&str> = rows.map(|(name, _)| name).collect();
        assert_eq!(rows, parameters, "the table of {heading}");
    }
}

#[test]
fn the_document_has_every_word_of_the_language() {
    let words = |parameter: &str, recipe: &str| {
        let error = Recipe::parse(recipe).unwrap_err().to_string();
        let (_, words) = error.split_once("allowed: ").unwrap();
        for word in words.split(", ") {
            assert!(DOCUMENT.contains(word), "{parameter} may be {word}");
        }
    };
    for parameter in ["fit", "pos"] {
        words(parameter, &format!("/c/a;{parameter}=zzz.png"));
    }
    for parameter in ["flip", "blend", "op", "tile"] {
        words(parameter, &format!("/c/a/b;{parameter}=zzz.png"));
    }
    words("gradient", "/c/a/~fill;to=ffffff;gradient=zzz.png");
    words("align", "/c/a/~text;t=SEk;align=zzz.png");
    words("the format", "/c/a.zzz");
}

#[test]
fn the_document_quotes_the_error_that_is_told() {
    let error = Recipe::parse("/c/tabby;w=9000/top-hat.png").unwrap_err();
    assert!(DOCUMENT.contains(&format!("400  {}  {error}\n", error.pointer())), "{error}");
}
