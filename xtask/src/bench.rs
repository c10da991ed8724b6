//! `cargo xtask bench`: the render jobs against named peers, the growth of a render, and cached composites of the origin
//! against nginx serving the same file. Writes `docs/benchmarks`, one section for each part; `--only` renews its own
//! section and leaves the others. On a shared machine only ratios within a run mean anything.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::{exec, machine, say, workspace};

mod growth;
mod inputs;
mod misses;
mod peers;
mod plot;
mod renders;
mod servers;

#[derive(Args)]
pub struct Options {
    /// Measure only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Seconds of load for each figure of the servers
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Rounds of each job by each peer's script, over three passes
    #[arg(long, default_value_t = 15)]
    rounds: u32,
    /// Print the tables without writing them to docs/benchmarks
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The input pictures, and nothing measured
    Inputs,
    /// The jobs, against every peer
    Renders,
    /// Curves over overlay area, canvas and layers
    Growth,
    /// Cached composites, against nginx
    Servers,
    /// Composites that nobody has, against thumbor
    Misses,
}

/// A part of the report: a heading, what stands below it, and pictures beside it.
struct Section {
    title: &'static str,
    text: String,
    plots: Vec<(&'static str, String)>,
}

const INTRODUCTION: &str = "# Benchmarks

Written by `cargo xtask bench`. Medians of one run on one machine that others use too: the ratios mean something, the times little.
";

pub fn run(options: &Options) -> Result<()> {
    machine::native_tools()?;
    let wants = |part| options.only.is_empty() || options.only.contains(&part);
    let mut sections = Vec::new();
    if wants(Part::Inputs) || wants(Part::Renders) || wants(Part::Growth) {
        say::step("Making the input pictures", inputs::make)?;
    }
    if wants(Part::Renders) {
        sections.push(say::step("Rendering, against the peers", || renders::measure(options.rounds))?);
    }
    if wants(Part::Growth) {
        sections.push(say::step("Growth of a render", growth::measure)?);
    }
    if wants(Part::Servers) {
        sections.push(say::step("Serving, against nginx", || servers::measure(options.seconds))?);
    }
    if wants(Part::Misses) {
        sections
            .push(say::step("Rendering on a miss, against thumbor", || misses::measure(options.seconds))?);
    }
    let folder = workspace::root().join("docs/benchmarks");
    if !options.dry_run {
        fs::create_dir_all(&folder)?;
    }
    for section in sections {
        say::result(&format!("## {}\n\n{}", section.title, section.text));
        if !options.dry_run {
            keep(&folder, &section)?;
        }
    }
    Ok(())
}

/// Puts a section in the place of the one with its title, and its pictures beside it.
fn keep(folder: &Path, section: &Section) -> Result<()> {
    let file = folder.join("README.md");
    let before = fs::read_to_string(&file).unwrap_or_default();
    fs::write(&file, renewed(&before, section))
        .with_context(|| format!("cannot write {}", file.display()))?;
    for (name, plot) in &section.plots {
        fs::write(folder.join(name), plot).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

/// The order of the report.
const TITLES: [&str; 4] = [renders::TITLE, growth::TITLE, servers::TITLE, misses::TITLE];

fn renewed(report: &str, section: &Section) -> String {
    let of = |title: &str| {
        if title == section.title {
            return Some(section.text.trim().to_owned());
        }
        let rest = report.split_once(&format!("\n## {title}\n"))?.1;
        Some(rest.split("\n## ").next().unwrap_or(rest).trim().to_owned())
    };
    TITLES.iter().filter_map(|title| Some(format!("\n## {title}\n\n{}\n", of(title)?))).fold(
        INTRODUCTION.to_owned(),
        |mut whole, part| {
            whole.push_str(&part);
            whole
        },
    )
}

/// What criterion measured.
struct Outcomes(PathBuf);

impl Outcomes {
    /// Measures the benchmarks of the compositor in groups whose names start so.
    fn measure(start: &str) -> Result<Self> {
        let outcomes = Outcomes(workspace::target()?.join("criterion"));
        outcomes.forget(start)?;
        let filter = format!("^{start}");
        exec::run(exec::cargo().args([
            "bench",
            "--package",
            "compositor",
            "--bench",
            "jobs",
            "--features",
            "lossy",
            "--",
            &filter,
        ]))?;
        Ok(outcomes)
    }

    /// What an earlier run measured must not pass for this one's.
    fn forget(&self, start: &str) -> Result<()> {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(start) {
                let folder = entry.path();
                fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
            }
        }
        Ok(())
    }

    /// The median in milliseconds; `None` if it was not measured.
    fn median(&self, group: &str, function: &str) -> Option<f64> {
        let file = self.0.join(group).join(function.replace('/', "_")).join("new/estimates.json");
        let estimates: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
        Some(estimates["median"]["point_estimate"].as_f64()? / 1e6)
    }
}

/// The one in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The machine, as far as it matters and without its name.
fn machine_class() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{cores} cores of {}{}, {}", std::env::consts::ARCH, simd(), std::env::consts::OS)
}

#[cfg(target_arch = "x86_64")]
fn simd() -> &'static str {
    if std::arch::is_x86_feature_detected!("avx512f") {
        " with AVX-512"
    } else if std::arch::is_x86_feature_detected!("avx2") {
        " with AVX2"
    } else {
        ""
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn simd() -> &'static str {
    ""
}

#[cfg(test)]
mod tests {
    use super::{INTRODUCTION, Section, renewed};

    #[test]
    fn a_section_is_renewed_in_its_place_and_the_others_stay() {
        let section = |title, text: &str| Section { title, text: text.to_owned(), plots: Vec::new() };
        let one = renewed("", &section(super::servers::TITLE, "old"));
        assert_eq!(one, format!("{INTRODUCTION}\n## {}\n\nold\n", super::servers::TITLE));
        let two = renewed(&one, &section(super::renders::TITLE, "new"));
        let expected =
            format!("## {}\n\nnew\n\n## {}\n\nold\n", super::renders::TITLE, super::servers::TITLE);
        assert!(two.ends_with(&expected), "{two}");
    }
}
