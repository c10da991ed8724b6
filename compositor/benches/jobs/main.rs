//! The render jobs and growth curves of `cargo xtask bench`, which also makes the input pictures: `--only inputs` does
//! just that, once, and then `cargo bench -p compositor --bench jobs` works by itself.
//!
//! Cold: from the bytes of stored files, by a compositor that keeps nothing. Warm: by one that has rendered the bare base on the same
//! canvas in the same format (base decoded, fitted and its strips encoded) and the overlay at its size (decoded and
//! sized), but never this picture: the overlay moves from run to run. Parsing and resolving the recipe count, too.
//! Peers' files have what warm is for them. Times are processor time, since the machine may have other work.

mod cpu;
mod growth;
mod image_crate;
mod inputs;
mod milliner;

use criterion::{Criterion, criterion_group, criterion_main};

use self::cpu::CpuTime;
use self::image_crate::Peer;
use self::inputs::Job;
use self::milliner::Ours;

fn jobs(c: &mut Criterion<CpuTime>) {
    for job in Job::all() {
        let ours = Ours::new(&job);
        // A format that is not written yet is measured from the day it is.
        if let Some(undrawn) = ours.plan(0).undrawn() {
            eprintln!("{}: skipped, {} is not drawn yet", job.name, undrawn.name);
            continue;
        }
        ours_of(c, &job, &ours);
        peer_of(c, &job);
    }
}

fn ours_of(c: &mut Criterion<CpuTime>, job: &Job, ours: &Ours) {
    let (cold, warm) = (milliner::cold(), milliner::warm(ours));
    inputs::keep(job, "milliner", &job.format, &ours.render(&cold, 0));
    inputs::keep(job, "reference", "png", &ours.exact(&cold));
    let mut group = c.benchmark_group(&job.name);
    let mut run = 0;
    let mut next = || {
        run += 1;
        run
    };
    group.bench_function("cold/milliner", |b| b.iter(|| ours.render(&cold, next())));
    group.bench_function("warm/milliner", |b| b.iter(|| ours.render(&warm, next())));
    let whole = Ours::new(job).without_levels();
    group.bench_function("without-levels/milliner", |b| b.iter(|| whole.render(&cold, next())));
    // Where the cold time goes, by subtraction: each step does all that the one before it does, and the last one all that
    // a render does that copies nothing.
    let encoded = Ours::new(job).without_ready_strips();
    group.bench_function("steps/encoded", |b| b.iter(|| encoded.render(&cold, next())));
    group.bench_function("steps/decoded", |b| b.iter(|| ours.decode_base(&cold)));
    group.bench_function("steps/fitted", |b| b.iter(|| ours.draw_bare(&cold)));
    group.bench_function("steps/drawn", |b| b.iter(|| ours.draw(&cold, next())));
    group.finish();
}

fn peer_of(c: &mut Criterion<CpuTime>, job: &Job) {
    let Some(peer) = Peer::new(job) else { return };
    inputs::keep(job, "image", &job.format, &peer.cold(0));
    let mut group = c.benchmark_group(&job.name);
    let mut run = 0;
    let mut next = || {
        run = (run + 1) % 16;
        run
    };
    group.bench_function("cold/image", |b| b.iter(|| peer.cold(next())));
    group.bench_function("warm/image", |b| b.iter(|| peer.warm(next())));
    group.finish();
}

fn quick() -> Criterion<CpuTime> {
    let (warm_up, measurement) = (std::time::Duration::from_millis(500), std::time::Duration::from_secs(2));
    Criterion::default()
        .with_measurement(CpuTime)
        .sample_size(20)
        .warm_up_time(warm_up)
        .measurement_time(measurement)
}

criterion_group! { name = benches; config = quick(); targets = jobs, growth::curves }
criterion_main!(benches);
