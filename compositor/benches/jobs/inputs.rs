//! The jobs, read from the file that the peers' scripts read, and their input pictures in the target folder.

use std::path::PathBuf;

use serde_json::Value;

const JOBS: &str = include_str!("../peers/jobs.json");

/// One job. Lengths are in pixels of the canvas.
pub struct Job {
    pub name: String,
    pub base: Vec<u8>,
    pub base_side: u32,
    pub canvas: u32,
    pub hat: Vec<u8>,
    pub hat_size: (u32, u32),
    pub at: (u32, u32),
    pub format: String,
    /// Layer parameters of the recipe beside the place, each with its `;`.
    pub effects: String,
}

impl Job {
    /// Every job of the table.
    pub fn all() -> Vec<Job> {
        let jobs: Value = serde_json::from_str(JOBS).expect("jobs.json is JSON");
        jobs.as_object().expect("jobs.json maps names to jobs").iter().map(Job::read).collect()
    }

    fn read((name, job): (&String, &Value)) -> Job {
        let number = |value: &Value| value.as_u64().expect("a length") as u32;
        let pair = |value: &Value| (number(&value[0]), number(&value[1]));
        let base = job["base"].as_str().expect("a file name");
        let side: String = base.chars().filter(char::is_ascii_digit).collect();
        Job {
            name: name.clone(),
            base: file(base),
            base_side: side.parse().expect("a base is named for its side"),
            canvas: number(&job["canvas"]),
            hat: file("hat.png"),
            hat_size: pair(&job["hat"]),
            at: pair(&job["at"]),
            format: job["format"].as_str().expect("a format").to_owned(),
            effects: effects(&job["turn"]),
        }
    }
}

fn effects(turn: &Value) -> String {
    let Some(blend) = turn["blend"].as_str() else { return String::new() };
    format!(";rotate={};opacity={};blend={blend}", turn["degrees"], turn["opacity"])
}

fn folder() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    target.parent().expect("cargo's temporary folder lies in its target folder").join("bench")
}

/// An input picture.
pub fn file(name: &str) -> Vec<u8> {
    let path = folder().join("inputs").join(name);
    let bytes = std::fs::read(&path);
    bytes.unwrap_or_else(|_| panic!("no {}: `cargo xtask bench --only inputs` makes it", path.display()))
}

/// Leaves a picture for a look and for its size.
pub fn keep(job: &Job, who: &str, format: &str, bytes: &[u8]) {
    let folder = folder().join("outputs");
    std::fs::create_dir_all(&folder).expect("a writable target folder");
    let path = folder.join(format!("{who}-{}.{format}", job.name));
    std::fs::write(path, bytes).expect("a writable target folder");
}
