//! How answers may be cached downstream, and which headers a composite's answer carries: the delivery
//! contract (recipe-url.md, “Canonical form” and “Key”), in one place.

use std::fmt::Display;

use compositor::{CompositeKey, Plan};

/// A recipe's picture changes when its ingredients do.
const RECIPE: &str = "public, max-age=300, stale-while-revalidate=86400, stale-if-error=604800";
/// The freshness in it.
const RECIPE_SECS: u64 = 300;
/// What a key or a set of digests names can never change.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// The freshness in it.
pub const IMMUTABLE_SECS: u64 = 31_536_000;
/// Nobody downstream should keep a picture of the past for long: it is there to bridge an outage.
const STALE: &str = "public, max-age=10, stale-if-error=604800";
/// The freshness in it.
const STALE_SECS: u64 = 10;

/// Cheap to revalidate, and what everything else is resolved with.
const CATALOGUE: &str = "public, no-cache";

/// Headers by lower-case name.
pub type HeaderList = Vec<(&'static str, String)>;

/// The headers that identify the composite of a plan. A 304 carries the same ones. `expires_in_secs` is
/// what is left of a signed URL that expires.
pub fn composite(plan: &Plan, expires_in_secs: Option<u64>) -> HeaderList {
    let mut headers = delivery(etag(&plan.key()), freshness(plan.is_pinned(), expires_in_secs));
    headers.push(("content-location", plan.canonical_path()));
    headers.extend(plan.is_auto().then(varies));
    headers
}

/// A URL that expires is good that long and not a second more, whatever it names.
fn freshness(is_pinned: bool, expires_in_secs: Option<u64>) -> String {
    match expires_in_secs {
        Some(secs) => format!("public, max-age={}", secs.min(RECIPE_SECS)),
        None if is_pinned => IMMUTABLE.to_owned(),
        None => RECIPE.to_owned(),
    }
}

/// The headers of what its address identifies: a composite by key, an image by digest.
pub fn addressed(etag: &str) -> HeaderList {
    delivery(etag.to_owned(), IMMUTABLE.to_owned())
}

/// The headers of the last good picture of a recipe: the validator is the picture's own, old one.
pub fn stale(
    key: &CompositeKey,
    canonical_path: &str,
    is_auto: bool,
    expires_in_secs: Option<u64>,
) -> HeaderList {
    let cache_control = match expires_in_secs {
        Some(secs) => format!("public, max-age={}", secs.min(STALE_SECS)),
        None => STALE.to_owned(),
    };
    let mut headers = delivery(etag(key), cache_control);
    headers.push(("content-location", canonical_path.to_owned()));
    headers.extend(is_auto.then(varies));
    headers
}

/// The format was chosen from `Accept`.
fn varies() -> (&'static str, String) {
    ("vary", "accept".to_owned())
}

/// What every picture carries: it may be shown and timed on any page.
fn delivery(etag: String, cache_control: String) -> HeaderList {
    vec![
        ("etag", etag),
        ("cache-control", cache_control),
        ("cross-origin-resource-policy", "cross-origin".to_owned()),
        ("timing-allow-origin", "*".to_owned()),
    ]
}

/// The headers of the catalogue: whoever keeps it asks whether it changed.
pub fn catalogue(etag: &str) -> HeaderList {
    vec![("etag", etag.to_owned()), ("cache-control", CATALOGUE.to_owned())]
}

/// A key, or a digest, as a strong validator.
pub fn etag(key: &impl Display) -> String {
    format!("\"{key}\"")
}

#[cfg(test)]
mod tests {
    use compositor::{Anchor, Asset, Catalogue, Digest, Kind, Recipe};

    use super::{HeaderList, composite, freshness, stale};

    fn catalogue() -> Catalogue {
        let anchor = Anchor { x: 0.5, y: 0.5, span: 0.4, angle: 0.0 };
        let asset = |id: &str, kind| Asset {
            id: id.parse().unwrap(),
            digest: Digest::of(id.as_bytes()),
            kind,
            width: 64,
            height: 64,
            bytes: 1,
            media_type: "image/png".into(),
            opaque: false,
            levels: Vec::new(),
            title: String::new(),
            tags: Vec::new(),
            licence: None,
            anchors: [("head".to_owned(), anchor)].into(),
            focus: None,
        };
        Catalogue::new(vec![asset("tabby", Kind::Base), asset("top-hat", Kind::Overlay)])
    }

    fn headers(path: &str, accept: Option<&str>) -> HeaderList {
        let plan = catalogue().resolve(&Recipe::parse(path).unwrap(), accept).unwrap();
        composite(&plan, None)
    }

    fn get<'a>(headers: &'a HeaderList, name: &str) -> Option<&'a str> {
        headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn any_spelling_names_the_canonical_path_and_one_key() {
        let long = headers("/c/tabby/top-hat;scale=1.0.png", None);
        let short = headers("/c/tabby/top-hat.png", None);
        assert_eq!(get(&long, "content-location"), Some("/c/tabby/top-hat.png"));
        assert_eq!(get(&long, "etag"), get(&short, "etag"));
        assert_eq!(get(&long, "vary"), None);
    }

    #[test]
    fn only_auto_varies() {
        let chosen = headers("/c/tabby.auto", Some("image/jpeg"));
        assert_eq!(get(&chosen, "vary"), Some("accept"));
        assert_eq!(get(&chosen, "content-location"), Some("/c/tabby.jpg"));
        let plan = catalogue().resolve(&Recipe::parse("/c/tabby.jpg").unwrap(), None).unwrap();
        assert_eq!(get(&stale(&plan.key(), "/c/tabby.jpg", true, None), "vary"), Some("accept"));
        assert_eq!(get(&stale(&plan.key(), "/c/tabby.jpg", false, None), "vary"), None);
    }

    #[test]
    fn a_url_that_expires_is_kept_no_longer() {
        assert_eq!(freshness(true, Some(20)), "public, max-age=20");
        assert_eq!(freshness(false, Some(1 << 40)), "public, max-age=300");
        let plan = catalogue().resolve(&Recipe::parse("/c/tabby.png").unwrap(), None).unwrap();
        let control = |expires| stale(&plan.key(), "/c/tabby.png", false, expires)[1].1.clone();
        assert_eq!(control(Some(3)), "public, max-age=3");
        assert_eq!(control(Some(60)), "public, max-age=10");
    }

    #[test]
    fn only_a_pinned_recipe_is_immutable() {
        let pin = |id: &str| format!("{id}@{}", &Digest::of(id.as_bytes()).to_string()[..10]);
        let pinned = headers(&format!("/c/{}/{};at=center.png", pin("tabby"), pin("top-hat")), None);
        assert!(get(&pinned, "cache-control").unwrap().ends_with("immutable"));
        let half = headers(&format!("/c/{}/top-hat;at=center.png", pin("tabby")), None);
        assert!(get(&half, "cache-control").unwrap().starts_with("public, max-age=300,"));
    }
}
