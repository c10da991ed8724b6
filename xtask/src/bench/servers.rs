//! Serving a cached composite: the origin against nginx that serves the same file, loaded by wrk in turn. Both get the
//! same cores, and nginx all that makes it fast.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{Section, median};
use crate::server::{self, Server, free_port};
use crate::{exec, machine, workspace};

pub const TITLE: &str = "Serving a cached composite";

const RECIPE: &str = "/c/tabby;w=1024/top-hat.png";
const CONNECTIONS: [u32; 3] = [1, 32, 64];
/// The machine has other work: what is compared is measured in turn, so many times.
pub const ROUNDS: u32 = 5;

pub fn measure(seconds: u32) -> Result<Section> {
    Ok(Section { title: TITLE, text: servers(seconds)?, plots: Vec::new() })
}

fn servers(seconds: u32) -> Result<String> {
    for (program, package) in [("wrk", "wrk"), ("nginx", "nginx-light"), ("curl", "curl")] {
        if machine::find(program).is_none() {
            machine::debian(&[package])?;
        }
    }
    exec::run(exec::cargo().args(["build", "--release", "--package", "origin", "--bin", "milliner"]))?;
    let folder = workspace::target()?.join("bench-servers");
    fs::create_dir_all(&folder)?;
    let (origin, origin_url) = origin(&folder, &workspace::root().join("catalogue"))?;
    let file = folder.join("composite.png");
    exec::output(exec::command("curl").args(["-sf", "-o"]).arg(&file).arg(format!("{origin_url}{RECIPE}")))?;
    let (nginx, nginx_url) = nginx(&folder)?;

    let bytes = fs::metadata(&file)?.len();
    let mut table = format!(
        "`{RECIPE}` ({bytes} bytes) over loopback from two processes on the same cores: wrk, {seconds} s each in turn, medians of {ROUNDS} rounds.\n\n\
         | connections | origin, requests/s | nginx, requests/s | ratio | p99 origin, nginx, ms | ratio |\n|---|---|---|---|---|---|\n"
    );
    for connections in CONNECTIONS {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let ours = load(&format!("{origin_url}{RECIPE}"), connections, seconds)?;
            rounds.push((ours, load(&format!("{nginx_url}/composite.png"), connections, seconds)?));
        }
        let of = |figure: fn(&(Load, Load)) -> f64| median(rounds.iter().map(figure).collect());
        writeln!(
            table,
            "| {connections} | {:.0} | {:.0} | {:.2} | {:.2}, {:.2} | {:.2} |",
            of(|(ours, _)| ours.rate),
            of(|(_, theirs)| theirs.rate),
            of(|(ours, theirs)| ours.rate / theirs.rate),
            of(|(ours, _)| ours.p99),
            of(|(_, theirs)| theirs.p99),
            of(|(ours, theirs)| ours.p99 / theirs.p99),
        )?;
    }
    drop((origin, nginx));
    Ok(table)
}

/// On a folder of its own, with these pictures and nothing that was rendered before.
pub fn origin(folder: &Path, pictures: &Path) -> Result<(Server, String)> {
    let milliner = workspace::target()?.join("release/milliner").to_string_lossy().into_owned();
    let data = folder.join("data");
    if data.exists() {
        fs::remove_dir_all(&data)?;
    }
    let store = format!("file:{}", data.display());
    exec::output(exec::command(&milliner).env("MILLINER_STORE", &store).arg("import").arg(pictures))?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut serve = exec::command(&milliner);
    serve.arg("serve").env("MILLINER_STORE", &store).env("MILLINER_LISTEN", &address);
    serve.env("MILLINER_ADMIN_LISTEN", "off");
    let url = format!("http://{address}");
    Ok((server::start(quiet(&mut serve), &format!("{url}/healthz"))?, url))
}

/// As many workers as cores, nothing logged, the file in the page cache: nginx at its best.
fn nginx(folder: &Path) -> Result<(Server, String)> {
    let address = format!("127.0.0.1:{}", free_port()?);
    let folder = folder.display();
    let configuration = format!(
        "daemon off; user root; worker_processes auto; pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; open_file_cache max=100; keepalive_requests 10000000;\n\
         types {{ image/png png; }} server {{ listen {address}; root {folder}; }} }}\n"
    );
    let file = format!("{folder}/nginx.conf");
    fs::write(&file, configuration)?;
    let mut nginx = exec::command("nginx");
    nginx.args(["-c", &file]);
    let url = format!("http://{address}");
    Ok((server::start(quiet(&mut nginx), &format!("{url}/composite.png"))?, url))
}

pub fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null())
}

struct Load {
    /// Requests a second.
    rate: f64,
    /// In milliseconds.
    p99: f64,
}

fn load(url: &str, connections: u32, seconds: u32) -> Result<Load> {
    let mut wrk = exec::command("wrk");
    wrk.args(["--latency", "-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), url]);
    let report = exec::output(&mut wrk)?;
    if let Some(line) = report.lines().find(|line| line.contains("Non-2xx") || line.contains("Socket errors"))
    {
        bail!("{url}: {}", line.trim());
    }
    let value = |name: &str| report.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let rate = value("Requests/sec:").and_then(|rate| rate.parse().ok()).context("wrk gave no rate")?;
    let p99 = value("99%").and_then(milliseconds).context("wrk gave no p99")?;
    Ok(Load { rate, p99 })
}

/// A time as wrk writes it.
fn milliseconds(time: &str) -> Option<f64> {
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1000.0)];
    let (number, unit) = units.iter().find_map(|(name, unit)| Some((time.strip_suffix(name)?, unit)))?;
    Some(number.parse::<f64>().ok()? * unit)
}
