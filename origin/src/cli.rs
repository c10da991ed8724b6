//! The command line. Each command is a file; what they share is reading the configuration and printing.

mod explain;
mod import;
mod keys;
mod render;
mod serve;
mod sign;
mod workbench;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::{Config, Flags};
use crate::telemetry::init_log;

/// A failure that is told in one sentence.
pub type Failure = Box<dyn Error + Send + Sync>;

const EXAMPLES: &str = "\
Examples:
  milliner import catalogue/                           fill the store
  milliner serve                                       http://127.0.0.1:8080/c/tabby/top-hat.png
  milliner render '/c/tabby;w=800/top-hat.png' -o out.png
  milliner render '/c/cat/hat.jpg' --asset cat=cat.jpg --asset hat=hat.png -o out.jpg
  milliner explain '/c/tabby/top-hat;rotate=352.auto'
  milliner keys create --name ci --scope read,write --expires-in 90days

`milliner --help` also lists every setting with its variable and its default.";

/// Puts hats on cats: composites overlay images onto base images and serves the result.
#[derive(Parser)]
#[command(name = "milliner", version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Serve the API and the composites until told to stop
    Serve,
    /// Render one recipe to a file
    Render(render::RenderArgs),
    /// Read a folder of pictures (svg, png, jpg, webp, gif) and their .toml files into the store
    Import(import::ImportArgs),
    /// Say what a recipe means, without rendering it
    Explain(explain::ExplainArgs),
    /// Sign a delivery URL
    Sign(sign::SignArgs),
    /// Make, list, rotate and revoke API keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Print a completion script for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// Draw an SVG from standard input to a PNG on standard output, under hard limits
    #[command(hide = true)]
    Rasterise {
        /// Largest picture
        #[arg(long)]
        max_pixels: u64,
    },
}

/// Where a command finds its assets.
#[derive(Args, Clone, Debug)]
pub struct AssetArgs {
    /// Take an asset from a file; repeatable. A .toml file beside it gives anchors and the rest. Needs no store
    #[arg(long = "asset", value_name = "ID=FILE", value_parser = workbench::parse_asset)]
    assets: Vec<(compositor::AssetId, PathBuf)>,
    /// Take assets from a folder like the one that `import` reads. Needs no store
    #[arg(long, value_name = "DIR")]
    catalogue: Option<PathBuf>,
    /// What an `auto` format is chosen from, like the HTTP header
    #[arg(long, value_name = "MEDIA TYPES")]
    accept: Option<String>,
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> Result<ExitCode, Failure> {
        if let Command::Completions { shell } = self.command {
            return completions(shell);
        }
        let config = Config::read(|variable| self.flags.or_environment(variable))?;
        init_log(&config.log);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            match self.command {
                Command::Serve => serve::run(config).await,
                Command::Render(args) => render::run(config, args).await,
                Command::Import(args) => import::run(config, args).await,
                Command::Explain(args) => explain::run(config, args).await,
                Command::Sign(args) => sign::run(&config, &args),
                Command::Keys(command) => keys::run(config, command).await,
                Command::Completions { .. } | Command::Rasterise { .. } => Ok(ExitCode::SUCCESS),
            }
        })
    }
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "milliner", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints lines to standard output. A reader that has gone away (`| head`) is no failure.
fn say(lines: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{lines}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
