//! `cargo xtask run`: the whole product on this machine, from a bare checkout to a page in the
//! browser. Builds what changed, fills the store with the catalogue, starts origin, edge and web on
//! their embedded defaults, prints where they are, and stops all of them together.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

mod ports;
pub mod probe;
mod supervisor;

use self::ports::Ports;
use self::supervisor::{End, Service, Supervisor};
use crate::{build, exec, machine, say, workspace};

#[derive(Args)]
pub struct Options {
    /// First of four consecutive ports (origin, its admin listener, edge, web) instead of the usual ones
    #[arg(long, value_name = "PORT", conflicts_with = "free_ports")]
    port_base: Option<u16>,
    /// Take any free ports
    #[arg(long)]
    free_ports: bool,
    /// Folder of the store; made when missing
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Build the servers optimised: longer to build, faster under load
    #[arg(long)]
    release: bool,
    /// Start what is built already
    #[arg(long)]
    no_build: bool,
    /// When everything is ready, write the URLs to this file as JSON
    #[arg(long, value_name = "FILE")]
    announce: Option<PathBuf>,
}

pub fn run(options: &Options) -> Result<()> {
    let ports = Ports::choose(options.port_base, options.free_ports)?;
    let data = std::path::absolute(&options.data).context("--data")?;
    if !options.no_build {
        build_all(options.release)?;
    }
    import(options.release, &data)?;
    let mut supervisor = Supervisor::new();
    supervisor.obey_signals()?;
    let end = serve(&mut supervisor, options, &ports, &data);
    supervisor.stop();
    match end? {
        End::Asked => Ok(()),
        End::Died(report) => bail!(report),
    }
}

/// Everything that runs, from a machine with Rust only.
pub fn build_all(release: bool) -> Result<()> {
    machine::native_tools()?;
    machine::wasm_target()?;
    machine::node()?;
    say::step("Building the origin and the web server", || exec::run(&mut servers(release)))?;
    say::step("Building the studio for the browser", build::web::build)?;
    say::step("Building the edge function", || build::edge::build().map(drop))
}

/// One cargo call for both servers, so that what they share is compiled once.
fn servers(release: bool) -> Command {
    let mut cargo = exec::cargo();
    cargo.args(["build", "--package", "origin", "--package", "web", "--bins", "--features", "web/ssr"]);
    if release {
        cargo.arg("--release");
    }
    cargo
}

fn program(name: &str, release: bool) -> Result<Command> {
    let folder = workspace::target()?.join(if release { "release" } else { "debug" });
    let program = folder.join(name);
    ensure!(program.exists(), "{name} is not built yet: leave out --no-build");
    Ok(exec::command(&program.to_string_lossy()))
}

/// Imports are idempotent by content, so this is quick from the second time on.
fn import(release: bool, data: &Path) -> Result<()> {
    let mut milliner = program("milliner", release)?;
    milliner.env("MILLINER_STORE", store_url(data)).args(["import", "catalogue/"]);
    say::step("Importing the catalogue", || exec::output(&mut milliner).map(drop))
}

fn store_url(data: &Path) -> String {
    format!("file:{}", data.display())
}

/// Start the three in the order they need each other, say where they are, and wait for the end.
fn serve(supervisor: &mut Supervisor, options: &Options, ports: &Ports, data: &Path) -> Result<End> {
    let waves =
        [vec![origin(options.release, ports, data)?], vec![edge(ports), web(options.release, ports)?]];
    for wave in waves {
        if let Some(end) = supervisor.start(wave)? {
            return Ok(end);
        }
    }
    welcome(ports, data);
    if let Some(file) = &options.announce {
        announce(file, ports)?;
    }
    supervisor.watch()
}

fn origin(release: bool, ports: &Ports, data: &Path) -> Result<Service> {
    let mut command = program("milliner", release)?;
    let page = ports.web_url();
    let twin = page.replace("127.0.0.1", "localhost");
    command
        .arg("serve")
        .env("MILLINER_STORE", store_url(data))
        .env("MILLINER_LISTEN", format!("127.0.0.1:{}", ports.origin))
        .env("MILLINER_ADMIN_LISTEN", format!("127.0.0.1:{}", ports.admin))
        .env("MILLINER_CORS_ORIGINS", format!("{page},{twin}"));
    Ok(Service { name: "origin", command, ready: format!("{}/healthz", ports.origin_url()) })
}

fn edge(ports: &Ports) -> Service {
    let mut command = exec::command("node");
    command
        .arg("edge/serve.mjs")
        .env("ORIGIN_URL", ports.origin_url())
        .env("MILLINER_EDGE_LISTEN", format!("127.0.0.1:{}", ports.edge));
    Service { name: "edge", command, ready: format!("{}/v1/catalogue", ports.edge_url()) }
}

fn web(release: bool, ports: &Ports) -> Result<Service> {
    let mut command = program("web", release)?;
    command
        .env("MILLINER_WEB_LISTEN", format!("127.0.0.1:{}", ports.web))
        .env("MILLINER_DELIVERY_URL", ports.edge_url())
        .env("MILLINER_ORIGIN_URL", ports.origin_url());
    Ok(Service { name: "web", command, ready: format!("{}/healthz", ports.web_url()) })
}

fn welcome(ports: &Ports, data: &Path) {
    let heading = say::paint(say::Colour::Bold, "Milliner is open.");
    let row = |name: &str, value: &str| say::line(&format!("  {name:<10}{value}"));
    say::line(&format!("\n{heading}"));
    row("Studio", &say::paint(say::Colour::Green, &ports.web_url()));
    row("Edge", &ports.edge_url());
    row("Origin", &ports.origin_url());
    row("API", &format!("{}/docs", ports.origin_url()));
    row("Try", &format!("{}/c/tabby;w=800/top-hat.png", ports.edge_url()));
    row("Store", &data.display().to_string());
    say::line(&say::paint(say::Colour::Dim, "  Ctrl-C stops everything.\n"));
}

/// Written beside and renamed, so that a waiting reader never sees half a file.
fn announce(file: &Path, ports: &Ports) -> Result<()> {
    let text = format!(
        "{{\"origin\":\"{}\",\"admin\":\"http://127.0.0.1:{}\",\"edge\":\"{}\",\"web\":\"{}\"}}\n",
        ports.origin_url(),
        ports.admin,
        ports.edge_url(),
        ports.web_url()
    );
    let partial = file.with_extension("partial");
    std::fs::write(&partial, text)
        .and_then(|()| std::fs::rename(&partial, file))
        .with_context(|| format!("cannot write {}", file.display()))
}
