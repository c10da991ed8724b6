//! What recipes draw, on pictures whose answer is known.

mod common;

use std::io::Read;
use std::sync::Arc;

use common::{Shelf, at, centroid, digest, jpeg, noise, png};
use compositor::{Anchor, Compositor, Digest, Focus, Format, Kind, Limit, Limits, RenderError};

const RED: [u8; 4] = [255, 0, 0, 255];
const GREEN: [u8; 4] = [0, 255, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];
const CLEAR: [u8; 4] = [0; 4];

/// A 40 × 20 base, red on the left and green on the right, with a head in the middle; a clear base; a blue 10 × 10 hat.
fn shelf() -> Shelf {
    let mut shelf = Shelf::new();
    let head = Anchor { x: 0.5, y: 0.5, span: 0.5, angle: 0.0 };
    let base = shelf.add("base", Kind::Base, &png(40, 20, |x, _| if x < 20 { RED } else { GREEN }));
    base.anchors.insert("head".into(), head);
    base.focus = Some(Focus { x: 0.0, y: 0.5 });
    let clear = shelf.add("clear", Kind::Base, &png(100, 100, |_, _| CLEAR));
    clear.anchors.insert("head".into(), Anchor { x: 0.4, y: 0.6, span: 0.2, angle: 30.0 });
    let hat = shelf.add("hat", Kind::Overlay, &png(10, 10, |_, _| BLUE));
    hat.anchors.insert("head".into(), Anchor { x: 0.5, y: 0.5, span: 1.0, angle: 0.0 });
    shelf.add("arrow", Kind::Overlay, &png(4, 2, |x, y| if x == 0 && y == 0 { RED } else { BLUE }));
    shelf
}

#[test]
fn a_base_alone_is_itself() {
    let shelf = shelf();
    let drawn = shelf.draw("/c/base.png");
    assert_eq!((drawn.size(), at(&drawn, 19, 10), at(&drawn, 20, 10)), ((40, 20), RED, GREEN));
}

#[test]
fn cover_keeps_the_focus_and_pos_overrules_it() {
    let shelf = shelf();
    assert_eq!(at(&shelf.draw("/c/base;w=20;h=20.png"), 15, 10), RED);
    assert_eq!(at(&shelf.draw("/c/base;w=20;h=20;pos=right.png"), 5, 10), GREEN);
    let middle = shelf.draw("/c/base;w=20;h=20;pos=center.png");
    assert_eq!((at(&middle, 4, 10), at(&middle, 15, 10)), (RED, GREEN));
}

#[test]
fn contain_leaves_the_background() {
    let shelf = shelf();
    let drawn = shelf.draw("/c/base;w=40;h=40;fit=contain;bg=0000ff.png");
    assert_eq!(
        (at(&drawn, 5, 9), at(&drawn, 5, 10), at(&drawn, 5, 29), at(&drawn, 5, 30)),
        (BLUE, RED, RED, BLUE)
    );
    assert_eq!(at(&shelf.draw("/c/base;w=40;h=40;fit=contain.png"), 5, 5), CLEAR);
}

#[test]
fn a_layer_lands_on_its_anchor() {
    let shelf = shelf();
    // The head spans 20 px at (20, 10): the hat covers (10, 0) to (30, 20).
    let drawn = shelf.draw("/c/base/hat.png");
    for (x, expected) in [(9, RED), (10, BLUE), (29, BLUE), (30, GREEN)] {
        assert_eq!(at(&drawn, x, 10), expected, "x = {x}");
    }
}

#[test]
fn placement_is_exact_to_a_tenth_of_a_pixel() {
    let shelf = shelf();
    for (parameters, x, y, area) in [
        (";rotate=-30", 40.0, 60.0, 400.0),
        ("", 40.0, 60.0, 400.0),
        (";x=0.3px;y=0.7px;rotate=-30", 40.3, 60.7, 400.0),
        (";scale=0.77;rotate=15", 40.0, 60.0, 237.16),
        (";at=center;scale=0.333", 50.0, 50.0, 1108.89),
        (";at=top-left;scale=0.25", 12.5, 12.5, 625.0),
        (";at=bottom-right;scale=0.155;rotate=90;x=-0.2;y=-0.2", 87.75, 72.25, 240.25),
        (";at=center;scale=0.05", 50.0, 50.0, 25.0),
    ] {
        let (cx, cy, mass) = centroid(&shelf.draw(&format!("/c/clear/hat{parameters}.png")));
        assert!(
            (cx - x).abs() < 0.1 && (cy - y).abs() < 0.1,
            "hat{parameters}: centre ({cx:.2}, {cy:.2}), not ({x}, {y})"
        );
        assert!((mass - area).abs() < 0.02 * area + 1.0, "hat{parameters}: area {mass:.1}, not {area}");
    }
}

#[test]
fn quarter_turns_and_flips_move_whole_pixels() {
    let shelf = shelf();
    // A 4 × 2 arrow with its red tip in the top left corner, drawn at its own size.
    for (parameters, tip) in [
        ("", (48, 49)),
        (";flip=h", (51, 49)),
        (";flip=v", (48, 50)),
        (";flip=hv", (51, 50)),
        (";rotate=90", (50, 48)),
        (";rotate=180", (51, 50)),
        (";rotate=-90", (49, 51)),
        (";rotate=90;flip=h", (50, 51)),
    ] {
        let drawn = shelf.draw(&format!("/c/clear/arrow;at=center;scale=0.04{parameters}.png"));
        assert_eq!(at(&drawn, tip.0, tip.1), RED, "{parameters}");
        let (_, _, area) = centroid(&drawn);
        assert!((area - 8.0).abs() < 1e-9, "{parameters}: {area}");
    }
}

#[test]
fn opacity_and_order_count() {
    let shelf = shelf();
    assert_eq!(at(&shelf.draw("/c/clear/hat;at=center;opacity=0.5.png"), 50, 50), [0, 0, 255, 128]);
    assert_eq!(at(&shelf.draw("/c/clear/hat;at=center;opacity=0.png"), 50, 50), CLEAR);
    let below = at(&shelf.draw("/c/clear/arrow;at=center/hat;at=center.png"), 50, 50);
    let above = at(&shelf.draw("/c/clear;w=40/hat;at=center/arrow;at=center.png"), 5, 12);
    assert!(below == BLUE && above[0] > 200 && above[2] < 60, "{below:?} {above:?}");
}

#[test]
fn a_layer_may_be_larger_than_the_canvas_or_miss_it() {
    let shelf = shelf();
    assert_eq!(at(&shelf.draw("/c/base/hat;at=center;scale=100.png"), 0, 0), BLUE);
    assert_eq!(at(&shelf.draw("/c/base/hat;at=center;scale=100;rotate=33.png"), 39, 19), BLUE);
    assert_eq!(shelf.draw("/c/base/hat;x=100.png"), shelf.draw("/c/base.png"));
    assert_eq!(shelf.draw("/c/base/hat;x=-100;rotate=10.png"), shelf.draw("/c/base.png"));
    assert_eq!(shelf.draw("/c/clear/hat;scale=0.0001.png").size(), (100, 100));
    assert_eq!(shelf.draw("/c/clear/hat;scale=0.0001;rotate=5.png").size(), (100, 100));
}

#[test]
fn every_format_decodes_to_the_picture() {
    let shelf = shelf();
    let drawn = shelf.draw("/c/clear;bg=ff0000/hat.png");
    for path in ["/c/clear;bg=ff0000/hat.png", "/c/clear;bg=ff0000;q=100/hat.webp"] {
        let mut again = Shelf::new();
        again.add("x", Kind::Base, &shelf.compose(path));
        assert_eq!(again.draw("/c/x.png"), drawn, "{path}");
    }
    let mut again = Shelf::new();
    again.add("x", Kind::Base, &shelf.compose("/c/clear;bg=ff0000;q=95/hat.jpg"));
    let near = again.draw("/c/x.png");
    let worst = near.data().iter().zip(drawn.data()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(worst < 40, "JPEG is off by {worst}");
    let jpeg_on_white = shelf.compose("/c/clear.jpg");
    let mut again = Shelf::new();
    again.add("x", Kind::Base, &jpeg_on_white);
    assert_eq!(at(&again.draw("/c/x.png"), 3, 3), [255; 4]);
}

#[test]
fn warm_and_cold_renders_are_the_same_bytes() {
    let shelf = shelf();
    for path in [
        "/c/base;w=33/hat;rotate=7.png",
        "/c/base;w=33;h=50/hat;scale=0.3.jpg",
        "/c/clear;q=100/hat;flip=h.webp",
    ] {
        let warm = [shelf.compose(path), shelf.compose(path)];
        let cold = Compositor::new(Limits::default(), 0);
        let cold = cold.compose(&shelf.plan(path), &shelf.ingredients).unwrap().bytes;
        assert!(warm.iter().all(|bytes| digest(bytes) == digest(&cold)), "{path}");
    }
}

/// Mean square distance of two pictures as a signal to noise ratio in dB.
fn psnr(a: &compositor::Pixmap, b: &compositor::Pixmap) -> f64 {
    assert_eq!(a.size(), b.size());
    let square: f64 = a.data().iter().zip(b.data()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    10.0 * (255.0_f64.powi(2) * a.data().len() as f64 / square.max(1e-9)).log10()
}

#[test]
fn a_small_picture_is_drawn_from_levels_and_looks_the_same() {
    let wave = |x: u32, y: u32, period: f64| {
        let distance = f64::from(x).hypot(f64::from(y) * 1.3);
        (127.0 + 120.0 * (distance / period).sin()) as u8
    };
    let mut shelf = Shelf::new();
    shelf.add("photo", Kind::Base, &jpeg(1000, 700, |x, y| [wave(x, y, 31.0), wave(y, x, 17.0), 90]));
    shelf.add("rings", Kind::Overlay, &png(601, 451, |x, y| [200, wave(x, y, 23.0), 30, wave(y, x, 41.0)]));
    let mut whole = Shelf::new();
    whole.ingredients = shelf.ingredients.clone();
    whole.assets = shelf.assets.clone();
    whole.assets.iter_mut().for_each(|asset| asset.levels.clear());

    for path in [
        "/c/photo;w=250.png",
        "/c/photo;w=600/rings;scale=0.3.png",
        "/c/photo;w=500/rings;scale=0.3;rotate=90;x=0.3px.png",
        "/c/photo;w=400/rings;scale=0.5;rotate=17.png",
        "/c/photo;w=300;h=300;fit=cover/rings;scale=0.25;flip=h;tile=xy;mask=rings.png",
        "/c/photo;w=300/~fill;color=ffee00;mask=rings.png",
    ] {
        let (plan, of_whole) = (shelf.plan(path), whole.plan(path));
        assert_ne!(plan.key(), of_whole.key(), "{path}: what is read belongs to the key");
        assert!(plan.working_bytes() < of_whole.working_bytes(), "{path}");
        let ratio = psnr(&shelf.draw(path), &whole.draw(path));
        assert!(ratio > 36.0, "{path}: {ratio:.1} dB");
    }
    // What is drawn at its own size is read whole, under the key it always had.
    let path = "/c/photo/rings;scale=0.601.png";
    assert_eq!(shelf.plan(path).key(), whole.plan(path).key());
    assert_eq!(shelf.compose(path), whole.compose(path));
}

#[test]
fn a_layer_moved_by_whole_pixels_is_the_same_layer() {
    let shelf = shelf();
    for path in ["/c/clear/hat;rotate=23", "/c/clear/hat;scale=0.7", "/c/clear/hat;scale=0.37;rotate=90"] {
        let at = |x: u32, y: u32| shelf.draw(&format!("{path};x={x}px;y={y}px.png"));
        let (here, there) = (at(0, 0), at(3, 2));
        let row = |pixmap: &compositor::Pixmap, y: u32, from: u32| {
            let row = pixmap.width() as usize * 4;
            pixmap.data()[y as usize * row..][from as usize * 4..row].to_vec()
        };
        for y in 0..here.height() - 2 {
            let (mut seen, moved) = (row(&here, y, 0), row(&there, y + 2, 3));
            seen.truncate(moved.len());
            assert_eq!(seen, moved, "{path}, row {y}");
        }
    }
}

#[test]
fn layers_blend_and_operate() {
    let shelf = shelf();
    let at_middle = |layer: &str| at(&shelf.draw(&format!("/c/base/{layer}.png")), 12, 10);
    assert_eq!(at_middle("hat;blend=multiply"), [0, 0, 0, 255]);
    assert_eq!(at_middle("hat;blend=screen"), [255, 0, 255, 255]);
    assert_eq!(at_middle("hat;op=plus-lighter"), [255, 0, 255, 255]);
    assert_eq!(at_middle("hat;op=xor"), CLEAR);
    assert_eq!(at_middle("hat;op=destination-out;opacity=0.2"), [255, 0, 0, 204]);
    assert_eq!(at_middle("hat;op=destination"), RED);
}

#[test]
fn some_operators_clear_what_their_layer_does_not_cover() {
    let shelf = shelf();
    for (operator, inside, outside) in [
        ("copy", BLUE, CLEAR),
        ("source-in", BLUE, CLEAR),
        ("destination-in", RED, CLEAR),
        ("destination-atop", RED, CLEAR),
        ("source-out", CLEAR, CLEAR),
        ("clear", CLEAR, CLEAR),
        ("source-atop", BLUE, RED),
        ("destination-over", RED, RED),
    ] {
        let drawn = shelf.draw(&format!("/c/base/hat;op={operator}.png"));
        assert_eq!((at(&drawn, 12, 10), at(&drawn, 4, 10)), (inside, outside), "{operator}");
        let missed = shelf.draw(&format!("/c/base/hat;op={operator};x=50.png"));
        assert_eq!(at(&missed, 12, 10), outside, "{operator}, off the canvas");
    }
}

#[test]
fn a_tile_repeats_along_its_axes_without_seams() {
    let shelf = shelf();
    // The arrow is 4 × 2 with its red tip in the top left corner; at this scale it keeps its size.
    for (tile, tips) in [("x", 25), ("y", 50), ("xy", 25 * 50)] {
        let drawn = shelf.draw(&format!("/c/clear/arrow;at=center;scale=0.04;tile={tile}.png"));
        let red = drawn.data().chunks_exact(4).filter(|pixel| **pixel == RED).count();
        assert_eq!(red, tips, "tile={tile}");
    }
    let covered = shelf.draw("/c/clear/hat;at=center;scale=0.0731;tile=xy.png");
    assert!(covered.data().chunks_exact(4).all(|pixel| pixel == BLUE), "no seam at a fractional size");
    let turned = shelf.draw("/c/clear/hat;at=center;scale=0.2;rotate=45;tile=x.png");
    let row = |y: u32| (0..100).filter(|x| at(&turned, *x, y)[3] > 128).count();
    assert!(row(50) > 90 && row(20) == 0, "{} {}", row(50), row(20));
}

#[test]
fn a_mask_cuts_its_layer_and_moves_with_it() {
    let mut shelf = shelf();
    shelf.add("half", Kind::Overlay, &png(2, 1, |x, _| [0, 0, 0, if x == 0 { 255 } else { 0 }]));
    let drawn = shelf.draw("/c/clear/hat;at=center;scale=0.4;mask=half.png");
    assert_eq!((at(&drawn, 32, 50), at(&drawn, 67, 50)), (BLUE, CLEAR));
    let flipped = shelf.draw("/c/clear/hat;at=center;scale=0.4;mask=half;flip=h.png");
    assert_eq!((at(&flipped, 32, 50), at(&flipped, 67, 50)), (CLEAR, BLUE));
    let turned = shelf.draw("/c/clear/hat;at=center;scale=0.4;mask=half;rotate=90.png");
    assert_eq!((at(&turned, 50, 32), at(&turned, 50, 67)), (BLUE, CLEAR));
    let filled = shelf.draw("/c/clear/~fill;color=0000ff;mask=half.png");
    assert_eq!((at(&filled, 2, 50), at(&filled, 97, 50)), (BLUE, CLEAR));
}

#[test]
fn a_shadow_lies_under_its_layer() {
    let shelf = shelf();
    let drawn = shelf.draw("/c/clear/hat;at=center;scale=0.2;shadow=10px,20px,0,00ff0080.png");
    assert_eq!((at(&drawn, 50, 50), at(&drawn, 65, 75), at(&drawn, 42, 75)), (BLUE, [0, 255, 0, 128], CLEAR));
    let soft = shelf.draw("/c/clear/hat;at=center;scale=0.2;shadow=0,0,5px,000000.png");
    let alpha = |x| at(&soft, x, 50)[3];
    assert!(
        alpha(38) > 60 && alpha(38) < 120 && alpha(30) > 0 && alpha(30) < 20,
        "{} {}",
        alpha(38),
        alpha(30)
    );
    let beside = shelf.draw("/c/clear/hat;at=left;scale=0.2;x=-0.3;shadow=0.3,0,0,000000.png");
    assert_eq!(at(&beside, 5, 50), [0, 0, 0, 255], "of a layer that the canvas does not show");
}

#[test]
fn fills_are_colours_and_gradients() {
    let shelf = shelf();
    let pixel = |fill: &str, x, y| at(&shelf.draw(&format!("/c/clear/~fill{fill}.png")), x, y);
    assert_eq!(pixel("", 99, 99), [0, 0, 0, 255]);
    assert_eq!(pixel(";color=ff000080", 1, 1), [255, 0, 0, 128]);
    let down = ";color=ff0000;to=0000ff";
    assert_eq!((pixel(down, 0, 0), pixel(down, 60, 99)), ([254, 0, 1, 255], [1, 0, 254, 255]));
    let right = ";color=ff0000;to=0000ff;angle=90";
    assert_eq!(pixel(right, 25, 80), [190, 0, 65, 255]);
    let round = ";color=ff0000;to=0000ff;gradient=radial";
    assert!(
        pixel(round, 50, 50)[0] > 250
            && pixel(round, 0, 0)[2] > 250
            && pixel(round, 50, 0)[0].abs_diff(75) < 4
    );
    assert_eq!(pixel(";color=ff0000;at=left;scale=0.5", 60, 50), CLEAR);
}

/// A canvas of 100 × 100 and the catalogue's font.
fn lettered() -> Shelf {
    let mut shelf = shelf();
    shelf.add_font("sans", include_bytes!("../../catalogue/fonts/sans.ttf"));
    shelf
}

/// Left, top, right and bottom of what is visible.
fn inked(pixmap: &compositor::Pixmap) -> (u32, u32, u32, u32) {
    let visible = |x, y| pixmap.data()[(y * pixmap.width() + x) as usize * 4 + 3] > 40;
    let all = (0..pixmap.height()).flat_map(|y| (0..pixmap.width()).map(move |x| (x, y)));
    all.filter(|(x, y)| visible(*x, *y)).fold((u32::MAX, u32::MAX, 0, 0), |(l, t, r, b), (x, y)| {
        (l.min(x), t.min(y), r.max(x + 1), b.max(y + 1))
    })
}

/// `HI` is `SEk` in base64url, `HI HI HI` is `SEkgSEkgSEk`.
#[test]
fn text_is_set_where_it_is_held() {
    let shelf = lettered();
    let ink = |layer: &str| inked(&shelf.draw(&format!("/c/clear/~text;t=SEk;size=20px{layer}.png")));
    let (l, t, r, b) = ink("");
    assert!(l.abs_diff(100 - r) <= 2 && (t + b).abs_diff(100) <= 6, "{l} {t} {r} {b}: in the middle");
    assert!((10..=16).contains(&(b - t)), "capitals of a line of 20 px: {}", b - t);
    assert!(ink(";at=top-left").0 <= 3 && ink(";at=bottom-right").2 >= 97);
    let (big, small) = (ink(";scale=2"), ink(";scale=1"));
    assert!((big.2 - big.0).abs_diff(2 * (small.2 - small.0)) <= 2);
    let (l, t, r, b) = ink(";rotate=90");
    assert!(b - t > r - l, "turned");
    let (l, t, r, b) = ink(";at=head;rotate=-30");
    assert!((l + r).abs_diff(80) <= 3 && (t + b).abs_diff(120) <= 6, "{l} {t} {r} {b}: on the head, upright");
}

#[test]
fn text_wraps_and_has_colours_shadows_and_masks() {
    let mut shelf = lettered();
    let lines = |wrap: &str| {
        let drawn = shelf.draw(&format!("/c/clear/~text;t=SEkgSEkgSEk;size=20px{wrap}.png"));
        let row = |y: u32| (0..100).any(|x| drawn.data()[(y * 100 + x) as usize * 4 + 3] > 40);
        (1..100).filter(|y| row(*y) && !row(y - 1)).count()
    };
    assert_eq!((lines(""), lines(";wrap=0.5"), lines(";wrap=20px")), (1, 2, 3));
    let has = |drawn: &compositor::Pixmap, colour| drawn.data().chunks_exact(4).any(|pixel| pixel == colour);
    let drawn = shelf.draw("/c/clear/~text;t=SEk;size=0.5;color=0000ff;shadow=0.1,0.1,0,ff0000.png");
    assert!(has(&drawn, BLUE) && has(&drawn, RED));
    shelf.add("half", Kind::Overlay, &png(2, 1, |x, _| [0, 0, 0, if x == 0 { 255 } else { 0 }]));
    let masked = inked(&shelf.draw("/c/clear/~text;t=SEk;size=0.5;mask=half.png"));
    assert!((45..=58).contains(&masked.2), "{masked:?}");
    let tiled = shelf.draw("/c/clear/~text;t=SEk;size=10px;tile=xy.png");
    assert!(inked(&tiled).0 <= 3 && inked(&tiled).3 >= 97);
    assert_eq!(shelf.draw("/c/clear/~text;t=SEk;x=9.png"), shelf.draw("/c/clear.png"), "off the canvas");
}

#[test]
fn a_texts_font_is_an_ingredient() {
    let (with, without) = (lettered(), shelf());
    let plan = with.plan("/c/clear/~text;t=SEk.png");
    assert_eq!(plan.ingredients().len(), 2);
    let named = with.plan("/c/clear/~text;t=SEk;font=sans.png");
    assert_eq!(plan.ingredients(), named.ingredients());
    let resolve =
        |shelf: &Shelf, path: &str| shelf.catalogue().resolve(&path.parse().unwrap(), None).map(|_| ());
    let missing = resolve(&without, "/c/clear/~text;t=SEk.png").unwrap_err();
    assert_eq!((missing.pointer(), missing.to_string().contains("sans")), ("/layers/0/font", true));
    let wrong = resolve(&with, "/c/clear/~text;t=SEk;font=hat.png").unwrap_err();
    assert_eq!((wrong.pointer(), wrong.to_string().contains("a font")), ("/layers/0/font", true));
    let as_picture = resolve(&with, "/c/clear/sans.png").unwrap_err();
    assert_eq!(as_picture.pointer(), "/layers/0");
}

#[test]
fn rounded_corners_cut_the_whole_picture() {
    let shelf = shelf();
    let drawn = shelf.draw("/c/clear;bg=ff0000;radius=0.5/hat;at=top-left.png");
    assert_eq!((at(&drawn, 0, 0), at(&drawn, 99, 99), at(&drawn, 50, 50)), (CLEAR, CLEAR, BLUE));
    let on_white = shelf.compose("/c/clear;bg=ff0000;radius=20px;q=100.jpg");
    let mut again = Shelf::new();
    again.add("x", Kind::Base, &on_white);
    assert!(at(&again.draw("/c/x.png"), 0, 0)[1] > 245, "no alpha: white corners");
}

/// Layers on nothing, on some and on all strips of a picture.
const HATS: [&str; 6] = [
    "",
    "/hat;at=top;scale=0.1",
    "/hat;at=bottom-right;scale=0.02;x=-1px;y=-0.5px",
    "/hat;at=center;scale=0.2;rotate=30;blend=multiply/hat;at=top-left;scale=0.05;op=xor",
    "/hat;at=center;scale=0.1;op=destination-in",
    "/hat;at=center;scale=0.1;shadow=5px,40px,9px,000000",
];

/// One strip and many give the same pixels, and what is copied from an earlier render is what would be encoded now.
#[test]
fn strips_that_were_kept_are_the_strips_that_would_be_made() {
    let mut shelf = Shelf::new();
    let ground =
        |x: u32, y: u32| [((x * 7) ^ y) as u8, (y * 3) as u8, (x + y) as u8, if x < 200 { 255 } else { 99 }];
    shelf.add("ground", Kind::Base, &png(300, 400, ground));
    shelf.add("hat", Kind::Overlay, &png(10, 10, |x, y| [0, 0, 255, if x == y { 80 } else { 255 }]));
    for format in ["png", "jpg"] {
        for layers in HATS {
            let path = format!("/c/ground{layers}.{format}");
            let cold = Compositor::new(Limits::default(), 0);
            let cold = cold.compose(&shelf.plan(&path), &shelf.ingredients).unwrap().bytes;
            assert_eq!(digest(&shelf.compose(&path)), digest(&cold), "{path}, first");
            assert_eq!(digest(&shelf.compose(&path)), digest(&cold), "{path}, again");
        }
        let rounded = format!("/c/ground;radius=0.1.{format}");
        assert_ne!(shelf.compose(&rounded), shelf.compose(&format!("/c/ground.{format}")));
    }
    let drawn = shelf.draw("/c/ground/hat;at=center;scale=0.5;rotate=20.png");
    let mut again = Shelf::new();
    again.add("x", Kind::Base, &shelf.compose("/c/ground/hat;at=center;scale=0.5;rotate=20.png"));
    assert_eq!(again.draw("/c/x.png"), drawn, "strip by strip is the whole");
}

/// The chunks of a PNG, each with its head and its CRC.
fn chunks(file: &[u8]) -> Vec<&[u8]> {
    let (mut chunks, mut rest) = (Vec::new(), &file[8..]);
    while let Some((length, _)) = rest.split_first_chunk() {
        let (chunk, behind) = rest.split_at(12 + u32::from_be_bytes(*length) as usize);
        chunks.push(chunk);
        rest = behind;
    }
    chunks
}

/// A PNG that says nothing of its strips.
fn plain(file: &[u8]) -> Vec<u8> {
    let others = chunks(file).into_iter().filter(|chunk| &chunk[4..8] != b"stRP");
    [&file[..8], &others.collect::<Vec<_>>().concat()].concat()
}

/// An `IDAT` chunk that stands for the same bytes as this one, which are not compressed.
fn stored(chunk: &[u8]) -> Vec<u8> {
    let stream = [&chunk[8..chunk.len() - 4], &[1, 0, 0, 0xff, 0xff]].concat();
    let mut bytes = Vec::new();
    flate2::read::DeflateDecoder::new(&stream[..]).read_to_end(&mut bytes).expect("a segment");
    let length = u16::try_from(bytes.len()).expect("a short strip");
    let data = [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes(), &bytes].concat();
    let counted = [b"IDAT", &data[..]].concat();
    [&(data.len() as u32).to_be_bytes()[..], &counted, &crc32fast::hash(&counted).to_be_bytes()].concat()
}

/// A shelf with a photograph and a hat.
fn photograph(opaque: bool) -> Shelf {
    let photo = |x: u32, y: u32| {
        let alpha = if opaque || x < 100 { 255 } else { (x / 2) as u8 };
        [(x / 3) as u8 + grain(x, y), (y / 3) as u8 + grain(y, x), ((x + y) / 5) as u8, alpha]
    };
    let mut shelf = Shelf::new();
    shelf.add("photo", Kind::Base, &png(300, 400, photo));
    shelf.add("hat", Kind::Overlay, &png(10, 10, |x, y| [0, 0, 255, if x == y { 80 } else { 255 }]));
    shelf
}

/// The same shelf with other files for the photograph and its levels.
fn with_files(shelf: &Shelf, file: impl Fn(&[u8]) -> Vec<u8>) -> Shelf {
    let mut other = Shelf::new();
    (other.assets, other.ingredients) = (shelf.assets.clone(), shelf.ingredients.clone());
    let photo = &mut other.assets[0];
    for digest in photo.levels.iter_mut().map(|level| &mut level.digest).chain([&mut photo.digest]) {
        let file = file(&shelf.ingredients[digest]);
        *digest = Digest::of(&file);
        other.ingredients.insert(*digest, file.into());
    }
    other
}

/// What a photograph has of noise.
fn grain(x: u32, y: u32) -> u8 {
    noise(x, y, 0) % 16
}

/// What an import wrote of a photograph makes the file that is made of any other PNG of the same pixels, whatever was
/// rendered before.
#[test]
fn strips_of_an_import_are_the_strips_that_would_be_made() {
    for opaque in [true, false] {
        let shelf = photograph(opaque);
        let plain = with_files(&shelf, plain);
        for turn in ["first", "again"] {
            for layers in HATS {
                for base in ["photo", "photo;w=150", "photo;w=299", "photo;bg=ff0000"] {
                    let path = format!("/c/{base}{layers}.png");
                    let cold = Compositor::new(Limits::default(), 0);
                    let made = cold.compose(&plain.plan(&path), &plain.ingredients).unwrap().bytes;
                    let alone = cold.compose(&shelf.plan(&path), &shelf.ingredients).unwrap().bytes;
                    assert!(alone == made, "{path}, opaque {opaque}, by itself");
                    assert!(shelf.compose(&path) == made, "{path}, opaque {opaque}, {turn}");
                }
            }
        }
    }
}

/// Of a photograph that is kept in the wrong strips those are in the composite on which nothing lies.
#[test]
fn strips_of_an_import_are_copied() {
    for opaque in [true, false] {
        let marked = |file: &[u8]| {
            let strips = chunks(file);
            assert_eq!(&strips[1][4..8], b"stRP");
            let last = strips.len() - 3;
            let changed = strips.iter().enumerate();
            let changed =
                changed.map(|(i, strip)| if i > 2 && i < last { stored(strip) } else { strip.to_vec() });
            [&file[..8], &changed.collect::<Vec<_>>().concat()].concat()
        };
        let shelf = with_files(&photograph(opaque), marked);
        let file = &shelf.ingredients[&shelf.assets[0].digest];
        let composite = shelf.compose("/c/photo/hat;at=top;scale=0.1.png");
        let copied: Vec<bool> = chunks(file).iter().map(|strip| chunks(&composite).contains(strip)).collect();
        let strips = copied.len() - 5;
        let (head, others) = copied[3..3 + strips - 2].split_at(strips / 2 - 2);
        assert!(head.contains(&false), "a hat lies on the uppermost: {copied:?}");
        assert!(others.iter().all(|is_copied| *is_copied), "on the others nothing does: {copied:?}");
    }
}

#[test]
fn renders_at_once_on_one_import_are_those_one_after_the_other() {
    let shelf = photograph(true);
    let places = ["top", "center", "bottom", "left"].map(|at| format!("/c/photo/hat;at={at};scale=0.2.png"));
    let expected = places.each_ref().map(|path| shelf.compose(path));
    for _ in 0..10 {
        let shared = Compositor::new(Limits::default(), 64 << 20);
        std::thread::scope(|scope| {
            for (path, expected) in places.iter().zip(&expected) {
                let (shared, plan, ingredients) = (&shared, shelf.plan(path), &shelf.ingredients);
                scope.spawn(move || {
                    for _ in 0..3 {
                        let composite = shared.compose(&plan, ingredients).expect(path);
                        assert!(composite.bytes == *expected, "{path}");
                    }
                });
            }
        });
    }
}

#[test]
fn a_damaged_import_makes_no_composite() {
    let mut shelf = photograph(true);
    let digest = shelf.assets[0].digest;
    let file = Arc::clone(&shelf.ingredients[&digest]);
    let whole = ["/c/photo.png", "/c/photo/hat;at=top;scale=0.3.png"].map(|path| (path, shelf.compose(path)));
    let (mut harmless, mut refused) = (0, 0);
    for at in (20..file.len()).step_by(file.len() / 60).chain(20..100) {
        let mut damaged = file.to_vec();
        damaged[at] ^= 0x10;
        shelf.ingredients.insert(digest, damaged.into());
        for cache_bytes in [0, 64 << 20] {
            let compositor = Compositor::new(Limits::default(), cache_bytes);
            for (path, whole) in whole.iter().chain(&whole) {
                match compositor.compose(&shelf.plan(path), &shelf.ingredients) {
                    Ok(composite) => {
                        assert!(composite.bytes == *whole, "byte {at} is in {path}");
                        harmless += 1;
                    }
                    Err(error) => {
                        assert!(error.to_string().contains(&digest.to_string()), "byte {at}: {error}");
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(harmless > 10 && refused > 10, "{harmless} harmless, {refused} refused");
}

#[test]
fn a_file_is_the_same_by_any_number_of_threads_and_comes_in_pieces() {
    let mut shelf = Shelf::new();
    let wave = |x: u32, y: u32| [(x / 3) as u8, (y / 2) as u8, (x ^ y) as u8, 255];
    shelf.add("wall", Kind::Base, &png(700, 900, wave));
    shelf.add("dot", Kind::Overlay, &png(200, 200, |x, y| [250, 0, 0, (x + y) as u8]));
    for path in
        ["/c/wall/dot;at=center.png", "/c/wall/dot;at=center.jpg", "/c/wall;radius=0.2/dot;op=xor.png"]
    {
        let plan = shelf.plan(path);
        let whole = shelf.compose(path);
        for helpers in [1, 3, 8] {
            let limits = Limits::default();
            let crewed = Compositor::new(limits, 64 << 20).with_helpers(helpers);
            for turn in ["cold", "warm"] {
                let mut pieces: Vec<Vec<u8>> = Vec::new();
                crewed
                    .compose_to(&plan, &shelf.ingredients, &mut |piece| pieces.push(piece.to_vec()))
                    .unwrap();
                assert!(pieces.len() > 10, "{path}: {} pieces", pieces.len());
                assert!(pieces.concat() == whole, "{path}: {turn}, {helpers} helpers");
            }
        }
    }
}

#[test]
fn a_file_has_alpha_where_an_operator_makes_holes() {
    let shelf = shelf();
    for (operator, _) in compositor::recipe::Operator::WORDS {
        let path = format!("/c/base/hat;at=center;scale=0.4;opacity=0.5;op={operator}.png");
        let mut again = Shelf::new();
        again.add("x", Kind::Base, &shelf.compose(&path));
        assert!(again.draw("/c/x.png") == shelf.draw(&path), "{operator}");
    }
    let auto = shelf.plan("/c/base/hat;op=xor.auto");
    assert_eq!(auto.format(), Format::Png, "a picture with holes is no JPEG");
}

#[test]
fn limits_refuse_before_anything_is_decoded() {
    let shelf = shelf();
    // The ingredients are left out: whatever is refused here was refused from sizes alone.
    let refuse = |path: &str, limits| {
        let compositor = Compositor::new(limits, 0);
        compositor.compose(&shelf.plan(path), &compositor::Ingredients::new()).expect_err(path)
    };
    let limits = Limits { canvas_pixels: 1000, ..Default::default() };
    assert!(matches!(
        refuse("/c/base;w=100.png", limits),
        RenderError::Limit { needed: 5000, allowed: 1000, .. }
    ));
    let limits = Limits { working_bytes: 1000, ..Default::default() };
    assert!(matches!(refuse("/c/base.png", limits), RenderError::Limit { allowed: 1000, .. }));
    let limits = Limits::default();
    assert!(matches!(refuse("/c/clear;w=8192;h=8192;dpr=4.png", limits), RenderError::Limit { .. }));
    assert!(matches!(refuse("/c/base.png", limits), RenderError::Missing { .. }));
}

#[test]
fn a_limit_names_the_part_that_is_over_it_and_what_to_lower() {
    let shelf = shelf();
    let refuse = |path: &str, limits| {
        let error = shelf.plan(path).check(&limits).expect_err(path);
        let RenderError::Limit { pointer, limit, .. } = &error else { panic!("{path}: {error}") };
        (pointer.clone(), *limit, error.to_string())
    };
    let limits = Limits::default();
    for (path, limits, pointer, limit, advice) in [
        ("/c/clear;w=8192;h=8192.png", limits, "/base", Limit::CanvasPixels, "lower `w`, `h` or `dpr`"),
        ("/c/base/hat/hat.png", Limits { layers: 1, ..limits }, "/layers", Limit::Layers, "leave layers out"),
        (
            "/c/base/hat.png",
            Limits { source_pixels: 1, ..limits },
            "/base",
            Limit::SourcePixels,
            "use a smaller image there",
        ),
        (
            "/c/base;w=20/hat;at=center;scale=0.1/hat;at=center.png",
            Limits { drawn_pixels: 1, ..limits },
            "/layers/1",
            Limit::DrawnPixels,
            "lower its `scale`, or `w`, `h` or `dpr` of the base",
        ),
        (
            "/c/base;w=7000;h=7000.png",
            Limits { working_bytes: 200 << 20, ..limits },
            "/base",
            Limit::WorkingBytes,
            "lower `w`, `h` or `dpr`",
        ),
    ] {
        let (at, what, told) = refuse(path, limits);
        assert_eq!((at.as_str(), what), (pointer, limit), "{path}: {told}");
        assert!(told.ends_with(&format!("allowed: {advice}")), "{path}: {told}");
    }
}

#[test]
fn an_unknown_asset_is_told_with_the_one_that_may_be_meant() {
    let shelf = shelf();
    let error = |path: &str| shelf.catalogue().resolve(&path.parse().unwrap(), None).unwrap_err().to_string();
    assert_eq!(error("/c/bace.png"), "there is no asset `bace` in the catalogue; did you mean `base`?");
    assert_eq!(error("/c/base/nobody.png"), "there is no asset `nobody` in the catalogue");
}

#[test]
fn auto_follows_accept_and_transparency() {
    let shelf = shelf();
    let catalogue = shelf.catalogue();
    let format = |path: &str, accept| {
        catalogue.resolve(&path.parse().unwrap(), accept).map(|plan| (plan.format(), plan.is_auto()))
    };
    assert_eq!(format("/c/base.auto", None), Ok((Format::Jpeg, true)));
    assert_eq!(format("/c/clear.auto", Some("*/*")), Ok((Format::Png, true)));
    assert_eq!(format("/c/clear;bg=ffffff.auto", Some("*/*")), Ok((Format::Jpeg, true)));
    assert_eq!(format("/c/base.auto", Some("image/png, */*;q=0.5")), Ok((Format::Png, true)));
    assert_eq!(format("/c/base;q=100.auto", Some("image/webp,*/*;q=0.8")), Ok((Format::Webp, true)));
    let browser = Some("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8");
    assert_eq!(format("/c/base.auto", browser), Ok((Format::Avif, true)));
    assert_eq!(format("/c/base;q=100.auto", browser), Ok((Format::Webp, true)), "lossless is asked for");
    assert_eq!(format("/c/clear.auto", Some("image/webp,*/*;q=0.8")), Ok((Format::Webp, true)));
    assert_eq!(
        format("/c/base.auto", Some("image/*")),
        Ok((Format::Jpeg, true)),
        "a wildcard names nothing new"
    );
    assert_eq!(format("/c/base.auto", Some("image/avif;q=0.2,image/jpeg")), Ok((Format::Jpeg, true)));
    assert_eq!(format("/c/base.png", Some("image/webp")), Ok((Format::Png, false)));
    assert!(format("/c/base.auto", Some("text/html")).is_err());
    let plan = catalogue.resolve(&"/c/base;q=80.auto".parse().unwrap(), None).unwrap();
    assert_eq!(plan.canonical_path(), "/c/base.jpg");
}

#[test]
fn extreme_reductions_are_averages() {
    let mut shelf = Shelf::new();
    shelf.add(
        "wide",
        Kind::Base,
        &png(20_000, 3, |x, _| if x % 2 == 0 { [200, 0, 0, 255] } else { [0, 100, 0, 255] }),
    );
    let [r, g, b, a] = at(&shelf.draw("/c/wide;w=1;h=1;fit=fill.png"), 0, 0);
    assert!(r.abs_diff(100) <= 3 && g.abs_diff(50) <= 3 && b == 0 && a == 255, "{r} {g} {b} {a}");
}

#[test]
fn what_scaling_needs_in_between_is_counted() {
    let mut shelf = Shelf::new();
    shelf.add("wide", Kind::Base, &png(60_000, 2, |_, _| RED));
    let plan = shelf.plan("/c/wide;w=1;h=8192;fit=fill.png");
    assert!(plan.working_bytes() > 60_000 * 8192 * 4);
    let error = shelf.compositor.compose(&plan, &shelf.ingredients).unwrap_err();
    assert!(matches!(error, RenderError::Limit { .. }), "{error}");
}

#[test]
fn layers_that_would_take_too_long_are_refused() {
    let shelf = shelf();
    let path = format!("/c/clear;w=6000;h=6000{}.png", "/hat;at=center;rotate=1".repeat(16));
    let error = shelf.compositor.compose(&shelf.plan(&path), &compositor::Ingredients::new()).unwrap_err();
    assert!(matches!(error, RenderError::Limit { allowed: 200_000_000, .. }), "{error}");
}
