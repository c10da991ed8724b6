//! Where things are: the root of the checkout and cargo's target folder. Every path that another
//! module forms starts from one of these two, so commands work from any current folder.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};

/// The root of the checkout.
pub fn root() -> &'static Path {
    // `xtask` sits one level below the root, and `cargo xtask` always compiles it there.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Cargo's target folder, as cargo itself sees it (`CARGO_TARGET_DIR` and user configuration included).
pub fn target() -> Result<&'static Path> {
    static TARGET: OnceLock<PathBuf> = OnceLock::new();
    if let Some(found) = TARGET.get() {
        return Ok(found);
    }
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata does not read this workspace")?;
    Ok(TARGET.get_or_init(|| metadata.target_directory.into_std_path_buf()))
}
