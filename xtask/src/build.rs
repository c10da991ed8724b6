//! `cargo xtask build`: the WebAssembly parts and what is bundled around them. One file per part;
//! each leaves its outcome where the part's own README says it is.

use anyhow::Result;
use clap::{Args, ValueEnum};

pub mod edge;
pub mod wasm_pkg;
pub mod web;

#[derive(Args)]
pub struct Options {
    /// What to build
    #[arg(value_enum, default_value_t = Part::All)]
    part: Part,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    WasmPkg,
    Web,
    Edge,
    All,
}

pub fn run(options: &Options) -> Result<()> {
    let wants = |part| options.part == part || options.part == Part::All;
    if wants(Part::WasmPkg) {
        wasm_pkg::build()?;
    }
    if wants(Part::Web) {
        web::build()?;
    }
    if wants(Part::Edge) {
        edge::build()?;
    }
    Ok(())
}
