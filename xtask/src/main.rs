//! The project's own commands (`cargo xtask --help`): build the parts, run the whole product,
//! test all of it. Everything a contributor types goes through here, so that continuous
//! integration and a fresh clone do exactly the same thing. This file only reads the command
//! line; each command has a module of its own.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bench;
mod build;
mod contact_sheet;
mod exec;
mod faults;
mod fuzz;
mod machine;
mod npm;
mod run;
mod say;
mod server;
mod test;
mod wasm;
mod workspace;

use self::say::Colour;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and run it here: origin, edge and web, until Ctrl-C
    Run(run::Options),
    /// Test everything: what has to pass before a change lands
    Test(test::Options),
    /// Render every cat under every overlay, to look at
    ContactSheet(contact_sheet::Options),
    /// Measure renders and cached answers against named peers
    Bench(bench::Options),
    /// Try inputs that nobody thought of, guided by coverage
    Fuzz(fuzz::Options),
    /// Let parts of the back end fail under load
    Faults(faults::Options),
    /// Build the WebAssembly parts and what is bundled around them
    Build(build::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            say::line(&format!("{} {error:#}", say::paint(Colour::Red, "error:")));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Run(options) => run::run(&options)?,
        Command::Test(options) => return test::run(&options),
        Command::ContactSheet(options) => contact_sheet::run(&options)?,
        Command::Bench(options) => bench::run(&options)?,
        Command::Fuzz(options) => fuzz::run(&options)?,
        Command::Faults(options) => faults::run(&options)?,
        Command::Build(options) => build::run(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}
