//! Other compositors doing the same jobs, each a script of `compositor/benches/peers` that prints its medians. A peer
//! that cannot be installed or fails is reported as missing with the reason, never left out.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{inputs, median};
use crate::{exec, machine, say, workspace};

/// Where a peer runs: it is compared with ours that runs there, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Native,
    Wasm,
}

/// In what a script runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Its own interpreter: Python or Node.
    Process,
    /// A page of headless Chromium.
    Page,
}

/// A script and how the tables call it.
pub struct Peer {
    pub title: &'static str,
    pub kind: Kind,
    script: &'static str,
    /// The list of Python packages it needs; none for Node.
    python: Option<&'static str>,
}

const fn node(title: &'static str, kind: Kind, script: &'static str) -> Peer {
    Peer { title, kind, script, python: None }
}

const fn python(title: &'static str, script: &'static str, packages: &'static str) -> Peer {
    Peer { title, kind: Kind::Native, script, python: Some(packages) }
}

pub const PEERS: [Peer; 8] = [
    node("sharp", Kind::Native, "sharp.mjs"),
    node("@napi-rs/canvas (Skia)", Kind::Native, "canvas.mjs"),
    python("Pillow", "pillow.py", "pillow"),
    python("libvips (pyvips)", "vips.py", "vips"),
    node("wasm-vips", Kind::Wasm, "wasm-vips.mjs"),
    node("@jsquash", Kind::Wasm, "jsquash.mjs"),
    node("photon", Kind::Wasm, "photon.mjs"),
    node("magick-wasm", Kind::Wasm, "magick.mjs"),
];

/// Our own npm package, by a script of the same kind.
pub const OURS_IN_WASM: Peer = node("Milliner in wasm", Kind::Wasm, "milliner.mjs");

/// What a script prints.
#[derive(Deserialize)]
pub struct Report {
    pub version: String,
    pub jobs: BTreeMap<String, Outcome>,
}

/// One job by one peer.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Outcome {
    Measured(Measured),
    Missing { missing: String },
}

/// Milliseconds of processor time, and the length of the file.
#[derive(Clone, Copy, Deserialize)]
pub struct Measured {
    pub cold: f64,
    pub warm: f64,
    pub bytes: u64,
    /// What passed meanwhile, where a script says so.
    pub elapsed: Option<Elapsed>,
}

/// Milliseconds by the clock.
#[derive(Clone, Copy, Deserialize)]
pub struct Elapsed {
    pub cold: f64,
    pub warm: f64,
}

impl Outcome {
    pub fn measured(&self) -> Option<Measured> {
        match self {
            Outcome::Measured(measured) => Some(*measured),
            Outcome::Missing { .. } => None,
        }
    }
}

impl Measured {
    /// The same by the clock.
    pub fn by_the_clock(self) -> Option<Self> {
        let Elapsed { cold, warm } = self.elapsed?;
        Some(Measured { cold, warm, ..self })
    }
}

/// Passes in which all take turns: what a slow minute of the machine does, it does to everybody.
const PASSES: u32 = 3;

/// At least so many rounds of each job are in a pass.
pub fn rounds_of_a_pass(rounds: u32) -> u32 {
    rounds.div_ceil(PASSES)
}

/// The figures of several peers, or why there are none.
pub fn in_turn(peers: &[&Peer], jobs: &[&str], rounds: u32, place: Place) -> Vec<Result<Report, String>> {
    let mut passes: Vec<Vec<_>> = peers.iter().map(|_| Vec::new()).collect();
    for _ in 0..PASSES {
        for (peer, passes) in peers.iter().zip(&mut passes) {
            passes.push(peer.measure(jobs, rounds_of_a_pass(rounds), place));
        }
    }
    let all = |passes: Vec<Result<_, _>>| passes.into_iter().collect::<Result<Vec<_>, _>>();
    passes.into_iter().map(|passes| all(passes).map(median_report)).collect()
}

/// The medians of what several runs of one script told.
fn median_report(reports: Vec<Report>) -> Report {
    let mut outcomes = BTreeMap::<String, Vec<Outcome>>::new();
    let version = reports.first().map_or_else(String::new, |report| report.version.clone());
    for (job, outcome) in reports.into_iter().flat_map(|report| report.jobs) {
        outcomes.entry(job).or_default().push(outcome);
    }
    let jobs = outcomes.into_iter().filter_map(|(job, outcomes)| Some((job, median_outcome(outcomes)?)));
    Report { version, jobs: jobs.collect() }
}

/// What is missing in one run is missing.
fn median_outcome(outcomes: Vec<Outcome>) -> Option<Outcome> {
    let Some(all) = outcomes.iter().map(Outcome::measured).collect::<Option<Vec<_>>>() else {
        return outcomes.into_iter().find(|outcome| outcome.measured().is_none());
    };
    let of = |figure: fn(&Measured) -> f64| median(all.iter().map(figure).collect());
    let elapsed = all.iter().map(|one| one.elapsed).collect::<Option<Vec<_>>>().map(|all| {
        let of = |figure: fn(&Elapsed) -> f64| median(all.iter().map(figure).collect());
        Elapsed { cold: of(|one| one.cold), warm: of(|one| one.warm) }
    });
    let (cold, warm) = (of(|one| one.cold), of(|one| one.warm));
    Some(Outcome::Measured(Measured { cold, warm, bytes: all.first()?.bytes, elapsed }))
}

impl Peer {
    /// Its figures of these jobs, or why there are none.
    fn measure(&self, jobs: &[&str], rounds: u32, place: Place) -> Result<Report, String> {
        let within = if place == Place::Page { " in Chromium" } else { "" };
        let step = format!("{}{within}: {}", self.title, jobs.join(", "));
        let outcome = say::step(&step, || self.run(jobs, rounds, place));
        // Tables are for everybody: they have no paths of this machine.
        let told = |error| format!("{error:#}").replace(&*workspace::root().to_string_lossy(), "…");
        outcome.map_err(|error| told(error).lines().take(2).collect::<Vec<_>>().join(" "))
    }

    fn run(&self, jobs: &[&str], rounds: u32, place: Place) -> Result<Report> {
        let mut command = self.command()?;
        command.envs([("VIPS_CONCURRENCY", "1"), ("UV_THREADPOOL_SIZE", "1"), ("OMP_NUM_THREADS", "1")]);
        match place {
            Place::Process => command.arg(inputs::scripts().join(self.script)),
            Place::Page => {
                command.arg(inputs::scripts().join("chromium.mjs")).arg(machine::chromium()?).arg(self.script)
            }
        };
        command.arg(inputs::folder()?.join("inputs"));
        let report = exec::output(command.arg(jobs.join(",")).arg(rounds.to_string()))?;
        serde_json::from_str(&report).with_context(|| format!("{} printed no report", self.script))
    }

    fn command(&self) -> Result<Command> {
        if let Some(packages) = self.python {
            let mut command = exec::command("python3");
            command.env("PYTHONPATH", inputs::python(packages)?);
            return Ok(command);
        }
        machine::node()?;
        inputs::node()?;
        Ok(exec::command("node"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_the_medians_of_all_passes() {
        let report = |cold: f64, warm: f64| {
            let measured = format!(
                r#"{{"cold":{cold},"warm":{warm},"bytes":7,"elapsed":{{"cold":{warm},"warm":{cold}}}}}"#
            );
            serde_json::from_str(&format!(
                r#"{{"version":"1","jobs":{{"J1":{measured},"J5":{{"missing":"no"}}}}}}"#
            ))
            .unwrap()
        };
        let report = median_report(vec![report(3.0, 9.0), report(1.0, 8.0), report(2.0, 10.0)]);
        let Outcome::Measured(measured) = report.jobs["J1"] else { panic!("J1 was measured") };
        assert_eq!((measured.cold, measured.warm, measured.bytes), (2.0, 9.0, 7));
        assert_eq!(measured.elapsed.map(|elapsed| (elapsed.cold, elapsed.warm)), Some((9.0, 2.0)));
        assert!(matches!(&report.jobs["J5"], Outcome::Missing { missing } if missing == "no"));
    }
}
