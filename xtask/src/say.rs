//! What a person reads while a command works: headings, steps with their time, and warnings. Goes to
//! the standard error stream, so that the output of the programs we start stays usable in a pipe.
//! Colour only on a terminal, and never against `NO_COLOR`.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use anyhow::Result;

/// One of the terminal's own colours, so that it fits the reader's theme.
#[derive(Clone, Copy)]
pub enum Colour {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
    Magenta = 35,
    Cyan = 36,
}

/// Whether colour is welcome.
pub fn is_coloured() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// The text in a colour, where colour is welcome.
pub fn paint(colour: Colour, text: &str) -> String {
    if is_coloured() { format!("\x1b[{}m{text}\x1b[0m", colour as u8) } else { text.to_owned() }
}

/// One line, as it is.
pub fn line(text: &str) {
    eprintln!("{text}");
}

/// The outcome that another program may read: the only thing written to the standard output.
#[expect(clippy::print_stdout, reason = "what a caller parses belongs on the standard output")]
pub fn result(text: &str) {
    println!("{text}");
}

/// Announce a piece of work, do it, and say how long it took.
pub fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    line(&format!("{} {title}", paint(Colour::Cyan, "▸")));
    let start = Instant::now();
    let outcome = work();
    let took = paint(Colour::Dim, &duration(start.elapsed()));
    match &outcome {
        Ok(_) => line(&format!("{} {title} {took}", paint(Colour::Green, "✓"))),
        Err(_) => line(&format!("{} {title} {took}", paint(Colour::Red, "✗"))),
    }
    outcome
}

/// "0.3 s", "42 s", "3 min 07 s".
pub fn duration(elapsed: Duration) -> String {
    let secs = elapsed.as_secs_f64();
    match secs {
        ..10.0 => format!("{secs:.1} s"),
        ..120.0 => format!("{secs:.0} s"),
        _ => format!("{} min {:02} s", elapsed.as_secs() / 60, elapsed.as_secs() % 60),
    }
}
