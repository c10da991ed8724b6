//! Plots as hand-written SVG, readable on light and on dark ground: bars of ratios on a logarithmic axis, and curves on
//! logarithmic axes. No library: a plot is a handful of lines and words.

use std::fmt::Write as _;

const WIDTH: f64 = 880.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const STYLE: &str = "text{font:12px sans-serif;fill:#333}.axis{stroke:#999;stroke-width:1}.grid{stroke:#ddd;stroke-width:1}\
.one{stroke:#333;stroke-width:1.5}.goal{stroke:#d02;stroke-width:2}.t{font-weight:bold}\
@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}.one{stroke:#ddd}.goal{stroke:#f76}}";
/// Told apart by those who do not see red and green as different, and on both grounds.
const COLOURS: [&str; 4] = ["#0072b2", "#56b4e9", "#e69f00", "#009e73"];

/// Bars side by side under one name; a bar that is not there leaves its place empty.
pub struct Group {
    pub name: String,
    pub bars: Vec<Option<Bar>>,
}

pub struct Bar {
    pub value: f64,
    pub goal: Option<f64>,
}

/// Groups of bars that start at 1: upwards is better, downwards is worse.
pub fn bars(title: &str, legend: &[&str], groups: &[Group]) -> String {
    const HEIGHT: f64 = 360.0;
    let shown = groups.iter().flat_map(|group| group.bars.iter().flatten());
    let values = shown.flat_map(|bar| [Some(bar.value), bar.goal]).flatten();
    let scale = Log::over(values.chain([1.0]), HEIGHT - 40.0, 60.0);
    let mut svg = opening(title, HEIGHT);
    scale.grid(&mut svg, LEFT, WIDTH - RIGHT, "×");
    let step = (WIDTH - LEFT - RIGHT) / groups.len().max(1) as f64;
    for (number, group) in groups.iter().enumerate() {
        let (left, width) = (LEFT + step * (number as f64 + 0.1), step * 0.8 / legend.len().max(1) as f64);
        text(&mut svg, left + step * 0.4, HEIGHT - 18.0, "middle", "", &group.name);
        for (place, bar) in group.bars.iter().enumerate() {
            let x = left + width * place as f64;
            match bar {
                Some(bar) => draw_bar(&mut svg, &scale, bar, x, width - 3.0, COLOURS[place % COLOURS.len()]),
                None => text(&mut svg, x + width / 2.0, scale.at(1.0) - 4.0, "middle", "", "–"),
            }
        }
    }
    line(&mut svg, "one", (LEFT, scale.at(1.0)), (WIDTH - RIGHT, scale.at(1.0)));
    legends(&mut svg, legend, LEFT, 42.0);
    svg + "</svg>\n"
}

fn draw_bar(svg: &mut String, scale: &Log, bar: &Bar, x: f64, width: f64, colour: &str) {
    let (one, end) = (scale.at(1.0), scale.at(bar.value));
    let (top, height) = (one.min(end), (one - end).abs());
    push(
        svg,
        format_args!(
            "<rect x='{x:.1}' y='{top:.1}' width='{width:.1}' height='{height:.1}' fill='{colour}'/>"
        ),
    );
    text(svg, x + width / 2.0, top - 4.0, "middle", "", &short(bar.value));
    if let Some(goal) = bar.goal {
        line(svg, "goal", (x, scale.at(goal)), (x + width, scale.at(goal)));
    }
}

/// One panel of curves: what grows, and a curve for each of the legend.
pub struct Panel {
    pub title: String,
    pub curves: Vec<Vec<(f64, f64)>>,
}

/// Panels side by side on one vertical axis, in milliseconds; both axes are logarithmic.
pub fn curves(title: &str, legend: &[&str], panels: &[Panel]) -> String {
    const HEIGHT: f64 = 400.0;
    let points = || panels.iter().flat_map(|panel| panel.curves.iter().flatten());
    let down = Log::over(points().map(|(_, ms)| *ms), HEIGHT - 60.0, 70.0);
    let mut svg = opening(title, HEIGHT);
    let step = (WIDTH - LEFT - RIGHT) / panels.len().max(1) as f64;
    for (number, panel) in panels.iter().enumerate() {
        let (left, right) = (LEFT + step * number as f64 + 10.0, LEFT + step * (number + 1) as f64 - 25.0);
        down.grid(&mut svg, left, right, if number == 0 { " ms" } else { "" });
        draw_panel(&mut svg, panel, &down, (left + 8.0, right - 8.0), HEIGHT);
    }
    legends(&mut svg, legend, LEFT, 42.0);
    svg + "</svg>\n"
}

fn draw_panel(svg: &mut String, panel: &Panel, down: &Log, (left, right): (f64, f64), height: f64) {
    let across = Log::over(panel.curves.iter().flatten().map(|(at, _)| *at), left, right);
    text(svg, f64::midpoint(left, right), height - 12.0, "middle", "", &panel.title);
    for (at, _) in panel.curves.iter().max_by_key(|curve| curve.len()).into_iter().flatten() {
        text(svg, across.at(*at), height - 36.0, "middle", "", &short(*at));
    }
    for (curve, colour) in panel.curves.iter().zip(COLOURS.iter().cycle()) {
        let places: Vec<(f64, f64)> = curve.iter().map(|(at, ms)| (across.at(*at), down.at(*ms))).collect();
        let path = places.iter().fold(String::new(), |path, (x, y)| format!("{path} {x:.1},{y:.1}"));
        push(svg, format_args!("<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>"));
        for (x, y) in places {
            push(svg, format_args!("<circle cx='{x:.1}' cy='{y:.1}' r='3' fill='{colour}'/>"));
        }
    }
}

/// A logarithmic axis.
struct Log {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Log {
    /// Holds all values; the least lies at `from`, the greatest at `to`.
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let fold = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let (low, high) =
            values.filter(|value| *value > 0.0).map(f64::ln).fold((f64::INFINITY, f64::NEG_INFINITY), fold);
        if low < high { Log { low, high, from, to } } else { Log { low: 0.0, high: 1.0, from, to } }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value.ln() - self.low) / (self.high - self.low);
        self.from + share * (self.to - self.from)
    }

    /// Lines at 1, 2 and 5 of every power of ten in range.
    fn grid(&self, svg: &mut String, left: f64, right: f64, unit: &str) {
        for value in (-2..5).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power))) {
            if (self.low..=self.high).contains(&value.ln()) {
                let y = self.at(value);
                line(svg, "grid", (left, y), (right, y));
                if !unit.is_empty() {
                    text(svg, left - 6.0, y + 4.0, "end", "", &format!("{}{unit}", short(value)));
                }
            }
        }
    }
}

fn opening(title: &str, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img' aria-label='{title}'>\n\
         <style>{STYLE}</style>\n"
    );
    text(&mut svg, LEFT, 20.0, "start", "t", title);
    svg
}

fn legends(svg: &mut String, legend: &[&str], left: f64, y: f64) {
    let step = (WIDTH - LEFT - RIGHT) / legend.len().max(1) as f64;
    for (number, (name, colour)) in legend.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let x = left + step.min(200.0) * number as f64;
        push(
            svg,
            format_args!("<rect x='{x:.1}' y='{:.1}' width='12' height='12' fill='{colour}'/>", y - 10.0),
        );
        text(svg, x + 18.0, y, "start", "", name);
    }
}

fn line(svg: &mut String, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    push(svg, format_args!("<line class='{class}' x1='{x1:.1}' y1='{y1:.1}' x2='{x2:.1}' y2='{y2:.1}'/>"));
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, class: &str, words: &str) {
    push(
        svg,
        format_args!("<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}' class='{class}'>{words}</text>"),
    );
}

fn push(svg: &mut String, element: std::fmt::Arguments<'_>) {
    let _ = writeln!(svg, "{element}"); // writing to a String cannot fail
}

/// Two significant digits.
fn short(value: f64) -> String {
    if value >= 10.0 {
        format!("{value:.0}")
    } else if value >= 1.0 {
        format!("{value:.1}").trim_end_matches(".0").to_owned()
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Bar, Group, Log, Panel, bars, curves};

    #[test]
    fn equal_ratios_are_equal_distances() {
        let axis = Log::over([1.0, 100.0].into_iter(), 0.0, 2.0);
        assert!((axis.at(10.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_measured_is_still_a_plot() {
        let group = Group { name: "J1".into(), bars: vec![None, Some(Bar { value: 1.0, goal: None })] };
        let panel = Panel { title: "area".into(), curves: vec![Vec::new()] };
        for plot in [bars("t", &["a", "b"], &[group]), curves("t", &["a"], &[panel])] {
            assert!(
                plot.starts_with("<svg") && plot.ends_with("</svg>\n") && !plot.contains("NaN"),
                "{plot}"
            );
        }
    }
}
