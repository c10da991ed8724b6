//! From a crate to a WebAssembly module that a page can load: compile, generate the JavaScript
//! glue, shrink. wasm-bindgen runs as a library, pinned by Cargo.lock beside the `wasm-bindgen`
//! the crates use: nothing to install, and the two can never disagree. `wasm-opt` is the npm
//! package `binaryen`, pinned by `xtask/package-lock.json`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::{exec, npm, workspace};

/// One crate to compile for `wasm32-unknown-unknown`.
#[derive(Clone, Copy, Debug)]
pub struct Crate<'a> {
    pub package: &'a str,
    /// Comma-separated features, on top of none: default features are off.
    pub features: &'a str,
}

/// The profile of everything that is delivered: small, with a fast pixel path.
const PROFILE: &str = "wasm-release";

/// Compile a crate's library and give the path of the `.wasm`.
pub fn compile(source: Crate<'_>) -> Result<PathBuf> {
    let mut cargo = exec::cargo();
    cargo.args(["build", "--lib", "--target", "wasm32-unknown-unknown", "--profile", PROFILE]);
    cargo.args(["--package", source.package, "--no-default-features", "--features", source.features]);
    exec::run(&mut cargo)?;
    let name = format!("{}.wasm", source.package.replace('-', "_"));
    Ok(workspace::target()?.join("wasm32-unknown-unknown").join(PROFILE).join(name))
}

/// Write `<out_name>.js`, `<out_name>_bg.wasm` and their types into `out_dir`, optimised: an ES module
/// that is given the URL, the bytes or the compiled module of the wasm, so that it runs anywhere.
///
/// Does nothing when the folder already holds the outcome for this very module.
pub fn bindgen(wasm: &Path, out_dir: &Path, out_name: &str) -> Result<()> {
    let input = fs::read(wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
    let fingerprint = fingerprint(&input)?;
    let stamp = out_dir.join(format!(".{out_name}.stamp"));
    if fs::read_to_string(&stamp).is_ok_and(|found| found == fingerprint) {
        return Ok(());
    }
    fs::create_dir_all(out_dir).with_context(|| format!("cannot create {}", out_dir.display()))?;
    glue(wasm, out_dir, out_name)?;
    wasm_opt(&out_dir.join(format!("{out_name}_bg.wasm")))?;
    fs::write(&stamp, fingerprint).with_context(|| format!("cannot write {}", stamp.display()))
}

fn glue(wasm: &Path, out_dir: &Path, out_name: &str) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.web(true)?.typescript(true).remove_producers_section(true);
    bindgen
        .input_path(wasm)
        .out_name(out_name)
        .generate(out_dir)
        .with_context(|| format!("wasm-bindgen refuses {}", wasm.display()))
}

/// Shrink a module in place with `wasm-opt`.
pub fn wasm_opt(wasm: &Path) -> Result<()> {
    let tools = workspace::root().join("xtask");
    npm::ci(&tools)?;
    let mut command = exec::command("node");
    command.arg(tools.join("node_modules/binaryen/bin/wasm-opt")).args(OPTIMISATIONS);
    command.arg(wasm).arg("-o").arg(wasm);
    exec::output(&mut command).map(drop)
}

/// Optimise for speed: `-Os` makes modules a fiftieth smaller and renders as much slower, or twice that. The proposals are
/// what our targets have: all are older than simd128 in the engines we support, and rustc emits them by default.
const OPTIMISATIONS: [&str; 9] = [
    "-O3",
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Changes with the module and the tools.
fn fingerprint(input: &[u8]) -> Result<String> {
    let tools = fs::read(workspace::root().join("xtask/package-lock.json"))
        .context("xtask/package-lock.json pins wasm-opt")?;
    let mut hasher = DefaultHasher::new();
    (input, tools, OPTIMISATIONS, env!("CARGO_PKG_VERSION")).hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}
