//! From an asset's file to an upright sRGB picture, and the normal form in which assets are stored.

use std::collections::BTreeMap;

use moxcms::{ColorProfile, Layout, TransformOptions};

use crate::asset::{Asset, AssetId, Digest, Kind, Level};
use crate::codec::{self, Decoded, Format, Input, Output};
use crate::error::{AssetError, RenderError};
use crate::fit::whole_of;
use crate::limits::{Limit, Limits};
use crate::pixmap::Pixmap;
use crate::resample::scale;

/// No level is made of what has no longer side.
const SMALLEST_HALVED: u32 = 256;
/// Quality at which a photograph is kept when it had to be turned or converted: no visible loss.
const KEPT_JPEG_QUALITY: u8 = 95;

/// An asset in the form in which it is stored and rendered from: upright, sRGB, without metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalised {
    /// The file.
    pub bytes: Vec<u8>,
    /// `image/png` or `image/jpeg`.
    pub media_type: &'static str,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// Has it no transparent pixel?
    pub opaque: bool,
    /// Content address of `bytes`.
    pub digest: Digest,
    /// Smaller copies, the largest first.
    pub levels: Vec<SmallerCopy>,
}

/// A smaller copy of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallerCopy {
    /// The file, of the media type of the whole.
    pub bytes: Vec<u8>,
    /// What a catalogue says of it.
    pub level: Level,
}

impl Normalised {
    /// The asset that this file makes, before anybody said more about it: its title is its name.
    pub fn asset(&self, id: &AssetId, kind: Kind) -> Asset {
        Asset {
            id: id.clone(),
            digest: self.digest,
            kind,
            width: self.width,
            height: self.height,
            bytes: self.bytes.len() as u64,
            media_type: self.media_type.to_owned(),
            opaque: self.opaque,
            levels: self.levels.iter().map(|copy| copy.level).collect(),
            title: id.to_string(),
            tags: Vec::new(),
            licence: None,
            anchors: BTreeMap::new(),
            focus: None,
        }
    }

    /// All files with their content addresses: the whole picture, then its levels.
    pub fn into_files(self) -> impl Iterator<Item = (Digest, Vec<u8>)> {
        let levels = self.levels.into_iter().map(|copy| (copy.level.digest, copy.bytes));
        std::iter::once((self.digest, self.bytes)).chain(levels)
    }
}

/// Brings any accepted image (PNG, JPEG, WebP, GIF) to its stored form.
///
/// EXIF orientation and an ICC profile are applied, metadata is dropped. A JPEG that needs neither keeps its coded
/// picture bit for bit; one that does is encoded anew at quality 95; everything else becomes a PNG. Beside it stand its
/// levels, smaller by halves, so that a small picture is drawn from a small file.
///
/// # Errors
/// [`AssetError`] if the file is no image, broken, truncated or over the limits; nothing is decoded past a limit.
pub fn normalise(bytes: &[u8], limits: &Limits) -> Result<Normalised, AssetError> {
    if bytes.len() as u64 > limits.body_bytes {
        let (needed, allowed) = (bytes.len() as u64, limits.body_bytes);
        return Err(AssetError::Limit { limit: Limit::BodyBytes, needed, allowed });
    }
    let input = Input::recognise(bytes)?;
    let decoded = codec::decode(bytes, limits)?;
    let as_it_is = orientation(&decoded) == 1 && profile(&decoded).is_none();
    let pixmap = upright(decoded)?;
    let (width, height) = pixmap.size();
    let opaque = pixmap.is_opaque();
    let stripped = if input == Input::Jpeg && as_it_is { codec::strip_jpeg_metadata(bytes) } else { None };
    let format = if input == Input::Jpeg { Format::Jpeg } else { Format::Png };
    let malformed = |error| input.malformed(error);
    let (pixmap, kept) = match stripped {
        Some(stripped) => (pixmap, Some(stripped)),
        None if input == Input::Jpeg => {
            // Levels are of what is kept, or the kept file would have other levels when it comes in again.
            let kept = encode_to_keep(pixmap, format, opaque).map_err(malformed)?;
            (decode(&kept, limits)?, Some(kept))
        }
        None => (pixmap, None),
    };
    let levels = levels(&pixmap, format, opaque).map_err(malformed)?;
    let bytes = match kept {
        Some(kept) => kept,
        None => encode_to_keep(pixmap, format, opaque).map_err(malformed)?,
    };
    let digest = Digest::of(&bytes);
    Ok(Normalised { bytes, media_type: format.media_type(), width, height, opaque, digest, levels })
}

/// The levels of a picture, in its format.
fn levels(pixmap: &Pixmap, format: Format, opaque: bool) -> Result<Vec<SmallerCopy>, RenderError> {
    let mut levels = Vec::new();
    let mut larger: Option<Pixmap> = None;
    loop {
        let from = larger.as_ref().unwrap_or(pixmap);
        if from.width().max(from.height()) <= SMALLEST_HALVED {
            return Ok(levels);
        }
        let (width, height) = (from.width().div_ceil(2), from.height().div_ceil(2));
        let halved = scale(from, whole_of(from.size()), width, height);
        let bytes = encode_to_keep(halved.clone(), format, opaque)?;
        let level = Level { digest: Digest::of(&bytes), width, height, bytes: bytes.len() as u64 };
        levels.push(SmallerCopy { bytes, level });
        larger = Some(halved);
    }
}

fn encode_to_keep(pixmap: Pixmap, format: Format, opaque: bool) -> Result<Vec<u8>, RenderError> {
    match format {
        Format::Jpeg => codec::encode(pixmap, Output { format, quality: KEPT_JPEG_QUALITY, opaque }),
        _ => Ok(codec::encode_png_to_keep(&pixmap, opaque)),
    }
}

/// Decodes a file to an upright sRGB picture.
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixmap, AssetError> {
    upright(codec::decode(bytes, limits)?)
}

fn upright(mut decoded: Decoded) -> Result<Pixmap, AssetError> {
    if let Some(profile) = profile(&decoded) {
        to_srgb(&mut decoded.rgba, &profile)?;
    }
    let (flip_h, quarter_turns) = turns(orientation(&decoded));
    let Decoded { width, height, rgba, opaque, .. } = decoded;
    let pixmap = if opaque {
        Pixmap::from_premultiplied(width, height, rgba)
    } else {
        Pixmap::from_straight_rgba(width, height, rgba)
    };
    let pixmap = pixmap.ok_or(AssetError::Malformed { format: "decoded", reason: "it ends early".into() })?;
    Ok(if flip_h || quarter_turns != 0 { pixmap.oriented(flip_h, false, quarter_turns) } else { pixmap })
}

/// EXIF orientation 1 to 8; 1 where there is none, or none that makes sense.
fn orientation(decoded: &Decoded) -> u32 {
    let Some(raw) = &decoded.exif else { return 1 };
    let raw = raw.strip_prefix(b"Exif\0\0").unwrap_or(raw);
    let exif = exif::Reader::new().read_raw(raw.to_vec());
    let value = exif.ok().and_then(|exif| {
        exif.get_field(exif::Tag::Orientation, exif::In::PRIMARY).and_then(|field| field.value.get_uint(0))
    });
    value.filter(|value| (1..=8).contains(value)).unwrap_or(1)
}

/// How a stored picture becomes upright: mirrored left to right first, then turned clockwise (EXIF 2.32, table 6).
fn turns(orientation: u32) -> (bool, u8) {
    match orientation {
        2 => (true, 0),
        3 => (false, 2),
        4 => (true, 2),
        5 => (true, 3),
        6 => (false, 1),
        7 => (true, 1),
        8 => (false, 3),
        _ => (false, 0),
    }
}

/// The RGB profile to convert from; `None` where the picture is sRGB already, says nothing, or says nonsense.
fn profile(decoded: &Decoded) -> Option<ColorProfile> {
    let profile = ColorProfile::new_from_slice(decoded.icc.as_ref()?).ok()?;
    let srgb = ColorProfile::new_srgb();
    let same_primaries = [
        (profile.red_colorant, srgb.red_colorant),
        (profile.green_colorant, srgb.green_colorant),
        (profile.blue_colorant, srgb.blue_colorant),
    ]
    .iter()
    .all(|(a, b)| (a.x - b.x).abs() < 0.001 && (a.y - b.y).abs() < 0.001 && (a.z - b.z).abs() < 0.001);
    let rgb = profile.color_space == moxcms::DataColorSpace::Rgb;
    (rgb && !(same_primaries && describes_srgb(&profile))).then_some(profile)
}

/// Does the profile's tone curve agree with sRGB's to within half an 8-bit step? Asked of the conversion itself.
fn describes_srgb(profile: &ColorProfile) -> bool {
    let mut greys: Vec<u8> = (0..=255).flat_map(|v| [v, v, v, 255]).collect();
    let before = greys.clone();
    to_srgb(&mut greys, profile).is_ok() && greys.iter().zip(&before).all(|(a, b)| a.abs_diff(*b) <= 1)
}

/// Bytes that are converted at a time, so that the copy stays small beside the picture.
const BAND: usize = 4 << 16;

fn to_srgb(rgba: &mut [u8], profile: &ColorProfile) -> Result<(), AssetError> {
    let refuse =
        |error: moxcms::CmsError| AssetError::Malformed { format: "ICC-tagged", reason: error.to_string() };
    let srgb = ColorProfile::new_srgb();
    let transform = profile
        .create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgba, TransformOptions::default())
        .map_err(refuse)?;
    let mut converted = vec![0; BAND.min(rgba.len())];
    for band in rgba.chunks_mut(BAND) {
        let converted = &mut converted[..band.len()];
        transform.transform(band, converted).map_err(refuse)?;
        band.copy_from_slice(converted);
    }
    Ok(())
}
