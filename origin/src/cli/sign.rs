//! `milliner sign`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::workbench::parse_recipe;
use super::{Failure, say};
use crate::clock::unix_now;
use crate::config::Config;

/// The settings that the command uses.
pub const USES: &[&str] = &["MILLINER_SIGNING_KEYS", "MILLINER_PUBLIC_URL"];

const NO_KEYS: &str = "\
there is no signing key: set MILLINER_SIGNING_KEYS to id:secret, the same for every server that checks signatures
  export MILLINER_SIGNING_KEYS=\"main:$(openssl rand -hex 32)\"";

/// Sign a delivery URL with a key of `MILLINER_SIGNING_KEYS`.
#[derive(Args)]
pub struct SignArgs {
    /// The recipe, as in a URL: /c/{base}/{layer}….{format}
    recipe: String,
    /// How long the URL is valid: 90s, 15m, 1h, 7d. Without it, for ever
    #[arg(long, value_name = "SPAN", value_parser = super::span)]
    expires_in: Option<Duration>,
    /// Id of the signing key; the first one unless said
    #[arg(long, value_name = "ID")]
    key: Option<String>,
}

/// Prints the signed URL.
pub fn run(config: &Config, args: &SignArgs) -> Result<ExitCode, Failure> {
    let path = parse_recipe(&args.recipe)?.to_path();
    let expires = args.expires_in.map(|span| unix_now() + span.as_secs());
    let signing = &config.access.signing;
    let signed = signing.sign(&path, expires, args.key.as_deref());
    let signed = signed.ok_or_else(|| no_key(args.key.as_deref(), &signing.ids().collect::<Vec<_>>()))?;
    say(&format!("{}{}", config.server.public_url, signed.path))?;
    Ok(ExitCode::SUCCESS)
}

fn no_key(wanted: Option<&str>, known: &[&str]) -> String {
    match wanted {
        Some(wanted) if !known.is_empty() => {
            format!("there is no signing key `{wanted}`; MILLINER_SIGNING_KEYS has: {}", known.join(", "))
        }
        _ => NO_KEYS.to_owned(),
    }
}
