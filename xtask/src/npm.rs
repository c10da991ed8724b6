//! npm packages of one folder, exactly as its lock file says. `npm ci` deletes and reinstalls, so
//! it runs only when the lock file changed since the last time.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::exec;

/// Install `folder/package-lock.json` into `folder/node_modules`, unless that is already so.
pub fn ci(folder: &Path) -> Result<()> {
    let lock = folder.join("package-lock.json");
    let wanted = fs::read(&lock).with_context(|| format!("{} is missing", lock.display()))?;
    let stamp = folder.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut command = exec::command("npm");
    command.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
    exec::run(&mut command)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}
