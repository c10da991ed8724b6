//! `milliner keys`: API keys, kept in the store as hashes.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Failure, say};
use crate::clock::{rfc3339, unix_now};
use crate::config::Config;
use crate::keys::{Issued, KeyId, KeyRecord, Keys, Scope};
use crate::store::Store;

/// The settings that these commands use.
pub const USES: &[&str] = &["MILLINER_STORE"];

/// Make, list, rotate and revoke API keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make a key; its text is printed once and kept nowhere
    Create(CreateArgs),
    /// List the keys, without their secrets
    List,
    /// Give a key a new secret
    Rotate {
        /// The middle part of mk_…_…
        id: KeyId,
        /// How long the old secret still works
        #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = super::span)]
        grace: Duration,
    },
    /// End a key at once
    Revoke {
        /// The middle part of mk_…_…
        id: KeyId,
    },
}

/// A new key.
#[derive(Args)]
pub struct CreateArgs {
    /// Whose key it is
    #[arg(long)]
    name: String,
    /// What it allows
    #[arg(long = "scope", value_delimiter = ',', required = true)]
    scopes: Vec<Scope>,
    /// How long it works: 90s, 15m, 1h, 7d. Without it, until it is revoked
    #[arg(long, value_name = "SPAN", value_parser = super::span)]
    expires_in: Option<Duration>,
    /// Most calls a minute
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..))]
    per_minute: Option<u32>,
}

/// Runs one of them.
pub async fn run(config: Config, command: KeysCommand) -> Result<ExitCode, Failure> {
    let keys = Keys::new(Store::open(&config.store).await?, config.access.keys, None);
    match command {
        KeysCommand::Create(args) => {
            let expires = args.expires_in.map(|span| unix_now() + span.as_secs());
            let issued =
                keys.create(&args.name, args.scopes.into_iter().collect(), expires, args.per_minute).await?;
            show_once(&issued)?;
        }
        KeysCommand::List => {
            for record in keys.list().await? {
                say(&line(&record))?;
            }
        }
        KeysCommand::Rotate { id, grace } => {
            let issued = keys.rotate(&id, grace).await?.ok_or_else(|| format!("there is no key {id}"))?;
            show_once(&issued)?;
        }
        KeysCommand::Revoke { id } => {
            if !keys.revoke(&id).await? {
                return Err(format!("there is no key {id}").into());
            }
            say(&format!("{id} is revoked"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The key alone on standard output, for a pipe; the rest beside it.
fn show_once(issued: &Issued) -> Result<(), Failure> {
    eprintln!("{}\nThis is the only time the key is shown:", line(&issued.record));
    say(&issued.text)
}

fn line(record: &KeyRecord) -> String {
    let scopes: Vec<String> = record.scopes.iter().map(ToString::to_string).collect();
    let state = match (record.revoked, record.expires) {
        (Some(at), _) => format!("revoked {}", rfc3339(at)),
        (None, Some(at)) => format!("expires {}", rfc3339(at)),
        (None, None) => "never expires".to_owned(),
    };
    let rate = record.per_minute.map(|rate| format!("  {rate}/min")).unwrap_or_default();
    let created = rfc3339(record.created);
    format!("{}  {}  {}  created {created}  {state}{rate}", record.id, record.name, scopes.join(","))
}
