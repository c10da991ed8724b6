//! Glyph outlines in font units, taken from the font once for each glyph that is set, with their colours (COLR version 0).
//!
//! Outlines come from files that anybody may have made, so their points are counted against a budget before they are
//! kept: the font library bounds one glyph, this bounds all of them together.

use std::collections::BTreeMap;
use std::ops::Range;

use read_fonts::TableProvider;
use read_fonts::model::Font;
use read_fonts::model::glyph::outline::{DrawMemory, DrawOptions, PathSink};
use read_fonts::types::GlyphId;

use super::font::bad;
use crate::error::AssetError;
use crate::recipe::Colour;

/// Most points that one text may draw, repeated glyphs counted each time. The 2,000 bytes of a text are 100,000 points in
/// an elaborate font.
const MAX_POINTS: usize = 1 << 20;

/// A point, y upwards.
pub(super) type Point = (f32, f32);

/// One step of an outline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Segment {
    Move(Point),
    Line(Point),
    Quad(Point, Point),
    Cubic(Point, Point, Point),
}

/// One contour set in one colour: a whole glyph, or a layer of a coloured one.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// Its part of [`Outlines::segments`].
    pub segments: Range<usize>,
    /// Left, bottom, right, top of its control points.
    pub bounds: [f32; 4],
    pub paint: Paint,
}

/// What a shape is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    /// The colour of the text; shapes of one text merge.
    Text,
    /// The colour of the text within a coloured glyph: it covers the layers below it (CPAL entry 0xFFFF).
    Foreground,
    /// A colour of the font's first palette.
    Palette(Colour),
}

/// Every outline that a text needs.
#[derive(Debug, Default)]
pub(super) struct Outlines {
    pub segments: Vec<Segment>,
    pub shapes: Vec<Shape>,
    glyphs: BTreeMap<u32, Range<usize>>,
    drawn: usize,
}

impl Outlines {
    /// The shapes of a glyph, bottom to top; none if it is blank.
    pub fn glyph(&mut self, font: &Font, glyph: u32) -> Result<Range<usize>, AssetError> {
        let shapes = match self.glyphs.get(&glyph) {
            Some(known) => known.clone(),
            None => self.read(font, glyph)?,
        };
        let points: usize = self.shapes[shapes.clone()].iter().map(|shape| shape.segments.len()).sum();
        self.spend(points + shapes.len())?;
        self.glyphs.insert(glyph, shapes.clone());
        Ok(shapes)
    }

    fn spend(&mut self, points: usize) -> Result<(), AssetError> {
        self.drawn = self.drawn.saturating_add(points);
        if self.drawn > MAX_POINTS {
            return Err(bad(format!(
                "its glyphs have too many points to draw this text; at most {MAX_POINTS} are"
            )));
        }
        Ok(())
    }

    fn read(&mut self, font: &Font, glyph: u32) -> Result<Range<usize>, AssetError> {
        let first = self.shapes.len();
        let colr = font.tables().colr().ok();
        let layers = colr.as_ref().and_then(|colr| colr.v0_base_glyph(GlyphId::new(glyph)));
        let (Some(colr), Some(layers)) = (&colr, layers) else {
            let paints_graph = colr.is_some_and(|colr| colr.v1_base_glyph(GlyphId::new(glyph)).is_some());
            if paints_graph {
                return Err(bad(format!(
                    "its glyph {glyph} is painted by COLR version 1; version 0 is drawn"
                )));
            }
            self.contours(font, glyph, Paint::Text)?;
            return Ok(first..self.shapes.len());
        };
        for layer in layers {
            let (layer, entry) = colr.v0_layer(layer).ok_or_else(|| bad("its table `COLR` ends early"))?;
            self.contours(font, layer.to_u32(), paint(font, entry)?)?;
            // Layers that draw nothing cost time too.
            self.spend(1)?;
        }
        Ok(first..self.shapes.len())
    }

    fn contours(&mut self, font: &Font, glyph: u32, paint: Paint) -> Result<(), AssetError> {
        // A glyph number past the end is drawn like a character that the font lacks.
        let outlines = font.outline_glyphs();
        let Some(outline) = outlines.get(GlyphId::new(glyph)) else { return Ok(()) };
        let first = self.segments.len();
        let mut pen = Pen { segments: &mut self.segments, most: first + MAX_POINTS };
        outline
            .draw(&DrawOptions::new(), DrawMemory::Scratch, &mut pen)
            .map_err(|error| bad(format!("its glyph {glyph} cannot be drawn: {error:?}")))?;
        let segments = first..self.segments.len();
        if !segments.is_empty() {
            self.shapes.push(Shape { bounds: bounds(&self.segments[first..]), segments, paint });
        }
        // Kept points are bounded like drawn ones: most are both.
        if self.segments.len() > MAX_POINTS { self.spend(MAX_POINTS) } else { Ok(()) }
    }
}

fn paint(font: &Font, entry: u16) -> Result<Paint, AssetError> {
    const FOREGROUND: u16 = 0xffff;
    if entry == FOREGROUND {
        return Ok(Paint::Foreground);
    }
    let palettes = font.palettes();
    let colour = palettes.get(0).and_then(|palette| palette.colors().get(usize::from(entry)).copied());
    let colour = colour.ok_or_else(|| bad(format!("its table `CPAL` has no colour {entry}")))?;
    Ok(Paint::Palette(Colour { r: colour.red, g: colour.green, b: colour.blue, a: colour.alpha }))
}

fn bounds(segments: &[Segment]) -> [f32; 4] {
    let mut bounds = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
    let mut reach = |(x, y): Point| {
        bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
    };
    for segment in segments {
        match *segment {
            Segment::Move(to) | Segment::Line(to) => reach(to),
            Segment::Quad(c, to) => [c, to].into_iter().for_each(&mut reach),
            Segment::Cubic(c, d, to) => [c, d, to].into_iter().for_each(&mut reach),
        }
    }
    bounds
}

/// Keeps what the font draws, up to a point.
struct Pen<'a> {
    segments: &'a mut Vec<Segment>,
    most: usize,
}

impl Pen<'_> {
    fn keep(&mut self, segment: Segment) {
        if self.segments.len() <= self.most {
            self.segments.push(segment);
        }
    }
}

impl PathSink for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        self.keep(Segment::Move((x, y)));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.keep(Segment::Line((x, y)));
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        self.keep(Segment::Quad((cx, cy), (x, y)));
    }

    fn curve_to(&mut self, cx: f32, cy: f32, dx: f32, dy: f32, x: f32, y: f32) {
        self.keep(Segment::Cubic((cx, cy), (dx, dy), (x, y)));
    }

    /// Filling closes every contour, said or not.
    fn close(&mut self) {}
}
