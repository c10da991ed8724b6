//! Drawing a plan: decode, fit, place, blend, encode. Nothing is decided here; the plan has every answer.

mod layer;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::asset::Digest;
use crate::blend::{Mix, composite};
use crate::cache::{Cache, Opened};
use crate::codec::{self, Below, Format, Output, Part, Parts, Ready, Scratch, Strips};
use crate::crew::Crew;
use crate::error::{AssetError, RenderError};
use crate::fill::premultiplied;
use crate::fit::{Crop, Rect, whole_of};
use crate::limits::Limits;
use crate::pixmap::Pixmap;
use crate::plan::{Ingredient, Plan, Undrawn};
use crate::recipe::{Fill, Flip};
use crate::resample::scale;
use crate::scene::{Band, Foreground, Placed, Scene};
use crate::source;

/// The stored files that a plan reads, by content digest.
pub type Ingredients = HashMap<Digest, Arc<[u8]>>;

/// A finished, encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composite {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its format.
    pub format: Format,
    /// Width in device pixels.
    pub width: u32,
    /// Height in device pixels.
    pub height: u32,
}

/// Renders plans, and keeps decoded, fitted, scaled and encoded pictures for the next one.
///
/// It can be shared between threads. What it keeps never changes a result, only how soon it is there.
pub struct Compositor {
    limits: Limits,
    cache: Cache<CacheKey>,
    crew: Crew,
}

/// Names of what is kept: a picture and what was done to it. Floats are kept by their bits.
#[derive(Clone, PartialEq, Eq, Hash)]
enum CacheKey {
    Decoded(Digest),
    Opened(Digest),
    Ground(Ground),
    Masked { source: Pictured, mask: Digest },
    Oriented { source: Pictured, flip: Flip, quarter_turns: u8 },
    Scaled { source: Pictured, flip: Flip, quarter_turns: u8, crop: [u64; 4], size: (u32, u32) },
    Turned { source: Pictured, flip: Flip, reduced: (u32, u32), inverse: [u64; 6], size: (u32, u32) },
    Parts { ground: Ground, format: Format, quality: u8, opaque: bool },
}

/// A base fitted on its background.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Ground {
    base: Digest,
    crop: [u64; 4],
    dest: Rect,
    canvas: (u32, u32),
    background: [u8; 4],
}

/// What a layer is made of before it is placed.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Pictured {
    Overlay { digest: Digest, mask: Option<Digest> },
    Fill { fill: Fill, size: (u32, u32), mask: Option<Digest> },
}

impl Compositor {
    /// A compositor that keeps at most `cache_bytes` bytes of pictures; 0 keeps none.
    pub fn new(limits: Limits, cache_bytes: usize) -> Self {
        Compositor { limits, cache: Cache::new(cache_bytes), crew: Crew::new(0) }
    }

    /// The same with so many more threads to encode on, over all renders at once. Without, a render uses its caller's
    /// thread alone, as it does in WebAssembly in any case.
    #[must_use]
    pub fn with_helpers(self, helpers: usize) -> Self {
        Compositor { crew: Crew::new(helpers), ..self }
    }

    /// The limits it holds plans against.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Files of the plan whose bytes are not given. What the cache holds is not counted on: it may be gone when
    /// it is needed.
    pub fn missing(&self, plan: &Plan, ingredients: &Ingredients) -> Vec<Digest> {
        plan.files().into_iter().filter(|digest| !ingredients.contains_key(digest)).collect()
    }

    /// Draws and encodes.
    ///
    /// # Errors
    /// [`RenderError`]: a limit (checked before anything is decoded), a part of the language that is not drawn yet, a
    /// missing or broken ingredient.
    pub fn compose(&self, plan: &Plan, ingredients: &Ingredients) -> Result<Composite, RenderError> {
        let (width, height) = plan.canvas();
        let mut bytes = Vec::new();
        self.compose_into(plan, ingredients, &mut Out::Whole(&mut bytes))?;
        Ok(Composite { bytes, format: plan.format, width, height })
    }

    /// Draws, encodes, and hands the file to `sink` piece by piece while the rest of it is being made: of a PNG or JPEG
    /// the first rows long before the last.
    ///
    /// # Errors
    /// As [`compose`](Self::compose); `sink` has had nothing then.
    pub fn compose_to(
        &self,
        plan: &Plan,
        ingredients: &Ingredients,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), RenderError> {
        self.compose_into(plan, ingredients, &mut Out::Pieces(sink))
    }

    fn compose_into(
        &self,
        plan: &Plan,
        ingredients: &Ingredients,
        out: &mut Out<'_>,
    ) -> Result<(), RenderError> {
        if let Some(Undrawn { pointer, name }) = plan.undrawn() {
            return Err(RenderError::NotDrawn { pointer, name });
        }
        plan.check(&self.limits)?;
        let output = Output { format: plan.format, quality: plan.quality(), opaque: plan.opaque };
        if let Some(strips) = Strips::new(output, plan.canvas())? {
            return self.compose_strips(plan, ingredients, output, &strips, out);
        }
        out.take(&codec::encode(self.draw(plan, ingredients)?, output)?);
        Ok(())
    }

    /// Draws without encoding.
    ///
    /// # Errors
    /// As [`compose`](Self::compose).
    pub fn draw(&self, plan: &Plan, ingredients: &Ingredients) -> Result<Pixmap, RenderError> {
        plan.check(&self.limits)?;
        let foreground = self.foreground(plan, ingredients)?;
        Ok(Scene { ground: self.ground(plan, ingredients)?, foreground }.draw())
    }

    /// Everything that lies on the ground, not yet put together.
    fn foreground(&self, plan: &Plan, ingredients: &Ingredients) -> Result<Foreground, RenderError> {
        let mut layers = Vec::with_capacity(plan.layers.len());
        for layer in plan.layers.iter().filter(|layer| !layer.mix.is_idle()) {
            let (pixmap, at) = match self.placed(layer, plan.canvas(), ingredients)? {
                Some((pixmap, at)) => (pixmap, Some(at)),
                None => (Arc::default(), None),
            };
            layers.push(Placed { pixmap, at, mix: layer.mix });
        }
        Ok(Foreground { layers, rounding: plan.rounding() })
    }

    /// Encodes what layers touch; everything else was encoded before, by an import or a render, or is now and kept. Of a
    /// ground that was met before also that is kept which layers touch: the next picture on it is likely to have them in
    /// the same place.
    fn compose_strips(
        &self,
        plan: &Plan,
        ingredients: &Ingredients,
        output: Output,
        strips: &Strips,
        out: &mut Out<'_>,
    ) -> Result<(), RenderError> {
        let foreground = self.foreground(plan, ingredients)?;
        let changed = foreground.changed(plan.canvas());
        let touched: Vec<bool> = (0..strips.parts()).map(|part| strips.is_touched(part, &changed)).collect();
        let key = key_of_parts(plan, output);
        let known = self.cache.parts(&key);
        let (to_keep, learns) = (self.cache.keeps(), known.is_some());
        let ready = ready(plan, ingredients, strips);
        let mut of_ground = known.unwrap_or_else(|| Arc::new(vec![None; touched.len()]));
        let copied = ready.as_ref().is_some_and(|ready| copy_untouched(ready, &touched, &mut of_ground));
        let wanted: Vec<usize> =
            (0..touched.len()).filter(|part| touched[*part] || of_ground[*part].is_none()).collect();
        let ground = self.ground_of_parts(plan, ingredients, ready.as_ref(), &wanted)?;
        let scene = Scene { ground, foreground };
        let work = Work { strips, scene: &scene, changed, touched, of_ground: &of_ground, to_keep, learns };
        let learned = work.write(&self.crew, &wanted, out);
        // Also nothing is worth keeping at first: that the ground was met.
        if to_keep && (!learns || copied || !learned.is_empty()) {
            let mut of_ground = Arc::unwrap_or_clone(of_ground);
            for (part, learned) in learned {
                of_ground[part] = Some(learned);
            }
            self.cache.put_parts(key, of_ground);
        }
        Ok(())
    }

    /// The ground, as far as these parts go.
    fn ground_of_parts(
        &self,
        plan: &Plan,
        ingredients: &Ingredients,
        ready: Option<&Ready<'_>>,
        wanted: &[usize],
    ) -> Result<Arc<Pixmap>, RenderError> {
        if wanted.is_empty() {
            return Ok(Arc::default());
        }
        let opened = ready.and_then(|ready| self.opened(plan.base.digest, ready, wanted));
        opened.map_or_else(|| self.ground(plan, ingredients), Ok)
    }

    /// A picture whose file is ready for composites, decoded as far as these strips go. `None`: all of it is decoded
    /// already, or the file is damaged.
    fn opened(&self, digest: Digest, ready: &Ready<'_>, wanted: &[usize]) -> Option<Arc<Pixmap>> {
        if self.cache.known_pixmap(&CacheKey::Decoded(digest)).is_some() {
            return None;
        }
        let key = CacheKey::Opened(digest);
        let is_there = |opened: &Opened| wanted.iter().all(|strip| opened.strips[*strip]);
        if let Some(opened) = self.cache.opened(&key).filter(is_there) {
            return Some(opened.pixmap);
        }
        let opened = self.cache.take_opened(&key);
        let mut opened = opened.unwrap_or_else(|| Opened::nothing_of(ready.size(), ready.count()));
        let missing: Vec<usize> = wanted.iter().copied().filter(|strip| !opened.strips[*strip]).collect();
        if !missing.is_empty() {
            ready.decode(&missing, Arc::make_mut(&mut opened.pixmap))?;
        }
        for strip in missing {
            opened.strips[strip] = true;
        }
        let pixmap = Arc::clone(&opened.pixmap);
        if opened.strips.iter().all(|is_there| *is_there) {
            self.cache.put_pixmap(CacheKey::Decoded(digest), opened.pixmap);
        } else {
            self.cache.put_opened(key, opened);
        }
        Some(pixmap)
    }

    /// The background with the fitted base on it.
    fn ground(&self, plan: &Plan, ingredients: &Ingredients) -> Result<Arc<Pixmap>, RenderError> {
        let (canvas, base) = (plan.canvas(), &plan.base);
        if is_bare(plan) {
            return self.decoded(base, ingredients);
        }
        let dest = plan.fitted.dest;
        let background = premultiplied(plan.background());
        self.cache.pixmap(CacheKey::Ground(ground_of(plan)), || {
            let source = self.decoded(base, ingredients)?;
            let fitted = scale(&source, plan.base_crop(), dest.width, dest.height);
            if fitted.size() == canvas && (base.opaque || background == [0; 4]) {
                return Ok(fitted);
            }
            let mut ground = Pixmap::filled(canvas.0, canvas.1, background);
            for y in 0..dest.height {
                let row = &mut ground.row_mut(dest.y + y)[dest.x as usize * 4..][..dest.width as usize * 4];
                composite(row, fitted.row(y), &Mix::OVER);
            }
            Ok(ground)
        })
    }

    fn decoded(
        &self,
        ingredient: &Ingredient,
        ingredients: &Ingredients,
    ) -> Result<Arc<Pixmap>, RenderError> {
        let digest = ingredient.digest;
        self.cache.pixmap(CacheKey::Decoded(digest), || {
            drop(self.cache.take_opened(&CacheKey::Opened(digest)));
            let bytes = ingredients.get(&digest).ok_or(RenderError::Missing { digest })?;
            let pixmap = source::decode(bytes, &self.limits)
                .map_err(|source| RenderError::Asset { digest, source })?;
            if pixmap.size() != ingredient.stored {
                let reason = format!(
                    "it has {}×{} pixels, the catalogue says {}×{}",
                    pixmap.width(),
                    pixmap.height(),
                    ingredient.stored.0,
                    ingredient.stored.1
                );
                return Err(RenderError::Asset {
                    digest,
                    source: AssetError::Malformed { format: "stored", reason },
                });
            }
            Ok(pixmap)
        })
    }
}

/// A scene to be written, and what of its ground is encoded already.
struct Work<'a> {
    strips: &'a Strips,
    scene: &'a Scene,
    /// For every row, the columns in which something other than the ground may be seen.
    changed: Vec<Range<u32>>,
    /// Is anything of a part changed?
    touched: Vec<bool>,
    of_ground: &'a Parts,
    /// Is what is learned kept?
    to_keep: bool,
    /// Is the ground worth encoding where something lies on it?
    learns: bool,
}

/// A part of a file, by its number: with what lies on it, if anything does, and as bare ground, if that was encoded now.
type Made = (usize, Option<Part>, Option<Arc<Part>>);

impl Work<'_> {
    /// Writes the file: encodes the parts that are wanted, and copies the others. Returns what it learned of the ground.
    fn write(&self, crew: &Crew, wanted: &[usize], out: &mut Out<'_>) -> Vec<(usize, Arc<Part>)> {
        out.expect(self.of_ground.iter().flatten().map(|part| part.bytes.len()).sum());
        let mut sink = |piece: &[u8]| out.take(piece);
        let (mut file, mut written, mut now_known) = (self.strips.file(&mut sink), 0, Vec::new());
        let workplace = || (self.scene.band(), Scratch::default());
        let encode = |(band, scratch): &mut (Band<'_>, Scratch), part| self.encode(part, band, scratch);
        crew.in_order(wanted, workplace, encode, |(part, over, learned): Made| {
            self.of_ground[written..part].iter().flatten().for_each(|known| file.push(known));
            over.iter().chain(learned.as_deref().filter(|_| over.is_none())).for_each(|part| file.push(part));
            written = part + 1;
            now_known.extend(learned.map(|learned| (part, learned)));
        });
        self.of_ground[written..].iter().flatten().for_each(|known| file.push(known));
        file.end();
        now_known
    }

    fn encode(&self, part: usize, band: &mut Band<'_>, scratch: &mut Scratch) -> Made {
        let (strips, number, ground) = (self.strips, part as u32, self.scene.ground.rows());
        let known = self.of_ground[part].as_ref().filter(|part| part.knows_seams());
        let is_new = known.is_none() && (self.learns || !self.touched[part]);
        let learned = is_new.then(|| Arc::new(strips.encode(ground, number, self.to_keep, scratch)));
        let over = self.touched[part].then(|| {
            let below = known.or(learned.as_ref()).map_or(Below::Rows(ground), |part| Below::Part(part));
            let rows = band.rows(strips.rows(number));
            strips.encode_over(below, rows, &self.changed, number, scratch)
        });
        (part, over, learned)
    }
}

/// Is the ground the base, pixel by pixel?
fn is_bare(plan: &Plan) -> bool {
    let (base, dest) = (&plan.base, plan.fitted.dest);
    let at_its_size = (dest.width, dest.height) == base.stored
        && plan.canvas() == base.stored
        && plan.fitted.crop == whole_of(base.size);
    at_its_size && (base.opaque || premultiplied(plan.background()) == [0; 4])
}

/// The base's file, if it has the strips of its ground.
fn ready<'a>(plan: &Plan, ingredients: &'a Ingredients, strips: &Strips) -> Option<Ready<'a>> {
    strips.ready(ingredients.get(&plan.base.digest).filter(|_| is_bare(plan))?)
}

/// Adds to what is known of a ground what its base's file has of it, where nothing lies on it. Was there anything?
fn copy_untouched(ready: &Ready<'_>, touched: &[bool], of_ground: &mut Arc<Parts>) -> bool {
    let lacks = |part: usize| !touched[part] && of_ground[part].is_none();
    if !(0..touched.len()).any(lacks) {
        return false;
    }
    let Some(copied) = ready.parts(lacks) else { return false };
    for (known, copied) in Arc::make_mut(of_ground).iter_mut().zip(copied) {
        *known = known.take().or(copied);
    }
    true
}

/// Where a file goes.
enum Out<'a> {
    /// All of it into one place.
    Whole(&'a mut Vec<u8>),
    /// Piece by piece to whoever sends them on.
    Pieces(&'a mut dyn FnMut(&[u8])),
}

impl Out<'_> {
    /// About so many bytes will come.
    fn expect(&mut self, bytes: usize) {
        if let Out::Whole(file) = self {
            file.reserve(bytes + bytes / 8);
        }
    }

    fn take(&mut self, piece: &[u8]) {
        match self {
            Out::Whole(file) => file.extend_from_slice(piece),
            Out::Pieces(sink) => sink(piece),
        }
    }
}

fn bits(crop: Crop) -> [u64; 4] {
    [crop.x.to_bits(), crop.y.to_bits(), crop.width.to_bits(), crop.height.to_bits()]
}

fn ground_of(plan: &Plan) -> Ground {
    let (dest, canvas) = (plan.fitted.dest, plan.canvas());
    // Where nobody sees it, any background is the same.
    let is_hidden = plan.base.opaque && (dest.width, dest.height) == canvas;
    let background = if is_hidden { [0; 4] } else { premultiplied(plan.background()) };
    Ground { base: plan.base.digest, crop: bits(plan.base_crop()), dest, canvas, background }
}

fn key_of_parts(plan: &Plan, output: Output) -> CacheKey {
    let Output { format, quality, opaque } = output;
    // PNG has no quality: one set of parts serves all.
    let quality = if format == Format::Png { 0 } else { quality };
    CacheKey::Parts { ground: ground_of(plan), format, quality, opaque }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Kind;
    use crate::catalogue::Catalogue;
    use crate::source::normalise;

    #[test]
    fn a_ground_is_learned_even_if_something_lies_on_all_of_it() {
        let grey = Pixmap::from_straight_rgba(20, 20, vec![200; 1600]).unwrap();
        let normal = normalise(&codec::encode_png_to_keep(&grey, false), &Limits::default()).unwrap();
        let asset = |id: &str, kind| normal.asset(&id.parse().unwrap(), kind);
        let catalogue = Catalogue::new(vec![asset("base", Kind::Base), asset("hat", Kind::Overlay)]);
        let ingredients = normal.into_files().map(|(digest, file)| (digest, Arc::from(file))).collect();
        let compositor = Compositor::new(Limits::default(), 1 << 20);
        let plan = catalogue.resolve(&"/c/base/hat;at=center.png".parse().unwrap(), None).unwrap();
        let output = Output { format: plan.format, quality: plan.quality(), opaque: plan.opaque };
        for is_known in [false, true] {
            compositor.compose(&plan, &ingredients).unwrap();
            let parts = compositor.cache.parts(&key_of_parts(&plan, output)).unwrap();
            assert_eq!(parts.len(), 1);
            assert_eq!(parts[0].as_ref().is_some_and(|part| part.knows_seams()), is_known);
        }
    }
}
