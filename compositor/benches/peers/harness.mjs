// What the peers in Node share: the jobs, the clock, and the report they print. Times are processor time of the whole
// process in milliseconds (helper threads count), since the machine may have other work; each figure is the median of
// ROUNDS runs after a warm-up, which is long enough for the engine to compile what is hot. The overlay moves a pixel from run to run. Scripts are started as
//   node PEER.mjs INPUTS [J1,J2,… [ROUNDS]]
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROUNDS = Number(process.argv[4] ?? 15);
const WARM_UP = { runs: 2, ms: 1000 };
const STEPS = 16; // the overlay's positions, a pixel apart

export const INPUTS = process.argv[2];
const HERE = dirname(fileURLToPath(import.meta.url));
const WANTED = process.argv[3]?.split(",");
const JOBS = Object.entries(JSON.parse(readFileSync(join(HERE, "jobs.json")))).filter(([label]) => WANTED?.includes(label) ?? true);

/** The peer has no call for this job. */
export class Unsupported extends Error {}

export const read = (name) => new Uint8Array(readFileSync(join(INPUTS, name)));

/** The compiled module of a `.wasm` in an installed package. */
export const wasm = (path) => WebAssembly.compile(readFileSync(join(HERE, "node_modules", path)));

/** The version of an installed package. */
export function version(name) {
  return JSON.parse(readFileSync(join(HERE, "node_modules", name, "package.json"))).version;
}

/** Where the overlay goes: a turned one by the box around it. */
export function position(job, dx) {
  const [left, top] = job.turn ? job.turn.box : job.at;
  return { left: left + dx, top };
}

const cpuMs = ({ user, system }) => (user + system) / 1000;

async function median(render) {
  const begun = process.cpuUsage();
  for (let run = 0; run < WARM_UP.runs || cpuMs(process.cpuUsage(begun)) < WARM_UP.ms; run += 1) await render(run % STEPS);
  const times = [];
  for (let run = 0; run < ROUNDS; run += 1) {
    const start = process.cpuUsage();
    await render(run % STEPS);
    times.push(cpuMs(process.cpuUsage(start)));
  }
  return times.sort((a, b) => a - b)[ROUNDS >> 1];
}

/** Cold and warm medians, and the file for a look; or why there are none. */
async function outcome(name, label, job, make, fast) {
  try {
    const { cold, warm } = await make(job, read(job.base), read("hat.png"), fast);
    const bytes = await cold(0);
    const outputs = join(INPUTS, "../outputs");
    mkdirSync(outputs, { recursive: true });
    writeFileSync(join(outputs, `${name}-${label.replace(" ", "-")}.${job.format}`), bytes);
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
  const jobs = {};
  for (const [label, job] of JOBS) {
    jobs[label] = await outcome(name, label, job, make, false);
    if (fast && job.format === "png") jobs[`${label} fast`] = await outcome(name, `${label} fast`, job, make, true);
  }
  process.stdout.write(JSON.stringify({ version, jobs }) + "\n");
}
