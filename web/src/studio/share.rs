//! A recipe as other people take it: the picture's URL, the tag to paste into a page, Markdown, the studio's own link.

use compositor::Recipe;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What must be escaped in a query value; `/ ; = , ~ @` stay readable.
const QUERY: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'&').add(b'+').add(b'%').add(b'<').add(b'>').add(b'\'');

/// The studio with this recipe on the table.
pub fn studio_path(recipe: &Recipe) -> String {
    format!("/studio?recipe={}", utf8_percent_encode(&recipe.to_path(), QUERY))
}

/// The studio with this recipe and one of its layers selected.
pub fn layer_path(recipe: &Recipe, layer: usize) -> String {
    format!("{}&layer={layer}", studio_path(recipe))
}

/// The picture itself.
pub fn picture_url(delivery: &str, recipe: &Recipe) -> String {
    format!("{}{}", delivery.trim_end_matches('/'), recipe.to_path())
}

/// `<img>` with its size and description, so that a page does not jump and everybody knows what it shows.
pub fn img_tag(url: &str, size: (u32, u32), description: &str) -> String {
    let (width, height) = size;
    let (url, description) = (attribute(url), attribute(description));
    format!(r#"<img src="{url}" width="{width}" height="{height}" alt="{description}">"#)
}

/// `![description](url)`
pub fn markdown(url: &str, description: &str) -> String {
    let description = description.replace(['[', ']'], "");
    format!("![{description}]({url})")
}

/// A file name for the picture: `tabby-top-hat-monocle.png`.
pub fn file_name(recipe: &Recipe, extension: &str) -> String {
    let ids: Vec<String> = recipe.assets().iter().map(|(_, asset)| asset.id.to_string()).collect();
    let stem: String = ids.join("-").chars().take(80).collect();
    format!("{}.{extension}", stem.trim_end_matches('-'))
}

fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_readable_in_the_studios_url() {
        let recipe = Recipe::parse("/c/tabby;w=800/top-hat;rotate=-8.png").unwrap();
        assert_eq!(studio_path(&recipe), "/studio?recipe=/c/tabby;w=800/top-hat;rotate=-8.png");
        assert_eq!(layer_path(&recipe, 0), "/studio?recipe=/c/tabby;w=800/top-hat;rotate=-8.png&layer=0");
    }

    #[test]
    fn what_is_pasted_is_well_formed() {
        let recipe = Recipe::parse("/c/tabby/top-hat.png").unwrap();
        let url = picture_url("https://img.example/", &recipe);
        assert_eq!(url, "https://img.example/c/tabby/top-hat.png");
        assert_eq!(
            img_tag(&url, (800, 600), "Tom \"the cat\" & a <hat>"),
            r#"<img src="https://img.example/c/tabby/top-hat.png" width="800" height="600" alt="Tom &quot;the cat&quot; &amp; a &lt;hat>">"#
        );
        assert_eq!(markdown(&url, "Tabby [1]"), "![Tabby 1](https://img.example/c/tabby/top-hat.png)");
        assert_eq!(file_name(&recipe, "png"), "tabby-top-hat.png");
    }
}
