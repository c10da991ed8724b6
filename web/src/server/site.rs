//! The static files and their names, as the build's `manifest.json` tells them. Every name holds the hash of its
//! content, so every file may be kept for ever.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ServerError;

/// URLs of what a page loads.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    pub boot: String,
    pub worker: String,
    pub theme: String,
    pub style: String,
    pub icon: String,
    pub wasm: String,
    pub fonts: Vec<String>,
}

/// The folder and its manifest.
#[derive(Clone, Debug)]
pub struct Site {
    pub manifest: Manifest,
    pub assets: PathBuf,
}

impl Site {
    /// # Errors
    /// A folder that was not built.
    pub fn load(folder: &Path) -> Result<Self, ServerError> {
        let path = folder.join("manifest.json");
        let failed = |reason: String| ServerError::Site { path: path.display().to_string(), reason };
        let text = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
        let manifest = serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
        Ok(Site { manifest, assets: folder.join("assets") })
    }
}
