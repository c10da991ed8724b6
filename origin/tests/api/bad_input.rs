//! What is refused: with a problem that names the part, and with nothing stored.

use axum::http::Method;
use serde_json::json;

use crate::support::{Origin, png, request, svg};

#[tokio::test]
async fn bad_recipes_name_the_part() {
    let origin = Origin::stocked().await;
    for (path, status, slug, pointer) in [
        ("/c/nobody.png", 404, "unknown-asset", "/base"),
        ("/c/cat/nobody.png", 404, "unknown-asset", "/layers/0"),
        ("/c/cat@0000000000.png", 404, "unknown-asset", "/base"),
        ("/c/cat;w=0.png", 400, "bad-recipe", "/base/w"),
        ("/c/cat;w=9000.png", 400, "bad-recipe", "/base/w"),
        ("/c/cat;w=8.5.png", 400, "bad-recipe", "/base/w"),
        ("/c/cat;w=8;w=8.png", 400, "bad-recipe", "/base/w"),
        ("/c/cat/hat;rotate=much.png", 400, "bad-recipe", "/layers/0/rotate"),
        ("/c/cat/hat;colour=red.png", 400, "bad-recipe", "/layers/0/colour"),
        ("/c/cat/hat;at=tail.png", 400, "bad-recipe", "/layers/0/at"),
        ("/c/cat/hat.bmp", 400, "bad-recipe", "/format"),
        ("/c/cat.png?width=80", 400, "bad-recipe", "/query/width"),
    ] {
        let answer = origin.get(path).await;
        answer.assert_problem(status, slug, Some(pointer));
        let brief = matches!(status, 400 | 404);
        assert_eq!(
            answer.header("cache-control"),
            if brief { "public, max-age=10" } else { "no-store" },
            "{path}"
        );
        assert_eq!(answer.value()["instance"], path.split('?').next().unwrap());
    }
    assert!(!origin.stored().await.iter().any(|path| path.starts_with("composites")));
}

#[tokio::test]
async fn an_unknown_asset_is_told_with_the_one_that_may_be_meant() {
    let origin = Origin::stocked().await;
    for path in ["/c/cta.png", "/c/cat/hta.png", "/v1/assets/catt", "/v1/assets/catt/content"] {
        let detail = origin.get(path).await.value()["detail"].as_str().unwrap().to_owned();
        let meant = if path.contains("hta") { "hat" } else { "cat" };
        assert!(detail.ends_with(&format!("did you mean `{meant}`?")), "{path}: {detail}");
    }
    let patch = origin.json(Method::PATCH, "/v1/assets/het", &json!({"title": "x"})).await;
    patch.assert_problem(404, "unknown-asset", None);
    assert!(patch.text().contains("did you mean `hat`?"), "{}", patch.text());
    let far = origin.get("/c/nobody.png").await;
    assert_eq!(far.value()["detail"], "there is no asset `nobody` in the catalogue");
}

#[tokio::test]
async fn a_picture_over_a_limit_is_told_with_the_way_out() {
    let limits = [("MILLINER_LIMIT_LAYERS", "1"), ("MILLINER_LIMIT_SOURCE_PIXELS", "1600")];
    let origin = Origin::with(&limits).await.stock().await;
    for (path, pointer, detail) in [
        (
            "/c/cat;w=8192;h=8192;dpr=4.png",
            "/base",
            "the canvas has 1073.7 megapixels; at most 50 are allowed: lower `w`, `h` or `dpr`, or raise the \
             server's MILLINER_LIMIT_CANVAS_PIXELS",
        ),
        (
            "/c/cat/hat/hat.png",
            "/layers",
            "the recipe has 2 layers; at most 1 are allowed: leave layers out, or raise the server's \
             MILLINER_LIMIT_LAYERS",
        ),
    ] {
        let answer = origin.get(path).await;
        answer.assert_problem(422, "over-limit", Some(pointer));
        assert_eq!(answer.value()["detail"], detail);
        assert!(answer.header("server-timing").is_empty(), "refused before it is drawn");
    }
    let upload = origin.put("/v1/assets/a", "image/png", png(50, 50, [1; 4])).await;
    upload.assert_problem(422, "bad-image", None);
    let detail = "the image has 2500 pixels; at most 1600 are allowed: use a smaller one, or raise the server's \
                  MILLINER_LIMIT_SOURCE_PIXELS";
    assert_eq!(upload.value()["detail"], detail);
}

#[tokio::test]
async fn refused_uploads_store_nothing() {
    let origin =
        Origin::with(&[("MILLINER_LIMIT_BODY_BYTES", "64KiB"), ("MILLINER_LIMIT_SOURCE_PIXELS", "250000")])
            .await;
    let whole = png(64, 64, [1, 2, 3, 255]);
    let mut huge = png(1, 1, [0; 4]);
    huge[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let script =
        b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'><image href='/etc/passwd'/></svg>";
    let bomb = b"<svg xmlns='http://www.w3.org/2000/svg' width='90000' height='90000'/>";
    let cases: [(&str, &str, Vec<u8>, u16, &str); 14] = [
        ("/v1/assets/a", "text/html", b"<html></html>".to_vec(), 415, "unsupported-type"),
        ("/v1/assets/a", "", whole.clone(), 415, "unsupported-type"),
        ("/v1/assets/a", "image/jpeg", whole.clone(), 415, "unsupported-type"),
        ("/v1/assets/a", "image/png", Vec::new(), 400, "bad-request"),
        ("/v1/assets/a", "image/png", b"not an image".to_vec(), 422, "bad-image"),
        ("/v1/assets/a", "image/png", whole[..whole.len() / 2].to_vec(), 422, "bad-image"),
        ("/v1/assets/a", "image/png", huge, 422, "bad-image"),
        ("/v1/assets/a", "image/png", vec![0; 65 << 10], 413, "too-large"),
        ("/v1/assets/a", "image/svg+xml", script.to_vec(), 422, "bad-image"),
        ("/v1/assets/a", "image/svg+xml", bomb.to_vec(), 422, "bad-image"),
        ("/v1/assets/a", "image/svg+xml", b"<svg".to_vec(), 422, "bad-image"),
        ("/v1/assets/a?kind=hat", "image/png", whole.clone(), 400, "bad-request"),
        ("/v1/assets/a?anchor.head=0.5,0.5,-1", "image/png", whole.clone(), 400, "bad-metadata"),
        ("/v1/assets/a?focus=7,7", "image/png", whole.clone(), 400, "bad-metadata"),
    ];
    for (path, content_type, body, status, slug) in cases {
        let answer = origin.put(path, content_type, body).await;
        assert_eq!(answer.status, status, "{path} {content_type}: {}", answer.text());
        assert_eq!(answer.value()["type"], format!("/docs#problem-{slug}"), "{path} {content_type}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(origin.stored().await, Vec::<String>::new());
    assert_eq!(origin.put("/v1/assets/a", "image/png", whole).await.status, 201, "and the process lives");
}

#[tokio::test]
async fn a_long_reason_of_a_refused_svg_may_be_cut_anywhere() {
    let origin = Origin::empty().await;
    // What the parser says quotes the name, and is cut inside one of its characters of two bytes, or before it.
    for name in ["a", "aa"] {
        let name = name.to_owned() + &"é".repeat(1100);
        let svg = format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><{name}></b></svg>");
        let answer = origin.put("/v1/assets/a", "image/svg+xml", svg.into_bytes()).await;
        answer.assert_problem(422, "bad-image", None);
        let detail = answer.value()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("the SVG cannot be drawn: ") && detail.ends_with("éé"), "{detail}");
    }
}

#[tokio::test]
async fn ids_cannot_leave_the_store() {
    let origin = Origin::stocked().await;
    let before = origin.stored().await;
    for path in [
        "/v1/assets/..%2f..%2fetc%2fpasswd",
        "/v1/assets/%2e%2e",
        "/v1/assets/../../etc/passwd",
        "/v1/assets/Cat",
        "/v1/assets/-cat",
        "/v1/assets/c%00at",
        "/v1/composites/..%2flinks",
        "/i/..%2f..%2fassets%2fcat.png",
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let headers = [("content-type", "image/png")];
            let answer = origin.send(request(method.clone(), path, &headers, png(4, 4, [0; 4]))).await;
            assert!((400..=405).contains(&answer.status.as_u16()), "{method} {path}: {answer:?}");
            assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
        }
    }
    assert_eq!(origin.stored().await, before);
}

#[tokio::test]
async fn bad_json_is_refused_by_type_size_and_shape() {
    let origin = Origin::stocked().await;
    let recipe = json!({"recipe": "/c/cat.png"}).to_string();
    let send = |content_type: &'static str, body: String| {
        origin.send(request(
            Method::POST,
            "/v1/composites",
            &[("content-type", content_type)],
            body.into_bytes(),
        ))
    };
    send("text/plain", recipe.clone()).await.assert_problem(415, "unsupported-type", None);
    send("application/json", "{".to_owned()).await.assert_problem(400, "bad-request", Some(""));
    send("", recipe.clone()).await.assert_problem(415, "unsupported-type", None);
    send("application/json", " ".repeat(300 << 10)).await.assert_problem(413, "too-large", None);
    let object = json!({"recipe": {"base": {"id": "cat", "w": -1}, "format": "png"}});
    send("application/json", object.to_string()).await.assert_problem(400, "bad-recipe", Some("/base/w"));
}

/// No sentence of a library reaches the caller: what is told is the field, what was given and what is allowed.
#[tokio::test]
async fn every_refused_body_is_told_in_our_own_words() {
    let origin = Origin::with(&[("MILLINER_SIGNING_KEYS", "main:0123456789abcdef")]).await.stock().await;
    let headers = [("content-type", "application/json")];
    for (method, path, body, pointer, detail) in [
        (Method::POST, "/v1/composites", "", "", "the body is empty; allowed: a JSON object"),
        (Method::POST, "/v1/composites", "{\"recipe", "", "the body is not JSON: it ends too early"),
        (Method::POST, "/v1/composites", "{'recipe': 1}", "", "the body is not JSON: see line 1, column 2"),
        (
            Method::POST,
            "/v1/composites",
            "[]",
            "",
            "the body is `[]`; allowed: an object with `recipe`, `accept`",
        ),
        (
            Method::POST,
            "/v1/composites",
            "{}",
            "/recipe",
            "`recipe` is missing; allowed: a recipe, as a path or as an object",
        ),
        (
            Method::POST,
            "/v1/composites/explain",
            "{\"recipe\": \"/c/cat.png\", \"acept\": 1}",
            "/acept",
            "the field `acept` is unknown; allowed: `recipe`, `accept`; did you mean `accept`?",
        ),
        (
            Method::POST,
            "/v1/sign",
            "{\"recipe\": \"/c/cat.png\", \"expires_in\": \"1h\"}",
            "/expires_in",
            "`expires_in` is `\"1h\"`; allowed: a whole number of seconds, from 1",
        ),
        (
            Method::PATCH,
            "/v1/assets/cat",
            "{\"kind\": \"hat\"}",
            "/kind",
            "`kind` is `\"hat\"`; allowed: `base`, `overlay`, `font`",
        ),
        (
            Method::PATCH,
            "/v1/assets/cat",
            "{\"tag\": []}",
            "/tag",
            "the field `tag` is unknown; allowed: `kind`, `title`, `tags`, `licence`, `anchors`, `focus`; did you \
             mean `tags`?",
        ),
        (
            Method::PATCH,
            "/v1/assets/cat",
            "{\"anchors\": {\"head\": {\"x\": 0, \"y\": 0}}}",
            "/anchors/head/span",
            "`span` is missing; allowed: a fraction of the picture",
        ),
        (
            Method::PATCH,
            "/v1/assets/cat",
            "{\"focus\": [1, 2]}",
            "/focus",
            "`/focus` is `[1,2]`; allowed: an object with `x`, `y`",
        ),
    ] {
        let answer = origin.send(request(method, path, &headers, body.as_bytes().to_vec())).await;
        assert_eq!(answer.status, 400, "{path} {body}");
        let problem = answer.value();
        assert_eq!((&problem["pointer"], &problem["detail"]), (&pointer.into(), &detail.into()), "{body}");
    }
}

#[tokio::test]
async fn every_refused_query_is_told_in_our_own_words() {
    let origin = Origin::stocked().await;
    for (path, pointer, detail) in [
        (
            "/v1/assets?tags=cat",
            "/query/tags",
            "query parameter `tags` is unknown; allowed: `kind`, `tag`, `cursor`, `limit`; did you mean `tag`?",
        ),
        ("/v1/assets/cat?w=80", "/query/w", "query parameter `w` is unknown; allowed: none"),
        ("/v1/assets?tag=a&tag=b", "/query/tag", "query parameter `tag` is given twice; allowed: once"),
        (
            "/v1/assets?kind=hat",
            "/query/kind",
            "query parameter `kind` is `hat`; allowed: `base`, `overlay`, `font`",
        ),
        (
            "/v1/assets?kind",
            "/query/kind",
            "query parameter `kind` is empty; allowed: `base`, `overlay`, `font`",
        ),
        (
            "/v1/assets?limit=many",
            "/query/limit",
            "query parameter `limit` is `many`; allowed: a whole number, 1 to 500",
        ),
        (
            "/v1/assets?cursor=%2F",
            "/query/cursor",
            "query parameter `cursor` is `/`; allowed: the `next` of a page",
        ),
        ("/v1/assets?tag=%ff", "/query", "the query is not percent-encoded UTF-8"),
        (
            "/v1/assets/cat/content?w=0",
            "/query/w",
            "query parameter `w` is `0`; allowed: a whole number of pixels, 1 to 8192",
        ),
        (
            "/v1/assets/cat/content?digest=12",
            "/query/digest",
            "query parameter `digest` is `12`; allowed: 64 hex digits",
        ),
        ("/v1/assets/%ff", "", "the path is not percent-encoded UTF-8"),
        ("/v1/assets/Cat", "/id", "the asset id is `Cat`; allowed: `[a-z0-9][a-z0-9-]{0,63}`"),
        ("/c/cat.png?width=80", "/query/width", "query parameter `width` is unknown; allowed: `k`, `e`, `s`"),
        (
            "/c/",
            "",
            "the recipe is empty; allowed: `/c/{base}/{layer}….{format}`, such as `/c/tabby;w=800/top-hat.png`",
        ),
    ] {
        let answer = origin.get(path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        let problem = answer.value();
        assert_eq!((&problem["pointer"], &problem["detail"]), (&pointer.into(), &detail.into()), "{path}");
    }
}

/// Whatever the description names is taken, whatever it does not is refused: for every call that it has.
#[tokio::test]
async fn the_description_says_which_query_parameters_there_are() {
    let origin = Origin::stocked().await;
    let description = origin.get("/openapi.json").await.value();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap().iter().filter(|_| path.starts_with("/v1/")) {
            let target = format!("{}?zzzz=1", path.replace("{id}", "cat").replace("{key}", &"0".repeat(40)));
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            let answer = origin.send(request(method, &target, &[], Vec::new())).await;
            answer.assert_problem(400, "bad-request", Some("/query/zzzz"));
            let detail = answer.value()["detail"].as_str().unwrap().to_owned();
            for parameter in call["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                // `anchor` is one for each anchor: `anchor.{name}`.
                let named = detail.contains(&format!("`{name}`")) || detail.contains(&format!("`{name}."));
                assert_eq!(named, parameter["in"] == "query", "{target}: {name} {detail}");
            }
        }
    }
}

#[tokio::test]
async fn uploads_are_told_what_is_wrong_with_their_envelope() {
    let origin = Origin::empty().await;
    let bare = origin.send(request(Method::PUT, "/v1/assets/a", &[], png(2, 2, [1; 4]))).await;
    bare.assert_problem(415, "unsupported-type", None);
    let detail = bare.value()["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("the `content-type` header is missing; allowed: image/png, "), "{detail}");
    let kind = origin.put("/v1/assets/a?kind=hat", "image/png", png(2, 2, [1; 4])).await;
    assert_eq!(kind.value()["detail"], "query parameter `kind` is `hat`; allowed: `base`, `overlay`, `font`");
    let part = |head: &str| format!("--x\r\ncontent-disposition: form-data; {head}\r\n\r\n{{}}\r\n--x--\r\n");
    let form = "multipart/form-data; boundary=x";
    let file = |name: &str| {
        format!(
            "--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\ncontent-type: image/png\r\n\r\n1\r\n"
        )
    };
    let two_files = format!("{}{}--x--\r\n", file("image"), file("font"));
    for (path, content_type, body, status, says) in [
        ("/v1/assets/a", "multipart/form-data", part("name=\"image\""), 400, "names no boundary"),
        ("/v1/assets/a", form, "--x\r\nnothing".to_owned(), 400, "it ends too early"),
        (
            "/v1/assets/a",
            form,
            part("name=\"hat\""),
            400,
            "a part `hat`; allowed: `image`, `font`, `metadata`",
        ),
        ("/v1/assets/a", form, part("name=\"metadata\""), 400, "the part `image` or `font` is missing"),
        (
            "/v1/assets/a",
            form,
            part("name=\"image\""),
            415,
            "the `content-type` of the part `image` is missing",
        ),
        ("/v1/assets/a", form, two_files, 400, "it has more than one file"),
        ("/v1/assets/a?focus=x", form, part("name=\"image\""), 400, "query parameter `focus` is `x`"),
    ] {
        let answer = origin.put(path, content_type, body.into_bytes()).await;
        assert_eq!(answer.status, status, "{says}: {}", answer.text());
        assert!(answer.text().contains(says), "{says}: {}", answer.text());
    }
    assert!(origin.stored().await.is_empty());
}

#[tokio::test]
async fn unknown_paths_methods_and_endless_urls_are_problems_too() {
    let origin = Origin::stocked().await;
    origin.get("/v2").await.assert_problem(404, "not-found", None);
    let post = origin.send(request(Method::POST, "/c/cat.png", &[], Vec::new())).await;
    post.assert_problem(405, "method-not-allowed", None);
    assert!(post.header("allow").contains("GET"));
    origin.get(&format!("/c/{}.png", "a".repeat(9000))).await.assert_problem(414, "uri-too-long", None);
    origin.get("/v1/assets?limit=0").await.assert_problem(400, "bad-request", Some("/query/limit"));
}

#[tokio::test]
async fn an_svg_that_takes_too_much_is_stopped() {
    let origin = Origin::with(&[("MILLINER_LIMIT_SVG_TIMEOUT", "1ms")]).await;
    let answer = origin.put("/v1/assets/a", "image/svg+xml", svg(4000)).await;
    answer.assert_problem(422, "bad-image", None);
    assert_eq!(origin.stored().await, Vec::<String>::new());
}
