//! Threads that may help with one render: as many over all renders at once as there are to spare, so that a lone render
//! is quick and many do not stand in each other's way.

#[cfg(not(target_family = "wasm"))]
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    sync::mpsc,
    thread,
};

/// Helpers beside the threads that render anyway. In WebAssembly there are none.
pub(crate) struct Crew {
    #[cfg(not(target_family = "wasm"))]
    spare: AtomicUsize,
}

/// Items that a helper is worth: starting one takes as long as encoding about one strip.
#[cfg(not(target_family = "wasm"))]
const WORTH_A_HELPER: usize = 8;
/// Runs of items that each thread takes, about: with fewer the last to end keeps all waiting.
#[cfg(not(target_family = "wasm"))]
const RUNS_EACH: usize = 4;

impl Crew {
    /// With so many helpers.
    #[cfg_attr(target_family = "wasm", expect(unused_variables, reason = "no threads there"))]
    pub fn new(helpers: usize) -> Self {
        Crew {
            #[cfg(not(target_family = "wasm"))]
            spare: AtomicUsize::new(helpers),
        }
    }

    /// Does `work` on every item and has `take` have what came of it, in order and as soon as may be. Each thread works
    /// with what `start` gives it, on runs of neighbouring items.
    #[cfg(target_family = "wasm")]
    #[expect(clippy::unused_self, reason = "there are no helpers to hire")]
    pub fn in_order<I: Copy, S, T>(
        &self,
        items: &[I],
        start: impl Fn() -> S,
        work: impl Fn(&mut S, I) -> T,
        take: impl FnMut(T),
    ) {
        alone(items, start, work, take);
    }

    /// Does `work` on every item and has `take` have what came of it, in order and as soon as may be. Each thread works
    /// with what `start` gives it, on runs of neighbouring items.
    #[cfg(not(target_family = "wasm"))]
    pub fn in_order<I: Copy + Sync, S, T: Send>(
        &self,
        items: &[I],
        start: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, I) -> T + Sync,
        take: impl FnMut(T),
    ) {
        let hired = self.hire(items.len() / WORTH_A_HELPER);
        if hired.helpers == 0 {
            return alone(items, start, work, take);
        }
        let runs: Vec<&[I]> = items.chunks(items.len().div_ceil(RUNS_EACH * (hired.helpers + 1))).collect();
        let next = AtomicUsize::new(0);
        let claim = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|run| *run < runs.len());
        let done =
            |with: &mut S, run: usize| -> Vec<T> { runs[run].iter().map(|item| work(with, *item)).collect() };
        thread::scope(|scope| {
            let (send, receive) = mpsc::channel();
            for _ in 0..hired.helpers {
                let (send, start, claim, done) = (send.clone(), &start, &claim, &done);
                scope.spawn(move || {
                    let mut with = start();
                    while let Some(run) = claim() {
                        if send.send((run, done(&mut with, run))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(send);
            let own = |with: &mut S| claim().map(|run| (run, done(with, run)));
            hand_out(runs.len(), &receive, start(), own, take);
        });
    }

    /// Takes up to so many helpers, who are free again when the hiring ends.
    #[cfg(not(target_family = "wasm"))]
    fn hire(&self, wanted: usize) -> Hired<'_> {
        let mut helpers = 0;
        let _ = self.spare.fetch_update(Ordering::AcqRel, Ordering::Acquire, |spare| {
            helpers = spare.min(wanted);
            Some(spare - helpers)
        });
        Hired { crew: self, helpers }
    }
}

fn alone<I: Copy, S, T>(
    items: &[I],
    start: impl Fn() -> S,
    work: impl Fn(&mut S, I) -> T,
    mut take: impl FnMut(T),
) {
    let mut with = start();
    for item in items {
        take(work(&mut with, *item));
    }
}

/// Passes on what is due; what is not there yet is worked on, or waited for where others work on all that is left.
#[cfg(not(target_family = "wasm"))]
fn hand_out<S, T>(
    runs: usize,
    receive: &mpsc::Receiver<(usize, Vec<T>)>,
    mut with: S,
    own: impl Fn(&mut S) -> Option<(usize, Vec<T>)>,
    mut take: impl FnMut(T),
) {
    let mut early = BTreeMap::new();
    for due in 0..runs {
        let ready = loop {
            early.extend(receive.try_iter());
            if let Some(ready) = early.remove(&due) {
                break ready;
            }
            match own(&mut with).or_else(|| receive.recv().ok()) {
                Some((run, done)) => drop(early.insert(run, done)),
                None => return, // a helper panicked, and so will whoever waits for it
            }
        };
        ready.into_iter().for_each(&mut take);
    }
}

#[cfg(not(target_family = "wasm"))]
struct Hired<'a> {
    crew: &'a Crew,
    helpers: usize,
}

#[cfg(not(target_family = "wasm"))]
impl Drop for Hired<'_> {
    fn drop(&mut self) {
        self.crew.spare.fetch_add(self.helpers, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_once_and_handed_out_in_order() {
        for (helpers, items) in [(0, 100), (1, 100), (3, 1), (3, 64), (7, 1000), (2, 0)] {
            let crew = Crew::new(helpers);
            let items: Vec<usize> = (0..items).collect();
            let mut taken = Vec::new();
            // Later items are quicker, so that they are there before they are due.
            let work = |(): &mut (), item: usize| {
                std::hint::black_box((0..(1000 - item) * 50).map(std::hint::black_box).sum::<usize>());
                item
            };
            crew.in_order(&items, || (), work, |item| taken.push(item));
            assert_eq!(taken, items);
            assert_eq!(crew.spare.load(Ordering::Acquire), helpers, "helpers are free again");
        }
    }

    #[test]
    fn helpers_are_shared_by_renders() {
        let crew = Crew::new(3);
        let first = crew.hire(2);
        let second = crew.hire(5);
        assert_eq!((first.helpers, second.helpers, crew.hire(1).helpers), (2, 1, 0));
        drop(first);
        assert_eq!(crew.hire(9).helpers, 2);
    }

    #[test]
    fn a_panic_of_a_helper_is_the_callers() {
        let items: Vec<usize> = (0..64).collect();
        let crew = Crew::new(2);
        let done = std::panic::catch_unwind(|| {
            crew.in_order(&items, || (), |(), item| assert!(item != 60), |()| ());
        });
        assert!(done.is_err());
        assert_eq!(crew.hire(9).helpers, 2, "its helpers are free again");
    }
}
