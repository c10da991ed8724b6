//! The same picture, smaller: what is drawn while a hand is moving, when only the pixels on the screen count.

use compositor::recipe::{At, Colour, Content, Decimal, Layer, Length, Operator};
use compositor::{Recipe, Requested};

/// The recipe at `width` device pixels. Everything in CSS pixels shrinks along; the format is one every tier writes.
///
/// `canvas` is the recipe's own size in device pixels. A recipe that is no larger keeps its size, but says it.
pub fn at_width(recipe: &Recipe, canvas: (u32, u32), width: u32) -> Recipe {
    let mut small = recipe.clone();
    small.format = Requested::Png;
    small.base.quality = None;
    let width = width.clamp(1, canvas.0.max(1));
    let factor = f64::from(width) / f64::from(canvas.0.max(1));
    // What `w` and `h` mean depends on `fit`: they shrink as they are, and one that was not given stays so.
    let dpr = recipe.base.dpr.to_f64();
    let shrunk = |side: u32| ((f64::from(side) * dpr * factor).round() as u32).max(1);
    small.base.width = match (recipe.base.width, recipe.base.height) {
        (None, None) => Some(width),
        (side, _) => side.map(shrunk),
    };
    small.base.height = recipe.base.height.map(shrunk);
    small.base.dpr = Decimal::ONE;
    small.base.radius = shorter(small.base.radius, dpr * factor);
    small.layers.iter_mut().for_each(|layer| shrink(layer, dpr * factor));
    small.canonicalise();
    small
}

/// The recipe of one text alone on an empty canvas, as it is before it is moved, turned or scaled: what its place and size
/// are measured by. `None` for anything but a text.
pub fn text_alone(recipe: &Recipe, index: usize) -> Option<Recipe> {
    let layer = recipe.layers.get(index).filter(|layer| matches!(layer.content, Content::Text(_)))?;
    let mut alone = recipe.clone();
    alone.format = Requested::Png;
    alone.base.quality = None;
    alone.base.background = Colour::TRANSPARENT;
    alone.base.radius = Length::ZERO;
    let at = layer.at.clone().filter(|at| matches!(at, At::Gravity(_)));
    // `copy` leaves nothing of what lies below.
    alone.layers =
        vec![Layer { at, flip: layer.flip, operator: Operator::Copy, ..Layer::new(layer.content.clone()) }];
    alone.canonicalise();
    Some(alone)
}

/// Every length of a layer, by one factor.
fn shrink(layer: &mut Layer, factor: f64) {
    layer.x = shorter(layer.x, factor);
    layer.y = shorter(layer.y, factor);
    if let Some(shadow) = &mut layer.shadow {
        for length in [&mut shadow.dx, &mut shadow.dy, &mut shadow.blur] {
            *length = shorter(*length, factor);
        }
    }
    if let Content::Text(text) = &mut layer.content {
        text.size = shorter(text.size, factor);
        text.wrap = text.wrap.map(|wrap| shorter(wrap, factor));
    }
}

fn shorter(length: Length, factor: f64) -> Length {
    match length {
        Length::Fraction(_) => length,
        Length::Px(n) => Decimal::nearest(n.to_f64() * factor).map_or(length, Length::Px),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::sample;

    #[track_caller]
    fn check(path: &str, width: u32, expected: &str) {
        let recipe = Recipe::parse(path).unwrap();
        let canvas = sample::catalogue().resolve(&recipe, None).unwrap().canvas();
        assert_eq!(at_width(&recipe, canvas, width).to_path(), expected);
    }

    #[test]
    fn a_preview_is_the_recipe_with_everything_shrunk_alike() {
        check("/c/tabby/top-hat;x=0.1.png", 512, "/c/tabby;w=512/top-hat;x=0.1.png");
        check("/c/tabby;w=800/top-hat;x=12px.jpg", 400, "/c/tabby;w=400/top-hat;x=6px.png");
        check(
            "/c/tabby;w=800;h=400;fit=contain/top-hat.png",
            200,
            "/c/tabby;w=200;h=100;fit=contain/top-hat.png",
        );
        check("/c/tabby;w=400;dpr=2/top-hat;y=10px.png", 400, "/c/tabby;w=400/top-hat;y=10px.png");
        check("/c/tabby;h=1000.png", 100, "/c/tabby;h=100.png");
        check(
            "/c/tabby;w=800;radius=40px/top-hat;shadow=4px,0.1,8px,00000080.png",
            400,
            "/c/tabby;w=400;radius=20px/top-hat;shadow=2px,0.1,4px,00000080.png",
        );
    }

    #[test]
    fn a_text_is_measured_alone() {
        let recipe = Recipe::parse(
            "/c/tabby;w=300;bg=ffffff/top-hat/~text;t=SGk;at=top;x=0.1;rotate=8;blend=multiply.jpg",
        )
        .unwrap();
        assert_eq!(text_alone(&recipe, 0), None);
        assert_eq!(
            text_alone(&recipe, 1).unwrap().to_path(),
            "/c/tabby;w=300/~text;at=top;op=copy;t=SGk.png"
        );
    }

    #[test]
    fn nothing_is_enlarged() {
        check("/c/tabby;w=300;q=100/top-hat.webp", 600, "/c/tabby;w=300/top-hat.png");
        check("/c/tabby/top-hat;x=12px.png", 4000, "/c/tabby;w=1024/top-hat;x=12px.png");
    }
}
