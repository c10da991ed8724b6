//! `milliner render`: one recipe to one file, with the pixels that the service would deliver.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use compositor::{Compositor, Plan, RenderError};

use super::workbench::{Workbench, parse_recipe};
use super::{AssetArgs, Failure};
use crate::config::{Config, variable_of};

const EXAMPLES: &str = "\
Examples:
  milliner render '/c/tabby;w=800/top-hat.png' -o out.png
  milliner render '/c/tabby;w=800/top-hat.png' --catalogue catalogue/ -o out.png
  milliner render '/c/cat;w=400/hat;scale=0.5;at=top.jpg' --asset cat=cat.jpg --asset hat=hat.svg -o out.jpg
  milliner render '/c/tabby/crown.png' -o - | imgcat";

/// The settings that the command uses.
pub const USES: &[&str] = &[
    "MILLINER_STORE",
    "MILLINER_LIMIT_BODY_BYTES",
    "MILLINER_LIMIT_SOURCE_PIXELS",
    "MILLINER_LIMIT_CANVAS_PIXELS",
    "MILLINER_LIMIT_DRAWN_PIXELS",
    "MILLINER_LIMIT_LAYERS",
    "MILLINER_LIMIT_WORKING_BYTES",
    "MILLINER_LIMIT_SVG_TIMEOUT",
];

/// Render one recipe to a file.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct RenderArgs {
    /// The recipe, as in a URL: /c/{base}/{layer}….{format}
    recipe: String,
    /// Where to write it; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    assets: AssetArgs,
}

/// Resolves, draws, writes.
pub async fn run(config: Config, args: RenderArgs) -> Result<ExitCode, Failure> {
    let recipe = parse_recipe(&args.recipe)?;
    let bench = Workbench::open(&config, &args.assets, &recipe).await?;
    let plan = bench.plan(&recipe, args.assets.accept.as_deref())?;
    check_output(&args.output, &plan)?;
    let ingredients = bench.ingredients(&plan).await?;
    let started = Instant::now();
    let composite = Compositor::new(config.limits.picture, 0).compose(&plan, &ingredients).map_err(told)?;
    let drawn = started.elapsed();
    write(&args.output, &composite.bytes)?;
    tracing::debug!(key = %plan.key(), elapsed = ?drawn, "rendered");
    if args.output != Path::new("-") {
        let (width, height) = plan.canvas();
        let (file, bytes, key) = (args.output.display(), composite.bytes.len(), plan.key());
        super::say(&format!("{file}  {width}×{height}  {bytes} bytes  {} ms  {key}", drawn.as_millis()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// An error, and for a limit also the setting that can be raised.
fn told(error: RenderError) -> Failure {
    if let RenderError::Limit { pointer, limit, .. } = &error
        && let Some(variable) = variable_of(*limit)
    {
        return format!("{pointer}: {error}, or raise {variable}").into();
    }
    error.into()
}

/// A file whose name lies about its format is a mistake; so is a picture on a terminal.
fn check_output(output: &Path, plan: &Plan) -> Result<(), Failure> {
    let format = plan.format();
    if output == Path::new("-") {
        let to_terminal = io::stdout().is_terminal();
        return if to_terminal { Err("standard output is a terminal; give -o FILE".into()) } else { Ok(()) };
    }
    let extension = output.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let named = compositor::Format::from_extension(&extension.to_ascii_lowercase().replace("jpeg", "jpg"));
    match named {
        Some(named) if named != format => Err(format!(
            "the recipe makes a {} but the file is called {}",
            format.extension(),
            output.display()
        )
        .into()),
        _ => Ok(()),
    }
}

fn write(output: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if output == Path::new("-") {
        return Ok(io::stdout().write_all(bytes)?);
    }
    std::fs::write(output, bytes).map_err(|error| format!("{}: {error}", output.display()).into())
}
