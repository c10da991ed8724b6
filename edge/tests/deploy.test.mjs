// What is deployed: every environment of `wrangler.toml` sets every variable, and takes the built bundle.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { unstable_readConfig as readConfig } from "wrangler";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const read = (env) => readConfig({ config: here("../wrangler.toml"), env });
const ENVIRONMENTS = ["staging", "production"];

test("every environment sets the variables that the local one sets", () => {
  const names = Object.keys(read().vars).sort();
  for (const env of ENVIRONMENTS) assert.deepEqual(Object.keys(read(env).vars).sort(), names, env);
});

test("what is public is encrypted, signed, and has no local address", () => {
  for (const env of ENVIRONMENTS) assert.match(read(env).vars.ORIGIN_URL, /^https:\/\/[^/]+$/, env);
  assert.equal(read("production").vars.MILLINER_SIGNING, "required");
});

test("every variable is read, and every one that is read is explained", () => {
  const source = readFileSync(here("../src/config.rs"), "utf8");
  const readme = readFileSync(here("../README.md"), "utf8");
  const known = new Set(source.match(/get\("([A-Z_]+)"\)/g).map((call) => call.slice(5, -2)));
  for (const name of Object.keys(read().vars)) assert.ok(known.has(name), name);
  for (const name of known) assert.ok(readme.includes(`\`${name}\``), name);
});

test("the bundle is built, and is one script and one module", () => {
  assert.ok(existsSync(here("../build/index.js")), "run `cargo xtask build edge`");
  const script = readFileSync(here("../build/index.js"), "utf8");
  const imports = script.match(/from\s*"[^"]+"/g) ?? [];
  assert.deepEqual(imports, ['from"./index.wasm"']);
});
