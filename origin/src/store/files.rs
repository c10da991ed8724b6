//! The store as a folder. A file appears under its name only when all of it is on disk: written beside, synced,
//! renamed, and the folder synced. So a `kill -9` or a power cut leaves either no file or a whole one; what it can
//! leave is a file under `tmp/`, removed at a later start.
//!
//! Records are changed under an advisory lock on the folder, so that `milliner import` may run beside a server.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use compositor::Digest;

use super::{Listed, ObjectKey, Records, Revision, StoreError};
use crate::aws::new_id;

/// Temporary files this old belong to nobody: no write takes an hour.
const ABANDONED: Duration = Duration::from_hours(1);
const TEMPORARY: &str = "tmp";
/// Every folder of a store.
const FOLDERS: [&str; 7] = ["assets", "keys", "jobs", "images", "originals", "composites", TEMPORARY];
const LOCK: &str = "lock";

/// A folder of objects.
#[derive(Clone, Debug)]
pub struct Files {
    root: Arc<Path>,
}

impl Files {
    /// Opens the folder, making it where it is missing.
    pub async fn open(root: &Path) -> Result<Self, StoreError> {
        let files = Self { root: Arc::from(root) };
        files.blocking(String::new(), Self::prepare).await?;
        Ok(files)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, StoreError> {
        self.blocking(key.to_string(), |files, path| absent_is_none(fs::read(files.root.join(path))))
            .await
            .map(|read| read.map(Bytes::from))
    }

    pub async fn contains(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        self.blocking(key.to_string(), |files, path| files.root.join(path).try_exists()).await
    }

    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        self.blocking(key.to_string(), move |files, path| {
            let target = files.root.join(path);
            if target.try_exists()? { Ok(()) } else { files.write(&target, &bytes) }
        })
        .await
    }

    pub async fn remove(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        self.blocking(key.to_string(), |files, path| {
            let target = files.root.join(path);
            match fs::remove_file(&target) {
                Ok(()) => sync_folder(&target).map(|()| true),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    pub async fn swap(
        &self,
        key: &ObjectKey,
        was: Option<Revision>,
        to: Option<Bytes>,
    ) -> Result<(), StoreError> {
        let path = key.to_string();
        let swapped = self
            .blocking(path.clone(), move |files, path| files.swap_locked(path, was, to.as_deref()))
            .await?;
        if swapped { Ok(()) } else { Err(StoreError::Conflict { path }) }
    }

    pub async fn list(&self, records: Records) -> Result<Vec<Listed>, StoreError> {
        self.blocking(records.folder().to_owned(), |files, folder| {
            let mut listed = Vec::new();
            for entry in fs::read_dir(files.root.join(folder))? {
                listed.extend(listed_record(&entry?));
            }
            listed.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(listed)
        })
        .await
    }

    pub async fn paths(&self) -> Result<Vec<String>, StoreError> {
        self.blocking(String::new(), |files, _| {
            let mut paths = Vec::new();
            for folder in FOLDERS {
                collect_files(&files.root.join(folder), &mut paths)?;
            }
            let relative =
                |path: PathBuf| Some(path.strip_prefix(&files.root).ok()?.to_string_lossy().into_owned());
            let mut paths: Vec<String> = paths.into_iter().filter_map(relative).collect();
            paths.sort();
            Ok(paths)
        })
        .await
    }

    pub async fn check(&self) -> Result<(), StoreError> {
        self.blocking(TEMPORARY.to_owned(), |files, _| {
            let probe = files.temporary_path();
            File::create_new(&probe)?;
            fs::remove_file(&probe)
        })
        .await
    }

    /// Makes the folders, and removes what killed writers left behind.
    fn prepare(&self, _: &str) -> io::Result<()> {
        for folder in FOLDERS {
            fs::create_dir_all(self.root.join(folder))?;
        }
        File::open(&self.root)?.sync_all()?;
        for entry in fs::read_dir(self.root.join(TEMPORARY))? {
            let entry = entry?;
            let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
            if age > ABANDONED {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn swap_locked(&self, path: &str, was: Option<Revision>, to: Option<&[u8]>) -> io::Result<bool> {
        let lock = File::create(self.root.join(LOCK))?;
        lock.lock()?;
        let target = self.root.join(path);
        if absent_is_none(fs::read(&target))?.map(|bytes| Digest::of(&bytes)) != was {
            return Ok(false);
        }
        if let Some(bytes) = to {
            self.write(&target, bytes)?;
        } else {
            fs::remove_file(&target)?;
            sync_folder(&target)?;
        }
        Ok(true)
    }

    /// Write beside, sync, rename, sync the folder.
    fn write(&self, target: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.temporary_path();
        let written = write_synced(&temporary, bytes).and_then(|()| place(&temporary, target));
        if written.is_err() {
            // The first error is the one worth telling; a leftover is swept at a later start.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Nobody else's, of all processes on this folder: those in containers may have one number.
    fn temporary_path(&self) -> PathBuf {
        self.root.join(TEMPORARY).join(new_id())
    }

    /// Runs disk work where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        path: String,
        work: impl FnOnce(&Self, &str) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let files = self.clone();
        let (path, done) = tokio::task::spawn_blocking(move || {
            let done = work(&files, &path);
            (path, done)
        })
        .await
        .map_err(|panic| StoreError::io("disk task", io::Error::other(panic)))?;
        done.map_err(|source| StoreError::io(path, source))
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn place(temporary: &Path, target: &Path) -> io::Result<()> {
    if let Some(folder) = target.parent()
        && !folder.is_dir()
    {
        fs::create_dir_all(folder)?;
        sync_folder(folder)?;
    }
    fs::rename(temporary, target)?;
    sync_folder(target)
}

/// Makes a rename in the folder that holds `path` durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn absent_is_none(read: io::Result<Vec<u8>>) -> io::Result<Option<Vec<u8>>> {
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn listed_record(entry: &fs::DirEntry) -> Option<Listed> {
    let file_name = entry.file_name();
    let name = file_name.to_str()?.strip_suffix(".json")?;
    // A record removed between the listing and this look is as good as not listed.
    let metadata = entry.metadata().ok()?;
    // A change is a rename, so it also brings another inode: the clock's grain cannot hide it.
    let stamp = format!("{}.{}-{}", metadata.mtime(), metadata.mtime_nsec(), metadata.ino());
    Some(Listed { name: name.to_owned(), stamp })
}

fn collect_files(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() { collect_files(&path, found)? } else { found.push(path) }
    }
    Ok(())
}
