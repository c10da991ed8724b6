//! The compositor: recipes in, pictures out, the same bytes on every target.
//!
//! A recipe URL becomes a [`Recipe`]; the [`Catalogue`] resolves it to a [`Plan`], in which nothing is left to default
//! and whose [`key`](Plan::key) is the content address of the result; a [`Compositor`] draws and encodes it. Nothing
//! here reads a file, a clock, the environment or the network.

#![warn(missing_docs)]

mod affine;
pub mod asset;
mod blend;
mod cache;
pub mod catalogue;
pub mod codec;
pub mod crew;
mod error;
mod fill;
mod fit;
mod footprint;
pub mod key;
pub mod limits;
#[doc(hidden)]
pub mod measured;
pub mod near;
mod negotiate;
mod pixmap;
mod placeholder;
mod placement;
pub mod plan;
pub mod recipe;
mod render;
mod resample;
mod rounding;
mod scene;
mod shadow;
pub mod signature;
mod simd;
mod source;
mod text;
mod weigh;

pub use asset::{Anchor, Asset, AssetId, AssetRef, Digest, Focus, Kind, Level};
pub use catalogue::Catalogue;
pub use codec::Format;
pub use error::{AssetError, ParseError, RenderError, ResolveError};
pub use key::{CompositeKey, RENDER_VERSION};
pub use limits::{Limit, Limits};
pub use pixmap::Pixmap;
pub use placeholder::{Placeholder, placeholder};
pub use plan::{Plan, Undrawn};
pub use recipe::{Query, Recipe, Requested};
pub use render::{Composite, Compositor, Ingredients};
pub use signature::{Keyring, SignatureError, SigningKey};
pub use source::{Normalised, SmallerCopy, normalise};
pub use text::{MAX_FONT_BYTES, normalise_font};
