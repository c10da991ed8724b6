//! Composites that nobody has: the origin against thumbor, which puts the same watermark on the same photograph. Every
//! request is for another size, so that nothing is cached on either side; both have all cores.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::servers::{ROUNDS, origin, quiet};
use super::{Section, inputs, median};
use crate::server::{self, Server, free_port};
use crate::{exec, machine, workspace};

pub const TITLE: &str = "Rendering what nobody has, against thumbor";

const CONNECTIONS: u32 = 16;
/// What the issue of this benchmark is to reach.
const GOAL: f64 = 10.0;

/// More sizes than anybody renders in one round, so that the next one begins with new ones.
const SIZES: u32 = 15_000;

/// wrk asks for a new size each time. What it is given is the path with two places for numbers, and how many sizes it
/// leaves out.
const SCRIPT: &str = "\
local n = 0
local path
function init(arguments) path, n = arguments[1], tonumber(arguments[2]) end
function request()
  n = n + 1
  return wrk.format('GET', string.format(path, 1024 - n % 300, 768 - math.floor(n / 300) % 300))
end
";

pub fn measure(seconds: u32) -> Result<Section> {
    for (program, package) in [("wrk", "wrk"), ("curl", "curl")] {
        if machine::find(program).is_none() {
            machine::debian(&[package])?;
        }
    }
    inputs::make()?;
    exec::run(exec::cargo().args(["build", "--release", "--package", "origin", "--bin", "milliner"]))?;
    let folder = workspace::target()?.join("bench-misses");
    fs::create_dir_all(folder.join("pictures"))?;
    let script = folder.join("misses.lua");
    fs::write(&script, SCRIPT)?;
    for (name, input) in [("base.jpg", "base-1024.jpg"), ("hat.png", "hat.png")] {
        fs::copy(inputs::folder()?.join("inputs").join(input), folder.join("pictures").join(name))?;
    }
    let (_origin, ours) = origin(&folder, &folder.join("pictures"))?;
    let (_thumbor, theirs) = thumbor(&folder)?;
    let paths = [
        (ours, "/c/base;w=%d;h=%d/hat;scale=0.4;at=top.jpg"),
        (theirs, "/unsafe/%dx%d/filters:watermark(hat.png,center,20,0,40)/base.jpg"),
    ];
    let (mut rates, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
    for round in 0..ROUNDS {
        let [mut ours, mut theirs] = [0.0, 0.0];
        for (rate, (url, path)) in [&mut ours, &mut theirs].into_iter().zip(&paths) {
            *rate = load(&script, url, path, round * SIZES, seconds)?;
        }
        rates[0].push(ours);
        rates[1].push(theirs);
        ratios.push(ours / theirs);
    }
    let ([ours, theirs], ratio) = (rates.map(median), median(ratios));
    let verdict = if ratio >= GOAL { "met" } else { "not met" };
    let text = format!(
        "A photograph of 1024² in ever new sizes, a hat of four tenths of its width, JPEG at quality 80; every composite is \
         rendered, and ours is stored too. {CONNECTIONS} connections over loopback, wrk, {seconds} s each, in turn, medians of {ROUNDS} rounds; \
         two processes of thumbor, one of ours, on the same cores.\n\n\
         | | composites/s |\n|---|---|\n| **Milliner** | {ours:.1} |\n| thumbor 7.8 | {theirs:.1} |\n| ratio | **{ratio:.1}×** ({GOAL}× {verdict}) |\n"
    );
    Ok(Section { title: TITLE, text, plots: Vec::new() })
}

/// thumbor without any cache, on files.
fn thumbor(folder: &Path) -> Result<(Server, String)> {
    let packages = inputs::python("thumbor")?;
    let configuration = folder.join("thumbor.conf");
    let pictures = folder.join("pictures");
    let settings = format!(
        "LOADER = 'thumbor.loaders.file_loader'\nFILE_LOADER_ROOT_PATH = '{}'\n\
         STORAGE = 'thumbor.storages.no_storage'\nQUALITY = 80\nALLOW_UNSAFE_URL = True\n\
         FILTERS = ['thumbor.filters.watermark']\nSEND_IF_MODIFIED_LAST_MODIFIED_HEADERS = False\n",
        pictures.display()
    );
    fs::write(&configuration, settings)?;
    let port = free_port()?.to_string();
    let mut thumbor = exec::command("python3");
    thumbor.env("PYTHONPATH", &packages).args(["-m", "thumbor.server", "--ip", "127.0.0.1", "--port", &port]);
    thumbor.args(["--processes", "2", "--log-level", "error", "--conf"]).arg(&configuration);
    let url = format!("http://127.0.0.1:{port}");
    let server = server::start(quiet(&mut thumbor), &format!("{url}/healthcheck"))?;
    Ok((server, url))
}

/// Composites a second.
fn load(script: &Path, url: &str, path: &str, from: u32, seconds: u32) -> Result<f64> {
    let mut wrk = exec::command("wrk");
    wrk.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "--timeout", "10s", "-s"])
        .arg(script);
    let report = exec::output(wrk.args([url, "--", path, &from.to_string()]))?;
    let failed = report.lines().find(|line| line.contains("Non-2xx") || line.contains("Socket errors"));
    anyhow::ensure!(failed.is_none(), "{url}{path}: {}", failed.unwrap_or_default().trim());
    let rate = report.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok()).context("wrk gave no rate")
}
