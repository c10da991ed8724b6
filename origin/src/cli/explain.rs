//! `milliner explain`: a dry run of a recipe.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use compositor::{Plan, Recipe};
use serde_json::json;

use super::workbench::{Workbench, parse_recipe};
use super::{AssetArgs, Failure, say};
use crate::config::Config;

/// The settings that the command uses: it reads files like an import.
pub const USES: &[&str] = super::import::USES;

/// Say what a recipe means.
#[derive(Args)]
pub struct ExplainArgs {
    /// The recipe, as in a URL: /c/{base}/{layer}….{format}
    recipe: String,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    assets: AssetArgs,
}

/// Resolves and prints.
pub async fn run(config: Config, args: ExplainArgs) -> Result<ExitCode, Failure> {
    let recipe = parse_recipe(&args.recipe)?;
    let bench = Workbench::open(&config, &args.assets, std::slice::from_ref(&recipe)).await?;
    let plan = bench.plan(&recipe, args.assets.accept.as_deref())?;
    say(&if args.json { as_json(&recipe, &plan)? } else { as_text(&recipe, &plan) })?;
    Ok(ExitCode::SUCCESS)
}

fn as_text(recipe: &Recipe, plan: &Plan) -> String {
    let (width, height) = plan.canvas();
    let mut text = String::new();
    let rows = [
        ("canonical", recipe.to_path()),
        ("resolved", plan.canonical_path()),
        ("key", plan.key().to_string()),
        ("immutable", plan.immutable_path()),
        ("picture", format!("{width}×{height} {}", plan.format().extension())),
        ("memory", format!("{:.1} MiB predicted", plan.working_bytes() as f64 / f64::from(1 << 20))),
        ("pinned", if plan.is_pinned() { "yes" } else { "no" }.to_owned()),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<11} {value}"); // writing to a String cannot fail
    }
    for digest in plan.ingredients() {
        let _ = writeln!(text, "ingredient  {digest}"); // as above
    }
    for digest in plan.files().iter().filter(|digest| !plan.ingredients().contains(digest)) {
        let _ = writeln!(text, "level       {digest}"); // as above
    }
    text.trim_end().to_owned()
}

fn as_json(recipe: &Recipe, plan: &Plan) -> Result<String, Failure> {
    let (width, height) = plan.canvas();
    let value = json!({
        "canonical": recipe.to_path(),
        "recipe": plan.canonical_path(),
        "key": plan.key(),
        "immutable": plan.immutable_path(),
        "format": plan.format().extension(),
        "width": width,
        "height": height,
        "pinned": plan.is_pinned(),
        "working_bytes": plan.working_bytes(),
        "ingredients": plan.ingredients(),
        "files": plan.files(),
    });
    Ok(serde_json::to_string_pretty(&value)?)
}
