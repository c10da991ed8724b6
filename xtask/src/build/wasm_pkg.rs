//! The npm package in `wasm-pkg/pkg`: the compositor for other people's pages.

use anyhow::Result;

use crate::wasm::{self, Crate};
use crate::workspace;

/// Compile `wasm-pkg` and generate its glue.
pub fn build() -> Result<()> {
    let wasm = wasm::compile(Crate { package: "wasm-pkg", features: "" })?;
    wasm::bindgen(&wasm, &workspace::root().join("wasm-pkg/pkg"), "milliner")
}
