//! A small catalogue for tests, without pictures.

use compositor::Catalogue;

pub fn catalogue() -> Catalogue {
    let digest = |n: u8| format!("{n:02x}").repeat(32);
    let base = |n: u8, id: &str, title: &str, anchors: &str| {
        format!(
            r#"{{"id":"{id}","digest":"{}","kind":"base","width":1024,"height":1024,"bytes":1,"media_type":"image/png",
            "opaque":true,"title":"{title}","tags":["cat"],"licence":null,"anchors":{anchors},"focus":{{"x":0.5,"y":0.42}}}}"#,
            digest(n)
        )
    };
    let overlay = |n: u8, id: &str, title: &str, anchor: &str| {
        format!(
            r#"{{"id":"{id}","digest":"{}","kind":"overlay","width":1024,"height":512,"bytes":1,"media_type":"image/png",
            "opaque":false,"title":"{title}","tags":["hat"],"licence":null,
            "anchors":{{"{anchor}":{{"x":0.5,"y":0.8,"span":0.6,"angle":0}}}},"focus":null}}"#,
            digest(n)
        )
    };
    let face = r#"{"head":{"x":0.5,"y":0.27,"span":0.36,"angle":-4},"eyes":{"x":0.5,"y":0.42,"span":0.3,"angle":0}}"#;
    let assets = [
        base(1, "tabby", "Tabby", face),
        base(2, "mug", "Mug", "{}"),
        overlay(3, "top-hat", "Top hat", "head"),
        overlay(4, "beret", "Beret", "head"),
        overlay(5, "monocle", "Monocle", "eyes"),
        overlay(6, "glasses", "Round glasses", "eyes"),
    ];
    serde_json::from_str(&format!(r#"{{"version":"","assets":[{}]}}"#, assets.join(","))).unwrap()
}
