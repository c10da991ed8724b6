//! `milliner render`: recipes to files, with the pixels that the service would deliver.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use compositor::{Compositor, Ingredients, Plan, Recipe, RenderError};

use super::workbench::{Workbench, parse_recipe};
use super::{AssetArgs, Failure};
use crate::config::{Config, variable_of};
use crate::renderer::helpers;

const EXAMPLES: &str = "\
Examples:
  milliner render '/c/tabby;w=800/top-hat.png' -o out.png
  milliner render '/c/tabby;w=800/top-hat.png' --catalogue catalogue/ -o out.png
  milliner render '/c/cat;w=400/hat;scale=0.5;at=top.jpg' --asset cat=cat.jpg --asset hat=hat.svg -o out.jpg
  milliner render '/c/tabby/crown.png' -o - | imgcat
  milliner render '/c/tabby/crown.png' '/c/tabby/top-hat.png' -o hats/   # hats/{key}.png each, the base drawn once";

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

/// Kept between the renders of one command: decoded and fitted pictures, encoded strips.
const KEPT_BYTES: usize = 256 << 20;

/// Render recipes to files.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct RenderArgs {
    /// The recipes, as in a URL: /c/{base}/{layer}….{format}
    #[arg(required = true, value_name = "RECIPE")]
    recipes: Vec<String>,
    /// Where to write it; `-` is standard output, and a folder has a file for each recipe, named by its key
    #[arg(short, long, value_name = "FILE or FOLDER")]
    output: PathBuf,
    #[command(flatten)]
    assets: AssetArgs,
}

/// Resolves, draws, writes.
pub async fn run(config: Config, args: RenderArgs) -> Result<ExitCode, Failure> {
    let recipes: Vec<Recipe> =
        args.recipes.iter().map(|recipe| parse_recipe(recipe)).collect::<Result<_, _>>()?;
    let bench = Workbench::open(&config, &args.assets, &recipes).await?;
    let accept = args.assets.accept.as_deref();
    // Whatever is wrong with a recipe is said before the first one is drawn.
    let plans: Vec<Plan> =
        recipes.iter().map(|recipe| bench.plan(recipe, accept)).collect::<Result<_, _>>()?;
    let into_folder = check_output(&args.output, &plans)?;
    if into_folder {
        std::fs::create_dir_all(&args.output)
            .map_err(|error| format!("{}: {error}", args.output.display()))?;
    }
    let kept = if plans.len() > 1 { KEPT_BYTES } else { 0 };
    let compositor = Compositor::new(config.limits.picture, kept).with_helpers(helpers());
    for plan in &plans {
        let ingredients = bench.ingredients(plan).await?;
        let output = if into_folder {
            args.output.join(format!("{}.{}", plan.key(), plan.format().extension()))
        } else {
            args.output.clone()
        };
        render(&compositor, plan, &ingredients, &output)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn render(
    compositor: &Compositor,
    plan: &Plan,
    ingredients: &Ingredients,
    output: &Path,
) -> Result<(), Failure> {
    if output == Path::new("-") {
        return to_stdout(compositor, plan, ingredients);
    }
    let started = Instant::now();
    let composite = compositor.compose(plan, ingredients).map_err(told)?;
    let drawn = started.elapsed();
    std::fs::write(output, &composite.bytes).map_err(|error| format!("{}: {error}", output.display()))?;
    let (width, height) = plan.canvas();
    let (file, bytes, key) = (output.display(), composite.bytes.len(), plan.key());
    super::say(&format!("{file}  {width}×{height}  {bytes} bytes  {} ms  {key}", drawn.as_millis()))
}

/// Passes every piece on as it is made: whoever reads the pipe sees the first rows before the last are drawn.
fn to_stdout(compositor: &Compositor, plan: &Plan, ingredients: &Ingredients) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let mut written = Ok(());
    compositor
        .compose_to(plan, ingredients, &mut |piece| {
            if written.is_ok() {
                written = stdout.write_all(piece);
            }
        })
        .map_err(told)?;
    Ok(written.and_then(|()| stdout.flush())?)
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

/// Is the output a folder, there or (by its last `/`) to be made? A file whose name lies about its format is a mistake; so are a picture on a terminal and
/// two pictures in one file.
fn check_output(output: &Path, plans: &[Plan]) -> Result<bool, Failure> {
    if output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Ok(true);
    }
    let [plan] = plans else {
        let (shown, count) = (output.display(), plans.len());
        return Err(format!(
            "{count} recipes make {count} files, and {shown} is no folder; write {shown}/ for one"
        )
        .into());
    };
    if output == Path::new("-") {
        let to_terminal = io::stdout().is_terminal();
        return if to_terminal {
            Err("standard output is a terminal; give -o FILE".into())
        } else {
            Ok(false)
        };
    }
    let format = plan.format();
    let extension = output.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let named = compositor::Format::from_extension(&extension.to_ascii_lowercase().replace("jpeg", "jpg"));
    match named {
        Some(named) if named != format => Err(format!(
            "the recipe makes a {} but the file is called {}",
            format.extension(),
            output.display()
        )
        .into()),
        _ => Ok(false),
    }
}
