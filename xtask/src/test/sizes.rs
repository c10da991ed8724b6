//! The budget of what people download: the brotli size of each wasm module, recorded in
//! `wasm-sizes.toml`. Growth of more than 5 % fails; `cargo xtask test --bless` records the present
//! sizes, and the difference then shows in review.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::say;
use crate::{exec, workspace};

/// Room for noise of compilers and small fixes, in percent.
const GROWTH: u64 = 5;

/// Each module by the name in `wasm-sizes.toml`, and where its build leaves it.
const MODULES: [(&str, &str); 3] = [
    ("edge", "edge/build/index.wasm"),
    ("studio", "web/build/pkg/studio_bg.wasm"),
    ("wasm-pkg", "wasm-pkg/pkg/milliner_bg.wasm"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Size {
    /// Bytes of the module as it is.
    raw: u64,
    /// Bytes on the wire, at the quality that servers precompress with.
    brotli: u64,
}

type Sizes = BTreeMap<String, Size>;

/// Compare the modules on disk with the budget.
pub fn check() -> Result<()> {
    let text = fs::read_to_string(budget()).context("no budget yet: cargo xtask test --bless")?;
    let allowed: Sizes = toml::from_str(&text).context("wasm-sizes.toml")?;
    let present = measure()?;
    say::line(&table(&present, &allowed));
    let grown = grown(&present, &allowed);
    if !grown.is_empty() {
        bail!(
            "grew by more than {GROWTH} %: {}; find out why, or accept it with cargo xtask test --bless",
            grown.join(", ")
        );
    }
    Ok(())
}

/// Record the present sizes.
pub fn bless() -> Result<()> {
    let header =
        "# What people download. Checked by `cargo xtask test`, written by `cargo xtask test --bless`.\n\n";
    let present = measure()?;
    fs::write(budget(), format!("{header}{}", toml::to_string(&present)?)).context("wasm-sizes.toml")?;
    say::line(&table(&present, &present));
    Ok(())
}

fn budget() -> PathBuf {
    workspace::root().join("wasm-sizes.toml")
}

/// Node has brotli built in: one more compressor to compile would cost more than the whole check.
fn measure() -> Result<Sizes> {
    let script = "const fs = require('fs'), zlib = require('zlib');
        const sizes = process.argv.slice(1).map((file) => {
            const bytes = fs.readFileSync(file);
            return { raw: bytes.length, brotli: zlib.brotliCompressSync(bytes).length };
        });
        console.log(JSON.stringify(sizes));";
    let mut node = exec::command("node");
    let output = exec::output(node.args(["-e", script]).args(MODULES.map(|(_, file)| file)))?;
    let sizes: Vec<Size> = serde_json::from_str(&output).context("sizes from node")?;
    Ok(MODULES.iter().zip(sizes).map(|((name, _), size)| ((*name).to_owned(), size)).collect())
}

/// Names of the modules over their budget; one that is not in the budget has none, and is over it.
fn grown(present: &Sizes, allowed: &Sizes) -> Vec<String> {
    let over = |name: &String, size: &Size| {
        allowed.get(name).is_none_or(|allowed| size.brotli * 100 > allowed.brotli * (100 + GROWTH))
    };
    present.iter().filter(|(name, size)| over(name, size)).map(|(name, _)| name.clone()).collect()
}

fn table(present: &Sizes, allowed: &Sizes) -> String {
    let mut text = String::new();
    for (name, size) in present {
        let budget = allowed.get(name).map_or(0, |size| size.brotli);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<9}{:>9} brotli (budget {budget}), {:>9} raw", size.brotli, size.raw);
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(brotli: u64) -> Sizes {
        Sizes::from([("edge".to_owned(), Size { raw: 2 * brotli, brotli })])
    }

    #[test]
    fn five_percent_are_free_and_more_is_not() {
        assert!(grown(&sizes(1050), &sizes(1000)).is_empty());
        assert_eq!(grown(&sizes(1051), &sizes(1000)), ["edge"]);
        assert!(grown(&sizes(10), &sizes(1000)).is_empty());
        assert_eq!(grown(&sizes(10), &Sizes::new()), ["edge"]);
    }

    #[test]
    fn the_budget_reads_what_it_writes() {
        let written = toml::to_string(&sizes(1000)).unwrap();
        assert_eq!(toml::from_str::<Sizes>(&written).unwrap(), sizes(1000));
    }
}
