//! `milliner keys`: API keys, kept in the store as hashes.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Failure, say};
use crate::clock::{rfc3339, unix_now};
use crate::config::Config;
use crate::keys::{Environment, Grant, Issued, KeyId, KeyRecord, Keys, Scope, User};
use crate::store::Store;

/// The settings that these commands use.
pub const USES: &[&str] = &["MILLINER_STORE", "MILLINER_ENVIRONMENT"];

/// Make, list, rotate and revoke API keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make a key, for the environment if one is set; its text is printed once and kept nowhere
    Create(CreateArgs),
    /// List the keys, of the environment if one is set, without their secrets
    List {
        /// Only the keys of one user
        #[arg(long)]
        user: Option<User>,
    },
    /// Give a key a new secret; for a while the old one works, too
    Rotate {
        /// The middle part of mk_…_…
        id: KeyId,
        /// How long the old secret still works. Any older one ends now
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
    /// What it is called
    #[arg(long)]
    name: String,
    /// Whose key it is
    #[arg(long)]
    user: Option<User>,
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
    let keys = Keys::new(Store::open(&config.store).await?, &config.access, None);
    let environment = config.access.environment;
    match command {
        KeysCommand::Create(args) => show_once(&keys.create(args.grant(environment)).await?)?,
        KeysCommand::List { user } => {
            let asked_for = |grant: &Grant| {
                (environment.is_none() || grant.environment == environment)
                    && (user.is_none() || grant.user == user)
            };
            for record in keys.list().await?.iter().filter(|record| asked_for(&record.grant)) {
                say(&line(record))?;
            }
        }
        KeysCommand::Rotate { id, grace } => show_once(&keys.rotate(&id, grace).await?)?,
        KeysCommand::Revoke { id } => {
            if !keys.revoke(&id).await? {
                return Err(format!("there is no key {id}").into());
            }
            say(&format!("{id} is revoked"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl CreateArgs {
    fn grant(self, environment: Option<Environment>) -> Grant {
        Grant {
            name: self.name,
            user: self.user,
            environment,
            scopes: self.scopes.into_iter().collect(),
            expires: self.expires_in.map(|span| unix_now().saturating_add(span.as_secs())),
            per_minute: self.per_minute,
        }
    }
}

/// The key alone on standard output, for a pipe; the rest beside it.
fn show_once(issued: &Issued) -> Result<(), Failure> {
    eprintln!("{}\nThis is the only time the key is shown:", line(&issued.record));
    say(&issued.text)
}

fn line(record: &KeyRecord) -> String {
    let KeyRecord { id, grant, created, revoked, .. } = record;
    let scopes: Vec<String> = grant.scopes.iter().map(ToString::to_string).collect();
    let state = match (revoked, grant.expires) {
        (Some(at), _) => format!("revoked {}", rfc3339(*at)),
        (None, Some(at)) => format!("expires {}", rfc3339(at)),
        (None, None) => "never expires".to_owned(),
    };
    let rate = grant.per_minute.map(|rate| format!("  {rate}/min"));
    let user = grant.user.as_ref().map(|user| format!("  user {user}"));
    let environment = grant.environment.as_ref().map(|environment| format!("  environment {environment}"));
    let overlap = record.overlaps_until(unix_now());
    let overlap = overlap.map(|until| format!("  old secret until {}", rfc3339(until)));
    let extras: String = [user, environment, rate, overlap].into_iter().flatten().collect();
    format!("{id}  {}  {}  created {}  {state}{extras}", grant.name, scopes.join(","), rfc3339(*created))
}
