//! What is in a key and what is not.

mod common;

use common::{Shelf, png};
use compositor::{Anchor, CompositeKey, Focus, Kind};

fn shelf() -> Shelf {
    let mut shelf = Shelf::new();
    let base = shelf.add("base", Kind::Base, &png(40, 20, |x, _| [x as u8, 0, 0, 255]));
    base.anchors.insert("head".into(), Anchor { x: 0.5, y: 0.5, span: 0.5, angle: 0.0 });
    base.anchors.insert("eyes".into(), Anchor { x: 0.5, y: 0.6, span: 0.2, angle: 0.0 });
    base.focus = Some(Focus { x: 0.2, y: 0.5 });
    let hat = shelf.add("hat", Kind::Overlay, &png(10, 10, |_, _| [0, 0, 255, 255]));
    hat.anchors.insert("head".into(), Anchor { x: 0.5, y: 1.0, span: 0.8, angle: 0.0 });
    shelf
}

fn key(shelf: &Shelf, path: &str) -> CompositeKey {
    shelf.plan(path).key()
}

#[test]
fn every_spelling_of_a_picture_has_one_key() {
    let shelf = shelf();
    let one = key(&shelf, "/c/base/hat.png");
    let pinned = format!("/c/base@{}/hat.png", &shelf.assets[0].digest.to_string()[..12]);
    for other in [
        "/c/base/hat;rotate=360.png",
        "/c/base/hat;at=head.png",
        "/c/base;q=33/hat.png",
        "/c/base;bg=00000000/hat.png",
        &pinned,
    ] {
        assert_eq!(key(&shelf, other), one, "{other}");
    }
    assert_eq!(key(&shelf, "/c/base.auto"), key(&shelf, "/c/base.jpg"));
}

#[test]
fn whatever_changes_a_pixel_changes_the_key() {
    let shelf = shelf();
    let paths = [
        "/c/base/hat.png",
        "/c/base/hat.jpg",
        "/c/base;w=40;h=40/hat.png",
        "/c/base/hat;x=0.0001.png",
        "/c/base/hat;at=eyes.png",
        "/c/base/hat/hat.png",
        "/c/base.png",
    ];
    let mut keys: Vec<_> = paths.iter().map(|path| key(&shelf, path)).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), paths.len());
}

#[test]
fn a_changed_ingredient_changes_the_keys_that_use_it_and_no_other() {
    let before = shelf();
    let mut after = shelf();
    after.assets.remove(1);
    let hat = after.add("hat", Kind::Overlay, &png(10, 10, |_, _| [9, 9, 9, 255]));
    hat.anchors.insert("head".into(), Anchor { x: 0.5, y: 1.0, span: 0.8, angle: 0.0 });
    assert_ne!(key(&before, "/c/base/hat.png"), key(&after, "/c/base/hat.png"));
    assert_eq!(key(&before, "/c/base.png"), key(&after, "/c/base.png"));
}

#[test]
fn anchors_and_focus_count_where_they_are_used() {
    let before = shelf();
    let mut moved = shelf();
    moved.assets[0].anchors.get_mut("head").unwrap().y = 0.4;
    assert_ne!(key(&before, "/c/base/hat.png"), key(&moved, "/c/base/hat.png"));
    assert_eq!(key(&before, "/c/base/hat;at=eyes.png"), key(&moved, "/c/base/hat;at=eyes.png"));
    assert_eq!(key(&before, "/c/base/hat;at=center.png"), key(&moved, "/c/base/hat;at=center.png"));

    let mut refocused = shelf();
    refocused.assets[0].focus = Some(Focus { x: 0.9, y: 0.5 });
    assert_ne!(key(&before, "/c/base;w=20;h=20.png"), key(&refocused, "/c/base;w=20;h=20.png"));
    assert_eq!(
        key(&before, "/c/base;w=20;h=20;pos=top.png"),
        key(&refocused, "/c/base;w=20;h=20;pos=top.png")
    );
    assert_eq!(key(&before, "/c/base;w=20.png"), key(&refocused, "/c/base;w=20.png"));
}

#[test]
fn names_titles_and_tags_do_not_count() {
    let before = shelf();
    let mut renamed = shelf();
    renamed.assets[1].id = "chapeau".parse().unwrap();
    renamed.assets[1].title = "Chapeau".into();
    renamed.assets[1].tags = vec!["felt".into()];
    assert_eq!(key(&before, "/c/base/hat.png"), key(&renamed, "/c/base/chapeau.png"));
}

#[test]
fn keys_are_stable() {
    // A changed key orphans every cached composite in the world: change this only together with RENDER_VERSION.
    let key = key(&shelf(), "/c/base/hat.png").to_string();
    assert_eq!(key, "d4feea249e9d624341ccf3fbb8a94634e6546cb0");
    assert_eq!(key.parse::<CompositeKey>().unwrap().to_string(), key);
}

#[test]
fn what_the_catalogue_lacks_is_named() {
    let shelf = shelf();
    let catalogue = shelf.catalogue();
    for (path, pointer, says) in [
        ("/c/dog/hat.png", "/base", "`dog`"),
        ("/c/base/wig.png", "/layers/0", "`wig`"),
        ("/c/base/hat;mask=wig.png", "/layers/0/mask", "`wig`"),
        ("/c/base/hat;at=tail.png", "/layers/0/at", "it has: eyes, head"),
        ("/c/base@0000000000/hat.png", "/base", "no version `0000000000`"),
    ] {
        let error = catalogue.resolve(&path.parse().unwrap(), None).expect_err(path);
        assert_eq!(error.pointer(), pointer, "{path}");
        assert!(error.to_string().contains(says), "{path}: {error}");
    }
}

#[test]
fn a_pin_names_an_older_version() {
    let mut shelf = shelf();
    let older = shelf.assets[1].clone();
    shelf.assets.remove(1);
    shelf.add("hat", Kind::Overlay, &png(10, 10, |_, _| [9, 9, 9, 255]));
    let catalogue = shelf.catalogue().with_older(vec![older.clone()]);
    let path = format!("/c/base/hat@{}.png", &older.digest.to_string()[..10]);
    let plan = catalogue.resolve(&path.parse().unwrap(), None).unwrap();
    assert!(plan.ingredients().contains(&older.digest));
    assert!(!plan.is_pinned(), "the base is not");
}

#[test]
fn only_what_can_never_change_is_immutable() {
    let shelf = shelf();
    let pinned = |name: &str, i: usize| format!("{name}@{}", shelf.assets[i].digest);
    let (base, hat) = (pinned("base", 0), pinned("hat", 1));
    assert!(shelf.plan(&format!("/c/{base}.png")).is_pinned());
    assert!(shelf.plan(&format!("/c/{base}/{hat};at=center.png")).is_pinned());
    assert!(!shelf.plan(&format!("/c/{base}/{hat}.png")).is_pinned(), "its anchors may be edited");
    assert!(!shelf.plan(&format!("/c/{base};w=9;h=9.png")).is_pinned(), "its focal point may be edited");
    assert!(!shelf.plan(&format!("/c/{base}/hat;at=center.png")).is_pinned());
}
