//! What the studio says, in whole sentences: the picture's caption, announcements for those who do not see it,
//! numbers as people read them.

use compositor::recipe::{Content, Layer, Length};
use compositor::{Catalogue, Recipe};

use super::edit::asset_of;

/// “Tabby in a top hat and a monocle”; what is written on it follows: “Tabby, bareheaded, saying “Hello””
pub fn caption(recipe: &Recipe, catalogue: &Catalogue) -> String {
    let base = base_title(recipe, catalogue);
    let pictures = recipe.layers.iter().filter(|layer| asset_of(layer).is_some());
    let worn: Vec<String> = pictures.map(|layer| with_article(&layer_title(layer, catalogue))).collect();
    let dressed = match worn.split_last() {
        None => format!("{base}, bareheaded"),
        Some((last, [])) => format!("{base} in {last}"),
        Some((last, rest)) => format!("{base} in {} and {last}", rest.join(", ")),
    };
    let said: Vec<String> = recipe.layers.iter().filter_map(said).collect();
    if said.is_empty() { dressed } else { format!("{dressed}, saying {}", said.join(" and ")) }
}

/// The words of a text, in one line of a few.
fn said(layer: &Layer) -> Option<String> {
    const FEW: usize = 32;
    let Content::Text(text) = &layer.content else { return None };
    let line = text.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let few: String = line.chars().take(FEW).collect();
    let more = if few.len() < line.len() { "…" } else { "" };
    Some(format!("“{few}{more}”"))
}

/// The base's title, or its id where the catalogue does not know it.
pub fn base_title(recipe: &Recipe, catalogue: &Catalogue) -> String {
    title(recipe.base.asset.id.as_ref(), catalogue)
}

/// What a layer shows, as a title.
pub fn layer_title(layer: &Layer, catalogue: &Catalogue) -> String {
    match asset_of(layer) {
        Some(id) => title(id.as_ref(), catalogue),
        None => said(layer).unwrap_or_else(|| "Colour".to_owned()),
    }
}

fn title(id: &str, catalogue: &Catalogue) -> String {
    catalogue
        .get(id)
        .map(|asset| asset.title.clone())
        .filter(|title| !title.is_empty())
        .unwrap_or_else(|| id.to_owned())
}

/// “a top hat”, “an eye patch”, but “glasses”. A name in capitals keeps them: “a London bowler”.
fn with_article(title: &str) -> String {
    let mut words = title.split(' ');
    let first = words.next().unwrap_or_default();
    let proper = words.clone().any(|word| word.starts_with(char::is_uppercase));
    let text = if proper { title.to_owned() } else { lower_first(first, title) };
    if title.ends_with('s') && !title.ends_with("ss") {
        return text;
    }
    let vowel = text.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']);
    format!("{} {text}", if vowel { "an" } else { "a" })
}

fn lower_first(first: &str, title: &str) -> String {
    format!("{}{}", first.to_lowercase(), &title[first.len()..])
}

/// Where a layer is now, for a screen reader.
pub fn whereabouts(title: &str, layer: &Layer) -> String {
    let mut parts = vec![format!("x {}", spoken(layer.x)), format!("y {}", spoken(layer.y))];
    parts.push(format!("scale {}", layer.scale));
    parts.push(format!("turned {} degrees", layer.rotate));
    format!("{title}: {}", parts.join(", "))
}

fn spoken(length: Length) -> String {
    match length {
        Length::Fraction(n) => format!("{} percent", trimmed(n.to_f64() * 100.0)),
        Length::Px(n) => format!("{n} pixels"),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// “612 kB”: decimal units, three figures at most.
pub fn bytes(count: u64) -> String {
    let count = count as f64;
    match count {
        c if c < 1e3 => format!("{c} B"),
        c if c < 999_500.0 => format!("{:.0} kB", c / 1e3),
        c => format!("{:.1} MB", c / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::sample;

    #[track_caller]
    fn check_caption(path: &str, expected: &str) {
        assert_eq!(caption(&Recipe::parse(path).unwrap(), &sample::catalogue()), expected);
    }

    #[test]
    fn a_caption_is_a_sentence() {
        check_caption("/c/tabby.png", "Tabby, bareheaded");
        check_caption("/c/tabby/top-hat.png", "Tabby in a top hat");
        check_caption("/c/tabby/top-hat/monocle.png", "Tabby in a top hat and a monocle");
        check_caption(
            "/c/tabby/top-hat/monocle/glasses.png",
            "Tabby in a top hat, a monocle and round glasses",
        );
        check_caption("/c/nobody/eye-patch.png", "nobody in an eye-patch");
        check_caption("/c/tabby/~fill/~text;t=SGVsbG8.png", "Tabby, bareheaded, saying “Hello”");
        check_caption("/c/tabby/~text;t=SGVsbG8/top-hat.png", "Tabby in a top hat, saying “Hello”");
    }

    #[test]
    fn sizes_are_read_at_a_glance() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1500, "2 kB"),
            (612_345, "612 kB"),
            (999_600, "1.0 MB"),
            (12_345_678, "12.3 MB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn whereabouts_are_spoken_in_units() {
        let recipe = Recipe::parse("/c/tabby/top-hat;x=0.125;y=-12px;rotate=-8.png").unwrap();
        assert_eq!(
            whereabouts("Top hat", &recipe.layers[0]),
            "Top hat: x 12.5 percent, y -12 pixels, scale 1, turned -8 degrees"
        );
    }
}
