// A trap ends one WebAssembly instance and the requests in it, never the isolate.
import assert from "node:assert/strict";
import { test } from "node:test";

import { guard } from "../guard.mjs";

// (module (func (export "trap") unreachable))
const TRAP = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00,
  0x07, 0x08, 0x01, 0x04, 0x74, 0x72, 0x61, 0x70, 0x00, 0x00, 0x0a, 0x05, 0x01, 0x03, 0x00, 0x00, 0x0b,
);
const { trap } = new WebAssembly.Instance(new WebAssembly.Module(TRAP)).exports;

/** A module whose `fetch` is given; counts how often its instance was replaced. */
function wasm(fetch) {
  const module = { resets: 0, fetch };
  module.__wbg_reset_state = () => (module.resets += 1);
  return module;
}

test("an answer goes through, and an ordinary error costs one request", async () => {
  const module = wasm(async (request) => {
    if (request === "bad") throw new Error("ordinary");
    return new Response("hat");
  });
  const handler = guard(module, new EventTarget());
  assert.equal(await (await handler.fetch("good")).text(), "hat");
  const error = await handler.fetch("bad");
  assert.equal(error.status, 500);
  assert.equal(error.headers.get("content-type"), "application/problem+json");
  assert.equal(error.headers.get("cache-control"), "no-store");
  assert.equal(module.resets, 0);
});

test("a trap replaces the instance, once, and the next request is answered", async () => {
  const module = wasm(async (request) => (request === "bad" ? trap() : new Response("hat")));
  const handler = guard(module, new EventTarget());
  assert.equal((await handler.fetch("bad")).status, 500);
  assert.equal(module.resets, 1);
  assert.equal((await handler.fetch("good")).status, 200);
  assert.equal(module.resets, 1);
});

test("a trap behind a promise answers everybody who was waiting in the instance", async () => {
  const scope = new EventTarget();
  const module = wasm(() => new Promise(() => {}));
  const handler = guard(module, scope);
  const waiting = [handler.fetch("a"), handler.fetch("b")];
  try {
    trap();
  } catch (reason) {
    scope.dispatchEvent(Object.assign(new Event("unhandledrejection"), { reason }));
  }
  assert.deepEqual((await Promise.all(waiting)).map((answer) => answer.status), [500, 500]);
  assert.equal(module.resets, 1);
});
