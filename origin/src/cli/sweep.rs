//! `milliner sweep`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{Failure, say};
use crate::app::App;
use crate::config::Config;
use crate::purge::sweep;

/// The settings that the command uses.
pub const USES: &[&str] = &["MILLINER_STORE", "MILLINER_LINKS", "MILLINER_REDIS_TIMEOUT"];

/// Drop what nobody asks for.
#[derive(Args)]
pub struct SweepArgs {
    /// How long nobody asked for it: 12h, 30d
    #[arg(long, value_name = "SPAN", value_parser = super::span)]
    unused_for: Duration,
}

/// Sweeps once, and says how much.
pub async fn run(config: Config, args: SweepArgs) -> Result<ExitCode, Failure> {
    let app = App::open(config).await?;
    let swept = sweep(&app, args.unused_for).await?;
    app.flush().await?;
    say(&format!(
        "swept {swept} composites that nobody asked for in {}",
        humantime::format_duration(args.unused_for)
    ))?;
    Ok(ExitCode::SUCCESS)
}
