//! A recipe taken apart for JavaScript: the fields of its canonical path as JSON, with the names of
//! the URL. The printer of the compositor stays the only one: this only splits what it wrote.

use compositor::Recipe;
use serde_json::{Map, Number, Value};

/// Parameters whose plain values are numbers; with a unit (`12px`) they stay text.
const NUMBERS: [&str; 12] =
    ["w", "h", "dpr", "q", "radius", "x", "y", "scale", "rotate", "opacity", "size", "wrap"];

/// `{"base": {"id": …}, "layers": [{"id": …}, …], "format": …}`; `Recipe::from_json` reads it back.
pub fn of_recipe(recipe: &Recipe) -> Value {
    let path = recipe.to_path();
    let path = path.strip_prefix("/c/").unwrap_or(&path);
    let (elements, format) = path.rsplit_once('.').unwrap_or((path, "auto"));
    let mut elements = elements.split('/').map(element);
    let base = elements.next().unwrap_or_default();
    let mut recipe = Map::new();
    recipe.insert("base".into(), base);
    recipe.insert("layers".into(), elements.collect());
    recipe.insert("format".into(), format.into());
    Value::Object(recipe)
}

fn element(text: &str) -> Value {
    let mut parts = text.split(';');
    let mut fields = Map::new();
    fields.insert("id".into(), parts.next().unwrap_or_default().into());
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        fields.insert(name.into(), parameter(name, value));
    }
    Value::Object(fields)
}

fn parameter(name: &str, value: &str) -> Value {
    let number = NUMBERS.contains(&name).then(|| value.parse::<Number>().ok()).flatten();
    number.map_or_else(|| value.into(), Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(path: &str, expected: &Value) {
        let recipe = Recipe::parse(path).unwrap();
        let taken_apart = of_recipe(&recipe);
        assert_eq!(&taken_apart, expected);
        assert_eq!(Recipe::from_json(&taken_apart).unwrap().to_path(), recipe.to_path());
    }

    #[test]
    fn a_recipe_is_taken_apart_and_put_together() {
        check("/c/tabby.png", &json!({ "base": { "id": "tabby" }, "layers": [], "format": "png" }));
        check(
            "/c/tabby@3f9a0c12d4;w=800;bg=001122/top-hat;rotate=-8.5;x=12px/monocle.jpg",
            &json!({
                "base": { "id": "tabby@3f9a0c12d4", "w": 800, "bg": "001122" },
                "layers": [{ "id": "top-hat", "x": "12px", "rotate": -8.5 }, { "id": "monocle" }],
                "format": "jpg",
            }),
        );
        check(
            "/c/tabby/~text;t=SGVsbG8;size=0.08;color=001122.auto",
            &json!({
                "base": { "id": "tabby" },
                "layers": [{ "id": "~text", "t": "SGVsbG8", "size": 0.08, "color": "001122" }],
                "format": "auto",
            }),
        );
    }
}
