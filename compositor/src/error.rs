//! Errors, named for who is to blame: [`ParseError`] the URL, [`ResolveError`] the URL against the catalogue,
//! [`AssetError`] an uploaded image or font, [`RenderError`] a stored asset, a limit or an encoder. None knows HTTP.

use std::fmt;

use crate::asset::{AssetId, Digest};
use crate::limits::Limit;
use crate::near::did_you_mean;

/// Longest piece of the caller's input that an error repeats, in characters.
const MAX_QUOTED: usize = 80;

/// What is wrong with a recipe URL, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    pointer: String,
    what: String,
    given: String,
    allowed: String,
}

impl ParseError {
    pub(crate) fn new(
        pointer: impl Into<String>,
        what: impl Into<String>,
        given: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        ParseError {
            pointer: quoted(pointer),
            what: what.into(),
            given: quoted(given),
            allowed: allowed.into(),
        }
    }

    /// The place in the recipe as a JSON pointer (RFC 6901): `/layers/0/rotate`; empty for the whole path.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What was given there, shortened.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// What is allowed there.
    pub fn allowed(&self) -> &str {
        &self.allowed
    }
}

/// A shortened copy without control characters, fit to be printed and logged.
fn quoted(text: impl Into<String>) -> String {
    let text: String = text.into();
    let mut clean: String =
        text.chars().take(MAX_QUOTED).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        clean.push('…');
    }
    clean
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ParseError { what, given, allowed, .. } = self;
        match given.as_str() {
            "" => write!(f, "{what} is empty; allowed: {allowed}"),
            "missing" | "given twice" | "unknown" => write!(f, "{what} is {given}; allowed: {allowed}"),
            _ => write!(f, "{what} is `{given}`; allowed: {allowed}"),
        }
    }
}

impl std::error::Error for ParseError {}

/// Why a well-formed recipe means nothing with this catalogue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The catalogue has no such asset.
    #[error("there is no asset `{id}` in the catalogue{}", did_you_mean(near.as_ref().map(AsRef::as_ref)))]
    UnknownAsset {
        /// Where the recipe names it.
        pointer: String,
        /// What it names.
        id: AssetId,
        /// What may have been meant.
        near: Option<AssetId>,
    },
    /// The asset exists, but no version of it has this digest.
    #[error("asset `{id}` has no version `{pin}`")]
    UnknownVersion {
        /// Where the recipe names it.
        pointer: String,
        /// The asset.
        id: AssetId,
        /// The digest prefix.
        pin: String,
    },
    /// More than one version of the asset begins with these digits.
    #[error("`{pin}` names more than one version of asset `{id}`; give more digits")]
    AmbiguousVersion {
        /// Where the recipe names it.
        pointer: String,
        /// The asset.
        id: AssetId,
        /// The digest prefix.
        pin: String,
    },
    /// A font where a picture is needed, or the other way round.
    #[error("asset `{id}` is a {kind}, which cannot be used here; allowed: {allowed}")]
    WrongKind {
        /// Where the recipe names it.
        pointer: String,
        /// The asset.
        id: AssetId,
        /// What it is.
        kind: &'static str,
        /// What may stand here.
        allowed: &'static str,
    },
    /// The base has no anchor of this name.
    #[error("base `{base}` has no anchor `{anchor}`; it has: {known}")]
    UnknownAnchor {
        /// The `at` parameter.
        pointer: String,
        /// The base.
        base: AssetId,
        /// The anchor asked for.
        anchor: String,
        /// The anchors there are.
        known: String,
    },
    /// `Accept` refuses every format the recipe could have.
    #[error("the request accepts none of: {offered}")]
    NotAcceptable {
        /// Media types on offer.
        offered: String,
    },
    /// The canvas is larger than the limit, or a layer lies unreasonably far from it.
    #[error("{what} would be {given}; allowed: {allowed}")]
    TooLarge {
        /// Where it comes from.
        pointer: String,
        /// What is too large.
        what: &'static str,
        /// How large.
        given: String,
        /// The limit.
        allowed: String,
    },
}

impl ResolveError {
    /// The place in the recipe as a JSON pointer (RFC 6901).
    pub fn pointer(&self) -> &str {
        match self {
            ResolveError::UnknownAsset { pointer, .. }
            | ResolveError::UnknownVersion { pointer, .. }
            | ResolveError::AmbiguousVersion { pointer, .. }
            | ResolveError::WrongKind { pointer, .. }
            | ResolveError::UnknownAnchor { pointer, .. }
            | ResolveError::TooLarge { pointer, .. } => pointer,
            ResolveError::NotAcceptable { .. } => "/format",
        }
    }
}

/// What is wrong with an image or a font that somebody wants to add.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssetError {
    /// Not one of the formats we read.
    #[error("this is not an image we can read; allowed: PNG, JPEG, WebP, GIF")]
    Unrecognised,
    /// Recognised, but broken.
    #[error("the {format} image cannot be read: {reason}")]
    Malformed {
        /// Which decoder refused it.
        format: &'static str,
        /// Its reason.
        reason: String,
    },
    /// A font that cannot set text.
    #[error("the font cannot be used: {reason}")]
    Font {
        /// What is wrong with it.
        reason: String,
    },
    /// Sound, as far as can be told without decoding it, but too large.
    #[error("{}", limit.told(*needed, *allowed))]
    Limit {
        /// What is too large.
        limit: Limit,
        /// How large it is.
        needed: u64,
        /// The limit.
        allowed: u64,
    },
}

/// Why a resolved recipe could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// An ingredient was not given.
    #[error("ingredient {digest} is missing")]
    Missing {
        /// Content digest of the ingredient.
        digest: Digest,
    },
    /// A stored asset cannot be decoded.
    #[error("asset {digest}: {source}")]
    Asset {
        /// Content digest of the asset.
        digest: Digest,
        /// What is wrong with it.
        source: AssetError,
    },
    /// The render would need more than it may use.
    #[error("{}: {advice}", limit.told(*needed, *allowed))]
    Limit {
        /// The part of the recipe that is at fault, or the largest of them, as a JSON pointer (RFC 6901).
        pointer: String,
        /// What to do about it there.
        advice: &'static str,
        /// What is limited.
        limit: Limit,
        /// How much the render needs.
        needed: u64,
        /// The limit.
        allowed: u64,
    },
    /// The recipe is valid, but this build does not draw this part of the language.
    #[error("{name} is not drawn here: only the origin does")]
    NotDrawn {
        /// Where the recipe asks for it.
        pointer: String,
        /// What it asks for.
        name: String,
    },
    /// An encoder or the resampler refused its input.
    #[error("encoding {format} failed: {reason}")]
    Encode {
        /// The output format.
        format: &'static str,
        /// The library's reason.
        reason: String,
    },
}
