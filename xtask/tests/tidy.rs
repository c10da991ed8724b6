//! The architecture's rules as tests: who may depend on whom, what the pure crate must not touch,
//! how a file begins, what may not be committed. Each reads the repository, none builds anything.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic like the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Our crates, and which of our crates each may depend on.
const ARROWS: [(&str, &[&str]); 7] = [
    ("compositor", &[]),
    ("edge", &["compositor"]),
    ("fuzz", &["compositor"]),
    ("origin", &["compositor"]),
    ("wasm-pkg", &["compositor"]),
    ("web", &["compositor"]),
    ("xtask", &[]),
];

/// What the compositor must not bring along, on any target: a runtime, a server, a browser, a cloud,
/// a clock, randomness. A name that ends in `-` bans the whole family.
const NOT_IN_COMPOSITOR: [&str; 19] = [
    "async-std",
    "aws-",
    "axum",
    "chrono",
    "getrandom",
    "hyper",
    "js-sys",
    "leptos",
    "rand",
    "rand_core",
    "redis",
    "reqwest",
    "rustix",
    "time",
    "tokio",
    "tower",
    "wasm-bindgen",
    "web-sys",
    "worker",
];

/// Parts of the standard library that reach outside of the program.
const OUTSIDE: [&str; 7] = ["env", "fs", "net", "process", "thread", "time", "os"];

#[test]
fn our_crates_depend_only_along_the_arrows() {
    let metadata = metadata();
    let names: Vec<_> = metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    for package in metadata.workspace_packages() {
        let allowed = ARROWS.iter().find(|(name, _)| *name == package.name.as_str());
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{} has no place in ARROWS", package.name));
        for dependency in &package.dependencies {
            let ours = names.contains(&dependency.name.as_str());
            let arrow = !ours || allowed.contains(&dependency.name.as_str());
            assert!(arrow, "{} must not depend on {}", package.name, dependency.name);
        }
    }
}

#[test]
fn the_compositor_stays_pure() {
    for target in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "wasm32-unknown-unknown"] {
        for name in dependencies_of("compositor", target) {
            let banned = NOT_IN_COMPOSITOR
                .iter()
                .any(|ban| name == *ban || ban.ends_with('-') && name.starts_with(ban));
            assert!(!banned, "compositor pulls in {name} on {target}");
        }
    }
}

#[test]
fn the_compositor_reaches_nothing_outside() {
    for file in tracked(|path| path.starts_with("compositor/src") && has_extension(path, "rs")) {
        let text = read(&file);
        for module in OUTSIDE {
            let found =
                text.contains(&format!("std::{module}::")) || text.contains(&format!("std::{module};"));
            assert!(!found, "{} uses std::{module}", file.display());
        }
    }
}

#[test]
fn versions_are_chosen_in_one_place() {
    for package in metadata().workspace_packages() {
        let manifest: toml::Table = toml::from_str(&read(package.manifest_path.as_std_path())).unwrap();
        for (table, dependencies) in dependency_tables(&manifest) {
            for (name, dependency) in dependencies {
                let shared = dependency.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(shared, "{} [{table}] {name}: say `workspace = true`", package.name);
            }
        }
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
        assert_eq!(lints, Some(true), "{} does not take the workspace's lints", package.name);
    }
}

#[test]
fn development_tools_stay_out_of_what_is_delivered() {
    for package in metadata().workspace_packages().iter().filter(|package| package.name.as_str() != "xtask") {
        let normal =
            package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        for dependency in normal {
            let tool = ["criterion", "insta", "proptest", "wasm-bindgen-cli-support"]
                .contains(&dependency.name.as_str());
            assert!(!tool, "{} must not deliver {}", package.name, dependency.name);
        }
    }
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for file in tracked(|path| has_extension(path, "rs")) {
        assert!(read(&file).starts_with("//! "), "{} does not open with `//!`", file.display());
    }
    for file in tracked(|path| ["mjs", "js", "ts", "css"].iter().any(|wanted| has_extension(path, wanted))) {
        let text = read(&file);
        let told = ["// ", "/* ", "/** ", "#!"].iter().any(|opening| text.starts_with(opening));
        assert!(told, "{} does not open with a comment that says what it is for", file.display());
    }
}

#[test]
fn modules_are_named_files() {
    // What integration tests share is a `mod.rs`, since cargo takes `tests/x.rs` for a test of its own.
    let shared = |path: &Path| path.components().any(|part| part.as_os_str() == "tests");
    let found = tracked(|path| path.file_name().is_some_and(|name| name == "mod.rs") && !shared(path));
    assert!(found.is_empty(), "x.rs and x/, not {found:?}");
}

#[test]
fn no_test_is_skipped() {
    // Put together here, so that this file does not find itself.
    let words = ["#[ignore", "test.skip(", "test.fixme(", "test.only(", "it.skip(", "describe.skip("];
    let this = Path::new(file!()).file_name();
    let source = |path: &Path| ["rs", "ts", "mjs"].iter().any(|wanted| has_extension(path, wanted));
    for file in tracked(|path| source(path) && path.file_name() != this) {
        let text = read(&file);
        for word in words {
            assert!(!text.contains(word), "{} contains {word}", file.display());
        }
    }
}

#[test]
fn lock_files_name_no_download_address() {
    for file in tracked(|path| path.file_name().is_some_and(|name| name == "package-lock.json")) {
        let text = read(&file);
        assert!(
            !text.contains("\"resolved\": \"http"),
            "{}: npm install --omit-lockfile-registry-resolved",
            file.display()
        );
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap()
}

/// Names of everything a crate links on a target. `cargo tree`, since the graph of `cargo metadata`
/// unites the features that all members ask for, and would blame one for another's.
fn dependencies_of(package: &str, target: &str) -> Vec<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["tree", "--package", package, "--target", target])
        .args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn dependency_tables(manifest: &toml::Table) -> Vec<(String, toml::Table)> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let of = |table: &toml::Table, prefix: &str| -> Vec<(String, toml::Table)> {
        let named = kinds.iter().filter_map(|kind| Some((kind, table.get(*kind)?.as_table()?)));
        named.map(|(kind, table)| (format!("{prefix}{kind}"), table.clone())).collect()
    };
    let mut tables = of(manifest, "");
    for (target, table) in manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten() {
        tables.extend(
            table.as_table().map(|table| of(table, &format!("target.{target}."))).unwrap_or_default(),
        );
    }
    tables
}

/// Files of the repository: what git tracks, and what it would add.
fn tracked(wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let output = Command::new("git")
        .current_dir(root())
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).unwrap();
    let files = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    files.filter(|path| wanted(path) && root().join(path).exists()).collect()
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension == wanted)
}

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}
