//! Digests of everything that must be the same on every target: what imports store, with the levels they make, and what
//! recipes render. `digests.txt` beside this file has the lines as they have to be.

use compositor::{Digest, Limits, Normalised, normalise};

use super::cases::{CASES, file_name};
use super::inputs::Stock;

/// A picture large enough for levels, as the JPEG that an import makes levels of.
const LARGE: &str = "/c/tabby;w=600;h=400;fit=contain;bg=b8d8e8;q=90/top-hat.jpg";

/// One line a file, `digest name`.
///
/// # Errors
/// What failed, in words.
pub fn lines() -> Result<Vec<String>, String> {
    let stock = Stock::new().map_err(|error| error.to_string())?;
    let mut lines: Vec<String> =
        stock.imports.iter().flat_map(|(name, normal)| imported(name, normal)).collect();
    let large = normalise(&stock.compose(LARGE)?, &Limits::default()).map_err(|error| error.to_string())?;
    lines.extend(imported("large.jpg", &large));
    let mut keys = String::new();
    for case in CASES {
        keys.push_str(&stock.plan(case.1)?.key().to_string());
        lines.push(line(&stock.compose(case.1)?, &file_name(*case)));
    }
    lines.push(line(keys.as_bytes(), "keys of all recipes"));
    Ok(lines)
}

/// What is stored of an import.
fn imported(name: &str, normal: &Normalised) -> Vec<String> {
    let whole = line(&normal.bytes, &format!("import {name}"));
    let levels = normal.levels.iter().map(|copy| {
        line(&copy.bytes, &format!("import {name} at {}×{}", copy.level.width, copy.level.height))
    });
    std::iter::once(whole).chain(levels).collect()
}

fn line(bytes: &[u8], name: &str) -> String {
    format!("{} {name}", Digest::of(bytes))
}
