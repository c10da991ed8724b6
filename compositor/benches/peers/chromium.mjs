// A peer's script in a page of headless Chromium instead of Node:
//   node chromium.mjs CHROMIUM PEER.mjs INPUTS J1,J2,… ROUNDS
// serves this checkout to a page that is isolated (which threads need), tells it what processor time it takes, and prints
// what it reports.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, extname, join, normalize } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const [, , CHROMIUM, PEER, INPUTS, JOBS, ROUNDS] = process.argv;
const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "../../..");
const SCRIPTS = "/compositor/benches/peers";
const PACKAGES = `${SCRIPTS}/node_modules`;

/** What Node finds by a package's name, and what a page has in its place. */
const IMPORTS = {
  [`${SCRIPTS}/place.mjs`]: `${SCRIPTS}/place.page.mjs`,
  "/wasm-pkg/js/node.js": "/wasm-pkg/js/browser.js",
  "@jsquash/": `${PACKAGES}/@jsquash/`,
  "@jsquash/resize": `${PACKAGES}/@jsquash/resize/index.js`,
  // One thread, as everybody here.
  "wasm-feature-detect": "data:text/javascript,export const simd = async () => true, threads = async () => false",
  "@cf-wasm/photon/others": `${PACKAGES}/@cf-wasm/photon/dist/others.js`,
  "@cf-wasm/internals/polyfills/image-data": `${PACKAGES}/@cf-wasm/internals/dist/polyfills/image-data.js`,
  "@imagemagick/magick-wasm": `${PACKAGES}/@imagemagick/magick-wasm/dist/index.js`,
  "wasm-vips": `${PACKAGES}/wasm-vips/lib/vips-es6.js`,
};
const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".wasm": "application/wasm" };
const PAGE = `<!doctype html><meta charset="utf-8"><title>${PEER}</title>
<script>
  const failed = (event) => fetch("/failed", { method: "POST", body: String(event.reason?.stack ?? event.message ?? event.reason) });
  addEventListener("error", failed);
  addEventListener("unhandledrejection", failed);
</script>
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module">import("${SCRIPTS}/${PEER}").catch((reason) => failed({ reason }));</script>`;

/** Milliseconds in the unit of `/proc/PID/stat`, which is the same on every Linux. */
const TICK_MS = 10;

/** What a file of `/proc` says; nothing of a process that has ended. */
function told(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** Our own Chromium's processes: all of them name their profile. */
function processes() {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const commands = all.map((pid) => ({ pid, command: told(pid, "cmdline") }));
  return commands.filter(({ pid, command }) => command.includes(profile) && Number(pid) !== process.pid);
}

/** Processor time of every page's process that there was: a spare one may end between two looks. */
const times = new Map();

/** Processor time of the page's process in milliseconds, helper threads included. */
function processorTime() {
  for (const { pid, command } of processes()) {
    if (command.includes("--type=renderer")) times.set(pid, Math.max(timeOf(pid), times.get(pid) ?? 0));
  }
  if (times.size === 0) throw new Error("/proc shows no page of this Chromium");
  return [...times.values()].reduce((sum, time) => sum + time);
}

function timeOf(pid) {
  // Behind the name, which ends with the last bracket, user and system time are the 12th and 13th (proc_pid_stat(5)).
  const fields = told(pid, "stat").split(") ").at(-1).split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_MS;
}

const profile = mkdtempSync(join(tmpdir(), "milliner-bench-"));
const ended = {};
ended.promise = new Promise((resolve, reject) => Object.assign(ended, { resolve, reject }));
const body = async (request) => Buffer.concat(await request.toArray()).toString();

async function answer(request) {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/report") return void ended.resolve(await body(request));
  if (pathname === "/failed") return void ended.reject(new Error(await body(request)));
  if (pathname === "/clock") return { type: TYPES[".json"], bytes: JSON.stringify(processorTime()) };
  if (pathname === "/") return { type: "text/html", bytes: PAGE };
  const [folder, path] = pathname.startsWith("/inputs/") ? [INPUTS, pathname.slice(8)] : [ROOT, pathname];
  return { type: TYPES[extname(path)] ?? "application/octet-stream", bytes: await readFile(join(folder, normalize(path))) };
}

const server = createServer(async (request, response) => {
  const found = await answer(request).catch((error) => ({ status: 404, type: "text/plain", bytes: error.message }));
  response.writeHead(found?.status ?? (found ? 200 : 204), {
    "content-type": found?.type ?? "text/plain",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  });
  response.end(found?.bytes);
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));

const url = `http://127.0.0.1:${server.address().port}/?jobs=${JOBS}&rounds=${ROUNDS}`;
const flags = [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", `--user-data-dir=${profile}`,
  // magick-wasm starts its module all at once.
  "--enable-features=WebAssemblyUnlimitedSyncCompilation",
];
const chromium = spawn(CHROMIUM, [...flags, url], { stdio: "ignore" });
chromium.on("exit", (code) => ended.reject(new Error(`${CHROMIUM} ended by itself: ${code}`)));
try {
  process.stdout.write(`${await ended.promise}\n`);
} finally {
  // Its helpers live a moment longer, and write into the profile.
  chromium.kill();
  for (let look = 0; look < 100 && processes().length > 0; look += 1) await setTimeout(100);
  server.close();
  server.closeAllConnections();
  rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}
