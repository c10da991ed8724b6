//! What the render benchmarks need before they run: Python packages of pinned versions in the target folder, never in
//! the system, and the input pictures, which a script makes of a free photograph in the scikit-image wheel.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{exec, machine, npm, workspace};

/// Only its photographs are used; the wheel is not installed.
const PHOTOGRAPHS: &str = "scikit-image==0.26.0";

/// The scripts of the peers.
pub fn scripts() -> PathBuf {
    workspace::root().join("compositor/benches/peers")
}

/// Where inputs, outputs and Python packages are.
pub fn folder() -> Result<PathBuf> {
    Ok(workspace::target()?.join("bench"))
}

/// The input pictures, made anew whenever the script that makes them changed.
pub fn make() -> Result<()> {
    let (folder, script) = (folder()?, scripts().join("inputs.py"));
    let wanted = fs::read(&script).with_context(|| format!("{} is missing", script.display()))?;
    let stamp = folder.join("inputs/.made-by");
    if fs::read(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    let packages = python("pillow")?;
    let wheel = photographs(&folder)?;
    let mut command = exec::command("python3");
    command.env("PYTHONPATH", packages).arg(&script).arg(wheel).arg(folder.join("inputs"));
    exec::output(&mut command)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

fn photographs(folder: &Path) -> Result<PathBuf> {
    let wheels = folder.join("wheels");
    let found = || {
        let files = fs::read_dir(&wheels).ok()?.filter_map(Result::ok).map(|entry| entry.path());
        files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "whl"))
    };
    if let Some(wheel) = found() {
        return Ok(wheel);
    }
    let mut pip = exec::command("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", PHOTOGRAPHS, "--dest"]);
    exec::output(pip.arg(&wheels))?;
    found().context("pip downloaded no wheel of scikit-image")
}

/// The folder of the Python packages that `<name>.txt` pins, installed if that is not so already.
pub fn python(name: &str) -> Result<PathBuf> {
    let folder = folder()?.join(name);
    machine::python(&scripts().join(format!("{name}.txt")), &folder)?;
    Ok(folder)
}

/// The npm packages of the peers, exactly as their lock file says.
pub fn node() -> Result<()> {
    npm::ci(&scripts())
}
