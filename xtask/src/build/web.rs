//! The studio's browser half: the hydrating module and its glue, in `target/site/pkg`.

use anyhow::Result;

use crate::wasm::{self, Crate, Target};
use crate::workspace;

/// Compile `web` for the browser and generate its glue.
pub fn build() -> Result<()> {
    let wasm = wasm::compile(Crate { package: "web", features: "" })?;
    wasm::bindgen(&wasm, &workspace::target()?.join("site/pkg"), "web", Target::Web)
}
