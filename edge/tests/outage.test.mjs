// Degraded, not down: the origin is killed, silent, or overloaded, and pictures are still right.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import { objectOf, read, startEdge, startStack, until } from "./stack.mjs";

const WARM = "/c/tabby;w=300/top-hat.png";
let stack, origin, road;

before(async () => {
  stack = await startStack();
  ({ origin, road } = stack);
});
after(() => stack.dispose());
afterEach(async () => {
  road.block = () => undefined;
  if (origin.child.signalCode) await origin.start();
});

const get = async (edge, path, init) => read(await edge.get(path, init));
const direct = async (path) => read(await fetch(`${origin.url}${path}`));

/** Runs `work` with an edge of its own, ended whatever happens. */
async function withEdge(variables, work, cache) {
  const edge = await startEdge(road, variables, cache);
  try {
    return await work(edge);
  } finally {
    await edge.dispose();
  }
}

/** One composite through the edge, and everything that is kept because of it. */
async function warm(edge, path = WARM) {
  const answer = await get(edge, path);
  assert.equal(answer.status, 200);
  await edge.kept(objectOf(answer));
  await edge.kept(path);
  const { assets } = JSON.parse((await get(edge, "/v1/catalogue")).bytes);
  const [base, ...layers] = path.slice(3, path.lastIndexOf(".")).split("/");
  for (const id of [base, ...layers].map((segment) => segment.split(";")[0])) {
    const asset = assets.find((asset) => asset.id === id);
    for (const { digest } of [asset, ...(asset.levels ?? [])]) {
      await edge.kept(`/v1/assets/-/content?digest=${digest}`);
    }
  }
  return answer;
}

test("a dead origin: what is cached is served, and it is said why", () =>
  withEdge({ CATALOGUE_FRESH_MS: "50" }, async (edge) => {
    const known = await warm(edge);
    await origin.kill();
    const served = await until("the edge to notice", async () => {
      const answer = await get(edge, WARM);
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.bytes, known.bytes);
      assert.equal(answer.headers.etag, known.headers.etag);
      return answer.headers["cache-status"].includes("origin-unreachable") && answer;
    });
    assert.match(served.headers["cache-status"], /^milliner-edge; hit; ttl=-?\d+; detail=origin-unreachable$/);
    assert.equal((await get(edge, "/v1/catalogue")).status, 200);
  }));

test("a dead origin: what was never made is made at the edge, with the very same bytes", () =>
  withEdge({}, async (edge) => {
    await warm(edge);
    const fresh = ["/c/tabby;w=301/top-hat;rotate=-8.png", "/c/tabby;w=302;h=200;bg=336699/top-hat.jpg", "/c/tabby;w=303;q=100/top-hat.webp"];
    const expected = [];
    for (const path of fresh) expected.push(await direct(path));
    await origin.kill();
    for (const [i, path] of fresh.entries()) {
      const made = await get(edge, path);
      assert.equal(made.status, 200, path);
      assert.match(made.headers["cache-status"], /^milliner-edge; fwd=miss; stored; detail=rendered-at-edge$/);
      assert.deepEqual(made.bytes, expected[i].bytes, path);
      for (const name of ["etag", "cache-control", "content-location", "content-type"]) {
        assert.equal(made.headers[name], expected[i].headers[name], `${path} ${name}`);
      }
      await edge.kept(objectOf(made));
      assert.match((await get(edge, path)).headers["cache-status"], /^milliner-edge; hit/);
    }
  }));

test("a dead origin and nothing to make it from: 503, a problem, and when to try again", () =>
  withEdge({ RENDER_BYTES: "0" }, async (edge) => {
    await get(edge, "/v1/catalogue");
    await origin.kill();
    for (const path of ["/c/tuxedo;w=300/bow-tie.png", `/i/${"1".repeat(40)}.png`, "/v1/assets", "/docs"]) {
      const answer = await get(edge, path);
      assert.equal(answer.status, 503, path);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      assert.equal(answer.headers["cache-control"], "no-store");
      assert.equal(answer.headers["retry-after"], "2");
      assert.equal(answer.headers["access-control-allow-origin"], "*");
      assert.equal(JSON.parse(answer.bytes).type, "/docs#problem-unavailable");
    }
    assert.equal((await get(edge, "/c/tabby;w=0.png")).status, 400, "a bad recipe is still a bad recipe");
  }));

test("a new isolate with a dead origin lives from the edge cache", async () => {
  const cache = await mkdtemp(join(tmpdir(), "milliner-edge-cache-"));
  try {
    const port = await withEdge({}, async (edge) => (await warm(edge), new URL(edge.url).port), cache);
    await origin.kill();
    const { start } = await import("../serve.mjs");
    const edge = await start({ port: Number(port), variables: { ORIGIN_URL: road.url }, cache });
    try {
      const known = await read(await fetch(`${edge.url}${WARM}`));
      assert.equal(known.status, 200);
      assert.match(known.headers["cache-status"], /^milliner-edge; hit/);
      const made = await read(await fetch(`${edge.url}/c/tabby;w=304/top-hat.png`));
      assert.match(made.headers["cache-status"], /rendered-at-edge$/);
    } finally {
      await edge.dispose();
    }
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
});

test("a catalogue that changed just before the outage: the last good picture, if it cannot be made", () =>
  withEdge({ RENDER_BYTES: "0", CATALOGUE_FRESH_MS: "50" }, async (edge) => {
    const path = "/c/tuxedo;w=305/top-hat.png";
    const old = await get(edge, path);
    await edge.kept(path);
    const changed = await fetch(`${origin.url}/v1/assets/tuxedo`, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ anchors: { head: { x: 0.5, y: 0.3, span: 0.31, angle: 3 } } }),
    });
    assert.equal(changed.status, 200);
    const { version } = JSON.parse((await direct("/v1/catalogue")).bytes);
    await until("the new catalogue at the edge", async () => {
      return JSON.parse((await get(edge, "/v1/catalogue")).bytes).version === version;
    });
    await origin.kill();
    const stale = await get(edge, path);
    assert.equal(stale.status, 200);
    assert.match(stale.headers["cache-status"], /^milliner-edge; hit; ttl=-?\d+; detail=stale-if-error$/);
    assert.equal(stale.headers.etag, old.headers.etag);
    assert.deepEqual(stale.bytes, old.bytes);
  }));

test("the last good picture of an auto recipe varies as the picture itself does", () =>
  withEdge({ RENDER_BYTES: "0", CATALOGUE_FRESH_MS: "50" }, async (edge) => {
    const [path, init] = ["/c/tuxedo;w=310/top-hat.auto", { headers: { accept: "image/jpeg" } }];
    const old = await get(edge, path, init);
    assert.equal(old.headers["content-type"], "image/jpeg");
    await edge.kept("/c/tuxedo;w=310/top-hat.jpg");
    await edge.kept(objectOf(old));
    const changed = await fetch(`${origin.url}/v1/assets/tuxedo`, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ anchors: { head: { x: 0.5, y: 0.3, span: 0.32, angle: 4 } } }),
    });
    assert.equal(changed.status, 200);
    const { version } = JSON.parse((await direct("/v1/catalogue")).bytes);
    await until("the new catalogue at the edge", async () => {
      return JSON.parse((await get(edge, "/v1/catalogue")).bytes).version === version;
    });
    await origin.kill();
    const stale = await get(edge, path, init);
    assert.match(stale.headers["cache-status"], /stale-if-error$/);
    assert.equal(stale.headers.etag, old.headers.etag);
    assert.equal(stale.headers.vary, "accept");
  }));

test("an overloaded origin: the edge makes the picture, or passes the refusal on", async () => {
  const path = "/c/tabby;w=306/top-hat.png";
  const expected = await direct(path);
  road.block = (request) => (request.url.startsWith("/c/") ? 503 : undefined);
  await withEdge({}, async (edge) => {
    const made = await get(edge, path);
    assert.match(made.headers["cache-status"], /fwd=miss; fwd-status=503; stored; detail=rendered-at-edge$/);
    assert.deepEqual(made.bytes, expected.bytes);
  });
  await withEdge({ RENDER_BYTES: "0" }, async (edge) => {
    const refused = await get(edge, path);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers["retry-after"], "7");
    assert.match(refused.headers["cache-status"], /milliner-edge; fwd=miss; fwd-status=503$/);
  });
});

test("a silent origin is not waited for: 504, or the picture made here", async () => {
  const variables = { ORIGIN_TIMEOUT_MS: "300" };
  const silence = (request) => (request.url.startsWith("/c/") ? "silence" : undefined);
  await withEdge(variables, async (edge) => {
    road.block = silence;
    assert.match((await get(edge, "/c/tabby;w=307.png")).headers["cache-status"], /rendered-at-edge$/);
  });
  road.block = () => undefined;
  await withEdge({ ...variables, RENDER_BYTES: "0" }, async (edge) => {
    road.block = silence;
    const answer = await get(edge, "/c/tabby;w=307.png");
    assert.equal(answer.status, 504);
    assert.equal(answer.headers["content-type"], "application/problem+json");
    assert.equal(answer.headers["retry-after"], "2");
  });
});

test("an origin that comes back is used again", () =>
  withEdge({ RENDER_BYTES: "0" }, async (edge) => {
    await get(edge, "/v1/catalogue");
    await origin.kill();
    const path = "/c/tuxedo;w=308.png";
    assert.equal((await get(edge, path)).status, 503);
    await origin.start();
    const answer = await until("the origin's picture", async () => {
      const answer = await get(edge, path);
      return answer.status === 200 && answer;
    });
    assert.deepEqual(answer.bytes, (await direct(path)).bytes);
  }));

test("what was purged at the origin leaves the edge once its freshness is over", () =>
  withEdge({ COMPOSITE_FRESH_SECS: "0", RENDER_BYTES: "0" }, async (edge) => {
    const known = await get(edge, "/c/tuxedo;w=309.png");
    const object = objectOf(known);
    await edge.kept(object);
    await origin.kill();
    await rm(join(origin.store, "composites"), { recursive: true });
    await rm(join(origin.store, "links.jsonl"));
    await origin.start();
    const overdue = await get(edge, object);
    assert.equal(overdue.status, 200);
    assert.match(overdue.headers["cache-status"], /^milliner-edge; hit; ttl=-?\d+$/);
    await until("the object to leave", async () => (await get(edge, object)).status === 404);
  }));
