//! The studio's page for a request: which recipe lies on the table, and what the form fields in the query change.

use compositor::{Catalogue, Recipe};

use crate::boot::Notice;
use crate::state::first_recipe;
use crate::studio::edit::{self, Part};

/// Fields of the two forms, in the order in which they take effect: sizes before the fit that needs them, the format last.
const BASE_FIELDS: [&str; 5] = ["w", "h", "fit", "bg", "format"];
const LAYER_FIELDS: [&str; 7] = ["at", "x", "y", "scale", "rotate", "flip", "opacity"];

/// What a request asks to see.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// This table.
    Table { recipe: Recipe, selected: Option<usize> },
    /// A form was filled in: the same table at its canonical address.
    Moved { recipe: Recipe, selected: Option<usize> },
    /// Something in it makes no sense; a table all the same, and words about it.
    Wrong { recipe: Recipe, selected: Option<usize>, notice: Notice },
    /// There is no base to put anything on.
    Nothing,
}

/// Reads a query.
pub fn asked(catalogue: &Catalogue, query: &[(String, String)]) -> Asked {
    let Some(default) = first_recipe(catalogue) else { return Asked::Nothing };
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let wrong = |recipe, selected, sentence: String| Asked::Wrong {
        recipe,
        selected,
        notice: Notice::trouble(sentence),
    };
    let recipe = match value("recipe").map(|path| known(catalogue, path)) {
        None => default,
        Some(Ok(recipe)) => recipe,
        Some(Err(sentence)) => return wrong(default, None, sentence),
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
        Err(sentence) => wrong(recipe, selected, sentence),
    }
}

/// A recipe that the catalogue can resolve.
fn known(catalogue: &Catalogue, path: &str) -> Result<Recipe, String> {
    let recipe = Recipe::parse(path).map_err(|error| error.to_string())?;
    edit::plan(catalogue, &recipe)?;
    Ok(recipe)
}

fn filled_in(
    catalogue: &Catalogue,
    recipe: &Recipe,
    part: Part,
    typed: &[(&str, &str)],
) -> Result<Recipe, String> {
    let set = |recipe: Recipe, (name, value): &(&str, &str)| match *name {
        "format" => edit::set_format(&recipe, value),
        "bg" => edit::set(&recipe, part, name, value.trim_start_matches('#')),
        _ => edit::set(&recipe, part, name, value),
    };
    let recipe = typed.iter().try_fold(recipe.clone(), set)?;
    edit::plan(catalogue, &recipe)?;
    Ok(recipe)
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
            "wrong /c/tabby/top-hat.png",
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
    fn nonsense_keeps_a_table_and_says_what_is_wrong() {
        for query in [
            "recipe=/c/nobody.png",
            "recipe=/etc/passwd",
            "recipe=/c/tabby;w=99999.png",
            "recipe=/c/tabby/top-hat.png&layer=0&rotate=left",
        ] {
            let Asked::Wrong { notice, .. } = ask(query) else { panic!("{query} is accepted") };
            assert!(!notice.text.is_empty(), "{query}");
        }
    }

    #[test]
    fn an_empty_catalogue_has_no_table() {
        assert_eq!(asked(&Catalogue::new(vec![]), &[]), Asked::Nothing);
    }
}
