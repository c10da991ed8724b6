//! `cargo xtask fuzz`: the fuzz targets of `fuzz/`, built with libFuzzer and LLVM's coverage counters on stable Rust,
//! and run one after the other from the committed corpus. What a run finds new is kept in the target folder; `--keep`
//! puts the smallest inputs that reach all of it into `fuzz/corpus`, to be committed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use crate::{exec, machine, say, workspace};

#[derive(Args)]
pub struct Options {
    /// Which targets; all of them if none is named
    #[arg(value_enum)]
    targets: Vec<Target>,
    /// Seconds for each target
    #[arg(long, default_value_t = 600)]
    seconds: u32,
    /// Try this one file instead: what a failed run left, for example
    #[arg(long, value_name = "FILE", conflicts_with = "seconds")]
    input: Option<PathBuf>,
    /// Afterwards, keep the inputs that matter in fuzz/corpus
    #[arg(long, conflicts_with = "input")]
    keep: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Text as a recipe: parse, print, parse
    Recipe,
    /// Bytes as an uploaded picture
    Decode,
    /// Recipes over a small catalogue: draw, encode, decode
    Compose,
    /// Pixels through every encoder, against other decoders
    Encode,
    /// Bytes as an uploaded font
    Font,
}

/// Instrumentation by stable flags. Overflow is an error here, though a release build wraps.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Coverflow-checks -Cdebug-assertions --cfg fuzzing";

/// No input may need more, whatever it says of itself.
const LIMITS: [&str; 3] = ["-timeout=20", "-rss_limit_mb=1024", "-malloc_limit_mb=256"];

pub fn run(options: &Options) -> Result<()> {
    let targets =
        if options.targets.is_empty() { Target::value_variants() } else { options.targets.as_slice() };
    let programs = say::step("Building the fuzz targets", build)?;
    for target in targets {
        match &options.input {
            Some(file) => exec::run(fuzzer(&programs, *target)?.arg(file))?,
            None => attack(&programs, *target, options.seconds, None)?,
        }
        if options.keep {
            keep(&programs, *target)?;
        }
    }
    Ok(())
}

/// Every target for some seconds: what the tests do. With one seed, so that the same sources get the same answer:
/// finding something new is the long run's job.
pub fn briefly(seconds: u32) -> Result<()> {
    let programs = build()?;
    Target::value_variants().iter().try_for_each(|target| attack(&programs, *target, seconds, Some(1)))
}

/// Compiles for the host by name: then the flags are for our code, and not for build scripts and macros.
fn build() -> Result<PathBuf> {
    let host = machine::host()?;
    let folder = workspace::target()?.join("fuzz");
    let mut cargo = exec::cargo();
    cargo.args(["build", "--release", "--package", "fuzz", "--bins", "--target", &host]);
    // Optimising across crates would double the minutes of the build and find nothing more.
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    exec::run(cargo.env("CARGO_TARGET_DIR", &folder).env("RUSTFLAGS", FLAGS))?;
    Ok(folder.join(host).join("release"))
}

/// Runs a target; without a seed, libFuzzer takes one from the clock.
fn attack(programs: &Path, target: Target, seconds: u32, seed: Option<u32>) -> Result<()> {
    let found = found(target)?;
    let artifacts = artifacts(target)?;
    let mut fuzzer = fuzzer(programs, target)?;
    fuzzer.arg(format!("-max_total_time={seconds}")).arg(format!("-seed={}", seed.unwrap_or(0)));
    fuzzer.args(["-print_final_stats=1", "-verbosity=0"]).arg(&found).arg(corpus(target));
    let name = target.name();
    say::step(&format!("{name}: {seconds} s"), || exec::run(&mut fuzzer)).with_context(|| {
        format!("fuzzing found an input; again: cargo xtask fuzz {name} --input {}/…", artifacts.display())
    })
}

fn fuzzer(programs: &Path, target: Target) -> Result<Command> {
    let program = programs.join(format!("fuzz-{}", target.name()));
    ensure!(program.exists(), "{} was not built", program.display());
    let mut command = exec::command(&program.to_string_lossy());
    command.args(LIMITS).arg(format!("-artifact_prefix={}/", artifacts(target)?.display()));
    let dictionary = folder().join("dictionaries").join(format!("{}.dict", target.dictionary()));
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    Ok(command)
}

/// What libFuzzer calls an input that a target failed on. Committed, it is there to stay, whatever else reaches the same.
const FAILED: &str = "crash-";

/// Rewrites the committed corpus of a target: a few small inputs that together reach all code that any found one does
/// (how often, and what was compared there, would keep thousands), and all that it ever failed on.
fn keep(programs: &Path, target: Target) -> Result<()> {
    let (corpus, merged) = (corpus(target), workspace::target()?.join("fuzz/merged").join(target.name()));
    if merged.exists() {
        fs::remove_dir_all(&merged)?;
    }
    fs::create_dir_all(&merged)?;
    let mut fuzzer = fuzzer(programs, target)?;
    exec::output(
        fuzzer
            .args(["-set_cover_merge=1", "-use_counters=0", "-use_cmp=0", "-verbosity=0"])
            .arg(&merged)
            .arg(&corpus)
            .arg(found(target)?),
    )?;
    for entry in fs::read_dir(&corpus)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(FAILED) {
            fs::remove_file(entry.path())?;
        }
    }
    for entry in fs::read_dir(&merged)? {
        let entry = entry?;
        fs::copy(entry.path(), corpus.join(entry.file_name()))?;
    }
    Ok(())
}

/// Where an input goes that a target fails on.
fn artifacts(target: Target) -> Result<PathBuf> {
    let folder = workspace::target()?.join("fuzz/artifacts").join(target.name());
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn folder() -> PathBuf {
    workspace::root().join("fuzz")
}

fn corpus(target: Target) -> PathBuf {
    folder().join("corpus").join(target.name())
}

/// Where libFuzzer writes what it finds: it must exist, and it outlives a run.
fn found(target: Target) -> Result<PathBuf> {
    let folder = workspace::target()?.join("fuzz/found").join(target.name());
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Target::Recipe => "recipe",
            Target::Decode => "decode",
            Target::Compose => "compose",
            Target::Encode => "encode",
            Target::Font => "font",
        }
    }

    /// The words that inputs are made of.
    fn dictionary(self) -> &'static str {
        match self {
            Target::Recipe | Target::Compose => "recipe",
            Target::Decode => "picture",
            Target::Encode | Target::Font => self.name(),
        }
    }
}
