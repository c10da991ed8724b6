//! `cargo xtask test`: everything that must hold before a change lands, from a bare machine, in one
//! order: cheap and likely to fail first, the browser last. Stops at the first failure and says how
//! to run just that step again. Continuous integration runs exactly this.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::say::{self, Colour};

mod api;
mod sizes;
mod steps;
mod targets;

use self::steps::{STEPS, Step};

#[derive(Args)]
pub struct Options {
    /// Run these steps only (comma-separated; `--list` names them)
    #[arg(long, value_delimiter = ',', value_parser = step_names())]
    only: Vec<String>,
    /// Go on after a failure
    #[arg(long)]
    keep_going: bool,
    /// Accept the present sizes of the wasm modules as the budget
    #[arg(long)]
    bless: bool,
    /// Name the steps and do nothing
    #[arg(long)]
    list: bool,
}

struct Outcome {
    step: &'static Step,
    took: Duration,
    passed: bool,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    if options.list {
        for step in STEPS {
            say::line(&format!("{:<9}{}", step.name, step.about));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if options.bless {
        return sizes::bless().map(|()| ExitCode::SUCCESS);
    }
    let wanted = |step: &&Step| options.only.is_empty() || options.only.iter().any(|name| name == step.name);
    let mut outcomes = Vec::new();
    for step in STEPS.iter().filter(wanted) {
        let outcome = take(step);
        let stop = !outcome.passed && !options.keep_going;
        outcomes.push(outcome);
        if stop {
            break;
        }
    }
    Ok(conclude(&outcomes))
}

fn step_names() -> clap::builder::PossibleValuesParser {
    STEPS.iter().map(|step| step.name).collect::<Vec<_>>().into()
}

fn take(step: &'static Step) -> Outcome {
    let start = Instant::now();
    let result = say::step(&format!("{}: {}", step.name, step.about), step.run);
    if let Err(error) = &result {
        say::line(&format!("{} {error:#}", say::paint(Colour::Red, "error:")));
        say::line(&format!("again: cargo xtask test --only {}", step.name));
    }
    Outcome { step, took: start.elapsed(), passed: result.is_ok() }
}

/// The table, then the one line that tells machines the same: nothing is said after it.
fn conclude(outcomes: &[Outcome]) -> ExitCode {
    say::line("");
    for Outcome { step, took, passed } in outcomes {
        let sign = if *passed { say::paint(Colour::Green, "✓") } else { say::paint(Colour::Red, "✗") };
        say::line(&format!("{sign} {:<9}{:>13}  {}", step.name, say::duration(*took), step.about));
    }
    let total: Duration = outcomes.iter().map(|outcome| outcome.took).sum();
    say::line(&format!("  {:<9}{:>13}\n", "", say::duration(total)));
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    say::result(&format!("{} passed, {failed} failed", outcomes.len() - failed));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
