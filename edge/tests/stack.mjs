// What the tests run against: the real origin, a road to it that counts and can be blocked, and the
// built worker in workerd. Everything takes free ports, is waited for, and is ended by whoever started it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { start } from "../serve.mjs";

const CATALOGUE = fileURLToPath(new URL("../../catalogue/", import.meta.url));
const ASSETS = { cats: ["tabby", "tuxedo"], overlays: ["top-hat", "bow-tie"] };
const PATIENCE_MS = 30_000;

/** The program under test: `cargo xtask test` builds it and says where it is. */
function milliner() {
  const program = process.env.MILLINER_BIN;
  if (!program) throw new Error("MILLINER_BIN must name the built `milliner` program");
  return program;
}

/** Waits until `condition` gives something; asks again whenever it gave nothing. */
export async function until(what, condition) {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited in vain for ${what}`);
}

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A folder for one stack, with a few real assets to import. */
async function workspace() {
  const folder = await mkdtemp(join(tmpdir(), "milliner-edge-"));
  for (const [kind, ids] of Object.entries(ASSETS)) {
    await mkdir(join(folder, "catalogue", kind), { recursive: true });
    for (const file of ids.flatMap((id) => [`${id}.svg`, `${id}.toml`])) {
      await cp(join(CATALOGUE, kind, file), join(folder, "catalogue", kind, file));
    }
  }
  return folder;
}

async function run(args, env) {
  const child = spawn(milliner(), args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`milliner ${args.join(" ")} ended with ${code}:\n${said}`);
  return said;
}

/** The real origin with a small catalogue, on ports and in a folder of its own. */
export async function startOrigin(settings = {}) {
  const folder = await workspace();
  const port = await freePort();
  const env = {
    MILLINER_STORE: `file:${join(folder, "data")}`,
    MILLINER_LISTEN: `127.0.0.1:${port}`,
    MILLINER_ADMIN_LISTEN: "off",
    ...settings,
  };
  await run(["import", join(folder, "catalogue")], env);
  const url = `http://127.0.0.1:${port}`;
  const origin = { url, port, store: join(folder, "data"), child: undefined };
  origin.sign = async (path, ...args) => (await run(["sign", path, ...args], env)).trim();
  origin.start = async () => {
    origin.child = spawn(milliner(), ["serve"], { env: { ...process.env, ...env }, stdio: "ignore" });
    await until("the origin", async () => {
      if (origin.child.exitCode !== null) throw new Error(`the origin ended with ${origin.child.exitCode}`);
      return fetch(`${url}/healthz`).then((answer) => answer.ok, () => false);
    });
  };
  origin.kill = async () => {
    if (origin.child.exitCode !== null || origin.child.signalCode !== null) return;
    origin.child.kill("SIGKILL");
    await once(origin.child, "exit");
  };
  origin.dispose = async () => {
    await origin.kill();
    await rm(folder, { recursive: true, force: true });
  };
  await origin.start();
  return origin;
}

/**
 * The road from edge to origin. It notes what passes, and `block` may answer in the origin's place:
 * a status, or "silence" for a connection that nobody ever answers.
 */
export async function startRoad(origin) {
  const road = { passed: [], block: () => undefined };
  const server = http.createServer((request, response) => {
    road.passed.push(`${request.method} ${request.url}`);
    const blocked = road.block(request);
    if (blocked === "silence") return;
    if (blocked) {
      response.writeHead(blocked, { "content-type": "application/problem+json", "retry-after": "7" });
      response.end(JSON.stringify({ type: "/docs#problem-busy", title: "busy", status: blocked }));
      return;
    }
    const { method, url, headers } = request;
    const onward = http.request({ port: origin.port, host: "127.0.0.1", method, path: url, headers });
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    // A dead origin is a dead connection, not a polite error.
    onward.on("error", () => request.socket.destroy());
    request.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  road.url = `http://127.0.0.1:${server.address().port}`;
  road.count = (text) => road.passed.filter((line) => line.includes(text)).length;
  road.dispose = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  return road;
}

/** The built worker in workerd, at the end of a road. */
export async function startEdge(road, variables = {}, cache) {
  const log = (stdout, stderr) => [stdout, stderr].forEach((stream) => stream.resume());
  const edge = await start({ variables: { ORIGIN_URL: road.url, ...variables }, cache, log });
  /** Waits until an entry is in the edge cache: it is written behind the answer. */
  edge.kept = (path) =>
    until(`${path} in the edge cache`, async () => {
      const caches = await edge.runtime.getCaches();
      const found = await caches.default.match(`${edge.url}${path}`);
      // A body that nobody reads would keep the runtime from ending.
      await found?.arrayBuffer();
      return found !== undefined;
    });
  edge.get = (path, init) => fetch(`${edge.url}${path}`, init);
  return edge;
}

/** Starts origin, road and edge; `dispose` ends them in the other order. */
export async function startStack({ settings, variables } = {}) {
  const origin = await startOrigin(settings);
  const road = await startRoad(origin);
  const edge = await startEdge(road, variables);
  const dispose = async () => {
    await edge.dispose();
    await road.dispose();
    await origin.dispose();
  };
  return { origin, road, edge, dispose };
}

/** Status, headers and bytes of an answer. */
export async function read(answer) {
  const headers = Object.fromEntries(answer.headers);
  return { status: answer.status, headers, bytes: Buffer.from(await answer.arrayBuffer()) };
}

/** The path of a composite in the edge cache, from the headers of its answer. */
export function objectOf({ headers }) {
  const extension = headers["content-location"].split(".").at(-1);
  return `/i/${headers.etag.slice(1, -1)}.${extension}`;
}
