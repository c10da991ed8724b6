//! Every feature of the recipe language against a picture that was looked at and kept: `goldens/cases.rs` has the recipes,
//! the files beside it are what they drew. A picture that is meant to change is accepted with
//! `MILLINER_ACCEPT_GOLDENS=1 cargo nextest run -p compositor --test goldens`, and then looked at.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "goldens/cases.rs"]
mod cases;
#[path = "goldens/difference.rs"]
mod difference;
#[path = "goldens/digests.rs"]
mod digests;
#[path = "goldens/document.rs"]
mod document;
#[path = "goldens/inputs.rs"]
mod inputs;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cases::{CASES, file_name};
use compositor::Recipe;
use compositor::recipe::{Align, BlendMode, Fit, Flip, GradientShape, Gravity, Operator, Tile};
use difference::{Difference, Picture, side_by_side};
use inputs::Stock;

/// Set, the goldens become what is drawn now.
const ACCEPT: &str = "MILLINER_ACCEPT_GOLDENS";
/// How to set it.
const ACCEPTING: &str = "MILLINER_ACCEPT_GOLDENS=1 cargo nextest run -p compositor --test goldens";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

fn accepting() -> bool {
    std::env::var_os(ACCEPT).is_some_and(|value| value == "1")
}

#[test]
fn every_recipe_draws_its_golden() {
    let stock = Stock::new().unwrap();
    let changed: Vec<String> = CASES.iter().filter_map(|case| changed(&stock, *case)).collect();
    assert!(
        changed.is_empty(),
        "{} of {} goldens changed\n{}\nto accept: {ACCEPTING}",
        changed.len(),
        CASES.len(),
        changed.join("\n")
    );
}

/// What is wrong with a case, in a line or two; `None`: nothing, or it was accepted.
fn changed(stock: &Stock, case: (&str, &str)) -> Option<String> {
    let path = folder().join(file_name(case));
    let now = stock.compose(case.1).unwrap_or_else(|error| panic!("{error}"));
    let golden = std::fs::read(&path).unwrap_or_default();
    if golden == now {
        return None;
    }
    if accepting() {
        std::fs::write(&path, now).unwrap();
        return None;
    }
    let title = format!("{}: {}", file_name(case), case.1);
    if golden.is_empty() {
        return Some(format!("{title}\n    there is no golden yet"));
    }
    let (golden, now) = (Picture::read(&golden), Picture::read(&now));
    let difference = Difference::of(&golden, &now);
    let kept = keep(case.0, &side_by_side(&golden, &now));
    Some(format!("{title}\n    {difference}\n    see {}", kept.display()))
}

/// Puts a picture where a person finds it.
fn keep(name: &str, picture: &Picture) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("goldens");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.png"));
    std::fs::write(&path, picture.png()).unwrap();
    path
}

/// For a decoder that is not ours, too.
#[test]
fn every_png_shows_the_pixels_that_are_drawn() {
    let stock = Stock::new().unwrap();
    for case in CASES.iter().filter(|case| file_name(**case) == format!("{}.png", case.0)) {
        let plan = stock.plan(case.1).unwrap();
        let drawn = stock.compositor.draw(&plan, &stock.ingredients).unwrap();
        let (width, height) = drawn.size();
        let drawn = Picture { width, height, rgba: drawn.to_straight_rgba() };
        let read = Picture::read(&std::fs::read(folder().join(file_name(*case))).unwrap());
        let difference = Difference::of(&read, &drawn);
        assert!(difference.is_none(), "{}: {difference}", case.0);
    }
}

/// What `cargo xtask test --only targets` holds every other target against.
#[test]
fn this_target_makes_the_bytes_of_all_targets() {
    let path = folder().join("digests.txt");
    let now = digests::lines().unwrap().join("\n") + "\n";
    if accepting() {
        std::fs::write(&path, now).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let (kept, now): (BTreeSet<_>, BTreeSet<_>) = (kept.lines().collect(), now.lines().collect());
    let differing: Vec<_> = now.difference(&kept).chain(kept.difference(&now)).collect();
    assert!(differing.is_empty(), "not as in digests.txt: {differing:#?}\nto accept: {ACCEPTING}");
}

#[test]
fn every_golden_has_a_recipe() {
    let known: BTreeSet<String> = CASES.iter().map(|case| file_name(*case)).collect();
    assert_eq!(known.len(), CASES.len(), "two cases have one name");
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let picture = path.extension().is_some_and(|end| end == "png" || end == "jpg" || end == "webp");
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!picture || known.contains(&name), "{name} belongs to no case: remove it");
    }
}

#[test]
fn recipes_are_canonical() {
    for (name, recipe) in CASES {
        assert_eq!(Recipe::parse(recipe).unwrap().to_path(), *recipe, "{name}");
    }
}

/// Every parameter that the parser knows, and every word of each that takes words; defaults are not written.
#[test]
fn every_part_of_the_language_has_a_golden() {
    let all = format!(
        "{};",
        CASES.iter().map(|case| case.1.replace(['/', '.'], ";")).collect::<Vec<_>>().join(";")
    );
    for parameter in document::parameters() {
        assert!(all.contains(&format!(";{parameter}=")), "no recipe has `{parameter}`");
    }
    let words = |parameter: &'static str, words: Vec<&'static str>| {
        words.into_iter().skip(1).map(move |word| format!(";{parameter}={word};"))
    };
    macro_rules! of {
        ($name:ident) => {
            $name::WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>()
        };
    }
    let wanted = words("fit", of!(Fit))
        .chain(words("at", of!(Gravity)))
        .chain(words("flip", of!(Flip)))
        .chain(words("blend", of!(BlendMode)))
        .chain(words("op", of!(Operator)))
        .chain(words("tile", of!(Tile)))
        .chain(words("gradient", of!(GradientShape)))
        .chain(words("align", of!(Align)));
    for word in wanted {
        assert!(all.contains(&word), "no recipe has `{word}`");
    }
}

#[test]
fn a_small_overlay_is_read_from_a_level() {
    let stock = Stock::new().unwrap();
    for name in ["level-base", "level-overlay"] {
        let (_, recipe) = CASES.iter().find(|case| case.0 == name).unwrap();
        let plan = stock.plan(recipe).unwrap();
        let of_levels = plan.files().iter().filter(|file| !plan.ingredients().contains(file)).count();
        assert!(of_levels > 0, "{recipe} reads {:?}", plan.files());
    }
}
