//! The `milliner` binary: reads the command line, runs one command, tells its failure in one sentence.

use std::process::ExitCode;

use origin::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::read();
    // The rasterising child gives its rights up first: no runtime, no configuration, no log.
    if let Command::Rasterise { max_pixels } = cli.command {
        return origin::rasterise::child::run(max_pixels);
    }
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("milliner: {error}");
            ExitCode::FAILURE
        }
    }
}
