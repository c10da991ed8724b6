//! The links' journal: one JSON object a line, appended in one write, replayed at start. A line torn by a crash is
//! dropped: its object is in the store, and the next request rebuilds the link. When most lines are stale, and at
//! an orderly shutdown, the journal is rewritten as a snapshot.
//!
//! The journal belongs to one process at a time; a lock on a file beside it says so.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use compositor::CompositeKey;
use serde::{Deserialize, Serialize};

use super::{Link, LinksError};

/// Below this many lines a rewrite is not worth it.
const MIN_LINES: usize = 1024;

/// One change.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    Set(Link),
    Remove(CompositeKey),
}

/// The open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
    /// Held, never read: dropping it lets the next process in.
    _lock: File,
}

impl Journal {
    /// Takes the journal under `root` over, with the links it holds.
    pub fn open(root: &Path) -> Result<(Self, HashMap<CompositeKey, Link>), LinksError> {
        let path = root.join("links.jsonl");
        let lock = lock(&root.join("links.lock"))?;
        let open = || -> io::Result<_> {
            let links = replay(&path)?;
            let file = write_snapshot(&path, &links)?;
            let lines = links.len();
            Ok((Self { path: path.clone(), file, lines, _lock: lock }, links))
        };
        open().map_err(|source| LinksError::new(&path, source))
    }

    /// Adds one change.
    pub fn append(&mut self, entry: &Entry) -> Result<(), LinksError> {
        let write = |file: &mut File| -> io::Result<()> {
            let mut line = serde_json::to_vec(entry)?;
            line.push(b'\n');
            file.write_all(&line)
        };
        write(&mut self.file).map_err(|source| LinksError::new(&self.path, source))?;
        self.lines += 1;
        Ok(())
    }

    /// Do most lines say nothing any more?
    pub fn is_mostly_stale(&self, live: usize) -> bool {
        self.lines > MIN_LINES.max(live * 2)
    }

    /// Replaces the journal with what is true now.
    pub fn rewrite(&mut self, links: &HashMap<CompositeKey, Link>) -> Result<(), LinksError> {
        self.file =
            write_snapshot(&self.path, links).map_err(|source| LinksError::new(&self.path, source))?;
        self.lines = links.len();
        Ok(())
    }
}

fn lock(path: &Path) -> Result<File, LinksError> {
    let file = File::create(path).map_err(|source| LinksError::new(path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let taken = io::Error::new(ErrorKind::AddrInUse, "another milliner serves this folder");
            Err(LinksError::new(path, taken))
        }
        Err(TryLockError::Error(source)) => Err(LinksError::new(path, source)),
    }
}

fn replay(path: &Path) -> io::Result<HashMap<CompositeKey, Link>> {
    let mut links = HashMap::new();
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(links),
        file => file?,
    };
    for line in BufReader::new(file).split(b'\n') {
        match serde_json::from_slice(&line?) {
            Ok(Entry::Set(link)) => {
                links.insert(link.key, link);
            }
            Ok(Entry::Remove(key)) => {
                links.remove(&key);
            }
            Err(error) => tracing::warn!(%error, "dropped an unreadable line of the links' journal"),
        }
    }
    Ok(links)
}

/// Writes a snapshot beside the journal, puts it in its place, and answers it open for appending.
fn write_snapshot(path: &Path, links: &HashMap<CompositeKey, Link>) -> io::Result<File> {
    let beside = path.with_extension("tmp");
    let mut writer = BufWriter::new(File::create(&beside)?);
    for link in links.values() {
        serde_json::to_writer(&mut writer, &Entry::Set(link.clone()))?;
        writer.write_all(b"\n")?;
    }
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    OpenOptions::new().append(true).open(path)
}
