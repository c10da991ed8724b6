//! Whether the API keeps what `/openapi.json` promises: a running server is asked everything that the description allows
//! and much that it does not, one call after the other and one building upon the other (Schemathesis). What is expected
//! of it stands in `origin/tests/openapi`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::server::{self, Server, free_port};
use crate::{exec, machine, workspace};

pub fn check() -> Result<()> {
    let expected = workspace::root().join("origin/tests/openapi");
    let tools = workspace::target()?.join("xtask/tools/openapi");
    machine::python(&expected.join("requirements.txt"), &tools)?;
    let folder = emptied(workspace::target()?.join("xtask/api"))?;
    let (origin, url) = origin(&folder)?;
    let description = format!("{url}/openapi.json");
    let mut fuzzer = python(&tools, "schemathesis.cli");
    // Whatever it leaves behind, it leaves there.
    fuzzer.current_dir(&folder).arg("--config-file").arg(expected.join("schemathesis.toml"));
    fuzzer.env("SCHEMATHESIS_HOOKS", expected.join("hooks.py"));
    let outcome = exec::run(fuzzer.args(["run", "--no-color", "--checks", "all", &description]));
    drop(origin);
    outcome.with_context(|| format!("the server's log is {}", log(&folder).display()))
}

fn emptied(folder: PathBuf) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A module of those that are installed in a folder.
fn python(tools: &Path, module: &str) -> Command {
    let mut python = exec::command("python3");
    python.env("PYTHONPATH", tools).env("PYTHONDONTWRITEBYTECODE", "1").args(["-m", module]);
    python
}

/// The catalogue on a store of its own, and a key to sign with; API keys are optional on a loopback listener.
fn origin(folder: &Path) -> Result<(Server, String)> {
    let milliner = workspace::target()?.join("debug/milliner").to_string_lossy().into_owned();
    let store = format!("file:{}", folder.join("data").display());
    exec::output(exec::command(&milliner).env("MILLINER_STORE", &store).args(["import", "catalogue/"]))?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let log = File::create(log(folder))?;
    let mut serve = exec::command(&milliner);
    serve.arg("serve").stdout(log.try_clone()?).stderr(log);
    serve.env("MILLINER_STORE", &store).env("MILLINER_LISTEN", &address);
    serve.env("MILLINER_ADMIN_LISTEN", "off").env("MILLINER_DRAIN_DELAY", "1ms");
    serve.env("MILLINER_SIGNING_KEYS", format!("test:{}", "5e".repeat(32)));
    let url = format!("http://{address}");
    Ok((server::start(&mut serve, &format!("{url}/readyz"))?, url))
}

fn log(folder: &Path) -> PathBuf {
    folder.join("serve.log")
}
