//! The edge function as workerd runs it: one wasm module and its glue, in `edge/build`.

use anyhow::Result;

use crate::wasm::{self, Crate, Target};
use crate::workspace;

/// Compile `edge` and generate its glue.
pub fn build() -> Result<()> {
    let wasm = wasm::compile(Crate { package: "edge", features: "" })?;
    wasm::bindgen(&wasm, &workspace::root().join("edge/build"), "edge", Target::Bundler)
}
