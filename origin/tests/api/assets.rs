//! Uploading, listing, changing and deleting assets.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, OTF, Origin, TTF, jpeg, png, request, svg};

#[tokio::test]
async fn uploads_are_idempotent_by_content() {
    let origin = Origin::empty().await;
    let cat = png(8, 6, [9, 9, 9, 255]);
    let first = origin.put("/v1/assets/cat?title=Cat&tags=b,a", "image/png", cat.clone()).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let asset = first.value();
    assert_eq!(
        (&asset["kind"], &asset["title"], &asset["tags"]),
        (&json!("base"), &json!("Cat"), &json!(["a", "b"]))
    );
    assert_eq!((&asset["width"], &asset["height"], &asset["opaque"]), (&json!(8), &json!(6), &json!(true)));
    let stored = origin.stored().await;
    let kinds: Vec<(&str, usize)> = vec![("assets", 1), ("images", 1), ("originals", 1)];
    assert_eq!(
        origin.stored_kinds().await,
        kinds.into_iter().map(|(k, n)| (k.to_owned(), n)).collect::<Vec<_>>()
    );

    let second = origin.put("/v1/assets/cat?title=Cat&tags=b,a", "image/png", cat).await;
    assert_eq!((second.status.as_u16(), second.value()), (200, asset));
    assert_eq!(origin.stored().await, stored);
}

#[tokio::test]
async fn every_file_type_is_taken() {
    let origin = Origin::empty().await;
    let gif = b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x02\0\x02\0\0\x02\x02\x84\x51\0;";
    let mut webp = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut webp);
    encoder.encode(&[9; 4 * 4 * 3], 4, 4, image_webp::ColorType::Rgb8).unwrap();
    for (id, media_type, body) in [
        ("png", "image/png", png(4, 4, [1, 2, 3, 255])),
        ("jpeg", "image/jpeg", jpeg(16, 16, [1, 2, 3])),
        ("gif", "image/gif", gif.to_vec()),
        ("webp", "image/webp", webp),
        ("svg", "image/svg+xml; charset=utf-8", svg(32)),
    ] {
        let answer = origin.put(&format!("/v1/assets/{id}"), media_type, body).await;
        assert_eq!(answer.status, 201, "{id}: {}", answer.text());
        let stored = answer.value()["media_type"].as_str().unwrap().to_owned();
        assert_eq!(stored, if id == "jpeg" { "image/jpeg" } else { "image/png" });
    }
}

#[tokio::test]
async fn fonts_are_stored_as_they_come() {
    let origin = Origin::empty().await;
    for (id, media_type, font) in [("sans", "font/ttf", TTF), ("serif", "font/otf", OTF)] {
        let path = format!("/v1/assets/{id}");
        let put = || origin.put(&path, media_type, font.to_vec());
        let answer = put().await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let asset = answer.value();
        assert_eq!((&asset["kind"], &asset["media_type"]), (&json!("font"), &json!(media_type)));
        assert_eq!(
            (&asset["width"], &asset["height"], &asset["bytes"]),
            (&json!(0), &json!(0), &json!(font.len()))
        );
        let content = origin.get(&format!("{path}/content")).await;
        assert_eq!((content.header("content-type"), content.body.as_ref()), (media_type, font));
        assert_eq!(put().await.status, 200);
    }
    assert_eq!(origin.get("/v1/assets?kind=font").await.value()["assets"].as_array().unwrap().len(), 2);
    let listed = origin.get("/v1/catalogue").await.value();
    assert_eq!((&listed["assets"][0]["id"], &listed["assets"][0]["kind"]), (&json!("sans"), &json!("font")));
}

#[tokio::test]
async fn a_font_is_no_picture() {
    let origin = Origin::stocked().await;
    origin.put("/v1/assets/sans?kind=font&title=Sans&licence=OFL-1.1", "font/ttf", TTF.to_vec()).await;
    let narrow = origin.get("/v1/assets/sans/content?w=100").await;
    narrow.assert_problem(400, "bad-request", Some("/query/w"));
    assert!(narrow.text().contains("is a font"), "{}", narrow.text());
    origin.get("/c/sans.png").await.assert_problem(400, "bad-recipe", Some("/base"));
    origin.get("/c/cat/sans.png").await.assert_problem(400, "bad-recipe", Some("/layers/0"));
    for (path, media_type, body, pointer) in [
        ("/v1/assets/new?kind=base", "font/ttf", TTF.to_vec(), "/kind"),
        ("/v1/assets/new?kind=font", "image/png", png(2, 2, [1; 4]), "/kind"),
        ("/v1/assets/new?focus=0.5,0.5", "font/ttf", TTF.to_vec(), "/focus"),
        ("/v1/assets/new?anchor.head=0.5,0.5,0.5", "font/ttf", TTF.to_vec(), "/anchors"),
        ("/v1/assets/cat", "font/ttf", TTF.to_vec(), "/kind"),
        ("/v1/assets/sans", "image/png", png(2, 2, [1; 4]), "/kind"),
    ] {
        origin.put(path, media_type, body).await.assert_problem(400, "bad-metadata", Some(pointer));
    }
    let patch = origin.json(Method::PATCH, "/v1/assets/sans", &json!({"kind": "overlay"})).await;
    patch.assert_problem(400, "bad-metadata", Some("/kind"));
    origin.get("/v1/assets/new").await.assert_problem(404, "unknown-asset", None);
}

#[tokio::test]
async fn a_broken_font_is_refused_by_its_fault_and_changes_nothing() {
    let origin = Origin::empty().await;
    let truncated = origin.put("/v1/assets/sans", "font/ttf", TTF[..TTF.len() - 50].to_vec()).await;
    truncated.assert_problem(422, "bad-font", None);
    assert!(truncated.text().contains("it ends before its table"), "{}", truncated.text());
    let mislabelled = origin.put("/v1/assets/sans", "font/ttf", OTF.to_vec()).await;
    mislabelled.assert_problem(415, "unsupported-type", None);
    origin.put("/v1/assets/sans", "font/woff2", TTF.to_vec()).await.assert_problem(
        415,
        "unsupported-type",
        None,
    );
    let stream = origin.put("/v1/assets/sans", "application/octet-stream", TTF.to_vec()).await;
    stream.assert_problem(415, "unsupported-type", None);
    let compressed = origin.put("/v1/assets/sans", "font/ttf", b"wOF2\0\x01\0\0".to_vec()).await;
    compressed.assert_problem(422, "bad-image", None);
    let long = [TTF, &vec![0; 16 << 20]].concat();
    let long = origin.put("/v1/assets/sans", "font/ttf", long).await;
    long.assert_problem(422, "bad-font", None);
    assert!(long.text().contains("16777216"), "{}", long.text());
    assert!(origin.stored().await.is_empty());
}

#[tokio::test]
async fn a_multipart_upload_may_carry_a_font() {
    let origin = Origin::empty().await;
    let mut body = b"--x\r\ncontent-disposition: form-data; name=\"font\"; filename=\"a.ttf\"\r\n\
        content-type: font/ttf\r\n\r\n"
        .to_vec();
    body.extend_from_slice(TTF);
    body.extend_from_slice(b"\r\n--x--\r\n");
    let answer = origin.put("/v1/assets/sans", "multipart/form-data; boundary=x", body).await;
    assert_eq!((answer.status.as_u16(), &answer.value()["kind"]), (201, &json!("font")), "{}", answer.text());
}

#[tokio::test]
async fn a_multipart_upload_carries_metadata() {
    let origin = Origin::empty().await;
    let metadata =
        json!({"kind": "overlay", "title": "Hat", "anchors": {"head": {"x": 0.5, "y": 1.0, "span": 0.8}}});
    let answer = multipart(&origin, "/v1/assets/hat", &metadata.to_string(), &png(4, 4, [0; 4])).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.value()["kind"], "overlay");
    assert_eq!(answer.value()["anchors"]["head"]["span"], 0.8);
    let unknown = multipart(&origin, "/v1/assets/hat", "{\"colour\": 1}", &png(4, 4, [0; 4])).await;
    unknown.assert_problem(400, "bad-metadata", Some("/colour"));
    let twice = json!({"kind": "overlay", "anchors": {"a": {"x": 0, "y": 0, "span": 1}, "b": {"x": 0, "y": 0, "span": 1}}});
    let twice = multipart(&origin, "/v1/assets/hat2", &twice.to_string(), &png(4, 4, [0; 4])).await;
    twice.assert_problem(400, "bad-metadata", Some("/anchors"));
}

#[tokio::test]
async fn metadata_of_a_form_go_before_those_of_the_query() {
    let origin = Origin::empty().await;
    let path = "/v1/assets/hat?kind=overlay&title=Cap&tags=red";
    let value = multipart(&origin, path, "{\"title\": \"Hat\"}", &png(4, 4, [0; 4])).await.value();
    assert_eq!(
        [&value["kind"], &value["title"], &value["tags"]],
        [&json!("overlay"), &json!("Hat"), &json!(["red"])]
    );
}

#[tokio::test]
async fn metadata_of_a_form_are_given_once_and_are_no_longer_than_other_json() {
    let origin = Origin::empty().await;
    let padded = |length: usize| format!("{{\"title\": \"Hat\"{}}}", " ".repeat(length - 16));
    let put = async |metadata: &str| multipart(&origin, "/v1/assets/hat", metadata, &png(4, 4, [0; 4])).await;
    let long = put(&padded((256 << 10) + 1)).await;
    long.assert_problem(413, "too-large", None);
    let detail = "the part `metadata` is longer than the 256 KiB that are allowed";
    assert_eq!(long.value()["detail"], detail);
    let again = "--x\r\ncontent-disposition: form-data; name=\"metadata\"\r\n\r\n{}";
    let twice = put(&format!("{{}}\r\n{again}")).await;
    twice.assert_problem(400, "bad-request", Some(""));
    assert!(twice.text().contains("more than one part `metadata`"), "{}", twice.text());
    assert!(origin.stored().await.is_empty());
    assert_eq!(put(&padded(256 << 10)).await.value()["title"], "Hat");
}

async fn multipart(origin: &Origin, path: &str, metadata: &str, image: &[u8]) -> Answer {
    let mut body = format!(
        "--x\r\ncontent-disposition: form-data; name=\"metadata\"\r\ncontent-type: application/json\r\n\r\n{metadata}\r\n\
         --x\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(image);
    body.extend_from_slice(b"\r\n--x--\r\n");
    origin.put(path, "multipart/form-data; boundary=x", body).await
}

#[tokio::test]
async fn a_replaced_asset_keeps_its_versions_and_what_was_said_about_it() {
    let origin = Origin::stocked().await;
    let old = origin.get("/v1/assets/cat").await.value();
    let new = origin.put("/v1/assets/cat", "image/png", png(80, 80, [5, 5, 5, 255])).await;
    assert_eq!(new.status, 200);
    let new = new.value();
    assert_eq!((&new["width"], &new["anchors"], &new["tags"]), (&json!(80), &old["anchors"], &old["tags"]));
    let digests: Vec<&Value> = new["versions"].as_array().unwrap().iter().map(|v| &v["digest"]).collect();
    assert_eq!(digests, [&new["digest"], &old["digest"]]);
    let content = origin.get(new["versions"][1]["content"].as_str().unwrap()).await;
    assert_eq!(content.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(content.body.len() as u64, old["bytes"].as_u64().unwrap());

    let back = origin.put("/v1/assets/cat", "image/png", png(40, 40, [200, 120, 40, 255])).await.value();
    assert_eq!((&back["digest"], back["versions"].as_array().unwrap().len()), (&old["digest"], 2));
}

#[tokio::test]
async fn content_comes_whole_or_smaller_and_is_validated() {
    let origin = Origin::stocked().await;
    origin.put("/v1/assets/hat", "image/png", png(20, 10, [40, 40, 60, 128])).await;
    for (path, size) in [
        ("/v1/assets/hat/content", (20, 10)),
        ("/v1/assets/hat/content?w=10", (10, 5)),
        ("/v1/assets/hat/content?w=4000", (20, 10)),
    ] {
        let answer = origin.get(path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            (answer.header("content-type"), answer.header("cache-control")),
            ("image/png", "public, no-cache")
        );
        assert_eq!(png_size(&answer.body), size, "{path}");
        let again = origin.get_with(path, &[("if-none-match", answer.header("etag"))]).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    }
    origin.get("/v1/assets/hat/content?w=0").await.assert_problem(400, "bad-request", Some("/query/w"));
    origin.get("/v1/assets/hat/content?digest=ab").await.assert_problem(
        400,
        "bad-request",
        Some("/query/digest"),
    );
    let unknown = format!("/v1/assets/hat/content?digest={}", "ab".repeat(32));
    origin.get(&unknown).await.assert_problem(404, "unknown-asset", None);
}

#[tokio::test]
async fn levels_are_stored_served_and_drawn_from() {
    let origin = Origin::stocked().await;
    let put = origin.put("/v1/assets/wall?kind=base", "image/png", png(1200, 600, [40, 40, 60, 255])).await;
    let asset = put.value();
    let levels = asset["levels"].as_array().unwrap();
    let sizes: Vec<_> =
        levels.iter().map(|level| (level["width"].clone(), level["height"].clone())).collect();
    assert_eq!(sizes, [(json!(600), json!(300)), (json!(300), json!(150)), (json!(150), json!(75))]);
    for (level, size) in levels.iter().zip([(600, 300), (300, 150), (150, 75)]) {
        let digest = level["digest"].as_str().unwrap();
        let answer = origin.get(&format!("/v1/assets/wall/content?digest={digest}")).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "image/png"));
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(answer.header("etag"), format!("\"{digest}\""));
        assert_eq!((png_size(&answer.body), json!(answer.body.len())), (size, level["bytes"].clone()));
    }
    let explained =
        origin.json(Method::POST, "/v1/composites", &json!({"recipe": "/c/wall;w=300.png"})).await;
    assert_eq!(explained.value()["ingredients"], json!([asset["digest"]]), "{}", explained.text());
    assert_eq!(origin.get("/c/wall;w=300.png").await.status, 200);
}

fn png_size(bytes: &[u8]) -> (u32, u32) {
    let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    (reader.info().width, reader.info().height)
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let origin = Origin::stocked().await;
    for id in ["a", "b", "c"] {
        origin.put(&format!("/v1/assets/{id}?tags=letter"), "image/png", png(2, 2, [1; 4])).await;
    }
    let ids = |answer: &Answer| -> Vec<String> {
        let page = answer.value();
        page["assets"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&origin.get("/v1/assets").await), ["a", "b", "c", "cat", "hat"]);
    assert_eq!(ids(&origin.get("/v1/assets?kind=overlay").await), ["hat"]);
    let first = origin.get("/v1/assets?tag=letter&limit=2").await;
    assert_eq!(ids(&first), ["a", "b"]);
    assert_eq!(first.value()["next"], "b");
    let next = first.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    let second = origin.get(&next).await;
    assert_eq!((ids(&second), second.value().get("next")), (vec!["c".to_owned()], None));
}

#[tokio::test]
async fn metadata_is_merge_patched_under_conditions() {
    let origin = Origin::stocked().await;
    let asset = origin.get("/v1/assets/cat").await;
    let etag = asset.header("etag").to_owned();
    assert_eq!(origin.get_with("/v1/assets/cat", &[("if-none-match", &etag)]).await.status, 304);
    let patch = json!({"title": "A cat", "tags": null, "licence": "MIT", "anchors": {"eyes": {"x": 0.5, "y": 0.4, "span": 0.2}}});
    let headers = [("content-type", "application/merge-patch+json"), ("if-match", etag.as_str())];
    let send =
        || origin.send(request(Method::PATCH, "/v1/assets/cat", &headers, patch.to_string().into_bytes()));
    let patched = send().await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    let value = patched.value();
    assert_eq!(
        (&value["title"], &value["tags"], &value["licence"]),
        (&json!("A cat"), &json!([]), &json!("MIT"))
    );
    assert!(value["anchors"]["head"].is_object() && value["anchors"]["eyes"].is_object());
    send().await.assert_problem(412, "precondition-failed", None);
    let bad = origin
        .json(Method::PATCH, "/v1/assets/cat", &json!({"anchors": {"top": {"x": 0, "y": 0, "span": 1}}}))
        .await;
    bad.assert_problem(400, "bad-metadata", Some("/anchors/top"));
    origin.json(Method::PATCH, "/v1/assets/nobody", &json!({})).await.assert_problem(
        404,
        "unknown-asset",
        None,
    );
}

#[tokio::test]
async fn a_deleted_asset_is_gone() {
    let origin = Origin::stocked().await;
    assert_eq!(origin.delete("/v1/assets/hat").await.status, 204);
    origin.get("/v1/assets/hat").await.assert_problem(404, "unknown-asset", None);
    origin.delete("/v1/assets/hat").await.assert_problem(404, "unknown-asset", None);
    origin.get("/c/cat/hat.png").await.assert_problem(404, "unknown-asset", Some("/layers/0"));
}

#[tokio::test]
async fn creating_can_be_made_conditional() {
    let origin = Origin::stocked().await;
    let headers = [("content-type", "image/png"), ("if-none-match", "*")];
    let put = |id: &'static str| origin.send(request(Method::PUT, id, &headers, png(3, 3, [7; 4])));
    put("/v1/assets/cat").await.assert_problem(412, "precondition-failed", None);
    assert_eq!(put("/v1/assets/dog").await.status, 201);
}

#[tokio::test]
async fn the_manifest_has_a_strong_validator_that_changes_with_it() {
    let origin = Origin::stocked().await;
    let manifest = origin.get("/v1/catalogue").await;
    let etag = manifest.header("etag").to_owned();
    let value = manifest.value();
    assert_eq!(etag, format!("\"{}\"", value["version"].as_str().unwrap()));
    let ids: Vec<&str> =
        value["assets"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["cat", "hat"]);
    let again = origin.get_with("/v1/catalogue", &[("if-none-match", &etag)]).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    origin.delete("/v1/assets/hat").await;
    assert_ne!(origin.get("/v1/catalogue").await.header("etag"), etag);
}

#[tokio::test]
async fn what_another_process_imports_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::stocked_at(folder.path()).await;
    let store = origin.app.store.clone();
    let elsewhere = origin::catalogue::LiveCatalogue::open(store, None).await.unwrap();
    let id = "cat".parse().unwrap();
    let removed = elsewhere.change::<()>(&id, |_| Ok(origin::catalogue::Change::Remove)).await.unwrap();
    assert!(removed.is_none());
    assert_eq!(origin.get("/c/cat.png").await.status, 200);
    assert!(origin.app.catalogue.refresh().await.unwrap());
    assert_eq!(origin.get("/c/cat.png").await.status, 404);
    assert!(!origin.app.catalogue.refresh().await.unwrap());
}
