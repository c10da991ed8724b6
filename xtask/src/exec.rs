//! Running other programs: every command starts at the root of the checkout, and a failure says
//! which command line failed and how, ready to be pasted into a shell.

use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// A command that starts at the root of the checkout.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    command
}

/// The cargo that runs us, at the root of the checkout.
pub fn cargo() -> Command {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    command(&program)
}

/// Run to the end with our own standard streams; a failing exit is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", line(command)))?;
    check(command, status)
}

/// Run to the end quietly and give back what it wrote; on failure its output is part of the error.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", line(command)))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "`{}` failed ({})\n{text}{}",
            line(command),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(text)
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let name = program.rsplit('/').next().unwrap_or(&program).to_owned();
    command.get_args().fold(name, |line, argument| {
        let argument = argument.to_string_lossy();
        if argument.contains(' ') { format!("{line} '{argument}'") } else { format!("{line} {argument}") }
    })
}
