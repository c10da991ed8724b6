//! How the time of a render grows with the overlay's area, the canvas and the number of layers: a table, a picture of
//! the curves, and why they have their shape. The benchmark itself is `compositor/benches/jobs/growth.rs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Result, ensure};

use super::plot::{self, Panel};
use super::{Outcomes, Section};

pub const TITLE: &str = "Growth of a render";

/// A benchmark group, its title, and why its curve has its shape.
const CURVES: [(&str, &str, &str); 3] = [
    (
        "growth-area",
        "overlay, % of a canvas of 1024²",
        "Warm, what lies under the overlay is put together and encoded, and all bits beside it are copied: the time follows the \
         overlay's area, on top of the copying of the file. Cold, a JPEG base is decoded and encoded whole, which is the \
         greater part; of a PNG base only the strips that the overlay lies on are, and the rest of its file is copied.",
    ),
    (
        "growth-canvas",
        "side of the canvas, the overlay on 10 %",
        "Every step works on pixels, each once: the time follows the area, four times for twice the side, as long as the base is kept in \
         one kind of file. That of 4096² is a photograph enlarged four times, and so smooth that an import keeps the smaller kind of PNG, \
         which is decoded and encoded whole.",
    ),
    (
        "growth-layers",
        "layers of 10 %, one over the other",
        "Warm, a layer adds the blending of its own pixels, and not an encoding: what they touch is encoded once for all layers, \
         so the curve starts flat. Cold, every layer scales the overlay anew, from the level of it that is next in size.",
    ),
];
const LINES: [(&str, &str); 4] = [
    ("PNG cold", "png/cold"),
    ("PNG warm", "png/warm"),
    ("JPEG cold", "jpg/cold"),
    ("JPEG warm", "jpg/warm"),
];

pub fn measure() -> Result<Section> {
    let outcomes = Outcomes::measure("growth-")?;
    let mut panels = Vec::new();
    let mut text = String::from("One thread, processor time in ms. ![curves](growth.svg)\n");
    for (group, title, why) in CURVES {
        let rows = rows(&outcomes, group);
        ensure!(!rows.is_empty(), "criterion left no outcome of {group}");
        write!(text, "\n{why}\n\n{}", table(title, &rows))?;
        let curve = |line: usize| {
            let points = rows.iter().filter_map(|(at, times)| Some((f64::from(*at), (*times.get(line)?)?)));
            points.collect()
        };
        panels.push(Panel { title: title.to_owned(), curves: (0..LINES.len()).map(curve).collect() });
    }
    let svg = plot::curves("Time of a render, ms", &LINES.map(|(name, _)| name), &panels);
    Ok(Section { title: TITLE, text, plots: vec![("growth.svg", svg)] })
}

/// What was measured at every point of a curve, in the order of `LINES`.
fn rows(outcomes: &Outcomes, group: &str) -> BTreeMap<u32, Vec<Option<f64>>> {
    let folders = fs::read_dir(outcomes.0.join(group)).into_iter().flatten().flatten();
    let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let points = names.filter_map(|name| name.split('_').next()?.parse::<u32>().ok());
    let times = |at: u32| LINES.map(|(_, line)| outcomes.median(group, &format!("{at}/{line}"))).to_vec();
    points.map(|at| (at, times(at))).collect()
}

fn table(title: &str, rows: &BTreeMap<u32, Vec<Option<f64>>>) -> String {
    let heads = LINES.map(|(name, _)| name).join(" | ");
    let mut table = format!("| {title} | {heads} |\n|---|---|---|---|---|\n");
    for (at, times) in rows {
        let times: Vec<String> =
            times.iter().map(|time| time.map_or("–".to_owned(), |ms| format!("{ms:.1}"))).collect();
        let _ = writeln!(table, "| {at} | {} |", times.join(" | ")); // writing to a String cannot fail
    }
    table
}
