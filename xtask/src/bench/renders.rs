//! The jobs by Milliner and by every peer, in one run: tables with the ratio to the best peer beside the goal, a plot of
//! the ratios, what the lossy files are worth, and where our own time goes. The jobs themselves are in
//! `compositor/benches/peers/jobs.json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::peers::{self, Kind, Measured, OURS_IN_WASM, Outcome, PEERS, Peer, Place, Report};
use super::plot::{self, Bar, Group};
use super::{Outcomes, Section, inputs, machine_class};
use crate::{build, exec, workspace};

pub const TITLE: &str = "Rendering";

/// A job: what it is, and how many times faster than the best peer it shall be; without numbers: not behind.
struct Job {
    name: &'static str,
    work: &'static str,
    native: Goal,
    /// Of what every target writes.
    wasm: Option<Goal>,
}

#[derive(Clone, Copy)]
struct Goal {
    cold: f64,
    warm: f64,
}

const fn goal(cold: f64, warm: f64) -> Goal {
    Goal { cold, warm }
}

const JOBS: [Job; 6] = [
    job("J1", "1024² JPEG, hat at 410×308 → JPEG q80 4:2:0", goal(2.0, 4.0), Some(goal(4.0, 10.0))),
    job("J2", "1024² RGBA PNG, the same hat → PNG", goal(1.4, 3.5), Some(goal(3.0, 5.0))),
    job("J3", "the same → lossy WebP q80", goal(1.0, 1.0), None),
    job(
        "J4",
        "2048² JPEG fitted into 512², hat at 205×154 → JPEG q80",
        goal(1.3, 15.0),
        Some(goal(4.0, 20.0)),
    ),
    job(
        "J5",
        "J2, the hat turned by 15°, opacity 0.8, multiply → PNG",
        goal(5.0, 20.0),
        Some(goal(6.0, 20.0)),
    ),
    job("J6", "1024² JPEG, the same hat → AVIF q50, speed 6", goal(1.0, 1.0), None),
];

const fn job(name: &'static str, work: &'static str, native: Goal, wasm: Option<Goal>) -> Job {
    Job { name, work, native, wasm }
}

const METHOD: &str = "One thread, processor time in ms, medians; Lanczos3 where a peer has it. Cold is from file bytes every time: a peer's from \
the given files, ours from those that an import made of them, levels of half the size and ready strips included; what a render without them takes stands \
below. Warm is with the \
inputs decoded and at their size: a peer blends and encodes. For Milliner warm means precisely: one compositor has rendered the \
bare base on this canvas in this format before (base decoded and fitted, its strips encoded) and the overlay at this size (decoded, \
scaled and turned), but never this picture: the overlay moves from run to run. Parsing and resolving \
the recipe is part of our figures. Of lossy WebP and AVIF Skia, whose qualities are not those of others, writes files as large as ours. \"fast\" is a peer's fastest PNG level that compresses. The ratio is the best peer's time over ours. \
Ours and magick-wasm write every picture into one buffer; the other libraries return a new array. \
In Chromium it is the processor time of the page's process, in steps of ten milliseconds over rounds of 250: wasm-vips has a helper thread \
even if it is told to have one thread, and the other one spins meanwhile. So what passed by the clock stands beside it.\n";

/// One row of a job's table.
struct Row {
    title: String,
    outcome: Result<Measured, String>,
}

/// Everything measured of one kind: ours, and the peers.
struct Field {
    ours: BTreeMap<&'static str, Measured>,
    peers: Vec<(&'static str, Result<Report, String>)>,
}

pub fn measure(rounds: u32) -> Result<Section> {
    build::wasm_pkg::build()?;
    let outcomes = Outcomes::measure("J")?;
    let drawn: Vec<&str> =
        JOBS.iter().map(|job| job.name).filter(|name| ours(&outcomes, name).is_some()).collect();
    ensure!(!drawn.is_empty(), "criterion left no outcome of the jobs");
    let native = native(&outcomes, &drawn, rounds);
    let everywhere: Vec<&str> = JOBS.iter().filter(|job| job.wasm.is_some()).map(|job| job.name).collect();
    let (wasm, page) = (wasm(&everywhere, rounds, Place::Process), wasm(&everywhere, rounds, Place::Page));
    let page_by_the_clock = page.by_the_clock();
    let mut text = format!(
        "{METHOD}\nOn {}; medians of three passes in which all scripts took turns, each the median of {} rounds or more; criterion for Milliner and the `image` crate, natively.\n\n![ratios](renders.svg)\n",
        machine_class(),
        peers::rounds_of_a_pass(rounds)
    );
    let fields = [
        ("native", &native),
        ("in WebAssembly, Node", &wasm),
        ("in WebAssembly, Chromium", &page),
        ("in WebAssembly, Chromium, by the clock", &page_by_the_clock),
    ];
    text += &summary(&fields);
    for (place, field) in fields {
        text += &details(place, field);
    }
    text += &steps(&outcomes);
    text += &quality()?;
    text += &versions(&[&native, &wasm]);
    Ok(Section { title: TITLE, text, plots: vec![("renders.svg", bars(&native, &wasm))] })
}

fn native(outcomes: &Outcomes, jobs: &[&str], rounds: u32) -> Field {
    let ours = JOBS.iter().filter_map(|job| Some((job.name, ours(outcomes, job.name)?))).collect();
    let mut peers = vec![("`image` crate", Ok(image_crate(outcomes)))];
    let all: Vec<&Peer> = of_kind(Kind::Native).collect();
    let reports = peers::in_turn(&all, jobs, rounds, Place::Process);
    peers.extend(all.iter().map(|peer| peer.title).zip(reports));
    Field { ours, peers }
}

fn wasm(jobs: &[&str], rounds: u32, place: Place) -> Field {
    let all: Vec<&Peer> = std::iter::once(&OURS_IN_WASM).chain(of_kind(Kind::Wasm)).collect();
    let mut reports = peers::in_turn(&all, jobs, rounds, place).into_iter();
    let report = reports.next().unwrap_or_else(|| Err("it was not measured".into()));
    let measured = |name: &str| report.as_ref().ok()?.jobs.get(name)?.measured();
    let ours = JOBS.iter().filter_map(|job| Some((job.name, measured(job.name)?))).collect();
    let mut peers: Vec<_> = of_kind(Kind::Wasm).map(|peer| peer.title).zip(reports).collect();
    if let Err(reason) = report {
        peers.insert(0, (OURS_IN_WASM.title, Err(reason)));
    }
    Field { ours, peers }
}

fn of_kind(kind: Kind) -> impl Iterator<Item = &'static Peer> {
    PEERS.iter().filter(move |peer| peer.kind == kind)
}

fn ours(outcomes: &Outcomes, job: &str) -> Option<Measured> {
    by_criterion(outcomes, job, "milliner")
}

fn by_criterion(outcomes: &Outcomes, job: &str, who: &str) -> Option<Measured> {
    let cold = outcomes.median(job, &format!("cold/{who}"))?;
    let warm = outcomes.median(job, &format!("warm/{who}"))?;
    Some(Measured { cold, warm, bytes: length(&format!("{who}-{job}."))?, elapsed: None })
}

/// Length of the output file whose name starts so.
fn length(start: &str) -> Option<u64> {
    let files = fs::read_dir(inputs::folder().ok()?.join("outputs")).ok()?.flatten();
    let mut named = files.filter(|file| file.file_name().to_string_lossy().starts_with(start));
    Some(named.next()?.metadata().ok()?.len())
}

fn image_crate(outcomes: &Outcomes) -> Report {
    let outcome = |name| match by_criterion(outcomes, name, "image") {
        Some(measured) => Outcome::Measured(measured),
        None => Outcome::Missing { missing: "it has no call for this".into() },
    };
    let jobs = JOBS.iter().map(|job| (job.name.to_owned(), outcome(job.name))).collect();
    Report { version: locked("image").unwrap_or_else(|| "?".into()), jobs }
}

/// The version of a package in Cargo.lock.
fn locked(package: &str) -> Option<String> {
    let lock: toml::Table =
        toml::from_str(&fs::read_to_string(workspace::root().join("Cargo.lock")).ok()?).ok()?;
    let named = |found: &&toml::Value| found.get("name").and_then(toml::Value::as_str) == Some(package);
    Some(lock.get("package")?.as_array()?.iter().find(named)?.get("version")?.as_str()?.to_owned())
}

impl Field {
    /// The same by the clock, as far as scripts told it.
    fn by_the_clock(&self) -> Field {
        let of = |outcome: &Outcome| match outcome {
            Outcome::Measured(measured) => measured.by_the_clock().map(Outcome::Measured),
            Outcome::Missing { missing } => Some(Outcome::Missing { missing: missing.clone() }),
        };
        let of_report = |Report { version, jobs }: &Report| Report {
            version: version.clone(),
            jobs: jobs.iter().filter_map(|(job, outcome)| Some((job.clone(), of(outcome)?))).collect(),
        };
        let ours =
            self.ours.iter().filter_map(|(job, measured)| Some((*job, measured.by_the_clock()?))).collect();
        let of_peer = |(title, report): &(_, Result<Report, String>)| {
            (*title, report.as_ref().map(of_report).map_err(String::clone))
        };
        Field { ours, peers: self.peers.iter().map(of_peer).collect() }
    }

    /// Every peer's outcome of a job, its fast variant on a row of its own.
    fn rows(&self, job: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        for (title, report) in &self.peers {
            let report = match report {
                Ok(report) => report,
                Err(reason) => {
                    rows.push(Row { title: (*title).to_owned(), outcome: Err(reason.clone()) });
                    continue;
                }
            };
            for (key, title) in
                [(job.to_owned(), (*title).to_owned()), (format!("{job} fast"), format!("{title}, fast"))]
            {
                match report.jobs.get(&key) {
                    Some(Outcome::Measured(measured)) => rows.push(Row { title, outcome: Ok(*measured) }),
                    Some(Outcome::Missing { missing }) => {
                        rows.push(Row { title, outcome: Err(missing.clone()) });
                    }
                    None => {}
                }
            }
        }
        rows
    }

    fn best(&self, job: &str, of: fn(&Measured) -> f64) -> Option<(String, f64)> {
        let measured = self.rows(job).into_iter().filter_map(|row| Some((row.title, of(&row.outcome.ok()?))));
        measured.min_by(|(_, one), (_, other)| one.total_cmp(other))
    }

    /// How many times faster than the best peer.
    fn ratio(&self, job: &str, of: fn(&Measured) -> f64) -> Option<f64> {
        Some(self.best(job, of)?.1 / of(self.ours.get(job)?))
    }
}

fn cold(measured: &Measured) -> f64 {
    measured.cold
}

fn warm(measured: &Measured) -> f64 {
    measured.warm
}

/// Every job in one line for native and one for each way of looking at wasm.
fn summary(fields: &[(&str, &Field); 4]) -> String {
    let mut table = String::from(
        "\n| job | | ours cold | best peer | ratio | goal | ours warm | best peer | ratio | goal |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for job in &JOBS {
        let goals = [Some(job.native), job.wasm, job.wasm, job.wasm];
        for ((place, field), goal) in
            fields.iter().zip(goals).filter_map(|(field, goal)| Some((field, goal?)))
        {
            let cells = [(cold as fn(&Measured) -> f64, goal.cold), (warm, goal.warm)];
            let cells = cells.map(|(of, goal)| cell(field, job.name, of, goal)).concat();
            let _ = writeln!(table, "| {} | {place}{cells} |", job.name); // writing to a String cannot fail
        }
    }
    table
}

fn cell(field: &Field, job: &str, of: fn(&Measured) -> f64, goal: f64) -> String {
    let Some(ours) = field.ours.get(job).map(of) else {
        return format!(" | not drawn yet | – | – | {goal}×");
    };
    match field.best(job, of) {
        Some((title, theirs)) => {
            let ratio = theirs / ours;
            let verdict = if ratio >= goal { "met" } else { "not met" };
            format!(" | {ours:.2} | {theirs:.1} ({title}) | **{ratio:.2}×** | {goal}× {verdict}")
        }
        None => format!(" | {ours:.2} | missing | – | {goal}×"),
    }
}

/// Every peer of every job.
fn details(place: &str, field: &Field) -> String {
    let mut text = format!("\n### Every peer, {place}\n");
    for job in JOBS.iter().filter(|job| field.ours.contains_key(job.name)) {
        let _ =
            write!(text, "\n{}: {}\n\n| | cold | warm | bytes |\n|---|---|---|---|\n", job.name, job.work);
        let ours = Row { title: "**Milliner**".into(), outcome: Ok(field.ours[job.name]) };
        for Row { title, outcome } in [ours].into_iter().chain(field.rows(job.name)) {
            let _ = match outcome {
                Ok(Measured { cold, warm, bytes, .. }) => {
                    writeln!(text, "| {title} | {cold:.2} | {warm:.2} | {bytes} |")
                }
                Err(reason) => writeln!(text, "| {title} | missing: {} | | |", reason.replace('|', "/")),
            };
        }
    }
    text
}

/// Where our own cold time goes: each step does all that the one before it does, so the rest is its own.
fn steps(outcomes: &Outcomes) -> String {
    let mut table = String::from(
        "\n### Where our time goes, cold, native\n\nBy subtraction, in ms, where no strip of the base's file is copied; the layer is its decoding, scaling and blending. \
         A PNG base that is drawn on at its own size is decoded where something lies on it, and the rest of its file is copied: the column \"copying\" is \
         that of the tables above. A base at another size is always encoded anew.\n\n\
         | job | decode base | fit base | layer | encode | all of it | copying | without levels |\n|---|---|---|---|---|---|---|---|\n",
    );
    for job in &JOBS {
        let at = |step: &str| outcomes.median(job.name, step);
        let Some(times) = ["steps/decoded", "steps/fitted", "steps/drawn", "steps/encoded"]
            .map(at)
            .into_iter()
            .collect::<Option<Vec<f64>>>()
        else {
            continue;
        };
        let [cold, whole] =
            ["cold/milliner", "without-levels/milliner"].map(|step| at(step).unwrap_or(f64::NAN));
        let own: Vec<String> =
            times.windows(2).map(|pair| format!("{:.1}", (pair[1] - pair[0]).max(0.0))).collect();
        let (name, decoded, own, all) = (job.name, times[0], own.join(" | "), times[3]);
        let _ = writeln!(table, "| {name} | {decoded:.1} | {own} | {all:.1} | {cold:.1} | {whole:.1} |");
    }
    table
}

/// Bytes, PSNR and SSIM of lossy files beside Pillow's of the same pixels, and whether every peer drew the same picture.
fn quality() -> Result<String> {
    let mut command = exec::command("python3");
    command.env("PYTHONPATH", inputs::python("pillow")?).arg(inputs::scripts().join("quality.py"));
    let report = exec::output(command.arg(inputs::folder()?.join("outputs")))?;
    let report: Value = serde_json::from_str(&report).context("quality.py printed no report")?;
    Ok(lossy(&report["encoders"]) + &png_size() + &agreement(&report["agreement"]))
}

fn lossy(encoders: &Value) -> String {
    let mut table = String::from(
        "\n### Quality\n\nThe same pixels at the same setting, by us and by Pillow (libjpeg-turbo, libwebp, libaom).\n\n\
         | job | ours: bytes, PSNR, SSIM | Pillow: bytes, PSNR, SSIM |\n|---|---|---|\n",
    );
    let cell = |of: &Value| {
        let number = |name: &str| of[name].as_f64().unwrap_or(f64::NAN);
        format!("{}, {:.2} dB, {:.4}", of["bytes"], number("psnr"), number("ssim"))
    };
    for (job, both) in encoders.as_object().into_iter().flatten() {
        let _ = writeln!(table, "| {job} | {} | {} |", cell(&both["ours"]), cell(&both["pillow"]));
    }
    table
}

fn png_size() -> String {
    let (Some(ours), Some(theirs)) = (length("milliner-J2."), length("image-J2.")) else {
        return String::new();
    };
    let more = (ours as f64 / theirs as f64 - 1.0) * 100.0;
    let verdict = if more <= 3.0 { "met" } else { "not met" };
    format!(
        "\nPNG of J2: {ours} bytes, the `image` crate's default {theirs}: {more:+.1} % (goal: at most +3 %, {verdict}).\n"
    )
}

/// Peers that drew something else did not do the job; half a pixel of the hat's place is no difference.
fn agreement(peers: &Value) -> String {
    const SAME_PICTURE_DB: f64 = 28.0;
    let all: Vec<(&String, f64)> = peers
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, psnr)| Some((name, psnr.as_f64()?)))
        .collect();
    let far: Vec<String> = all
        .iter()
        .filter(|(_, psnr)| *psnr < SAME_PICTURE_DB)
        .map(|(name, psnr)| format!("{name} ({psnr:.1} dB)"))
        .collect();
    let least = all.iter().map(|(_, psnr)| *psnr).fold(f64::INFINITY, f64::min);
    if far.is_empty() {
        format!("\nEvery peer's picture is within {least:.1} dB PSNR of ours.\n")
    } else {
        format!("\nFarther than {SAME_PICTURE_DB} dB PSNR from our picture: {}.\n", far.join(", "))
    }
}

fn versions(fields: &[&Field]) -> String {
    let of = |(title, report): &(&str, Result<Report, String>)| match report {
        Ok(report) => format!("{title} {}", report.version),
        Err(_) => format!("{title} missing"),
    };
    let all: Vec<String> = fields.iter().flat_map(|field| field.peers.iter().map(of)).collect();
    format!("\nPeers: {}.\n", all.join("; "))
}

fn bars(native: &Field, wasm: &Field) -> String {
    let group = |job: &Job| {
        let bar = |field: &Field, of, goal| Some(Bar { value: field.ratio(job.name, of)?, goal: Some(goal) });
        let bars = vec![
            bar(native, cold, job.native.cold),
            bar(native, warm, job.native.warm),
            job.wasm.and_then(|goal| bar(wasm, cold, goal.cold)),
            job.wasm.and_then(|goal| bar(wasm, warm, goal.warm)),
        ];
        Group { name: job.name.to_owned(), bars }
    };
    let legend = ["native, cold", "native, warm", "wasm, cold", "wasm, warm"];
    let groups: Vec<Group> = JOBS.iter().map(group).collect();
    plot::bars("Times faster than the best peer (red: the goal)", &legend, &groups)
}
