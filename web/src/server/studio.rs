//! The studio's page for a request: which recipe lies on the table, and what the form fields in the query change.

use compositor::{Catalogue, Recipe};

use crate::boot::{Notice, Wrong};
use crate::state::first_recipe;
use crate::studio::edit::{self, Part};

/// Fields of the two forms, in the order in which they take effect: sizes before the fit that needs them, the format last,
/// a gradient's other colour before its shape, a shadow's colour (without which there is none) after its lengths.
const BASE_FIELDS: [&str; 6] = ["w", "h", "fit", "radius", "bg", "format"];
const LAYER_FIELDS: [&str; 24] = [
    "text",
    "font",
    "size",
    "color",
    "align",
    "wrap",
    "to",
    "gradient",
    "angle",
    "at",
    "x",
    "y",
    "scale",
    "rotate",
    "flip",
    "opacity",
    "blend",
    "op",
    "tile",
    "mask",
    "shadow-x",
    "shadow-y",
    "shadow-blur",
    "shadow-color",
];

/// What a request asks to see.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// This table.
    Table { recipe: Recipe, selected: Option<usize> },
    /// A form was filled in: the same table at its canonical address.
    Moved { recipe: Recipe, selected: Option<usize> },
    /// It makes no sense; a table all the same, and words about it.
    Wrong { recipe: Recipe, notice: Notice },
    /// A form was filled in with something that is not allowed in one of its fields.
    Refused { recipe: Recipe, selected: Option<usize>, wrong: Wrong },
    /// There is no base to put anything on.
    Nothing,
}

/// Reads a query.
pub fn asked(catalogue: &Catalogue, query: &[(String, String)]) -> Asked {
    let Some(default) = first_recipe(catalogue) else { return Asked::Nothing };
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let recipe = match value("recipe").map(|path| known(catalogue, path)) {
        None => default,
        Some(Ok(recipe)) => recipe,
        Some(Err(sentence)) => {
            return Asked::Wrong { recipe: default, notice: Notice::trouble(wrong_link(&sentence)) };
        }
    };
    let selected =
        value("layer").and_then(|layer| layer.parse().ok()).filter(|layer| *layer < recipe.layers.len());
    let part = selected.map_or(Part::Base, Part::Layer);
    let fields: &[&str] = if selected.is_some() { &LAYER_FIELDS } else { &BASE_FIELDS };
    let typed: Vec<(&str, &str)> = fields.iter().filter_map(|name| Some((*name, value(name)?))).collect();
    if typed.is_empty() {
        return Asked::Table { recipe, selected };
    }
    match filled_in(catalogue, &recipe, part, &typed) {
        Ok(recipe) => Asked::Moved { recipe, selected },
        Err(wrong) => Asked::Refused { recipe, selected, wrong },
    }
}

/// A recipe that the catalogue can resolve.
fn known(catalogue: &Catalogue, path: &str) -> Result<Recipe, String> {
    let recipe = Recipe::parse(path).map_err(|error| error.to_string())?;
    edit::plan(catalogue, &recipe)?;
    Ok(recipe)
}

fn wrong_link(sentence: &str) -> String {
    format!("This link cannot be shown: {sentence}. Correct it in the address bar, or go on from here.")
}

/// The recipe after the form, or its first field that is not allowed.
fn filled_in(
    catalogue: &Catalogue,
    recipe: &Recipe,
    part: Part,
    typed: &[(&str, &str)],
) -> Result<Recipe, Wrong> {
    let wrong = |(field, given): (&str, &str), sentence: String| Wrong {
        layer: part.layer(),
        field: field.to_owned(),
        given: given.to_owned(),
        sentence,
    };
    let mut filled = recipe.clone();
    for (name, value) in typed {
        filled = edit::set(&filled, part, name, value).map_err(|sentence| wrong((name, value), sentence))?;
    }
    // Each field is allowed, but not all of them together: that is about the size, or about the place.
    let blamed = if part == Part::Base { "w" } else { "at" };
    let given = typed.iter().find(|(name, _)| *name == blamed).map_or("", |(_, value)| value);
    edit::plan(catalogue, &filled).map_err(|sentence| wrong((blamed, given), sentence))?;
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::sample;

    fn ask(query: &str) -> Asked {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).filter_map(|pair| pair.split_once('='));
        let query: Vec<(String, String)> =
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        asked(&sample::catalogue(), &query)
    }

    #[track_caller]
    fn check(query: &str, expected: &str) {
        let found = match ask(query) {
            Asked::Table { recipe, selected } => format!("table {recipe} {selected:?}"),
            Asked::Moved { recipe, selected } => format!("moved {recipe} {selected:?}"),
            Asked::Wrong { recipe, .. } => format!("wrong {recipe}"),
            Asked::Refused { recipe, wrong, .. } => {
                format!("refused {recipe} {} {}", wrong.field, wrong.given)
            }
            Asked::Nothing => "nothing".to_owned(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_link_lays_its_recipe_on_the_table() {
        check("", "table /c/tabby/top-hat.png None");
        check("recipe=/c/mug;w=200.jpg", "table /c/mug;w=200.jpg None");
        check("recipe=/c/tabby/top-hat.png&layer=0", "table /c/tabby/top-hat.png Some(0)");
        check("recipe=/c/tabby/top-hat.png&layer=7", "table /c/tabby/top-hat.png None");
    }

    #[test]
    fn a_form_moves_to_the_canonical_address() {
        check(
            "recipe=/c/tabby/top-hat.png&w=400&h=300&fit=contain&bg=%23&format=jpg",
            "refused /c/tabby/top-hat.png bg %23",
        );
        check(
            "recipe=/c/tabby/top-hat.png&w=400&h=300&fit=contain&bg=#ffffff&format=jpg",
            "moved /c/tabby;w=400;h=300;fit=contain;bg=ffffff/top-hat.jpg None",
        );
        check(
            "recipe=/c/tabby/top-hat.png&layer=0&at=eyes&x=0.1&y=&scale=1.0&rotate=352&flip=h&opacity=1",
            "moved /c/tabby/top-hat;at=eyes;x=0.1;rotate=-8;flip=h.png Some(0)",
        );
    }

    #[test]
    fn a_form_of_effects_moves_like_any_other() {
        check(
            "recipe=/c/tabby/top-hat.png&layer=0&at=&x=0&blend=multiply&op=source-over&tile=none&mask=&shadow-x=0.02&shadow-y=&shadow-blur=&shadow-color=000",
            "moved /c/tabby/top-hat;blend=multiply;shadow=0.02,0.015,0.015,000000ff.png Some(0)",
        );
        check(
            "recipe=/c/tabby/~fill;color=ff0000;to=00ff00;angle=9.png&layer=0&color=ff0000&to=&gradient=linear&angle=9",
            "moved /c/tabby/~fill;color=ff0000.png Some(0)",
        );
    }

    #[test]
    fn a_refused_field_is_named() {
        check("recipe=/c/tabby/top-hat.png&layer=0&rotate=left", "refused /c/tabby/top-hat.png rotate left");
        check("recipe=/c/tabby.png&w=8000&h=8000", "refused /c/tabby.png w 8000");
    }

    #[test]
    fn nonsense_keeps_a_table_and_says_what_is_wrong() {
        for query in ["recipe=/c/nobody.png", "recipe=/etc/passwd", "recipe=/c/tabby;w=99999.png"] {
            let Asked::Wrong { notice, .. } = ask(query) else { panic!("{query} is accepted") };
            assert!(!notice.text.is_empty(), "{query}");
        }
    }

    #[test]
    fn an_empty_catalogue_has_no_table() {
        assert_eq!(asked(&Catalogue::new(vec![]), &[]), Asked::Nothing);
    }
}
