//! Compositing one picture over another: W3C Compositing and Blending Level 1, on premultiplied samples.

use crate::pixmap::{Pixmap, multiply};

/// Draws `source` over `canvas` with its top left corner at (`left`, `top`), which may lie outside. `opacity` is in
/// ten-thousandths.
pub(crate) fn source_over(canvas: &mut Pixmap, source: &Pixmap, left: i64, top: i64, opacity: u32) {
    let (canvas_w, canvas_h) = (i64::from(canvas.width()), i64::from(canvas.height()));
    let (x0, x1) = (left.max(0), (left + i64::from(source.width())).min(canvas_w));
    let (y0, y1) = (top.max(0), (top + i64::from(source.height())).min(canvas_h));
    if x0 >= x1 || y0 >= y1 || opacity == 0 {
        return;
    }
    let opacity = (opacity.min(10_000) * 255 + 5_000) / 10_000;
    let row_bytes = canvas.width() as usize * 4;
    let part = x0 as usize * 4..x1 as usize * 4;
    let from = (x0 - left) as usize * 4;
    for y in y0..y1 {
        let below = &mut canvas.data_mut()[y as usize * row_bytes..][part.clone()];
        let above = &source.row((y - top) as u32)[from..][..part.len()];
        if opacity == 255 {
            row_over(below, above);
        } else {
            row_over_faded(below, above, opacity as u8);
        }
    }
}

fn row_over(below: &mut [u8], above: &[u8]) {
    for (b, a) in below.chunks_exact_mut(4).zip(above.chunks_exact(4)) {
        match a[3] {
            0 => {}
            255 => b.copy_from_slice(a),
            alpha => pixel_over(b, a, alpha),
        }
    }
}

fn row_over_faded(below: &mut [u8], above: &[u8], opacity: u8) {
    for (b, a) in below.chunks_exact_mut(4).zip(above.chunks_exact(4)) {
        if a[3] != 0 {
            let faded = [
                multiply(a[0], opacity),
                multiply(a[1], opacity),
                multiply(a[2], opacity),
                multiply(a[3], opacity),
            ];
            pixel_over(b, &faded, faded[3]);
        }
    }
}

/// `co = cs + cb · (1 − αs)` for all four channels (section 9.1.4).
fn pixel_over(below: &mut [u8], above: &[u8], alpha: u8) {
    for (b, a) in below.iter_mut().zip(above) {
        *b = a.saturating_add(multiply(*b, 255 - alpha));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_over_is_within_one_step_of_the_formula() {
        let grid = [0_u8, 1, 51, 127, 128, 200, 254, 255];
        let pairs = || grid.iter().flat_map(|a| grid.map(|b| (*a, b)));
        for ((s, sa), (b, ba)) in pairs().flat_map(|source| pairs().map(move |below| (source, below))) {
            let source = Pixmap::from_straight_rgba(1, 1, vec![s, s, s, sa]).unwrap();
            for opacity in [10_000, 5_000, 3_333] {
                let mut canvas = Pixmap::from_straight_rgba(1, 1, vec![b, b, b, ba]).unwrap();
                source_over(&mut canvas, &source, 0, 0, opacity);
                let source_alpha = f64::from(sa) / 255.0 * f64::from(opacity) / 10_000.0;
                let below_alpha = f64::from(ba) / 255.0 * (1.0 - source_alpha);
                let colour = f64::from(s) * source_alpha + f64::from(b) * below_alpha;
                let alpha = 255.0 * (source_alpha + below_alpha);
                let [drawn, .., drawn_alpha] = canvas.data() else { panic!("one pixel has four samples") };
                let off = (f64::from(*drawn) - colour).abs().max((f64::from(*drawn_alpha) - alpha).abs());
                assert!(off <= 1.6, "{s}/{sa} over {b}/{ba} at {opacity}: off by {off}");
            }
        }
    }

    #[test]
    fn what_hangs_over_the_edge_is_cut_off() {
        let red = Pixmap::filled(2, 2, [255, 0, 0, 255]);
        let mut canvas = Pixmap::filled(3, 3, [0; 4]);
        for (left, top) in [(-1, -1), (2, 2), (5, 0), (-9, 0), (0, i64::from(i32::MAX))] {
            source_over(&mut canvas, &red, left, top, 10_000);
        }
        let drawn: Vec<bool> = canvas.data().chunks_exact(4).map(|p| p[3] == 255).collect();
        assert_eq!(drawn, [true, false, false, false, false, false, false, false, true]);
    }
}
