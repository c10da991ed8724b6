// What the peers in JavaScript share: the jobs and the report they print. Each figure is the median of some rounds after a
// warm-up, which is long enough for the engine to compile what is hot. The overlay moves a pixel from run to run.
import { clock, jobs, keep, print, read, roundMs, rounds, wanted } from "./place.mjs";

export { version, wasm } from "./place.mjs";

const WARM_UP = { runs: 2, ms: 1000 };
/** What is short is measured oftener: this many milliseconds of it. */
const LEAST_MS = 1000;
const STEPS = 16; // the overlay's positions, a pixel apart

/** The peer has no call for this job. */
export class Unsupported extends Error {}

/** Where the overlay goes: a turned one by the box around it. */
export function position(job, dx) {
  const [left, top] = job.turn ? job.turn.box : job.at;
  return { left: left + dx, top };
}

const now = () => performance.now();

let step = 0;
/** The next of the overlay's positions. */
const next = () => step++ % STEPS;

/** Runs until so many have been and so many milliseconds have passed; how many there were. */
async function repeat(render, runs, ms) {
  const begun = now();
  let run = 0;
  for (; run < runs || now() - begun < ms; run += 1) await render(next());
  return run;
}

/** Processor time of a run, and what passed meanwhile. */
async function timed(render) {
  const [start, begun] = [await clock(), now()];
  const runs = await repeat(render, 1, roundMs);
  const elapsed = (now() - begun) / runs;
  return { time: ((await clock()) - start) / runs, elapsed };
}

async function medians(render) {
  await repeat(render, WARM_UP.runs, WARM_UP.ms);
  const measured = [];
  for (const begun = now(); measured.length < rounds || now() - begun < LEAST_MS; ) measured.push(await timed(render));
  const median = (of) => measured.map(of).sort((a, b) => a - b)[measured.length >> 1];
  return { time: median(({ time }) => time), elapsed: median(({ elapsed }) => elapsed) };
}

/** Cold and warm medians, and the file for a look; or why there are none. */
async function outcome(name, label, job, make, fast) {
  try {
    const { cold, warm } = await make(job, await read(job.base), await read("hat.png"), fast);
    const bytes = await cold(0);
    await keep(`${name}-${label.replace(" ", "-")}.${job.format}`, bytes);
    const [ofCold, ofWarm] = [await medians(cold), await medians(warm)];
    return {
      cold: ofCold.time, warm: ofWarm.time, bytes: bytes.length,
      elapsed: { cold: ofCold.elapsed, warm: ofWarm.elapsed },
    };
  } catch (error) {
    if (error instanceof Unsupported) return { missing: error.message };
    throw error;
  }
}

/**
 * `make` gives two functions of the overlay's offset: `cold` from file bytes, `warm` from pixels at their size. A peer
 * with a choice of PNG levels is asked for its `fast` one, too.
 */
export async function report(name, version, make, { fast = false } = {}) {
  const outcomes = {};
  for (const [label, job] of Object.entries(await jobs())) {
    if (wanted && !wanted.includes(label)) continue;
    outcomes[label] = await outcome(name, label, job, make, false);
    if (fast && job.format === "png") outcomes[`${label} fast`] = await outcome(name, `${label} fast`, job, make, true);
  }
  await print({ version, jobs: outcomes });
}
