//! What text looks like, on fonts whose every advance and area is known; see `tests/fonts/README.md`. Advances of the real
//! fonts are those that `HarfBuzz` gives.

use std::sync::Arc;

use super::*;
use crate::asset::Digest;

const BLOCKS: &[u8] = include_bytes!("../../tests/fonts/blocks.ttf");
const BLOCKS_CFF: &[u8] = include_bytes!("../../tests/fonts/blocks.otf");
const ARABIC: &[u8] = include_bytes!("../../tests/fonts/arabic.ttf");
const HEBREW: &[u8] = include_bytes!("../../tests/fonts/hebrew.ttf");
const DEVANAGARI: &[u8] = include_bytes!("../../tests/fonts/devanagari.ttf");
const SANS: &[u8] = include_bytes!("../../../catalogue/fonts/sans.ttf");

/// A line of the blocks is 1,250 units high, so at this size a block is 40 pixels square.
const BLOCK_LINE: f64 = 50.0;

fn face(bytes: &[u8]) -> Face {
    Face::open(Arc::from(bytes)).unwrap()
}

fn lines(bytes: &[u8], text: &str, wrap: Option<f64>) -> Vec<Shaped> {
    shaped_lines(text, &face(bytes), wrap).unwrap()
}

/// Clusters and glyphs of the only line, from left to right.
fn glyphs(bytes: &[u8], text: &str) -> Vec<(usize, u32)> {
    lines(bytes, text, None)[0].glyphs.iter().map(|glyph| (glyph.cluster, glyph.id)).collect()
}

fn width(bytes: &[u8], text: &str) -> i64 {
    lines(bytes, text, None)[0].width
}

/// The text of each line when lines break at this many units.
#[track_caller]
fn check_wrap(text: &str, wrap: f64, expected: &[&str]) {
    let face = face(BLOCKS);
    let mut shaper = Shaper::new(&face.font);
    let mut found = Vec::new();
    for text in wrap::paragraphs(text) {
        let paragraph = Paragraph::new(text);
        let lines = wrap::lines(&paragraph, &mut shaper, Some(wrap)).unwrap();
        found.extend(lines.into_iter().map(|line| &text[line]));
    }
    assert_eq!(found, expected, "{text:?} at {wrap}");
}

fn window(width: u32, height: u32) -> Window {
    Window { left: 0, top: 0, width, height }
}

fn draw(bytes: &[u8], text: &str, align: Align, affine: Affine, size: (u32, u32)) -> Pixmap {
    let layout = layout(text, &face(bytes), BLOCK_LINE, align, None).unwrap();
    layout.draw(&affine, window(size.0, size.1), Colour::BLACK).unwrap()
}

fn alpha(pixmap: &Pixmap, x: u32, y: u32) -> u8 {
    pixmap.row(y)[x as usize * 4 + 3]
}

/// Covered area in pixels.
fn area(pixmap: &Pixmap) -> f64 {
    pixmap.data().chunks_exact(4).map(|pixel| f64::from(pixel[3]) / 255.0).sum()
}

#[test]
fn a_line_has_the_height_asked_for_and_the_width_of_its_advances() {
    let face = face(BLOCKS);
    let size = |text: &str| layout(text, &face, BLOCK_LINE, Align::Left, None).unwrap().size();
    assert_eq!(size("1"), (40.0, 50.0));
    assert_eq!(size("1o 1"), (140.0, 50.0));
    assert_eq!(size("11\n\n1"), (80.0, 150.0));
    assert_eq!(size(" "), (0.0, 50.0));
    assert_eq!(size("\n"), (0.0, 100.0));
    assert_eq!(size("1\t1"), size("1 1"));
    // Characters that the font lacks are drawn as its .notdef, a block like any other.
    assert_eq!(size("x漢"), (80.0, 50.0));
}

#[test]
fn latin_is_kerned_and_ligated() {
    assert_eq!((width(SANS, "A"), width(SANS, "V")), (639, 600));
    assert_eq!((width(SANS, "AV"), width(SANS, "AVA"), width(SANS, "To")), (1199, 1798, 1091));
    let clusters: Vec<usize> = glyphs(SANS, "office").into_iter().map(|(cluster, _)| cluster).collect();
    assert_eq!((clusters, width(SANS, "office")), (vec![0, 1, 4, 5], 2595));
    assert_eq!(glyphs(SANS, "e\u{301}"), glyphs(SANS, "é"));
    assert_eq!((width(SANS, "Ж"), width(SANS, "λ")), (854, 542));
}

#[test]
fn arabic_joins_and_runs_from_right_to_left() {
    // Seen, lam-alef as one glyph, final meem; the first letter rightmost.
    let salam = glyphs(ARABIC, "سلام");
    assert_eq!((salam, width(ARABIC, "سلام")), (vec![(6, 37), (2, 36), (0, 45)], 1867));
    // A letter alone is another glyph than the same letter between two others.
    assert_ne!(glyphs(ARABIC, "م")[0].1, glyphs(ARABIC, "ممم")[1].1);
    let kasra = lines(ARABIC, "بِ", None).remove(0);
    assert_eq!((kasra.glyphs[0].x, kasra.glyphs[0].y, kasra.width), (344, -211, 993));
}

#[test]
fn hebrew_and_devanagari_are_set_in_the_order_they_are_read() {
    let shalom: Vec<usize> = glyphs(HEBREW, "שלום").into_iter().map(|(cluster, _)| cluster).collect();
    assert_eq!((shalom, width(HEBREW, "שלום")), (vec![6, 4, 2, 0], 2227));
    // The vowel sign I stands before the conjunct that it is written behind.
    assert_eq!(glyphs(DEVANAGARI, "क्षि"), [(0, 24), (0, 10)]);
    assert_eq!(width(DEVANAGARI, "हिन्दी"), 1878);
}

#[test]
fn directions_mix_as_the_bidirectional_algorithm_says() {
    let order =
        |text: &str| -> Vec<usize> { glyphs(HEBREW, text).iter().map(|(cluster, _)| *cluster).collect() };
    // A paragraph goes the way of its first strong letter; numbers keep their own order in it.
    assert_eq!(order("ab של"), [0, 1, 2, 5, 3]);
    assert_eq!(order("של ab"), [5, 6, 4, 2, 0]);
    assert_eq!(order("של 12"), [5, 6, 4, 2, 0]);
    assert_eq!(order("של\n"), [2, 0]);
    // An override forces the order; its own characters take no room.
    let forced = lines(HEBREW, "\u{202e}ab\u{202c}", None).remove(0);
    assert_eq!(forced.width, width(HEBREW, "ab"));
}

#[test]
fn lines_break_at_opportunities_and_spaces_hang() {
    check_wrap("11 oo bb", 10_000.0, &["11 oo bb"]);
    check_wrap("11 oo bb", 4_500.0, &["11 oo", "bb"]);
    check_wrap("11 oo bb", 4_499.0, &["11", "oo", "bb"]);
    check_wrap("11    oo", 2_000.0, &["11", "oo"]);
    check_wrap("11\u{a0}oo bb", 3_000.0, &["11\u{a0}", "oo", "bb"]);
    check_wrap("11-oo", 3_000.0, &["11-", "oo"]);
    check_wrap("  11 \n\n oo ", 9_000.0, &["  11", "", " oo"]);
    check_wrap("   ", 1.0, &[""]);
    // Ideographs break anywhere but before a full stop.
    check_wrap("漢字。漢", 2_000.0, &["漢", "字。", "漢"]);
}

#[test]
fn a_word_wider_than_the_line_breaks_between_clusters() {
    check_wrap("1111111", 3_000.0, &["111", "111", "1"]);
    check_wrap("o 11111 b", 2_000.0, &["o", "11", "11", "1", "b"]);
    check_wrap("o 11111 b", 2_500.0, &["o", "11", "11", "1 b"]);
    check_wrap("11", 1.0, &["1", "1"]);
    check_wrap("1\u{301}1", 1.0, &["1\u{301}", "1"]);
}

#[test]
fn a_soft_hyphen_shows_only_where_a_line_ends_in_it() {
    let hyphen = face(SANS).font.charmap().map_unicode('\u{2010}').unwrap().to_u32();
    let ends_in_hyphen = |line: &Shaped| line.glyphs.last().is_some_and(|glyph| glyph.id == hyphen);
    let broken = lines(SANS, "co\u{ad}op", Some(2000.0));
    assert_eq!(broken.iter().map(ends_in_hyphen).collect::<Vec<_>>(), [true, false]);
    let whole = lines(SANS, "co\u{ad}op", Some(4000.0));
    assert_eq!((whole.len(), whole[0].width), (1, width(SANS, "coop")));
    assert!(!ends_in_hyphen(&lines(SANS, "co\u{ad}", None)[0]));
}

#[test]
fn alignment_is_within_the_widest_line() {
    for (align, from) in [(Align::Left, 0), (Align::Center, 20), (Align::Right, 40)] {
        let drawn = draw(BLOCKS, "11\n1", align, Affine::moving(0.0, 0.0), (80, 100));
        let second: Vec<u32> = (0..80).filter(|x| alpha(&drawn, *x, 70) == 255).collect();
        assert_eq!(second, (from..from + 40).collect::<Vec<_>>(), "{align:?}");
    }
}

#[test]
fn coverage_is_exact_to_the_last_bit() {
    // A block's edges at 10.3 and 50.3 across, at 5.7 and 45.7 down.
    for bytes in [BLOCKS, BLOCKS_CFF] {
        let drawn = draw(bytes, "1", Align::Left, Affine::moving(10.3, 5.7), (60, 60));
        let side = |at: u32, from: f64| {
            let (a, b) = (f64::from(at).max(from), (f64::from(at) + 1.0).min(from + 40.0));
            (b - a).max(0.0)
        };
        for (y, x) in (0..60).flat_map(|y| (0..60).map(move |x| (y, x))) {
            let exact = side(x, 10.3) * side(y, 5.7) * 255.0;
            let off = (f64::from(alpha(&drawn, x, y)) - exact).abs();
            assert!(off <= 0.500_001, "({x}, {y}): {} for {exact}", alpha(&drawn, x, y));
        }
    }
}

#[test]
fn overlaps_fill_holes_stay_open_and_direction_does_not_matter() {
    let of = |text: &str| area(&draw(BLOCKS, text, Align::Left, Affine::moving(0.0, 0.0), (40, 50)));
    assert_eq!((of("o"), of("b"), of("r")), (1600.0, 1600.0, 1200.0));
}

#[test]
fn curves_have_the_area_of_their_equations() {
    let of = |bytes| area(&draw(bytes, "d", Align::Left, Affine::moving(0.2, 0.1), (60, 60)));
    // A radius of 16 pixels; a quadratic quarter covers 5/6 of its square, a cubic one a quarter of the disc.
    let quadratic = 4.0 * 16.0 * 16.0 * 5.0 / 6.0;
    let cubic = core::f64::consts::PI * 16.0 * 16.0;
    assert!((of(BLOCKS) - quadratic).abs() < 0.4, "{} for {quadratic}", of(BLOCKS));
    assert!((of(BLOCKS_CFF) - cubic).abs() < 0.4, "{} for {cubic}", of(BLOCKS_CFF));
}

#[test]
fn a_turned_text_lies_where_geometry_says() {
    let (cos, sin) = (libm::cos(0.5), libm::sin(0.5));
    let affine = Affine { xx: cos, xy: -sin, x0: 40.25, yx: sin, yy: cos, y0: 10.5 };
    let drawn = draw(BLOCKS, "1", Align::Left, affine, (100, 100));
    assert!((area(&drawn) - 1600.0).abs() < 0.2, "{}", area(&drawn));
    for (y, x) in (0..100).flat_map(|y| (0..100).map(move |x| (y, x))) {
        let (u, v) = (f64::from(x) + 0.5 - 40.25, f64::from(y) + 0.5 - 10.5);
        let (u, v) = (cos * u + sin * v, cos * v - sin * u);
        let inside = u.min(v).min(40.0 - u).min(40.0 - v);
        let expected = (inside + 0.5).clamp(0.0, 1.0);
        // Exact along an edge to within what its slope makes of a pixel's corners.
        let off = (f64::from(alpha(&drawn, x, y)) / 255.0 - expected).abs();
        assert!(off < 0.2 && (inside.abs() < 0.8 || off == 0.0), "({x}, {y}): off by {off}");
    }
}

#[test]
fn a_mirrored_text_is_the_mirror_image() {
    let face = face(SANS);
    let layout = layout("Rag", &face, 40.0, Align::Left, None).unwrap();
    let plain = layout.draw(&Affine::moving(3.0, 2.0), window(80, 48), Colour::BLACK).unwrap();
    let flipped = Affine { xx: -1.0, xy: 0.0, x0: 77.0, yx: 0.0, yy: 1.0, y0: 2.0 };
    let mirrored = layout.draw(&flipped, window(80, 48), Colour::BLACK).unwrap();
    assert_eq!(plain.oriented(true, false, 0), mirrored);
}

#[test]
fn a_window_shows_its_part_of_the_whole() {
    let face = face(SANS);
    let layout = layout("Rag & bone\nſhop", &face, 60.0, Align::Center, None).unwrap();
    let affine = Affine { xx: 1.1, xy: -0.3, x0: 30.4, yx: 0.25, yy: 0.9, y0: -12.6 };
    let whole = layout.draw(&affine, window(300, 200), Colour::BLACK).unwrap();
    for part in [
        Window { left: 57, top: 41, width: 101, height: 67 },
        Window { left: 299, top: 0, width: 1, height: 200 },
    ] {
        let drawn = layout.draw(&affine, part, Colour::BLACK).unwrap();
        for (y, x) in (0..part.height).flat_map(|y| (0..part.width).map(move |x| (y, x))) {
            let (here, there) =
                (alpha(&drawn, x, y), alpha(&whole, x + part.left as u32, y + part.top as u32));
            assert!(here.abs_diff(there) <= 1, "({x}, {y}): {here} for {there}");
        }
    }
}

#[test]
fn colours_are_premultiplied_and_glyphs_that_overlap_do_not_show() {
    let face = face(BLOCKS);
    let half = Colour { r: 255, g: 128, b: 0, a: 128 };
    let drawn = layout("1\u{301}o", &face, BLOCK_LINE, Align::Left, None).unwrap();
    let drawn = drawn.draw(&Affine::moving(0.0, 0.0), window(130, 50), half).unwrap();
    assert!(drawn.row(20).chunks_exact(4).take(80).all(|pixel| pixel == [128, 64, 0, 128]));
}

#[test]
fn coloured_glyphs_have_the_colours_of_their_palette() {
    for bytes in [BLOCKS, BLOCKS_CFF] {
        let layout = layout("c", &face(bytes), BLOCK_LINE, Align::Left, None).unwrap();
        let green = Colour { r: 0, g: 255, b: 0, a: 255 };
        let drawn = layout.draw(&Affine::moving(0.0, 0.0), window(40, 50), green).unwrap();
        let at = |x: u32, y: u32| drawn.row(y)[x as usize * 4..][..4].to_vec();
        // The ring in the colour of the text; in its hole, red, and red under half-transparent blue.
        assert_eq!((at(2, 20), at(37, 20)), (vec![0, 255, 0, 255], vec![0, 255, 0, 255]));
        assert_eq!((at(25, 20), at(15, 20)), (vec![255, 0, 0, 255], vec![127, 0, 128, 255]));
        assert_eq!(at(15, 45), [0; 4]);
    }
}

#[test]
fn ink_is_known_before_it_is_drawn() {
    let ink =
        |bytes: &[u8], text: &str| layout(text, &face(bytes), BLOCK_LINE, Align::Left, None).unwrap().ink();
    assert_eq!(ink(BLOCKS, "1 1\n1"), Some([0.0, 0.0, 100.0, 90.0]));
    assert_eq!(ink(BLOCKS, "d"), Some([4.0, 4.0, 36.0, 36.0]));
    assert_eq!(ink(BLOCKS, " \n"), None);
}

/// Known to the byte, on every target: what changes them raises `RENDER_VERSION`.
#[test]
fn pictures_of_text_are_the_same_bytes() {
    let (cos, sin) = (libm::cos(0.3), libm::sin(0.3));
    let upright = Affine::moving(2.25, 3.5);
    let turned = Affine { xx: cos, xy: -sin, x0: 70.0, yx: sin, yy: cos, y0: 4.0 };
    let violet = Colour { r: 120, g: 40, b: 200, a: 200 };
    for (bytes, text, affine, expected) in [
        (SANS, "Office, fjord & Te Yo\nΣίσυφος, ещё", upright, "024109846e80340d"),
        (SANS, "Office, fjord & Te Yo\nΣίσυφος, ещё", turned, "a41d5a5df7dbf989"),
        (ARABIC, "السلام عليكم\nمرحبا بِ", upright, "b07efa75ff308ea0"),
        (HEBREW, "שלום עולם", turned, "d5de2c3c735a1b75"),
        (DEVANAGARI, "हिन्दी क्षि", upright, "831b802dd611191c"),
        (BLOCKS_CFF, "1 d c\nrob", turned, "bca400b578736891"),
    ] {
        let layout = layout(text, &face(bytes), 30.0, Align::Center, Some(160.0)).unwrap();
        let drawn = layout.draw(&affine, window(200, 140), violet).unwrap();
        let digest = Digest::of(drawn.data()).to_string();
        assert_eq!(&digest[..16], expected, "{text}");
    }
}

#[test]
fn what_is_no_font_is_refused_by_its_fault() {
    let reason = |bytes: &[u8]| match Face::open(Arc::from(bytes)) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    let with = |at: usize, patch: &[u8]| {
        let mut bytes = BLOCKS.to_vec();
        bytes[at..at + patch.len()].copy_from_slice(patch);
        bytes
    };
    let table = |tag: &[u8]| BLOCKS.chunks_exact(4).position(|word| word == tag).unwrap() * 4;
    let offset = |tag: &[u8]| u32::from_be_bytes(BLOCKS[table(tag) + 8..][..4].try_into().unwrap()) as usize;
    for (bytes, says) in [
        (b"".to_vec(), "begins like no font"),
        (b"\x89PNG\r\n\x1a\n".to_vec(), "begins like no font"),
        (b"wOF2\0\0\0\0".to_vec(), "compressed for the web"),
        (b"ttcf\0\0\0\0".to_vec(), "a collection"),
        (BLOCKS[..40].to_vec(), "within its table directory"),
        (BLOCKS[..BLOCKS.len() - 40].to_vec(), "it ends before its table `"),
        (with(table(b"hmtx"), b"Xmtx"), "no table `hmtx`"),
        (with(table(b"glyf"), b"Xlyf"), "no outlines"),
        (with(offset(b"head") + 18, &[0, 1]), "em has 1 units"),
        (with(offset(b"hhea") + 4, &[0, 9, 0, 0]), "its lines are 9 units high"),
        (with(offset(b"maxp") + 4, &[0, 0]), "no glyphs"),
    ] {
        assert!(reason(&bytes).contains(says), "{says}: {}", reason(&bytes));
    }
}

#[test]
fn a_font_becomes_an_asset_byte_for_byte() {
    let limits = crate::Limits::default();
    for (bytes, media_type) in [(SANS, "font/ttf"), (BLOCKS_CFF, "font/otf")] {
        let normal = normalise_font(bytes, &limits).unwrap();
        assert_eq!((normal.bytes.as_slice(), normal.media_type), (bytes, media_type));
        assert_eq!((normal.width, normal.height, normal.digest), (0, 0, Digest::of(bytes)));
    }
    let small = crate::Limits { body_bytes: 100, ..limits };
    let refused = normalise_font(SANS, &small).unwrap_err().to_string();
    assert!(refused.contains("at most 100"), "{refused}");
}

/// Every byte of a font may be a lie: whatever comes of it, it comes soon and is no panic.
#[test]
fn damaged_fonts_neither_panic_nor_hang() {
    let text = "1o c\u{627}\u{644} मि bdr";
    for (font, step) in [(BLOCKS, 1), (BLOCKS_CFF, 1), (ARABIC, 11), (DEVANAGARI, 13)] {
        for (at, value) in (0..font.len()).step_by(step).flat_map(|at| [0, 0xff].map(|value| (at, value))) {
            let mut bytes = font.to_vec();
            bytes[at] = value;
            let Ok(face) = Face::open(Arc::from(bytes)) else { continue };
            let Ok(layout) = layout(text, &face, 20.0, Align::Center, Some(60.0)) else { continue };
            let _ = layout.draw(&Affine::moving(1.0, 1.0), window(64, 48), Colour::BLACK);
        }
    }
}

#[test]
fn points_are_counted_before_they_are_drawn() {
    let face = face(SANS);
    let mut outlines = Outlines::default();
    let ampersand = face.font.charmap().map_unicode('&').unwrap().to_u32();
    let drawn = (0..200_000).take_while(|_| outlines.glyph(&face.font, ampersand).is_ok()).count();
    assert!((10_000..100_000).contains(&drawn), "{drawn}");
}

#[test]
fn two_thousand_bytes_are_set_and_drawn_in_no_time() {
    let face = face(SANS);
    for text in ["word ".repeat(400), "W".repeat(2000), "i\n".repeat(1000)] {
        for wrap in [None, Some(1.0), Some(300.0), Some(30_000.0)] {
            let layout = layout(&text, &face, 20.0, Align::Left, wrap).unwrap();
            layout.draw(&Affine::moving(0.0, 0.0), window(300, 300), Colour::BLACK).unwrap();
        }
    }
}
