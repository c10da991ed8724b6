//! Counters, gauges and histograms as plain atomics: a request costs a few relaxed additions.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{Route, Stage, Times};
use crate::compose::Source;

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 12] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0];

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: [[AtomicU64; 6]; Route::COUNT],
    seconds: [Histogram; Route::COUNT],
    /// By [`Stage`].
    stage_seconds: [Histogram; Stage::ALL.len()],
    deliveries: [AtomicU64; DELIVERIES.len()],
    renders: [AtomicU64; 2],
    /// By [`JobEnd`].
    queue_jobs: [AtomicU64; JOB_ENDS.len()],
    queue_seconds: Histogram,
    /// Renders running or waiting.
    pub rendering: Gauge,
    /// Renders waiting for memory.
    pub waiting: Gauge,
}

/// What came of a job from the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// Its composite is stored.
    Done,
    /// It comes again.
    Failed,
    /// It never will be.
    Poison,
}

const JOB_ENDS: [&str; 3] = ["done", "failed", "poison"];

const DELIVERIES: [&str; 5] = ["memory", "store", "rendered", "joined", "not_modified"];

impl Metrics {
    /// One answered request.
    pub fn count_request(&self, route: Route, status: u16, took: Duration) {
        let class = usize::from(status / 100).min(5);
        self.requests[route.index()][class].fetch_add(1, Relaxed);
        self.seconds[route.index()].observe(took);
    }

    /// One journey, as far as it came.
    pub fn observe_journey(&self, times: &Times) {
        for (stage, took) in times.iter() {
            self.stage_seconds[stage as usize].observe(took);
        }
    }

    /// One delivered composite.
    pub fn count_delivery(&self, source: Source) {
        let index = match source {
            Source::Memory => 0,
            Source::Store => 1,
            Source::Rendered { .. } => 2,
            Source::Joined => 3,
        };
        self.deliveries[index].fetch_add(1, Relaxed);
    }

    /// One 304.
    pub fn count_not_modified(&self) {
        self.deliveries[4].fetch_add(1, Relaxed);
    }

    /// One finished render.
    pub fn count_render(&self, succeeded: bool) {
        self.renders[usize::from(!succeeded)].fetch_add(1, Relaxed);
    }

    /// One delivery of a job that ended.
    pub fn count_job(&self, end: JobEnd) {
        self.queue_jobs[end as usize].fetch_add(1, Relaxed);
    }

    /// How long a job had waited when it was delivered.
    pub fn observe_queue(&self, age: Duration) {
        self.queue_seconds.observe(age);
    }

    /// Renders that succeeded and that failed.
    pub fn renders(&self) -> (u64, u64) {
        (self.renders[0].load(Relaxed), self.renders[1].load(Relaxed))
    }

    /// Prometheus' text format, version 0.0.4; `gauges` are read by the caller: name, help, value.
    pub fn expose(&self, gauges: &[(&str, &str, f64)]) -> String {
        let mut text = String::with_capacity(64 << 10);
        header(&mut text, "milliner_requests_total", "counter", "Requests answered");
        for route in Route::all() {
            for (class, count) in self.requests[route.index()].iter().enumerate().skip(1) {
                let labels = format!("{},status=\"{class}xx\"", labels(route));
                sample(&mut text, "milliner_requests_total", &labels, count.load(Relaxed));
            }
        }
        header(&mut text, "milliner_request_seconds", "histogram", "Time to the head of the answer");
        for route in Route::all() {
            self.seconds[route.index()].expose(&mut text, "milliner_request_seconds", &labels(route));
        }
        header(
            &mut text,
            "milliner_stage_seconds",
            "histogram",
            "Time in each stage of a composite's journey",
        );
        for stage in Stage::ALL {
            let label = format!("stage=\"{}\"", stage.name());
            self.stage_seconds[*stage as usize].expose(&mut text, "milliner_stage_seconds", &label);
        }
        header(
            &mut text,
            "milliner_deliveries_total",
            "counter",
            "Composites delivered, by where they came from",
        );
        for (source, count) in DELIVERIES.iter().zip(&self.deliveries) {
            let labels = format!("source=\"{source}\"");
            sample(&mut text, "milliner_deliveries_total", &labels, count.load(Relaxed));
        }
        header(&mut text, "milliner_renders_total", "counter", "Renders finished");
        for (result, count) in ["ok", "failed"].iter().zip(&self.renders) {
            sample(&mut text, "milliner_renders_total", &format!("result=\"{result}\""), count.load(Relaxed));
        }
        header(
            &mut text,
            "milliner_queue_jobs_total",
            "counter",
            "Deliveries from the queue, by what came of them",
        );
        for (end, count) in JOB_ENDS.iter().zip(&self.queue_jobs) {
            sample(&mut text, "milliner_queue_jobs_total", &format!("end=\"{end}\""), count.load(Relaxed));
        }
        header(&mut text, "milliner_queue_seconds", "histogram", "Age of jobs when the queue delivers them");
        self.queue_seconds.expose(&mut text, "milliner_queue_seconds", "");
        let own = [
            ("milliner_rendering", "Renders running or waiting", self.rendering.value() as f64),
            ("milliner_waiting", "Renders waiting for memory", self.waiting.value() as f64),
        ];
        for (name, help, value) in own.iter().chain(gauges) {
            header(&mut text, name, "gauge", help);
            let _ = writeln!(text, "{name} {value}"); // writing to a String cannot fail
        }
        text
    }
}

fn labels(route: Route) -> String {
    format!("method=\"{}\",route=\"{}\"", route.method(), route.template())
}

fn header(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}"); // as above
}

fn sample(text: &mut String, name: &str, labels: &str, value: u64) {
    let _ = writeln!(text, "{name}{{{labels}}} {value}"); // as above
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

/// Counts while it lives.
#[derive(Debug)]
pub struct Entered<'a>(&'a Gauge);

impl Gauge {
    /// One more, until the answer is dropped.
    pub fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Relaxed);
        Entered(self)
    }

    /// How many now.
    pub fn value(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        if let Some(bucket) = BUCKETS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket].fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.micros.fetch_add(took.as_micros() as u64, Relaxed);
    }

    /// `labels`: what every sample has, or nothing.
    fn expose(&self, text: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut below = 0;
        for (bound, bucket) in BUCKETS.iter().zip(&self.buckets) {
            below += bucket.load(Relaxed);
            sample(text, &format!("{name}_bucket"), &format!("{labels}{comma}le=\"{bound}\""), below);
        }
        let count = self.count.load(Relaxed);
        sample(text, &format!("{name}_bucket"), &format!("{labels}{comma}le=\"+Inf\""), count);
        let sum = self.micros.load(Relaxed) as f64 / 1e6;
        let _ = writeln!(text, "{name}_sum{{{labels}}} {sum}"); // as above
        sample(text, &format!("{name}_count"), labels, count);
    }
}
