//! The promise that pictures are the same bytes everywhere: `compositor/examples/digests.rs` renders every golden recipe
//! on each target and processor below, and prints the lines of the committed `digests.txt` or is wrong. What is not for
//! this machine runs under QEMU, what is for WebAssembly in Node.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{exec, machine, say, workspace};

struct Target {
    name: &'static str,
    /// What its program is called, in the folder of all of them.
    program: &'static str,
    processor: Processor,
    flags: &'static str,
    model: Model,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Processor {
    X86,
    Arm,
    Wasm,
}

/// Which of its processors a program runs on: this machine's own if it is one, else one that QEMU imitates.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Model {
    Any,
    Avx2,
    /// This one, whatever this machine's own could do.
    Imitated(&'static str),
}

/// Libraries look at the processor while they run: a program that needs no AVX2 takes other ways where there is some.
const TARGETS: [Target; 6] = [
    Target {
        name: "x86-64",
        program: "x86-64",
        processor: Processor::X86,
        flags: "-Ctarget-cpu=x86-64",
        model: Model::Any,
    },
    Target {
        name: "x86-64, on a processor without AVX",
        program: "x86-64",
        processor: Processor::X86,
        flags: "-Ctarget-cpu=x86-64",
        model: Model::Imitated("Nehalem"),
    },
    Target {
        name: "x86-64 with AVX2 and FMA",
        program: "x86-64-v3",
        processor: Processor::X86,
        flags: "-Ctarget-cpu=x86-64-v3",
        model: Model::Avx2,
    },
    Target { name: "aarch64", program: "aarch64", processor: Processor::Arm, flags: "", model: Model::Any },
    Target {
        name: "wasm32 with simd128",
        program: "wasm32-simd128.wasm",
        processor: Processor::Wasm,
        flags: "-Ctarget-feature=+simd128",
        model: Model::Any,
    },
    Target {
        name: "wasm32 without simd128",
        program: "wasm32.wasm",
        processor: Processor::Wasm,
        flags: "-Ctarget-feature=-simd128",
        model: Model::Any,
    },
];

/// In the workspace's manifest.
const PROFILE: &str = "targets";

/// Where the compositor has its program, and what it must print.
const PROGRAM: &str = "compositor/examples/digests.rs";
const EXPECTED: &str = "compositor/tests/goldens/digests.txt";

/// Most differing lines that are told of one target.
const TOLD: usize = 5;

pub fn compare() -> Result<()> {
    let expected = std::fs::read_to_string(workspace::root().join(EXPECTED))
        .with_context(|| format!("cannot read {EXPECTED}"))?;
    let mut wrong = Vec::new();
    for target in &TARGETS {
        let program = say::step(&format!("{}: building", target.name), || target.build())?;
        let printed = say::step(&format!("{}: rendering", target.name), || target.run(&program))?;
        wrong.extend(difference(&expected, &printed).map(|told| format!("{}: {told}", target.name)));
    }
    ensure!(wrong.is_empty(), "pictures are not the same everywhere\n{}", wrong.join("\n"));
    Ok(())
}

/// How two lists of digests differ, in words; `None`: not at all.
fn difference(expected: &str, printed: &str) -> Option<String> {
    let missing = expected.lines().filter(|line| !printed.lines().any(|other| other == *line));
    let new = printed.lines().filter(|line| !expected.lines().any(|other| other == *line));
    let name = |line: &'_ str| line.split_once(' ').map_or(line, |(_, name)| name).to_owned();
    let mut names: Vec<String> = Vec::new();
    for name in missing.chain(new).map(name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let (count, more) = (names.len(), if names.len() > TOLD { ", …" } else { "" });
    names.truncate(TOLD);
    (count > 0).then(|| format!("{count} differ from {EXPECTED}: {}{more}", names.join(", ")))
}

impl Target {
    /// Compiles the library with cargo and the program by itself: cargo would build what the compositor's tests depend on
    /// with it, on every target.
    fn build(&self) -> Result<PathBuf> {
        let triple = self.processor.triple()?;
        machine::rust_target(&triple)?;
        // One folder for all: cargo tells flags apart, and what runs while it compiles is built once.
        let folder = workspace::target()?.join("targets");
        let mut cargo = exec::cargo();
        cargo.args(["build", "--profile", PROFILE, "--package", "compositor", "--lib", "--target", &triple]);
        // Of the one library that has C and assembly: it would want a compiler for every target.
        cargo.args(["--features", "blake3/pure"]);
        cargo.env("CARGO_TARGET_DIR", &folder).env("RUSTFLAGS", self.flags);
        exec::run(&mut cargo)?;
        self.link(&folder, &triple)
    }

    fn link(&self, folder: &Path, triple: &str) -> Result<PathBuf> {
        let built = folder.join(triple).join(PROFILE);
        let program = folder.join(self.program);
        let mut rustc = exec::command("rustc");
        rustc
            .args(["--edition", "2024", "-Copt-level=2", "--target", triple])
            .args(self.flags.split_whitespace());
        if !self.processor.is_here() {
            rustc.arg("-Clinker=rust-lld");
        }
        rustc.arg(PROGRAM).arg("-o").arg(&program);
        rustc.arg(format!("--extern=compositor={}", built.join("libcompositor.rlib").display()));
        for libraries in [built, folder.join(PROFILE)] {
            rustc.arg(format!("-Ldependency={}", libraries.join("deps").display()));
        }
        exec::run(&mut rustc)?;
        Ok(program)
    }

    fn run(&self, program: &Path) -> Result<String> {
        let mut command = if self.processor == Processor::Wasm {
            machine::node()?;
            let mut node = exec::command("node");
            node.args(["--no-warnings", "xtask/src/test/targets/wasi.mjs"]);
            node
        } else if let Some(model) = self.imitated() {
            let mut qemu = exec::command(&machine::qemu(self.processor.name())?.to_string_lossy());
            qemu.args(["-cpu", model]);
            qemu
        } else {
            return exec::output(&mut exec::command(&program.to_string_lossy()));
        };
        exec::output(command.arg(program))
    }

    /// The processor that QEMU has to imitate; `None`: this machine's own will do.
    fn imitated(&self) -> Option<&'static str> {
        let own = self.processor.is_here();
        match self.model {
            Model::Any if own => None,
            Model::Avx2 if own && has_avx2() => None,
            Model::Any | Model::Avx2 => Some("max"),
            Model::Imitated(model) => Some(model),
        }
    }
}

impl Processor {
    /// As Rust and QEMU name it.
    fn name(self) -> &'static str {
        match self {
            Processor::X86 => "x86_64",
            Processor::Arm => "aarch64",
            Processor::Wasm => "wasm32",
        }
    }

    /// Is it that of this machine?
    fn is_here(self) -> bool {
        self.name() == std::env::consts::ARCH
    }

    /// Rust's target: this machine's, or one that needs no linker and no libraries of another system.
    fn triple(self) -> Result<String> {
        match self {
            Processor::Wasm => Ok("wasm32-wasip1".to_owned()),
            _ if self.is_here() => machine::host(),
            _ => Ok(format!("{}-unknown-linux-musl", self.name())),
        }
    }
}

/// Can this machine run what is compiled for `x86-64-v3`?
#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("bmi2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn a_differing_digest_is_told_by_its_name() {
        let expected = "aa one.png\nbb two.png\ncc import three\n";
        assert_eq!(difference(expected, expected), None);
        let told = difference(expected, "aa one.png\nbd two.png\ncc import three\n").unwrap();
        assert!(told.starts_with("1 differ from") && told.ends_with(": two.png"), "{told}");
        let told = difference(expected, "aa one.png\n").unwrap();
        assert!(told.starts_with("2 differ") && told.ends_with("two.png, import three"), "{told}");
        assert!(difference(expected, "").is_some() && difference("", expected).is_some());
        let many = (0..9).map(|n| format!("{n} case {n}")).collect::<Vec<_>>().join("\n");
        assert!(difference("", &many).unwrap().ends_with("case 4, …"));
    }
}
