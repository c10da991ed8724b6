//! The command line. Each command is a file; what they share is reading the configuration and printing.

mod explain;
mod import;
mod keys;
mod render;
mod serve;
mod sign;
mod sweep;
mod workbench;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{Config, ConfigError, Flags, SETTINGS, strays, with_flags};
use crate::lambda;
use crate::serve::Role;
use crate::telemetry;

/// A failure that is told in one sentence.
pub type Failure = Box<dyn Error + Send + Sync>;

const EXAMPLES: &str = "\
Examples:
  milliner import catalogue/                           fill the store
  milliner serve                                       http://127.0.0.1:8080/c/tabby/top-hat.png
  milliner render '/c/tabby;w=800/top-hat.png' -o out.png
  milliner render '/c/cat/hat.jpg' --asset cat=cat.jpg --asset hat=hat.png -o out.jpg
  milliner explain '/c/tabby/top-hat;rotate=352.auto'
  milliner keys create --name ci --scope read,write --expires-in 90d

`milliner COMMAND --help` lists the settings that the command uses, each with its variable and its default.";

/// Puts hats on cats: composites overlay images onto base images and serves the result.
#[derive(Parser)]
#[command(name = "milliner", version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    #[arg(skip)]
    flags: Flags,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Serve the API and the composites until told to stop
    Serve,
    /// Render what the queue brings until told to stop
    Work,
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
    /// Drop the composites that nobody asked for in a while
    Sweep(sweep::SweepArgs),
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

/// What every command uses.
const LOG: [&str; 2] = ["MILLINER_LOG", "MILLINER_LOG_FORMAT"];

/// The commands that read the configuration, and the settings that each uses.
fn configured() -> Vec<(&'static str, Vec<&'static str>)> {
    let every: Vec<_> = SETTINGS.iter().map(|setting| setting.variable).collect();
    let with_log = |uses: &[&'static str]| [uses, &LOG].concat();
    vec![
        ("serve", every.clone()),
        ("work", every),
        ("render", with_log(render::USES)),
        ("import", with_log(import::USES)),
        ("explain", with_log(explain::USES)),
        ("sign", with_log(sign::USES)),
        ("keys", with_log(keys::USES)),
        ("sweep", with_log(sweep::USES)),
    ]
}

/// The command line, every command with the settings that it uses.
fn command_line() -> clap::Command {
    configured().into_iter().fold(Cli::command(), |command, (name, uses)| {
        command.mut_subcommand(name, |subcommand| with_flags(subcommand, &uses))
    })
}

impl Cli {
    /// Reads the command line of this process; one that cannot be read ends it.
    pub fn read() -> Self {
        let matches = command_line().get_matches_from(given(std::env::args_os().collect()));
        let cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        match (matches.subcommand(), cli.uses()) {
            (Some((_, given)), Some(uses)) => Self { flags: Flags::of(given, &uses), ..cli },
            _ => cli,
        }
    }

    fn uses(&self) -> Option<Vec<&'static str>> {
        let name = self.command.name();
        configured().into_iter().find(|(known, _)| *known == name).map(|(_, uses)| uses)
    }

    /// The configuration, as far as the command uses it: a mistake in the rest is not its business.
    fn config(&self, uses: &[&'static str]) -> Result<Config, ConfigError> {
        let given =
            |variable| uses.contains(&variable).then(|| self.flags.or_environment(variable)).flatten();
        Config::read(|variable| match variable {
            // Behind Lambda there is no listener whose address could tell that everybody can call.
            "MILLINER_KEYS" if lambda::is_here() => {
                let said = given(variable).filter(|mode| !matches!(mode.as_str(), "" | "auto"));
                said.or_else(|| Some("required".to_owned()))
            }
            // What one render may take, all may where there is only one.
            "MILLINER_LIMIT_RENDER_BYTES" if !uses.contains(&variable) => {
                given("MILLINER_LIMIT_WORKING_BYTES")
            }
            _ => given(variable),
        })
    }

    /// Runs the command.
    pub fn run(self) -> Result<ExitCode, Failure> {
        if let Command::Completions { shell } = self.command {
            return completions(shell);
        }
        look_for_strays(matches!(self.command, Command::Serve | Command::Work))?;
        let config = self.config(&self.uses().unwrap_or_default())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        // Whoever speaks TLS takes this; the first one stays, and all are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let traces = runtime.block_on(async { telemetry::start(&config.log, &config.traces) })?;
        let code = runtime.block_on(async {
            match self.command {
                Command::Serve => serve::run(config, Role::Serve).await,
                Command::Work => serve::run(config, Role::Work).await,
                Command::Render(args) => render::run(config, args).await,
                Command::Import(args) => import::run(config, args).await,
                Command::Explain(args) => explain::run(config, args).await,
                Command::Sign(args) => sign::run(&config, &args),
                Command::Keys(command) => keys::run(config, command).await,
                Command::Sweep(args) => sweep::run(config, args).await,
                Command::Completions { .. } | Command::Rasterise { .. } => Ok(ExitCode::SUCCESS),
            }
        });
        // The last spans are sent by a runtime that still works.
        drop(traces);
        code
    }
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Work => "work",
            Self::Render(_) => "render",
            Self::Import(_) => "import",
            Self::Explain(_) => "explain",
            Self::Sign(_) => "sign",
            Self::Keys(_) => "keys",
            Self::Sweep(_) => "sweep",
            Self::Completions { .. } => "completions",
            Self::Rasterise { .. } => "rasterise",
        }
    }
}

/// Lambda starts its program without a word: there it serves.
fn given(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.len() < 2 && lambda::is_here() {
        arguments.resize(1, "milliner".into());
        arguments.push("serve".into());
    }
    arguments
}

/// A variable with a slip in its name: a server does not start on a guess, other commands only warn.
fn look_for_strays(serving: bool) -> Result<(), Failure> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let strays = strays(std::env::vars_os().map(|(name, value)| (text(name), text(value))));
    match strays.first() {
        Some(stray) if serving => Err(stray.to_string().into()),
        _ => {
            for stray in strays {
                eprintln!("milliner: warning: {stray}");
            }
            Ok(())
        }
    }
}

/// A time span on the command line.
fn span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).ok().filter(|span| !span.is_zero());
    span.ok_or_else(|| "allowed: a time span such as `90s`, `15m`, `1h` or `7d`".to_owned())
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command_line(), "milliner", &mut script);
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
