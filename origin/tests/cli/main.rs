//! The real binary: its commands, and a server that is stopped, killed and started again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod bucket;
mod cdn;
mod commands;
mod nginx;
#[path = "../support/proxy.rs"]
mod proxy;
mod secrets;
mod server;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/mod.rs"]
mod support;
mod traces;

use std::path::Path;
use std::process::{Command, Output};

use support::MILLINER;

/// Runs `milliner` in a folder, with a clean environment.
pub fn milliner(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

/// The same, to be changed and run.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(MILLINER);
    command.current_dir(folder).args(args).env_clear();
    command
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder with a cat (SVG with a sidecar), a hat (PNG with a sidecar) and a photo (JPEG alone).
pub fn catalogue(folder: &Path) {
    let cats = folder.join("catalogue/cats");
    let hats = folder.join("catalogue/overlays");
    std::fs::create_dir_all(&cats).unwrap();
    std::fs::create_dir_all(&hats).unwrap();
    std::fs::write(cats.join("cat.svg"), support::svg(64)).unwrap();
    std::fs::write(
        cats.join("cat.toml"),
        "kind = \"base\"\ntitle = \"Cat\"\ntags = [\"cat\"]\nfocus = { x = 0.5, y = 0.4 }\n\
         [anchors.head]\nx = 0.5\ny = 0.25\nspan = 0.5\nangle = 0.0\n",
    )
    .unwrap();
    std::fs::write(cats.join("photo.jpg"), support::jpeg(32, 16, [90, 80, 70])).unwrap();
    std::fs::write(hats.join("hat.png"), support::png(20, 10, [40, 40, 60, 255])).unwrap();
    std::fs::write(
        hats.join("hat.toml"),
        "kind = \"overlay\"\n[anchors.head]\nx = 0.5\ny = 0.9\nspan = 0.8\n",
    )
    .unwrap();
}
