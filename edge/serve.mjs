// The edge function in workerd, on this machine: `node serve.mjs`, once `cargo xtask build edge` has
// built it. What it is given in production comes from `wrangler.toml`; here the environment has the last
// word on each variable. Ends with SIGINT or SIGTERM, and takes workerd with it.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions as workerOptions } from "wrangler";

import { listenAddress } from "./listen.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Starts the built worker; `url` says where, `dispose()` ends it. Port 0 takes a free one. */
export async function start({ host = "127.0.0.1", port = 0, variables = {}, cache, log } = {}) {
  const { workerOptions: worker } = workerOptions(here("wrangler.toml"));
  const runtime = new Miniflare({
    ...worker,
    bindings: { ...worker.bindings, ...variables },
    modules: [
      { type: "ESModule", path: here("build/index.js") },
      { type: "CompiledWasm", path: here("build/index.wasm") },
    ],
    modulesRoot: here("build"),
    host,
    port,
    cachePersist: cache ?? false,
    ...(log && { handleRuntimeStdio: log }),
  });
  const url = (await runtime.ready).origin;
  return { url, runtime, dispose: () => runtime.dispose() };
}

/** The variables of `wrangler.toml`, and the secrets, as far as the environment sets them. */
function fromEnvironment() {
  const { workerOptions: worker } = workerOptions(here("wrangler.toml"));
  const known = [...Object.keys(worker.bindings), "MILLINER_API_KEY", "MILLINER_SIGNING_KEYS"];
  const given = known.filter((name) => process.env[name]).map((name) => [name, process.env[name]]);
  return Object.fromEntries(given);
}

async function main() {
  const { host, port } = await listenAddress(process.env.MILLINER_EDGE_LISTEN || "127.0.0.1:8787");
  if (!existsSync(here("build/index.js"))) throw new Error("the worker is not built: run `cargo xtask build edge`");
  const edge = await start({ host, port, variables: fromEnvironment() });
  console.log(`edge listening on ${edge.url}`);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => edge.dispose().then(() => process.exit(0)));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main().catch((error) => {
    console.error(`edge: ${error.message}`);
    process.exitCode = 1;
  });
}
