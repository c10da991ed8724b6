//! The jobs by Milliner: recipes of a catalogue with one base and one overlay, rendered through the public API.

use std::fmt::Write as _;
use std::sync::Arc;

use compositor::{
    Anchor, Asset, Catalogue, Compositor, Digest, Ingredients, Kind, Limits, Normalised, Pixmap, Plan,
    normalise,
};

use crate::inputs::Job;

/// Room for every picture of the largest growth curve: of one entry a cache keeps at most a quarter of this.
const KEPT_BYTES: usize = 1 << 30;
/// The overlay's positions: a square of this side, in pixels.
const STEPS: u32 = 61;

pub struct Ours {
    catalogue: Catalogue,
    ingredients: Ingredients,
    base: String,
    layers: String,
    format: String,
}

impl Ours {
    pub fn new(job: &Job) -> Self {
        let side = f64::from(job.canvas);
        let place = Anchor {
            x: f64::from(job.at.0) / side,
            y: f64::from(job.at.1) / side,
            span: f64::from(job.hat_size.0) / side,
            angle: 0.0,
        };
        let fit = if job.base_side == job.canvas { String::new() } else { format!(";w={}", job.canvas) };
        let layers = format!("/hat{}", job.effects);
        Ours::of(&job.base, &job.hat, place, fit, layers, &job.format)
    }

    /// The same with assets that have no levels: everything is read from all of its picture.
    pub fn without_levels(mut self) -> Self {
        let whole = |asset: &Asset| Asset { levels: Vec::new(), ..asset.clone() };
        self.catalogue = Catalogue::new(self.catalogue.assets().iter().map(whole).collect());
        self
    }

    /// The same with a base whose strips no composite copies: they are said to be of another version.
    pub fn without_ready_strips(mut self) -> Self {
        let mut assets = self.catalogue.assets().to_vec();
        let base = assets.iter_mut().find(|asset| asset.kind == Kind::Base).expect("a base");
        let mut file = self.ingredients[&base.digest].to_vec();
        // The chunk's length, its name, rows of a strip, and the version if there is one.
        let Some(name) = file.windows(4).position(|name| name == b"stRP") else { return self };
        if file[name - 4..name] == [0, 0, 0, 4] {
            return self;
        }
        file[name + 8..name + 12].fill(0xff);
        base.digest = Digest::of(&file);
        self.ingredients.insert(base.digest, file.into());
        self.catalogue = Catalogue::new(assets);
        self
    }

    /// `place` is where on the base the overlay's upper left corner lies, and its width.
    pub fn of(base: &[u8], hat: &[u8], place: Anchor, fit: String, layers: String, format: &str) -> Self {
        let corner = Anchor { x: 0.0, y: 0.0, span: 1.0, angle: 0.0 };
        let imported = [import("base", Kind::Base, base, place), import("hat", Kind::Overlay, hat, corner)];
        let (mut assets, mut ingredients) = (Vec::new(), Ingredients::new());
        for (asset, normal) in imported {
            assets.push(asset);
            ingredients.extend(normal.into_files().map(|(digest, file)| (digest, Arc::from(file))));
        }
        let base = format!("/c/base{fit}");
        Ours { catalogue: Catalogue::new(assets), ingredients, base, layers, format: format.to_owned() }
    }

    /// The recipe with the overlay at a place that no other run of fewer than 3,721 has.
    pub fn plan(&self, run: u32) -> Plan {
        self.plan_as(run, &self.format)
    }

    fn plan_as(&self, run: u32, format: &str) -> Plan {
        let (x, y) = (run % STEPS, run / STEPS % STEPS);
        let mut path = self.base.clone();
        for layer in self.layers.split_inclusive("/hat").filter(|part| !part.is_empty()) {
            path.push_str(layer);
            if layer.ends_with("/hat") {
                let _ = write!(path, ";x={x}px;y={y}px"); // writing to a String cannot fail
            }
        }
        self.resolve(&format!("{path}.{format}"))
    }

    fn resolve(&self, path: &str) -> Plan {
        self.catalogue.resolve(&path.parse().expect("a recipe"), None).expect("a known recipe")
    }

    fn bare(&self, base: &str) -> Plan {
        self.resolve(&format!("{base}.{}", self.format))
    }

    pub fn render(&self, compositor: &Compositor, run: u32) -> Vec<u8> {
        compositor.compose(&self.plan(run), &self.ingredients).expect("a composite").bytes
    }

    /// The same pixels without loss.
    pub fn exact(&self, compositor: &Compositor) -> Vec<u8> {
        compositor.compose(&self.plan_as(0, "png"), &self.ingredients).expect("a composite").bytes
    }

    pub fn draw(&self, compositor: &Compositor, run: u32) -> Pixmap {
        compositor.draw(&self.plan(run), &self.ingredients).expect("a picture")
    }

    /// The base on its canvas.
    pub fn draw_bare(&self, compositor: &Compositor) -> Pixmap {
        compositor.draw(&self.bare(&self.base), &self.ingredients).expect("a picture")
    }

    /// The base at its own size.
    pub fn decode_base(&self, compositor: &Compositor) -> Pixmap {
        compositor.draw(&self.bare("/c/base"), &self.ingredients).expect("a picture")
    }
}

/// A compositor that keeps nothing.
pub fn cold() -> Compositor {
    Compositor::new(limits(), 0)
}

/// A compositor that has rendered the bare base, and the overlay somewhere else.
pub fn warm(ours: &Ours) -> Compositor {
    let compositor = Compositor::new(limits(), KEPT_BYTES);
    compositor.compose(&ours.bare(&ours.base), &ours.ingredients).expect("a composite");
    ours.render(&compositor, 0);
    compositor
}

/// A canvas of 4096² under sixteen layers is more than a server allows one render by default.
fn limits() -> Limits {
    Limits { working_bytes: 4 << 30, drawn_pixels: 1 << 30, ..Limits::default() }
}

/// An imported picture.
fn import(id: &str, kind: Kind, picture: &[u8], anchor: Anchor) -> (Asset, Normalised) {
    let normal = normalise(picture, &limits()).expect("a picture");
    let asset = normal.asset(&id.parse().expect("an id"), kind);
    (Asset { anchors: [("hat".to_owned(), anchor)].into(), ..asset }, normal)
}
