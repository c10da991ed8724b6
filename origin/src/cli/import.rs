//! `milliner import`

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use compositor::Kind;
use futures::StreamExt;

use super::{Failure, say};
use crate::catalogue::LiveCatalogue;
use crate::config::{Config, StoreUrl};
use crate::import::{Imported, import, scan};
use crate::rasterise::Rasteriser;
use crate::store::Store;
use crate::upload::Changed;

/// The settings that the command uses.
pub const USES: &[&str] = &[
    "MILLINER_STORE",
    "MILLINER_LINKS",
    "MILLINER_REDIS_TIMEOUT",
    "MILLINER_LIMIT_BODY_BYTES",
    "MILLINER_LIMIT_SOURCE_PIXELS",
    "MILLINER_LIMIT_SVG_TIMEOUT",
];

/// Read a folder of pictures and fonts into the store.
#[derive(Args)]
pub struct ImportArgs {
    /// The folder; `tabby.svg` with `tabby.toml` beside it becomes the asset `tabby`
    folder: PathBuf,
}

/// What happened, summed up.
#[derive(Default)]
struct Tally {
    added: usize,
    replaced: usize,
    updated: usize,
    unchanged: usize,
    refused: usize,
}

/// Imports every file; says what became of each; fails if one was refused.
pub async fn run(config: Config, args: ImportArgs) -> Result<ExitCode, Failure> {
    let sources = scan(&args.folder)?;
    if config.store == StoreUrl::Memory {
        return Err(
            "MILLINER_STORE is memory:, which would be gone when the import ends; name a folder".into()
        );
    }
    let store = Store::open(&config.store).await?;
    let fleet = config.fleet()?;
    let catalogue = LiveCatalogue::open(store.clone(), fleet).await?;
    let limits = &config.limits;
    let rasteriser = Rasteriser::new(&config.rasteriser, limits.svg_timeout, limits.picture.source_pixels);
    let mut tally = Tally::default();
    let results = import(&sources, &catalogue, &store, &rasteriser, &limits.picture);
    let mut results = std::pin::pin!(results.enumerate());
    progress(0, sources.len());
    while let Some((i, result)) = results.next().await {
        clear_progress();
        match result {
            Ok(imported) => say(&tally.line(&imported))?,
            Err(error) => {
                tally.refused += 1;
                eprintln!("refused    {error}");
            }
        }
        progress(i + 1, sources.len());
    }
    clear_progress();
    say(&tally.summary(catalogue.snapshot().records.len()))?;
    Ok(if tally.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Tally {
    fn line(&mut self, imported: &Imported) -> String {
        let (word, count) = match imported.changed {
            Changed::Added => ("added", &mut self.added),
            Changed::Replaced => ("replaced", &mut self.replaced),
            Changed::Updated => ("updated", &mut self.updated),
            Changed::Unchanged => ("unchanged", &mut self.unchanged),
        };
        *count += 1;
        let asset = &imported.asset;
        let (id, kind) = (imported.id.to_string(), asset.kind.word());
        let size = match asset.kind {
            Kind::Base | Kind::Overlay => format!("{}×{}  ", asset.width, asset.height),
            Kind::Font => String::new(),
        };
        format!("{word:<9}  {id:<24} {kind:<8} {size}{} bytes", asset.bytes)
    }

    fn summary(&self, total: usize) -> String {
        let Self { added, replaced, updated, unchanged, refused } = self;
        format!(
            "{added} added, {replaced} replaced, {updated} updated, {unchanged} unchanged, {refused} refused; \
             the catalogue has {total} assets"
        )
    }
}

/// A line that is overwritten, for a person who waits.
fn progress(done: usize, all: usize) {
    if io::stderr().is_terminal() && done < all {
        eprint!("importing {}/{all} …", done + 1);
        // A progress line that cannot be shown is not worth a failure.
        let _ = io::stderr().flush();
    }
}

fn clear_progress() {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}
