//! What a composite is made of: one base, layers bottom to top, one format.
//!
//! A [`Recipe`] is plain data. `recipe/parse.rs` is the only parser and `recipe/print.rs` the only printer of its
//! one serialised form, the recipe URL; `recipe/json.rs` turns JSON into that form. What depends on the catalogue
//! (a base's own size, a default anchor) stays `None` here and is settled by [`Catalogue::resolve`].
//!
//! [`Catalogue::resolve`]: crate::Catalogue::resolve

mod json;
mod number;
mod parse;
mod print;
mod query;

pub use number::{Decimal, Length};
pub(crate) use print::Names;
pub use query::Query;

use crate::asset::{AssetId, AssetRef};
use crate::codec::Format;

/// Most layers that one recipe may stack on its base.
pub const MAX_LAYERS: usize = 16;
/// Largest canvas side in CSS pixels.
pub const MAX_SIDE: u32 = 8192;

/// A parsed, validated, canonical recipe.
///
/// Two recipes are equal exactly when their canonical paths are equal.
///
/// ```
/// use compositor::Recipe;
/// let recipe = Recipe::parse("/c/tabby;h=800;w=800/top-hat;scale=1.0;rotate=352.png")?;
/// assert_eq!(recipe.to_path(), "/c/tabby;w=800;h=800/top-hat;rotate=-8.png");
/// # Ok::<(), compositor::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recipe {
    /// The picture everything is laid on, and the canvas it is fitted to.
    pub base: Base,
    /// Bottom to top; at most [`MAX_LAYERS`].
    pub layers: Vec<Layer>,
    /// The format asked for.
    pub format: Requested,
}

/// The base and its canvas.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Base {
    /// Which asset.
    pub asset: AssetRef,
    /// Canvas width in CSS pixels, 1 to [`MAX_SIDE`]; `None`: follows the height, or the base's own width.
    pub width: Option<u32>,
    /// Canvas height in CSS pixels, likewise.
    pub height: Option<u32>,
    /// How the base meets a canvas of another aspect ratio.
    pub fit: Fit,
    /// What `cover` keeps; `None`: the base's focal point where it has one, else the centre.
    pub position: Option<Position>,
    /// Drawn behind the base.
    pub background: Colour,
    /// Device pixels per CSS pixel, 1 to 4.
    pub dpr: Decimal,
    /// Quality of a lossy format, 1 to 100; `None`: the format's default.
    pub quality: Option<u8>,
    /// Corner radius of the whole picture; a fraction is of the shorter side.
    pub radius: Length,
}

/// One layer: what is drawn, where, and how it mixes with what lies below.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layer {
    /// What is drawn.
    pub content: Content,
    /// Where; `None`: the overlay's own anchor where the base has it, else the centre.
    pub at: Option<At>,
    /// Offset to the right; a fraction is of the canvas width.
    pub x: Length,
    /// Offset downwards; a fraction is of the canvas height.
    pub y: Length,
    /// Multiple of the designed size at an anchor, else width as a fraction of the canvas width.
    pub scale: Decimal,
    /// Degrees clockwise, above -180 and up to 180.
    pub rotate: Decimal,
    /// Mirrored before it is placed.
    pub flip: Flip,
    /// 0 (invisible) to 1.
    pub opacity: Decimal,
    /// W3C blend mode.
    pub blend: BlendMode,
    /// Porter-Duff operator.
    pub operator: Operator,
    /// Repeated along an axis.
    pub tile: Tile,
    /// Drop shadow.
    pub shadow: Option<Shadow>,
    /// Asset whose alpha multiplies the layer's.
    pub mask: Option<AssetRef>,
}

/// What a layer draws.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// A catalogue image.
    Asset(AssetRef),
    /// `~text`
    Text(Text),
    /// `~fill`
    Fill(Fill),
}

/// The parameters of a `~fill` layer, which is as large as the canvas before it is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fill {
    /// Its colour, or the first one. Default black.
    pub colour: Colour,
    /// `None`: one colour all over.
    pub gradient: Option<Gradient>,
}

/// The way from one colour to another, as CSS `linear-gradient` and `radial-gradient` draw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gradient {
    /// The last colour.
    pub to: Colour,
    /// Along a line, or from the middle outwards.
    pub shape: GradientShape,
    /// Direction of a line in degrees clockwise, 0 upwards. Default 180, downwards. 0 where there is no line.
    pub angle: Decimal,
}

/// The parameters of a `~text` layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    /// What is written; never empty, at most 2,000 bytes of UTF-8.
    pub text: String,
    /// Font asset; `None`: the built-in font.
    pub font: Option<AssetId>,
    /// Height of a line; a fraction is of the canvas height. Default 0.1.
    pub size: Length,
    /// Default black.
    pub colour: Colour,
    /// Default centre.
    pub align: Align,
    /// Width at which lines break; a fraction is of the canvas width. `None`: only at line feeds.
    pub wrap: Option<Length>,
}

/// Where a layer is placed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum At {
    /// A named anchor of the base.
    Anchor(String),
    /// A compass point of the canvas.
    Gravity(Gravity),
}

/// What `cover` keeps of a base that is cropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// The base's own focal point.
    Focus,
    /// A compass point.
    Gravity(Gravity),
}

/// Straight (not premultiplied) sRGB with alpha. A fully transparent colour is always `00000000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Colour {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
    /// Alpha: 255 is opaque.
    pub a: u8,
}

impl Colour {
    /// Nothing at all.
    pub const TRANSPARENT: Colour = Colour { r: 0, g: 0, b: 0, a: 0 };
    /// Opaque black.
    pub const BLACK: Colour = Colour { r: 0, g: 0, b: 0, a: 255 };
}

/// A drop shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shadow {
    /// To the right; a fraction is of the canvas width.
    pub dx: Length,
    /// Downwards; a fraction is of the canvas height.
    pub dy: Length,
    /// Standard deviation of the blur; a fraction is of the canvas width.
    pub blur: Length,
    /// Colour, alpha included.
    pub colour: Colour,
}

/// Defines a plain enum whose variants have one spelling each in a recipe, in the order given.
macro_rules! keywords {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vmeta])* #[doc = concat!("`", $word, "`")] $variant),+ }

        impl $name {
            /// Every variant with its spelling, in the order of the contract.
            pub const WORDS: &'static [(&'static str, $name)] = &[$(($word, $name::$variant)),+];

            /// The one spelling of this variant.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }
    };
}

keywords! {
    /// How the base meets a canvas of another aspect ratio, as CSS `object-fit` and sharp name it.
    Fit { #[default] Cover = "cover", Contain = "contain", Fill = "fill", Inside = "inside", Outside = "outside" }
}
keywords! {
    /// A compass point.
    Gravity {
        #[default] Center = "center", Top = "top", Bottom = "bottom", Left = "left", Right = "right",
        TopLeft = "top-left", TopRight = "top-right", BottomLeft = "bottom-left", BottomRight = "bottom-right",
    }
}
keywords! {
    /// Mirroring of a layer.
    Flip { #[default] None = "none", Horizontal = "h", Vertical = "v", Both = "hv" }
}
keywords! {
    /// The blend modes of W3C Compositing and Blending Level 1, section 10.
    BlendMode {
        #[default] Normal = "normal", Multiply = "multiply", Screen = "screen", Overlay = "overlay",
        Darken = "darken", Lighten = "lighten", ColorDodge = "color-dodge", ColorBurn = "color-burn",
        HardLight = "hard-light", SoftLight = "soft-light", Difference = "difference", Exclusion = "exclusion",
        Hue = "hue", Saturation = "saturation", Color = "color", Luminosity = "luminosity",
    }
}
keywords! {
    /// The Porter-Duff operators of W3C Compositing and Blending Level 1, section 9.1.
    Operator {
        #[default] SourceOver = "source-over", Clear = "clear", Copy = "copy", Destination = "destination",
        DestinationOver = "destination-over", SourceIn = "source-in", DestinationIn = "destination-in",
        SourceOut = "source-out", DestinationOut = "destination-out", SourceAtop = "source-atop",
        DestinationAtop = "destination-atop", Xor = "xor", PlusLighter = "plus-lighter",
    }
}
keywords! {
    /// Along which axes a layer repeats.
    Tile { #[default] None = "none", X = "x", Y = "y", Both = "xy" }
}
keywords! {
    /// How colours change in a gradient.
    GradientShape { #[default] Linear = "linear", Radial = "radial" }
}
keywords! {
    /// Alignment of text lines.
    Align { #[default] Center = "center", Left = "left", Right = "right" }
}
keywords! {
    /// The format at the end of a recipe.
    Requested { #[default] Auto = "auto", Png = "png", Jpeg = "jpg", Webp = "webp", Avif = "avif" }
}

impl Gravity {
    /// The point as fractions of width and height, from the top left.
    pub fn fractions(self) -> (f64, f64) {
        let x = match self {
            Gravity::Left | Gravity::TopLeft | Gravity::BottomLeft => 0.0,
            Gravity::Center | Gravity::Top | Gravity::Bottom => 0.5,
            Gravity::Right | Gravity::TopRight | Gravity::BottomRight => 1.0,
        };
        let y = match self {
            Gravity::Top | Gravity::TopLeft | Gravity::TopRight => 0.0,
            Gravity::Center | Gravity::Left | Gravity::Right => 0.5,
            Gravity::Bottom | Gravity::BottomLeft | Gravity::BottomRight => 1.0,
        };
        (x, y)
    }
}

impl Flip {
    /// Mirrored left to right?
    pub fn horizontal(self) -> bool {
        matches!(self, Flip::Horizontal | Flip::Both)
    }

    /// Mirrored top to bottom?
    pub fn vertical(self) -> bool {
        matches!(self, Flip::Vertical | Flip::Both)
    }
}

impl Requested {
    /// The format itself, or `None` where it is chosen from `Accept`.
    pub fn fixed(self) -> Option<Format> {
        match self {
            Requested::Auto => None,
            Requested::Png => Some(Format::Png),
            Requested::Jpeg => Some(Format::Jpeg),
            Requested::Webp => Some(Format::Webp),
            Requested::Avif => Some(Format::Avif),
        }
    }
}

impl From<Format> for Requested {
    fn from(format: Format) -> Self {
        match format {
            Format::Png => Requested::Png,
            Format::Jpeg => Requested::Jpeg,
            Format::Webp => Requested::Webp,
            Format::Avif => Requested::Avif,
        }
    }
}

impl Base {
    /// A base at its own size, nothing set.
    pub fn new(asset: AssetRef) -> Self {
        Base {
            asset,
            width: None,
            height: None,
            fit: Fit::default(),
            position: None,
            background: Colour::TRANSPARENT,
            dpr: Decimal::ONE,
            quality: None,
            radius: Length::ZERO,
        }
    }
}

impl Layer {
    /// A layer at its default place, nothing set.
    pub fn new(content: Content) -> Self {
        Layer {
            content,
            at: None,
            x: Length::ZERO,
            y: Length::ZERO,
            scale: Decimal::ONE,
            rotate: Decimal::ZERO,
            flip: Flip::None,
            opacity: Decimal::ONE,
            blend: BlendMode::Normal,
            operator: Operator::SourceOver,
            tile: Tile::None,
            shadow: None,
            mask: None,
        }
    }
}

impl Recipe {
    /// Every asset the recipe names, with the pointer of the place that names it: base, layers, masks, fonts.
    pub fn assets(&self) -> Vec<(String, AssetRef)> {
        let mut named = vec![("/base".to_owned(), self.base.asset.clone())];
        for (i, layer) in self.layers.iter().enumerate() {
            match &layer.content {
                Content::Asset(asset) => named.push((format!("/layers/{i}"), asset.clone())),
                Content::Text(Text { font: Some(font), .. }) => {
                    named.push((format!("/layers/{i}/font"), AssetRef::latest(font.clone())));
                }
                Content::Text(_) | Content::Fill(_) => {}
            }
            if let Some(mask) = &layer.mask {
                named.push((format!("/layers/{i}/mask"), mask.clone()));
            }
        }
        named
    }

    /// The ids of every asset the recipe needs: those it names, and the font of a text that names none.
    pub fn asset_ids(&self) -> Vec<AssetId> {
        let unnamed = |layer: &Layer| matches!(&layer.content, Content::Text(text) if text.font.is_none());
        let default = self.layers.iter().any(unnamed).then(AssetId::default_font);
        self.assets().into_iter().map(|(_, asset)| asset.id).chain(default).collect()
    }

    /// Is every asset pinned to its content, so that the answer can never change?
    pub fn is_pinned(&self) -> bool {
        self.assets().iter().all(|(_, asset)| asset.pin.is_some())
    }

    /// Is the format chosen from `Accept`?
    pub fn is_auto(&self) -> bool {
        self.format == Requested::Auto
    }

    /// Brings every value to its one spelling: what has no effect on the picture is dropped.
    ///
    /// Parsing does this already; call it after editing fields by hand.
    pub fn canonicalise(&mut self) {
        let base = &mut self.base;
        if base.width.is_none() || base.height.is_none() {
            base.fit = Fit::Cover;
        }
        if base.fit != Fit::Cover || base.width.is_none() || base.height.is_none() {
            base.position = None;
        }
        let default_quality = match self.format {
            Requested::Png => base.quality,
            Requested::Jpeg | Requested::Webp => Some(80),
            Requested::Avif => Some(50),
            Requested::Auto => None,
        };
        if base.quality == default_quality {
            base.quality = None;
        }
        for layer in &mut self.layers {
            layer.rotate = layer.rotate.normal_degrees();
            if let Content::Fill(Fill { gradient: Some(gradient), .. }) = &mut layer.content {
                gradient.angle = match gradient.shape {
                    GradientShape::Linear => gradient.angle.normal_degrees(),
                    GradientShape::Radial => Decimal::ZERO,
                };
            }
        }
    }
}
