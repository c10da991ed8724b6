//! `milliner import`: a folder of pictures, fonts and sidecar files becomes the catalogue. `tabby.svg` with `tabby.toml`
//! beside it is the asset `tabby`. Doing it again changes nothing; what changed on disk is replaced.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use compositor::{AssetId, Limits};
use futures::{Stream, StreamExt};
use serde_json::Value;

use crate::catalogue::LiveCatalogue;
use crate::metadata::Metadata;
use crate::rasterise::Rasteriser;
use crate::store::Store;
use crate::upload::{Changed, FileType, Prepared, Unmentioned, UploadError, recognise};

/// One picture or font of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub id: AssetId,
    pub file: PathBuf,
    pub file_type: FileType,
}

/// Why a file was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("{path}: `{name}` is not an asset id; allowed: lower-case letters, digits and `-`, at most 64")]
    Name { path: String, name: String },
    #[error("{first} and {second} are both the asset `{id}`")]
    Twice { id: AssetId, first: String, second: String },
    #[error("{path}: {reason}")]
    Sidecar { path: String, reason: String },
    #[error("{path}: {source}")]
    Upload { path: String, source: UploadError },
    #[error("{path}: decoding failed")]
    Panicked { path: String },
    #[error("{path} holds no picture and no font (svg, png, jpg, webp, gif, ttf, otf)")]
    Nothing { path: String },
}

/// What became of one file.
pub struct Imported {
    pub id: AssetId,
    pub changed: Changed,
    pub asset: compositor::Asset,
}

/// Every picture and font under a folder, sorted by path.
pub fn scan(folder: &Path) -> Result<Vec<Source>, ImportError> {
    let mut files = Vec::new();
    walk(folder, &mut files)?;
    files.sort();
    let mut sources: Vec<Source> = Vec::new();
    for file in files {
        let Some(file_type) = file.extension().and_then(|e| e.to_str()).and_then(FileType::from_extension)
        else {
            continue;
        };
        let source = Source { id: id_of(&file)?, file, file_type };
        if let Some(other) = sources.iter().find(|other| other.id == source.id) {
            let (first, second) = (show(&other.file), show(&source.file));
            return Err(ImportError::Twice { id: source.id, first, second });
        }
        sources.push(source);
    }
    if sources.is_empty() { Err(ImportError::Nothing { path: show(folder) }) } else { Ok(sources) }
}

/// Imports files, a few at a time, in order.
pub fn import<'a>(
    sources: &'a [Source],
    catalogue: &'a LiveCatalogue,
    store: &'a Store,
    rasteriser: &'a Rasteriser,
    limits: &'a Limits,
) -> impl Stream<Item = Result<Imported, ImportError>> + 'a {
    let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let one = move |source: &'a Source| async move {
        let (prepared, metadata) = load(source, rasteriser, limits).await?;
        let entered =
            prepared.enter(&source.id, &metadata, Unmentioned::Reset, catalogue, store, |_| true).await;
        let refused = |error| ImportError::Upload { path: show(&source.file), source: error };
        let (record, changed) = entered.map_err(refused)?;
        Ok(Imported { id: source.id.clone(), changed, asset: record.current.asset.clone() })
    };
    futures::stream::iter(sources).map(one).buffered(at_once)
}

/// Reads one file and its sidecar, ready to be an asset.
pub async fn load(
    source: &Source,
    rasteriser: &Rasteriser,
    limits: &Limits,
) -> Result<(Prepared, Metadata), ImportError> {
    let path = show(&source.file);
    let metadata = sidecar(&source.file)?;
    let bytes = tokio::fs::read(&source.file).await;
    let bytes = Bytes::from(bytes.map_err(|source| ImportError::Read { path: path.clone(), source })?);
    let refused = |error| ImportError::Upload { path: path.clone(), source: error };
    let recognised = recognise(bytes, Some(source.file_type), rasteriser).await.map_err(refused)?;
    let limits = *limits;
    let prepared = tokio::task::spawn_blocking(move || recognised.prepare(&limits)).await;
    let prepared = prepared.map_err(|_| ImportError::Panicked { path: path.clone() })?;
    Ok((prepared.map_err(refused)?, metadata))
}

/// A file given by path alone.
pub fn source(id: AssetId, file: &Path) -> Result<Source, ImportError> {
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match FileType::from_extension(extension) {
        Some(file_type) => Ok(Source { id, file: file.to_owned(), file_type }),
        None => Err(ImportError::Nothing { path: show(file) }),
    }
}

fn sidecar(file: &Path) -> Result<Metadata, ImportError> {
    let path = file.with_extension("toml");
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Metadata::default()),
        text => text.map_err(|source| ImportError::Read { path: show(&path), source })?,
    };
    let refuse = |reason| ImportError::Sidecar { path: show(&path), reason };
    let fields: Value = toml::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    Metadata::try_from(&fields).map_err(|error| refuse(format!("{}: {error}", error.pointer)))
}

fn id_of(file: &Path) -> Result<AssetId, ImportError> {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    name.parse().map_err(|_| ImportError::Name { path: show(file), name })
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), ImportError> {
    let read = |source| ImportError::Read { path: show(folder), source };
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        match (hidden, path.is_dir()) {
            (true, _) => {}
            (false, true) => walk(&path, files)?,
            (false, false) => files.push(path),
        }
    }
    Ok(())
}

fn show(path: &Path) -> String {
    path.display().to_string()
}
