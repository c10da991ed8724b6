//! The recipe grammar as tables: what is spelled one way, what is canonical, and what is refused where.

use compositor::{Query, Recipe};

#[track_caller]
fn canonical(given: &str, expected: &str) {
    let recipe = Recipe::parse(given).unwrap_or_else(|error| panic!("{given}: {error}"));
    assert_eq!(recipe.to_path(), expected, "{given}");
    assert_eq!(Recipe::parse(&recipe.to_path()).as_ref(), Ok(&recipe), "{given} does not survive printing");
}

#[track_caller]
fn refused(given: &str, pointer: &str, says: &str) {
    let error = Recipe::parse(given).expect_err(given);
    assert_eq!(error.pointer(), pointer, "{given}: {error}");
    assert!(error.to_string().contains(says), "{given}: {error}");
}

#[test]
fn the_contract_s_own_examples() {
    canonical("/c/tabby/top-hat.png", "/c/tabby/top-hat.png");
    canonical(
        "/c/tabby;w=800;h=800;fit=cover/top-hat;rotate=-8;scale=1.2/monocle;at=eyes.webp",
        "/c/tabby;w=800;h=800/top-hat;scale=1.2;rotate=-8/monocle;at=eyes.webp",
    );
    canonical(
        "/c/studio-mug@3f9a0c12d4;w=1200/logo;at=center;scale=0.3;blend=multiply;opacity=0.9.jpg",
        "/c/studio-mug@3f9a0c12d4;w=1200/logo;at=center;scale=0.3;opacity=0.9;blend=multiply.jpg",
    );
    let text = "/c/tabby;w=600/~text;t=SGVsbG8sIHdvcmxkIQ;size=0.08;color=ffffff;at=bottom.auto";
    canonical(text, "/c/tabby;w=600/~text;at=bottom;t=SGVsbG8sIHdvcmxkIQ;size=0.08;color=ffffff.auto");
}

#[test]
fn defaults_are_dropped_and_numbers_are_short() {
    canonical("/c/a.png", "/c/a.png");
    canonical("/c/a;dpr=1.0;bg=00000000;radius=0px;fit=cover.png", "/c/a.png");
    canonical("/c/a;dpr=1.50;bg=ABCDEFff.png", "/c/a;bg=abcdef;dpr=1.5.png");
    canonical(
        "/c/a/b;x=0;y=0px;scale=1;rotate=360;flip=none;opacity=1.000;blend=normal;op=source-over;tile=none.jpg",
        "/c/a/b.jpg",
    );
    canonical("/c/a/b;x=00.50;y=-012px;rotate=-190.jpg", "/c/a/b;x=0.5;y=-12px;rotate=170.jpg");
    canonical("/c/a/b;x=0.123456.jpg", "/c/a/b;x=0.1235.jpg");
    canonical("/c/a/b;shadow=0.010,2.0px,0px,000000ff.png", "/c/a/b;shadow=0.01,2px,0,000000ff.png");
    canonical("/c/a/~fill;color=000000;opacity=0.5.png", "/c/a/~fill;opacity=0.5.png");
    canonical("/c/a/~text;t=aGk;align=center;size=0.1;color=000000.png", "/c/a/~text;t=aGk.png");
}

#[test]
fn what_cannot_change_a_pixel_is_dropped() {
    canonical("/c/a;w=100;fit=contain;pos=top.png", "/c/a;w=100.png");
    canonical("/c/a;w=100;h=100;fit=contain;pos=top.png", "/c/a;w=100;h=100;fit=contain.png");
    canonical("/c/a;w=100;h=100;pos=top.png", "/c/a;w=100;h=100;pos=top.png");
    canonical("/c/a;q=70.png", "/c/a.png");
    canonical("/c/a;q=80.jpg", "/c/a.jpg");
    canonical("/c/a;q=80.avif", "/c/a;q=80.avif");
    canonical("/c/a;q=50.avif", "/c/a.avif");
    canonical("/c/a;q=80.auto", "/c/a;q=80.auto");
    canonical("/c/a;q=100.webp", "/c/a;q=100.webp");
}

#[test]
fn percent_encoding_is_another_spelling() {
    canonical("/c/t%61bby%3Bw%3D800/%74op-hat%40ABCDEF0123.png", "/c/tabby;w=800/top-hat@abcdef0123.png");
    canonical("/c/a/%7Etext;t=aGk.png", "/c/a/~text;t=aGk.png");
    refused("/c/a%2Fb.png", "/base", "without `/`");
    refused("/c/a/%ff.png", "/layers/0", "UTF-8");
    refused("/c/..%2f..%2fetc%2fpasswd.png", "/base", "without `/`");
}

#[test]
fn mistakes_are_named() {
    refused("/x/a.png", "", "`/c/{base}");
    refused("/c/", "", "`/c/{base}/{layer}….{format}`, such as `/c/tabby;w=800/top-hat.png`");
    refused("/c/tabby", "/format", "missing");
    refused("/c/tabby.gif", "/format", "`gif`");
    refused("/c/tabby.PNG", "/format", "`PNG`");
    refused("/c/.png", "/base", "the base is empty");
    refused("/c/a/.png", "/layers/0", "a layer is empty");
    refused("/c/a//b.png", "/layers/0", "a layer is empty");
    refused("/c/Tabby.png", "/base", "`Tabby`");
    refused("/c/../a.png", "/base", "`..`");
    refused("/c/~text;t=aGk.png", "/base", "`~text`");
    refused("/c/tabby;w.png", "/base", "`name=value`");
    refused("/c/tabby;w=.png", "/base/w", "is empty");
    refused("/c/tabby;w=1;w=2.png", "/base/w", "given twice");
    refused("/c/tabby;width=1.png", "/base/width", "`w`, `h`, `fit`");
    refused("/c/tabby;w=0.png", "/base/w", "1 to 8192");
    refused("/c/tabby;w=8193.png", "/base/w", "1 to 8192");
    refused("/c/tabby;w=800px.png", "/base/w", "whole number");
    refused("/c/tabby;dpr=5.png", "/base/dpr", "1 to 4");
    refused("/c/tabby;q=0.jpg", "/base/q", "1 to 100");
    refused("/c/tabby;fit=stretch.jpg", "/base/fit", "`cover`, `contain`");
    refused("/c/tabby;bg=red.jpg", "/base/bg", "rrggbb");
    refused("/c/tabby;bg=ééé.jpg", "/base/bg", "rrggbb");
    refused("/c/tabby/hat;scale=1e3.png", "/layers/0/scale", "`1e3`");
    refused("/c/tabby/hat;scale=0.png", "/layers/0/scale", "0.0001 to 100");
    refused("/c/tabby/hat;scale=NaN.png", "/layers/0/scale", "`NaN`");
    refused("/c/tabby/hat;opacity=1.01.png", "/layers/0/opacity", "0 to 1");
    refused("/c/tabby/hat;rotate=+5.png", "/layers/0/rotate", "`+5`");
    refused("/c/tabby/hat/bow;at=Head.png", "/layers/1/at", "anchor name");
    refused("/c/tabby/hat;w=5.png", "/layers/0/w", "`at`, `x`, `y`");
    refused("/c/tabby/hat;t=aGk.png", "/layers/0/t", "`at`, `x`, `y`");
    refused("/c/tabby/~hat.png", "/layers/0", "`~text`, `~fill`");
    refused("/c/tabby/~text.png", "/layers/0/t", "missing");
    refused("/c/tabby/~text;t=aGk=.png", "/layers/0/t", "base64url");
    refused("/c/tabby/~text;t=_w.png", "/layers/0/t", "UTF-8");
    refused("/c/tabby/hat;shadow=1,2,3.png", "/layers/0/shadow", "dx,dy,blur");
    refused("/c/tabby/hat;mask=No.png", "/layers/0/mask", "asset id");
    refused("/c/tabby@12.png", "/base", "10 to 64 hex digits");
    refused(&format!("/c/tabby{}.png", "/hat".repeat(17)), "/layers", "at most 16");
    refused(&format!("/c/{}.png", "a".repeat(70_000)), "", "at most");
}

#[test]
fn sixteen_layers_are_not_too_many() {
    let path = format!("/c/tabby{}.png", "/hat".repeat(16));
    canonical(&path, &path);
}

#[test]
fn errors_never_repeat_more_than_a_glance_of_the_input() {
    let error = Recipe::parse(&format!("/c/tabby;w={}\u{7}.png", "9".repeat(5000))).unwrap_err();
    assert!(error.to_string().chars().count() < 200, "{error}");
    let error = Recipe::parse("/c/tabby;w=%07.png").unwrap_err();
    assert!(!error.to_string().contains('\u{7}'));
}

#[test]
fn queries_know_three_parameters() {
    let query = Query::parse("s=abc-_9&k=main&e=17").unwrap();
    assert_eq!(
        (query.key_id.as_deref(), query.expires, query.signature.as_deref()),
        (Some("main"), Some(17), Some("abc-_9"))
    );
    assert_eq!(Query::parse(""), Ok(Query::default()));
    for (given, pointer) in [
        ("e=x", "/query/e"),
        ("e=+1", "/query/e"),
        ("s=", "/query/s"),
        ("k=a&k=b", "/query/k"),
        ("w=5", "/query/w"),
        ("s=a%20b", "/query/s"),
    ] {
        assert_eq!(Query::parse(given).expect_err(given).pointer(), pointer);
    }
}

#[test]
fn json_is_the_same_recipe() {
    let check = |json: serde_json::Value, path: &str| {
        assert_eq!(Recipe::from_json(&json).unwrap_or_else(|e| panic!("{json}: {e}")).to_path(), path);
    };
    check(serde_json::json!("/c/tabby/top-hat.png"), "/c/tabby/top-hat.png");
    check(serde_json::json!({ "base": "tabby" }), "/c/tabby.auto");
    check(
        serde_json::json!({ "base": { "id": "tabby", "w": 800, "dpr": 1.5 }, "layers": ["hat", { "id": "~text", "text": "a/b; c=d" }], "format": "jpg" }),
        "/c/tabby;w=800;dpr=1.5/hat/~text;t=YS9iOyBjPWQ.jpg",
    );
    check(
        serde_json::json!({ "base": "a", "layers": [{ "id": "b", "x": 1e-3 }], "format": "png" }),
        "/c/a/b;x=0.001.png",
    );
    let refused = |json: serde_json::Value, pointer: &str| {
        let error = Recipe::from_json(&json).expect_err(&json.to_string());
        assert_eq!(error.pointer(), pointer, "{json}: {error}");
    };
    refused(serde_json::json!({}), "/base");
    refused(serde_json::json!(5), "");
    refused(serde_json::json!({ "base": "tabby", "size": 5 }), "/size");
    refused(serde_json::json!({ "base": { "w": 5 } }), "/base/id");
    refused(serde_json::json!({ "base": { "id": "tabby", "w": [5] } }), "/base/w");
    refused(serde_json::json!({ "base": "tabby;w=5" }), "/base");
    refused(
        serde_json::json!({ "base": "tabby", "layers": [{ "id": "hat", "at": "head;scale=2" }] }),
        "/layers/0/at",
    );
    refused(serde_json::json!({ "base": "tabby", "layers": "hat" }), "/layers");
}
