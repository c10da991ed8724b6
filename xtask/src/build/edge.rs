//! The edge function as workerd runs it: `edge/build/index.js` (glue and shim in one file) and
//! `edge/build/index.wasm`. What `worker-build` does for a crate on its own, without installing
//! anything beside npm's esbuild: wasm-bindgen in module mode with a resettable instance, so that a
//! panic costs one instance and not the isolate.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::wasm::{self, Crate};
use crate::{exec, npm, workspace};

/// Where the bundler finds the glue: beside what it writes, so that relative paths stay short.
const GLUE: &str = "glue";

/// Compile `edge`, generate its glue, shrink and bundle it; gives the folder.
///
/// Does nothing when the folder already holds the outcome for these very inputs.
pub fn build() -> Result<PathBuf> {
    let edge = workspace::root().join("edge");
    let out = edge.join("build");
    let wasm = wasm::compile(Crate { package: "edge", features: "" })?;
    let fingerprint = fingerprint(&edge, &wasm)?;
    let stamp = out.join(".stamp");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == fingerprint) {
        return Ok(out);
    }
    glue(&wasm, &out.join(GLUE))?;
    let module = out.join("index.wasm");
    fs::rename(out.join(GLUE).join("edge_bg.wasm"), &module)
        .with_context(|| format!("cannot write {}", module.display()))?;
    wasm::wasm_opt(&module)?;
    bundle(&edge, &out)?;
    fs::write(&stamp, fingerprint).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(out)
}

/// Write `edge.js`, its snippets and `edge_bg.wasm` into a fresh folder.
fn glue(wasm: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot clear {}", folder.display()))?;
    }
    let mut bindgen = Bindgen::new();
    bindgen.module(true)?.typescript(false).remove_producers_section(true).remove_name_section(true);
    bindgen.reset_state_function(true);
    bindgen
        .input_path(wasm)
        .out_name("edge")
        .generate(folder)
        .with_context(|| format!("wasm-bindgen refuses {}", wasm.display()))?;
    import_as_module(&folder.join("edge.js"))
}

/// workerd gives a compiled module for a plain `import` of wasm; the source-phase syntax that
/// wasm-bindgen writes for the same thing is not in it yet.
fn import_as_module(glue: &Path) -> Result<()> {
    let source = fs::read_to_string(glue).with_context(|| format!("cannot read {}", glue.display()))?;
    let source = source.replace("import source ", "import ").replace("./edge_bg.wasm", "./index.wasm");
    fs::write(glue, source).with_context(|| format!("cannot write {}", glue.display()))
}

/// One file out of shim, glue and snippets.
fn bundle(edge: &Path, out: &Path) -> Result<()> {
    npm::ci(edge)?;
    let mut esbuild = exec::command("node_modules/.bin/esbuild");
    esbuild.args(["shim.mjs", "--outfile=build/index.js", "--bundle", "--format=esm", "--minify"]);
    esbuild.args(["--external:*.wasm", "--log-level=warning"]);
    exec::output(esbuild.current_dir(edge))?;
    let glue = out.join(GLUE);
    fs::remove_dir_all(&glue).with_context(|| format!("cannot remove {}", glue.display()))
}

/// Changes with the module, the shim, the tools, and this very program.
fn fingerprint(edge: &Path, wasm: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    let shim = ["shim.mjs", "guard.mjs", "package-lock.json"].map(|name| edge.join(name));
    let tools = workspace::root().join("xtask/package-lock.json");
    let this = std::env::current_exe().context("where is this program?")?;
    for path in shim.iter().map(PathBuf::as_path).chain([wasm, &tools, &this]) {
        fs::read(path).with_context(|| format!("cannot read {}", path.display()))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}
