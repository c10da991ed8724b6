// Where a peer's script runs: here Node, in a page `place.page.mjs`, which a page has under this name. The script is
// started as
//   node PEER.mjs INPUTS [J1,J2,… [ROUNDS]]
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const [, , INPUTS, JOBS, ROUNDS] = process.argv;

/** The jobs that are wanted; all if none is named. */
export const wanted = JOBS?.split(",");
export const rounds = Number(ROUNDS ?? 15);

/** An input file. */
export const read = async (name) => new Uint8Array(readFileSync(join(INPUTS, name)));

/** All jobs. */
export const jobs = async () => JSON.parse(readFileSync(join(HERE, "jobs.json")));

/** The compiled module of a `.wasm` in an installed package. */
export const wasm = (path) => WebAssembly.compile(readFileSync(join(HERE, "node_modules", path)));

/** The version of an installed package. */
export function version(name) {
  return JSON.parse(readFileSync(join(HERE, "node_modules", name, "package.json"))).version;
}

/** A round is one run. */
export const roundMs = 0;

/** Processor time of the whole process in milliseconds, helper threads included: the machine may have other work. */
export function clock() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Keeps an output, for a look at it. */
export async function keep(name, bytes) {
  const outputs = join(INPUTS, "../outputs");
  mkdirSync(outputs, { recursive: true });
  writeFileSync(join(outputs, name), bytes);
}

export const print = async (report) => void process.stdout.write(`${JSON.stringify(report)}\n`);
