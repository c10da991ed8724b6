//! The studio's static files in `web/build/site`: the hydrating wasm module and its glue, style and
//! typefaces, named by their content and precompressed. The server half is an ordinary binary
//! (`cargo build -p web --features ssr`) that reads `manifest.json` from there at its start.

use anyhow::Result;

use crate::wasm::{self, Crate};
use crate::{exec, npm, workspace};

/// Compile `web` for the browser, generate its glue and bundle everything the page loads.
pub fn build() -> Result<()> {
    let web = workspace::root().join("web");
    npm::ci(&web)?;
    let wasm = wasm::compile(Crate { package: "web", features: "hydrate" })?;
    wasm::bindgen(&wasm, &web.join("build/pkg"), "studio")?;
    exec::run(exec::command("node").arg("web/bundle.mjs"))
}
