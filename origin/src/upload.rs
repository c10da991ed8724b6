//! From a file somebody gives us to an asset: recognise, rasterise (SVG), normalise, store, and enter into the
//! catalogue; blobs first, the record last. A font goes the same way, but is kept as it came. The upload API and `milliner import` share every step.

mod file_type;

use bytes::Bytes;
use compositor::{Asset, AssetError, AssetId, Digest, Kind, Limits, Normalised, normalise, normalise_font};

use crate::catalogue::{AssetRecord, Change, ChangeError, LiveCatalogue, Version};
use crate::clock::unix_now;
use crate::metadata::{Metadata, MetadataError};
use crate::rasterise::{RasteriseError, Rasteriser};
use crate::store::{ObjectKey, Store, StoreError};

pub use file_type::FileType;

/// Worst case of decoding and converting one pixel of an upload: as read and as kept, four bytes each, and a quarter of
/// that for its levels.
const BYTES_PER_SOURCE_PIXEL: u64 = 10;
/// What looks for the smallest form of some rows works in, whatever the picture's size.
const SEARCH_BYTES: u64 = 8 << 20;
/// A font is held as it came, as it is checked and as it is kept.
const COPIES_OF_A_FONT: u64 = 3;

/// A file that was recognised and is safe to decode: an SVG has become a PNG.
#[derive(Debug)]
pub struct Recognised {
    original: Bytes,
    file_type: FileType,
    decodable: Bytes,
}

/// A file that is fit to be an asset.
pub struct Prepared {
    original: Bytes,
    file_type: FileType,
    normalised: Normalised,
}

/// Why a file is refused. Nothing has been stored then.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("the body is empty")]
    Empty,
    #[error("the body is no image or font that we can read; allowed: PNG, JPEG, WebP, GIF, SVG, TTF, OTF")]
    Unrecognised,
    #[error("the body is said to be {declared}, but it is {found}")]
    Mislabelled { declared: FileType, found: FileType },
    #[error(transparent)]
    Unusable(#[from] AssetError),
    #[error(transparent)]
    Svg(#[from] RasteriseError),
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller's condition (`If-Match`, `If-None-Match`) does not hold.
    #[error("the asset is not in the state that the condition asks for")]
    Precondition,
}

/// What an upload changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// A new asset.
    Added,
    /// The same content and metadata as before.
    Unchanged,
    /// The same content, other metadata.
    Updated,
    /// Other content; the old version stays addressable.
    Replaced,
}

/// What happens to metadata that an upload does not mention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmentioned {
    /// It stays as it was: an upload that replaces the picture alone.
    Kept,
    /// It goes back to its default: an import, where the sidecar says everything.
    Reset,
}

/// Recognises a file by its content, which must agree with what it is `declared` to be; rasterises SVG.
pub async fn recognise(
    original: Bytes,
    declared: Option<FileType>,
    rasteriser: &Rasteriser,
) -> Result<Recognised, UploadError> {
    if original.is_empty() {
        return Err(UploadError::Empty);
    }
    let found = FileType::sniff(&original).ok_or(UploadError::Unrecognised)?;
    if let Some(declared) = declared.filter(|declared| *declared != found) {
        return Err(UploadError::Mislabelled { declared, found });
    }
    let decodable = match found {
        FileType::Svg => rasteriser.rasterise(original.clone()).await?.into(),
        _ => original.clone(),
    };
    Ok(Recognised { original, file_type: found, decodable })
}

impl Recognised {
    /// Decodes and normalises, on the thread of the caller: a matter of tens of milliseconds.
    pub fn prepare(self, limits: &Limits) -> Result<Prepared, UploadError> {
        let normalise = if self.file_type.is_font() { normalise_font } else { normalise };
        let normalised = normalise(&self.decodable, limits)?;
        Ok(Prepared { original: self.original, file_type: self.file_type, normalised })
    }

    /// Memory that [`prepare`](Self::prepare) may need at most.
    pub fn working_bytes(&self, limits: &Limits) -> u64 {
        if self.file_type.is_font() {
            return self.original.len() as u64 * COPIES_OF_A_FONT;
        }
        let decoded = limits.source_pixels.saturating_mul(BYTES_PER_SOURCE_PIXEL);
        decoded.saturating_add(SEARCH_BYTES).min(limits.working_bytes)
    }
}

impl Prepared {
    /// The asset that this file makes, before anybody said anything about it: a font, or an image of this kind.
    pub fn asset(&self, id: &AssetId, kind: Kind) -> Asset {
        let kind = if self.file_type.is_font() { Kind::Font } else { kind };
        self.normalised.asset(id, kind)
    }

    /// The files that are drawn from, by their content.
    pub fn into_files(self) -> impl Iterator<Item = (Digest, Vec<u8>)> {
        self.normalised.into_files()
    }

    /// Stores the file and enters it into the catalogue, if `admits` lets the present state be changed.
    pub async fn enter(
        self,
        id: &AssetId,
        metadata: &Metadata,
        unmentioned: Unmentioned,
        catalogue: &LiveCatalogue,
        store: &Store,
        admits: impl Fn(Option<&AssetRecord>) -> bool,
    ) -> Result<(std::sync::Arc<AssetRecord>, Changed), UploadError> {
        let original = Digest::of(&self.original);
        let blank = self.asset(id, Kind::Base);
        // Refuse before the first byte is stored; the same is decided again below against the state of that moment.
        let before = catalogue.snapshot().records.get(id).cloned();
        if !admits(before.as_deref()) {
            return Err(UploadError::Precondition);
        }
        described(&blank, before.as_deref(), metadata, unmentioned)?;

        store.put(&ObjectKey::Original(original), self.original).await?;
        for (digest, file) in self.normalised.into_files() {
            store.put(&ObjectKey::Image(digest), Bytes::from(file)).await?;
        }

        let mut changed = Changed::Unchanged;
        let decide = |record: Option<&AssetRecord>| {
            if !admits(record) {
                return Err(UploadError::Precondition);
            }
            let asset = described(&blank, record, metadata, unmentioned)?;
            changed = difference(record, &asset);
            if changed == Changed::Unchanged {
                return Ok(Change::Keep);
            }
            let added = record.and_then(|r| r.version(&asset.digest)).map_or_else(unix_now, |v| v.added);
            let original_type = self.file_type.media_type().to_owned();
            let next = Version { asset, original, original_type, added };
            let after =
                record.map(|record| record.replaced_by(next.clone())).unwrap_or(AssetRecord::new(next));
            Ok(Change::Write(Box::new(after)))
        };
        match catalogue.change(id, decide).await {
            Ok(Some(record)) => Ok((record, changed)),
            Ok(None) => Err(UploadError::Precondition),
            Err(ChangeError::Store(error)) => Err(error.into()),
            Err(ChangeError::Refused(error)) => Err(error),
        }
    }
}

/// The asset with everything that is said about it: now, and by what it replaces.
fn described(
    blank: &Asset,
    before: Option<&AssetRecord>,
    metadata: &Metadata,
    unmentioned: Unmentioned,
) -> Result<Asset, MetadataError> {
    let mut asset = blank.clone();
    if let (Some(record), Unmentioned::Kept) = (before, unmentioned) {
        let was = record.current.asset.kind;
        if (was == Kind::Font) != (blank.kind == Kind::Font) {
            let detail = format!(
                "asset `{}` is a {}; a font cannot replace an image, nor an image a font",
                blank.id,
                was.word()
            );
            return Err(MetadataError::new("/kind", detail));
        }
        let Asset { kind, title, tags, licence, anchors, focus, .. } = record.current.asset.clone();
        asset = Asset { kind, title, tags, licence, anchors, focus, ..asset };
    }
    metadata.clone().apply(&mut asset)?;
    Ok(asset)
}

fn difference(before: Option<&AssetRecord>, after: &Asset) -> Changed {
    match before.map(|record| &record.current.asset) {
        None => Changed::Added,
        Some(before) if before == after => Changed::Unchanged,
        Some(before) if before.digest == after.digest => Changed::Updated,
        Some(_) => Changed::Replaced,
    }
}
