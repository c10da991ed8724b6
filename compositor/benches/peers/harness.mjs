// What the peers in JavaScript share: the jobs and the report they print. Each figure is the median of some runs after a
// warm-up, which is long enough for the engine to compile what is hot. The overlay moves a pixel from run to run.
import { clock, jobs, keep, print, read, rounds, wanted } from "./place.mjs";

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

async function median(render) {
  const begun = clock();
  for (let run = 0; run < WARM_UP.runs || clock() - begun < WARM_UP.ms; run += 1) await render(run % STEPS);
  const times = [];
  for (let run = 0, begun = clock(); run < rounds || clock() - begun < LEAST_MS; run += 1) {
    const start = clock();
    await render(run % STEPS);
    times.push(clock() - start);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

/** Cold and warm medians, and the file for a look; or why there are none. */
async function outcome(name, label, job, make, fast) {
  try {
    const { cold, warm } = await make(job, await read(job.base), await read("hat.png"), fast);
    const bytes = await cold(0);
    await keep(`${name}-${label.replace(" ", "-")}.${job.format}`, bytes);
    return { cold: await median(cold), warm: await median(warm), bytes: bytes.length };
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
