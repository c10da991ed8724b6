//! Image formats: what is read, what is written, and one match each way. A file per format does the work.

#[cfg(feature = "lossy")]
mod avif;
mod gif;
mod jpeg;
mod png;
mod strips;
mod vp8l;
mod webp;
#[cfg(feature = "lossy")]
mod webp_alpha;
#[cfg(feature = "lossy")]
mod webp_lossy;

pub(crate) use jpeg::encode::Frame as JpegFrame;
pub(crate) use jpeg::strip_metadata as strip_jpeg_metadata;
pub(crate) use png::Ready;
pub(crate) use strips::{Below, Part, Parts, Scratch, Strips};

use crate::error::{AssetError, RenderError};
use crate::limits::{Limit, Limits};
use crate::pixmap::Pixmap;

/// A format a composite can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `png`
    Png,
    /// `jpg`
    Jpeg,
    /// `webp`
    Webp,
    /// `avif`
    Avif,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 4] = [Format::Png, Format::Jpeg, Format::Webp, Format::Avif];

    /// The ending in a URL, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Png => "png",
            Format::Jpeg => "jpg",
            Format::Webp => "webp",
            Format::Avif => "avif",
        }
    }

    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Png => "image/png",
            Format::Jpeg => "image/jpeg",
            Format::Webp => "image/webp",
            Format::Avif => "image/avif",
        }
    }

    /// The format with this media type.
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        Format::ALL.into_iter().find(|format| format.media_type() == media_type)
    }

    /// The format with this ending.
    pub fn from_extension(extension: &str) -> Option<Self> {
        Format::ALL.into_iter().find(|format| format.extension() == extension)
    }
}

/// A format an asset can be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Png,
    Jpeg,
    Webp,
    Gif,
}

impl Input {
    /// By the first bytes; names and media types are not trusted.
    pub fn recognise(bytes: &[u8]) -> Result<Self, AssetError> {
        match bytes {
            [0x89, b'P', b'N', b'G', ..] => Ok(Input::Png),
            [0xff, 0xd8, 0xff, ..] => Ok(Input::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Input::Webp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Input::Gif),
            _ => Err(AssetError::Unrecognised),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Input::Png => "PNG",
            Input::Jpeg => "JPEG",
            Input::Webp => "WebP",
            Input::Gif => "GIF",
        }
    }

    /// An error about a file of this format.
    pub fn malformed(self, reason: impl ToString) -> AssetError {
        AssetError::Malformed { format: self.name(), reason: reason.to_string() }
    }
}

/// An image as its file has it: straight alpha, not yet upright, in its own colour space.
pub(crate) struct Decoded {
    pub width: u32,
    pub height: u32,
    /// Straight RGBA8, row by row.
    pub rgba: Vec<u8>,
    /// Has it no transparent pixel, by its format or by its pixels?
    pub opaque: bool,
    /// Embedded ICC profile.
    pub icc: Option<Vec<u8>>,
    /// Raw EXIF (a TIFF structure).
    pub exif: Option<Vec<u8>>,
}

/// Decodes any accepted file. Its header is held against the limits before any pixel is.
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, AssetError> {
    match Input::recognise(bytes)? {
        Input::Png => png::decode(bytes, limits),
        Input::Jpeg => jpeg::decode(bytes, limits),
        Input::Webp => webp::decode(bytes, limits),
        Input::Gif => gif::decode(bytes, limits),
    }
}

/// RGBA of an animation's frame on a transparent canvas; rows that do not fit are left out. Widths are not 0.
fn on_canvas(
    frame: &[u8],
    frame_width: usize,
    (left, top): (usize, usize),
    canvas_width: u32,
    canvas_pixels: usize,
) -> Vec<u8> {
    let mut canvas = vec![0; canvas_pixels * 4];
    let rows = canvas.chunks_exact_mut(canvas_width as usize * 4).skip(top);
    for (to, from) in rows.zip(frame.chunks_exact(frame_width * 4)) {
        if let Some(to) = to.get_mut(left * 4..(left + frame_width) * 4) {
            to.copy_from_slice(from);
        }
    }
    canvas
}

/// Longest side of a source image: what JPEG can have. Longer ones are no pictures, and cost more than their area.
const MAX_SOURCE_SIDE: u32 = 65_535;

/// Checks a header's size, and gives the number of pixels.
pub(crate) fn check_size(
    input: Input,
    width: u32,
    height: u32,
    limits: &Limits,
) -> Result<usize, AssetError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(input.malformed("it has no pixels"));
    }
    let side = width.max(height);
    if side > MAX_SOURCE_SIDE {
        let (needed, allowed) = (u64::from(side), u64::from(MAX_SOURCE_SIDE));
        return Err(AssetError::Limit { limit: Limit::SourceSide, needed, allowed });
    }
    if pixels > limits.source_pixels {
        return Err(AssetError::Limit {
            limit: Limit::SourcePixels,
            needed: pixels,
            allowed: limits.source_pixels,
        });
    }
    usize::try_from(pixels).ok().filter(|pixels| pixels.checked_mul(4).is_some()).ok_or(AssetError::Limit {
        limit: Limit::SourcePixels,
        needed: pixels,
        allowed: u64::from(u32::MAX / 4),
    })
}

/// How a picture is encoded; the same values give the same bytes on every target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub format: Format,
    /// 1 to 100, of a lossy format.
    pub quality: u8,
    /// Leave out the alpha channel: the picture is known to have no transparent pixel.
    pub opaque: bool,
}

/// Encodes a picture whole.
pub(crate) fn encode(pixmap: Pixmap, output: Output) -> Result<Vec<u8>, RenderError> {
    match output.format {
        Format::Png => Ok(png::encode_to_keep(&pixmap, output.opaque)),
        Format::Jpeg => jpeg::encode(&pixmap, output),
        Format::Webp if output.quality == LOSSLESS => webp::encode(pixmap, output.opaque),
        #[cfg(feature = "lossy")]
        Format::Webp => webp_lossy::encode(pixmap, output),
        #[cfg(feature = "lossy")]
        Format::Avif => avif::encode(pixmap, output),
        #[cfg(not(feature = "lossy"))]
        Format::Webp | Format::Avif => {
            Err(encode_error(output.format, "the encoder is not part of this build"))
        }
    }
}

/// Above this quality JPEG and AVIF keep chroma at full resolution; below it, 4:2:0 saves a third of the bytes unseen.
const FULL_CHROMA_ABOVE: u8 = 90;

/// The quality at which WebP is lossless.
pub(crate) const LOSSLESS: u8 = 100;

/// Can this build write the format at this quality? Where C libraries cannot go, lossy WebP and AVIF are not written.
pub(crate) fn writes(format: Format, quality: u8) -> bool {
    match format {
        Format::Png | Format::Jpeg => true,
        Format::Webp => quality == LOSSLESS || cfg!(feature = "lossy"),
        Format::Avif => cfg!(feature = "lossy"),
    }
}

/// The longest side, in pixels, that a picture of this format can have.
pub(crate) fn longest_side(format: Format, quality: u8) -> u32 {
    match format {
        // PNG could have more; nobody could open it.
        Format::Png | Format::Jpeg => 65_535,
        Format::Webp if quality == LOSSLESS => webp::MAX_SIDE,
        // VP8 counts in 14 bits (RFC 6386, section 9.1).
        Format::Webp => 16_383,
        // What libavif, and so browsers, read by default.
        Format::Avif => 32_768,
    }
}

/// Working memory of a C library in canvases of 4 bytes a pixel, as measured: libaom's planes, searches and reference
/// frames; libwebp's ARGB and planes.
pub(crate) fn held_by_encoder(format: Format, quality: u8) -> u64 {
    match format {
        Format::Avif => 4,
        Format::Webp if quality != LOSSLESS => 2,
        Format::Png | Format::Jpeg | Format::Webp => 0,
    }
}

/// Encodes a PNG to be kept: written once, read for years.
pub(crate) fn encode_png_to_keep(pixmap: &Pixmap, opaque: bool) -> Vec<u8> {
    png::encode_to_keep(pixmap, opaque)
}

fn encode_error(format: Format, reason: impl ToString) -> RenderError {
    RenderError::Encode { format: format.extension(), reason: reason.to_string() }
}
