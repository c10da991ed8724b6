//! `~text`: from characters to pixels.
//!
//! `text/font.rs` opens a font, `text/shape.rs` turns characters into glyphs, `text/wrap.rs` decides where lines end,
//! `text/outline.rs` fetches outlines and `text/raster.rs` fills them. [`layout`] needs the font's bytes, so it happens
//! when a layer is drawn and not when a recipe is resolved; what it makes is independent of where the text will lie, and
//! [`Layout::draw`] takes it through any affine map straight to the canvas, without resampling.

mod font;
mod outline;
mod raster;
mod shape;
mod wrap;

use std::ops::Range;

pub(crate) use font::Face;
pub use font::{MAX_FONT_BYTES, normalise_font};

use self::font::bad;
use self::outline::{Outlines, Paint};
use self::raster::{Raster, TooMuch};
use self::shape::{Paragraph, Shaped, Shaper};
use crate::affine::Affine;
use crate::error::AssetError;
use crate::fit::Window;
use crate::pixmap::{Pixmap, multiply};
use crate::recipe::{Align, Colour};

/// Most glyphs of one text: eight times what its 2,000 bytes can ask for where every letter is taken apart. A hostile font
/// makes thousands of one letter.
const MAX_GLYPHS: usize = 1 << 16;

/// A text that is set: glyphs in their places, in layer pixels from the top left corner of the block, y downwards.
#[derive(Debug)]
pub(crate) struct Layout {
    width: f64,
    height: f64,
    /// Layer pixels per font unit.
    scale: f64,
    outlines: Outlines,
    glyphs: Vec<Placed>,
}

/// A glyph and where its origin lies.
#[derive(Debug)]
struct Placed {
    /// Its part of [`Outlines::shapes`].
    shapes: Range<usize>,
    x: f64,
    y: f64,
}

/// Sets a text: `size_px` is the height of a line, `wrap_px` the width at which lines break.
///
/// # Errors
/// [`AssetError::Font`] if the font breaks its own rules or would need too much work.
pub(crate) fn layout(
    text: &str,
    face: &Face,
    size_px: f64,
    align: Align,
    wrap_px: Option<f64>,
) -> Result<Layout, AssetError> {
    let scale = size_px / face.line;
    let lines = shaped_lines(text, face, wrap_px.map(|wrap| wrap / scale))?;
    let widest = lines.iter().map(|line| line.width).max().unwrap_or(0).max(0);
    let mut layout = Layout {
        width: widest as f64 * scale,
        height: lines.len() as f64 * size_px,
        scale,
        outlines: Outlines::default(),
        glyphs: Vec::new(),
    };
    for (i, line) in lines.iter().enumerate() {
        let room = (widest - line.width) as f64;
        let indent = match align {
            Align::Left => 0.0,
            Align::Center => room / 2.0,
            Align::Right => room,
        };
        let baseline = i as f64 * size_px + face.baseline * scale;
        for glyph in &line.glyphs {
            let shapes = layout.outlines.glyph(&face.font, glyph.id)?;
            let (x, y) = ((indent + glyph.x as f64) * scale, baseline - glyph.y as f64 * scale);
            if !shapes.is_empty() {
                layout.glyphs.push(Placed { shapes, x, y });
            }
        }
    }
    Ok(layout)
}

/// The lines of a text from top to bottom; `wrap` is in font units.
fn shaped_lines(text: &str, face: &Face, wrap: Option<f64>) -> Result<Vec<Shaped>, AssetError> {
    let mut shaper = Shaper::new(&face.font);
    let (mut lines, mut glyphs) = (Vec::new(), 0);
    for text in wrap::paragraphs(text) {
        let paragraph = Paragraph::new(text);
        for line in wrap::lines(&paragraph, &mut shaper, wrap)? {
            let line = shaper.line(&paragraph, line)?;
            glyphs += line.glyphs.len();
            if glyphs > MAX_GLYPHS {
                return Err(bad(format!("it makes more than {MAX_GLYPHS} glyphs of this text")));
            }
            lines.push(line);
        }
    }
    Ok(lines)
}

impl Layout {
    /// Width and height of the block in layer pixels: its widest line by advances, its lines by their height. Ink may
    /// reach beyond it; see [`ink`](Self::ink).
    pub fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    /// Left, top, right and bottom of what may be inked, in layer pixels: the control points of all outlines. `None` if
    /// nothing is.
    pub fn ink(&self) -> Option<[f64; 4]> {
        let mut ink: Option<[f64; 4]> = None;
        for glyph in &self.glyphs {
            for shape in &self.outlines.shapes[glyph.shapes.clone()] {
                let [left, bottom, right, top] = shape.bounds.map(|edge| f64::from(edge) * self.scale);
                let [l, t, r, b] = [glyph.x + left, glyph.y - top, glyph.x + right, glyph.y - bottom];
                let so_far = ink.unwrap_or([l, t, r, b]);
                ink = Some([so_far[0].min(l), so_far[1].min(t), so_far[2].max(r), so_far[3].max(b)]);
            }
        }
        ink
    }

    /// Draws what lies in a window of the canvas; the picture is the window's. Memory is that of the window.
    ///
    /// # Errors
    /// [`AssetError::Font`] if the font's outlines are made to take for ever.
    pub fn draw(&self, to_canvas: &Affine, window: Window, colour: Colour) -> Result<Pixmap, AssetError> {
        let mut raster = Raster::new(window.width, window.height);
        let too_much = |_: TooMuch| bad("its outlines take too long to draw");
        let mask = self.mask(&mut raster, to_canvas, window).map_err(too_much)?;
        let mut pixmap = Pixmap::filled(window.width, window.height, [0; 4]);
        if let Some(mask) = mask {
            for (pixel, coverage) in pixmap.data_mut().chunks_exact_mut(4).zip(mask) {
                if coverage != 0 {
                    pixel.copy_from_slice(&faded(colour, coverage));
                }
            }
        }
        self.draw_coloured(&mut raster, to_canvas, window, colour, &mut pixmap).map_err(too_much)?;
        Ok(pixmap)
    }

    /// Coverage of everything that has the colour of the text. Glyphs that overlap merge before they are coloured, so a
    /// half-transparent text does not show where they do.
    fn mask(
        &self,
        raster: &mut Raster,
        to_canvas: &Affine,
        window: Window,
    ) -> Result<Option<Vec<u8>>, TooMuch> {
        let mut mask: Option<Vec<u8>> = None;
        let width = window.width as usize;
        for (segments, to_window, _) in
            self.shapes(to_canvas, window).filter(|(.., paint)| *paint == Paint::Text)
        {
            let mask = mask.get_or_insert_with(|| vec![0; width * window.height as usize]);
            raster.fill(&self.outlines.segments[segments], &to_window, |y, x, coverage| {
                for (below, above) in mask[y * width + x..].iter_mut().zip(coverage) {
                    *below = 255 - multiply(255 - *below, 255 - above);
                }
            })?;
        }
        Ok(mask)
    }

    /// The layers of coloured glyphs, each over those before it.
    fn draw_coloured(
        &self,
        raster: &mut Raster,
        to_canvas: &Affine,
        window: Window,
        text_colour: Colour,
        pixmap: &mut Pixmap,
    ) -> Result<(), TooMuch> {
        let width = window.width as usize;
        for (segments, to_window, paint) in self.shapes(to_canvas, window) {
            let colour = match paint {
                Paint::Text => continue,
                Paint::Foreground => text_colour,
                Paint::Palette(colour) => colour,
            };
            raster.fill(&self.outlines.segments[segments], &to_window, |y, x, coverage| {
                let row = &mut pixmap.data_mut()[(y * width + x) * 4..];
                for (pixel, coverage) in row.chunks_exact_mut(4).zip(coverage) {
                    let above = faded(colour, *coverage);
                    for (below, above_sample) in pixel.iter_mut().zip(above) {
                        *below = above_sample.saturating_add(multiply(*below, 255 - above[3]));
                    }
                }
            })?;
        }
        Ok(())
    }

    /// Every shape in the order of drawing, with the map from its font units to window pixels.
    fn shapes(
        &self,
        to_canvas: &Affine,
        window: Window,
    ) -> impl Iterator<Item = (Range<usize>, Affine, Paint)> {
        let Affine { xx, xy, x0, yx, yy, y0 } = *to_canvas;
        let (x0, y0) = (x0 - window.left as f64, y0 - window.top as f64);
        let (right, down) = ((xx * self.scale, yx * self.scale), (xy * self.scale, yy * self.scale));
        self.glyphs.iter().flat_map(move |glyph| {
            let (x, y) = (xx * glyph.x + xy * glyph.y + x0, yx * glyph.x + yy * glyph.y + y0);
            // Font units count upwards, pixels downwards.
            let to_window = Affine { xx: right.0, xy: -down.0, x0: x, yx: right.1, yy: -down.1, y0: y };
            let shapes = &self.outlines.shapes[glyph.shapes.clone()];
            shapes.iter().map(move |shape| (shape.segments.clone(), to_window, shape.paint))
        })
    }
}

/// A colour, premultiplied, at a coverage.
fn faded(Colour { r, g, b, a }: Colour, coverage: u8) -> [u8; 4] {
    let alpha = multiply(a, coverage);
    [multiply(r, alpha), multiply(g, alpha), multiply(b, alpha), alpha]
}

#[cfg(test)]
mod tests;
