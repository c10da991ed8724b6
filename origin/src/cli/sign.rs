//! `milliner sign`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::workbench::parse_recipe;
use super::{Failure, say};
use crate::clock::unix_now;
use crate::config::Config;

/// Sign a delivery URL with a key of `MILLINER_SIGNING_KEYS`.
#[derive(Args)]
pub struct SignArgs {
    /// The recipe, as in a URL: /c/{base}/{layer}….{format}
    recipe: String,
    /// How long the URL is valid: 1h, 30days. Without it, for ever
    #[arg(long, value_name = "SPAN", value_parser = humantime::parse_duration)]
    expires_in: Option<Duration>,
    /// Id of the signing key; the first one unless said
    #[arg(long, value_name = "ID")]
    key: Option<String>,
}

/// Prints the signed URL.
pub fn run(config: &Config, args: &SignArgs) -> Result<ExitCode, Failure> {
    let path = parse_recipe(&args.recipe)?.to_path();
    let expires = args.expires_in.map(|span| unix_now() + span.as_secs());
    let signed = config.access.signing.sign(&path, expires, args.key.as_deref());
    let signed = signed.ok_or("there is no such signing key; set MILLINER_SIGNING_KEYS to id:secret")?;
    say(&format!("{}{}", config.server.public_url, signed.path))?;
    Ok(ExitCode::SUCCESS)
}
