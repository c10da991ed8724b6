// Delivery with everything well: the contract's headers, one entry per picture, refusals made here.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, before, test } from "node:test";

import { objectOf, read, startEdge, startStack, until } from "./stack.mjs";

const HAT = "/c/tabby;w=400/top-hat.png";
const SECRET = "a secret of the edge's tests";
let stack, origin, road, edge;

before(async () => {
  stack = await startStack({ settings: { MILLINER_SIGNING_KEYS: `main:${SECRET}` } });
  ({ origin, road, edge } = stack);
});
after(() => stack.dispose());

const fromEdge = async (path, init) => read(await edge.get(path, init));
const fromOrigin = async (path, init) => read(await fetch(`${origin.url}${path}`, init));

/** Which pictures the origin was asked for while `work` ran. */
async function asked(work) {
  const from = road.passed.length;
  await work();
  return road.passed.slice(from).filter((line) => / \/[ci]\//.test(line));
}

test("a miss, then a hit, both with the origin's bytes and validator", async () => {
  const direct = await fromOrigin(HAT);
  const miss = await fromEdge(HAT);
  assert.equal(miss.status, 200);
  assert.match(miss.headers["cache-status"], /^milliner-origin; .*, milliner-edge; fwd=miss; stored$/);
  await edge.kept(objectOf(miss));
  let hit;
  assert.deepEqual(await asked(async () => (hit = await fromEdge(HAT))), []);
  assert.match(hit.headers["cache-status"], /^milliner-edge; hit; ttl=\d+$/);
  for (const answer of [miss, hit]) {
    assert.deepEqual(answer.bytes, direct.bytes);
    for (const name of [
      "etag", "cache-control", "content-location", "content-type", "content-length", "access-control-allow-origin",
      "access-control-expose-headers", "x-content-type-options", "cross-origin-resource-policy", "vary",
    ]) {
      assert.equal(answer.headers[name], direct.headers[name], name);
    }
  }
  assert.match(miss.headers["server-timing"], /edge-cache;dur=\d+, edge-origin;dur=\d+, /);
  assert.match(hit.headers["server-timing"], /^edge-cache;dur=\d+$/);
});

test("every spelling shares one entry, and the canonical one is named", async () => {
  const miss = await fromEdge("/c/tuxedo;w=64/bow-tie.png");
  await edge.kept(objectOf(miss));
  const hit = await fromEdge("/c/tuxedo;dpr=1;w=64/bow-tie;scale=1.0;opacity=1.png");
  assert.match(hit.headers["cache-status"], /^milliner-edge; hit/);
  assert.equal(hit.headers.etag, miss.headers.etag);
  assert.equal(hit.headers["content-location"], "/c/tuxedo;w=64/bow-tie.png");
});

test("who holds the current key is told so without any work", async () => {
  const path = "/c/tuxedo;w=65/top-hat.png";
  const { etag } = (await fromOrigin(path)).headers;
  let answer;
  const asks = await asked(async () => {
    answer = await fromEdge(path, { headers: { "if-none-match": `"old", W/${etag}` } });
  });
  assert.deepEqual(asks, []);
  assert.equal(answer.status, 304);
  assert.equal(answer.bytes.length, 0);
  const direct = await fromOrigin(path, { headers: { "if-none-match": etag } });
  assert.equal(direct.status, 304);
  for (const name of ["etag", "cache-control", "content-location"]) {
    assert.equal(answer.headers[name], direct.headers[name], name);
  }
});

test("HEAD has the headers of GET and no body, on a miss and on a hit", async () => {
  const path = "/c/tuxedo;w=66/top-hat.png";
  const miss = await fromEdge(path, { method: "HEAD" });
  await edge.kept(objectOf(miss));
  const hit = await fromEdge(path, { method: "HEAD" });
  const full = await fromEdge(path);
  assert.match(hit.headers["cache-status"], /hit/);
  for (const answer of [miss, hit]) {
    assert.equal(answer.status, 200);
    assert.equal(answer.bytes.length, 0);
    assert.equal(answer.headers.etag, full.headers.etag);
    assert.equal(answer.headers["content-length"], full.headers["content-length"]);
  }
});

test("auto is negotiated before the key is made, and only auto varies", async () => {
  const path = "/c/tabby;w=48.auto";
  for (const [accept, type] of [["image/jpeg", "image/jpeg"], ["image/png;q=0.9, image/jpeg;q=0.1", "image/png"]]) {
    const answer = await fromEdge(path, { headers: { accept } });
    const direct = await fromOrigin(path, { headers: { accept } });
    assert.equal(answer.headers["content-type"], type);
    assert.equal(answer.headers.vary, "accept");
    assert.deepEqual(answer.bytes, direct.bytes);
    assert.equal(answer.headers.etag, direct.headers.etag);
    await edge.kept(objectOf(answer));
    const named = await fromEdge(answer.headers["content-location"]);
    assert.match(named.headers["cache-status"], /hit/, "the negotiated picture is the named one");
    assert.equal(named.headers.vary, undefined);
  }
  assert.equal((await fromEdge(path, { headers: { accept: "text/html" } })).status, 406);
});

test("bad recipes are refused here, just as the origin would", async () => {
  const bad = [
    "/c/tabby/top-hat;rotate=left.png",
    "/c/tabby;w=0.png",
    "/c/tabby;w=9/top-hat;at=tail.png",
    "/c/tabby.gif",
    "/c/Tabby.png",
    "/c/tabby;colour=red.png",
    "/c/tabby.png?width=80",
    "/c/tabby.png?k=main",
    "/c/tabby.png?k=main&s=forged",
    "/c/no-such-cat.png",
    "/c/tabbi.png",
    "/c/",
    "/i/nonsense.png",
    "/i/0123456789abcdef0123456789abcdef01234567.exe",
    "/i/nothing",
  ];
  for (const path of bad) {
    let answer;
    assert.deepEqual(await asked(async () => (answer = await fromEdge(path))), [], path);
    const direct = await fromOrigin(path);
    assert.equal(answer.status, direct.status, path);
    assert.ok(answer.status >= 400 && answer.status < 500, path);
    assert.equal(answer.bytes.toString(), direct.bytes.toString(), path);
    for (const name of [
      "content-type", "cache-control", "access-control-allow-origin", "access-control-expose-headers",
      "x-content-type-options", "content-security-policy", "content-length",
    ]) {
      assert.equal(answer.headers[name], direct.headers[name], `${path} ${name}`);
    }
  }
});

test("what only the origin writes comes from it, and is kept", async () => {
  for (const format of ["avif", "webp"]) {
    const path = `/c/tabby;w=80/top-hat.${format}`;
    const [answer, direct] = [await fromEdge(path), await fromOrigin(path)];
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], `image/${format}`);
    assert.deepEqual(answer.bytes, direct.bytes);
    const again = await fromEdge(path);
    assert.match(again.headers["cache-status"], /milliner-edge; hit/);
    assert.deepEqual(again.bytes, direct.bytes);
  }
});

test("delivery only reads, and says so; scripts of any site may read", async () => {
  for (const path of [HAT, "/i/x.png", "/v1/catalogue"]) {
    const refused = await fromEdge(path, { method: "DELETE" });
    assert.equal(refused.status, 405);
    assert.equal(refused.headers.allow, "GET, HEAD");
    const preflight = await fromEdge(path, {
      method: "OPTIONS",
      headers: { origin: "https://shop.example", "access-control-request-method": "GET" },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers["access-control-allow-origin"], "*");
    assert.equal(preflight.headers["access-control-allow-methods"], "GET, HEAD");
  }
});

test("a sane request id is taken over, any other replaced", async () => {
  const sane = await fromEdge(HAT, { headers: { "x-request-id": "from-caller.1" } });
  assert.equal(sane.headers["x-request-id"], "from-caller.1");
  const odd = await fromEdge(HAT, { headers: { "x-request-id": "a b" } });
  assert.match(odd.headers["x-request-id"], /^[0-9a-f]{24}$/);
});

test("an object is delivered by its key, for ever", async () => {
  const { headers } = await fromOrigin("/c/tuxedo;w=67/bow-tie.jpg");
  const path = `/i/${headers.etag.slice(1, -1)}.jpg`;
  const direct = await fromOrigin(path);
  const miss = await fromEdge(path);
  await edge.kept(path);
  const hit = await fromEdge(path);
  assert.match(miss.headers["cache-status"], /fwd=miss; stored$/);
  assert.match(hit.headers["cache-status"], /^milliner-edge; hit/);
  for (const answer of [miss, hit]) {
    assert.deepEqual(answer.bytes, direct.bytes);
    assert.equal(answer.headers["cache-control"], "public, max-age=31536000, immutable");
    assert.equal(answer.headers.etag, direct.headers.etag);
  }
  const current = await fromEdge(path, { headers: { "if-none-match": direct.headers.etag } });
  assert.equal(current.status, 304);
  const unknown = await fromEdge(`/i/${"0".repeat(40)}.png`);
  assert.equal(unknown.status, 404);
});

test("the catalogue comes from memory, and revalidates", async () => {
  const direct = await fromOrigin("/v1/catalogue");
  const answer = await fromEdge("/v1/catalogue");
  assert.deepEqual(answer.bytes, direct.bytes);
  for (const name of ["etag", "content-type", "cache-control"]) {
    assert.equal(answer.headers[name], direct.headers[name], name);
  }
  const current = await fromEdge("/v1/catalogue", { headers: { "if-none-match": direct.headers.etag } });
  assert.equal(current.status, 304);
});

test("the API passes through: methods, bodies, headers, problems", async () => {
  for (const path of ["/openapi.json", "/docs", "/v1/assets?limit=1", "/v1/assets/nobody"]) {
    const [answer, direct] = [await fromEdge(path), await fromOrigin(path)];
    assert.equal(answer.status, direct.status, path);
    assert.deepEqual(answer.bytes, direct.bytes, path);
    assert.equal(answer.headers["content-type"], direct.headers["content-type"], path);
    assert.match(answer.headers["cache-status"], /milliner-edge; fwd=bypass$/, path);
  }
  const preflight = await fromEdge("/v1/assets/mine", {
    method: "OPTIONS",
    headers: { origin: "http://127.0.0.1:3000", "access-control-request-method": "PUT" },
  });
  assert.equal(preflight.headers["access-control-allow-origin"], "http://127.0.0.1:3000");
  const explained = await fromEdge("/v1/composites/explain", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ recipe: HAT }),
  });
  const direct = await fromOrigin("/v1/composites/explain", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ recipe: HAT }),
  });
  assert.equal(explained.status, direct.status);
  assert.equal((await fromEdge("/nowhere")).status, 404);
  assert.equal((await fromEdge("/healthz")).bytes.toString(), "ok\n");
});

test("an upload that expects a `100 Continue`, as curl's do, is answered", async () => {
  const { bytes } = await fromOrigin("/c/tabby;w=80.png");
  const headers = { "content-type": "image/png", "content-length": bytes.length, expect: "100-continue" };
  const request = http.request(`${edge.url}/v1/assets/asked-first`, { method: "PUT", headers });
  request.end(bytes);
  const [answer] = await once(request, "response");
  answer.resume();
  assert.equal(answer.statusCode, 201);
});

test("an upload through the edge is usable at once, a replaced one gives a new key", async () => {
  const pictures = await Promise.all(
    ["/c/tabby;w=90.png", "/c/tuxedo;w=90.png"].map(async (path) => (await fromOrigin(path)).bytes),
  );
  const put = (body) =>
    fromEdge("/v1/assets/own-photo", { method: "PUT", headers: { "content-type": "image/png" }, body });
  const path = "/c/own-photo;w=45.png";

  assert.equal((await fromEdge(path)).status, 404);
  assert.ok([200, 201].includes((await put(pictures[0])).status));
  const first = await fromEdge(path);
  assert.equal(first.status, 200);
  const digest = JSON.parse((await fromEdge("/v1/assets/own-photo")).bytes).digest;

  assert.ok([200, 201].includes((await put(pictures[1])).status));
  const second = await fromEdge(path);
  assert.notEqual(second.headers.etag, first.headers.etag);
  assert.deepEqual(second.bytes, (await fromOrigin(path)).bytes);

  // The older version lives on under its digest, which only the origin knows.
  const pinned = await fromEdge(`/c/own-photo@${digest.slice(0, 12)};w=45.png`);
  assert.deepEqual(pinned.bytes, first.bytes);
  assert.match(pinned.headers["cache-control"], /immutable/);
});

test("a change made elsewhere gives a new key: the origin's validator is believed", async () => {
  const path = "/c/tabby;w=91/bow-tie.png";
  const before = await fromEdge(path);
  const changed = await fetch(`${origin.url}/v1/assets/tabby`, {
    method: "PATCH",
    headers: { "content-type": "application/merge-patch+json" },
    body: JSON.stringify({ anchors: { neck: { x: 0.4, y: 0.7, span: 0.3, angle: 5 } } }),
  });
  assert.equal(changed.status, 200);
  // A miss right away, with the catalogue from before the change: the origin's answer gives it away.
  const other = "/c/tabby;w=92/bow-tie.png";
  const miss = await fromEdge(other);
  assert.equal(miss.headers.etag, (await fromOrigin(other)).headers.etag);
  assert.match(miss.headers["cache-status"], /stored$/);
  const after = await until("the new key", async () => {
    const answer = await fromEdge(path);
    return answer.headers.etag !== before.headers.etag && answer;
  });
  assert.deepEqual(after.bytes, (await fromOrigin(path)).bytes);
});

test("an asset's image by digest is kept; what may change, or is a key holder's, passes through", async () => {
  // An edge of its own: others may have kept the hat for the day the origin is away.
  const edge = await startEdge(road);
  const fromEdge = async (path, init) => read(await edge.get(path, init));
  try {
    const { assets } = JSON.parse((await fromOrigin("/v1/catalogue")).bytes);
    const { digest } = assets.find((asset) => asset.id === "top-hat");
    const content = "/v1/assets/top-hat/content";
    for (const query of [`digest=${digest}`, `digest=${digest}&w=96`]) {
      const direct = await fromOrigin(`${content}?${query}`);
      const miss = await fromEdge(`${content}?${query}`);
      assert.match(miss.headers["cache-status"], /milliner-edge; fwd=miss; stored$/);
      await edge.kept(`/v1/assets/-/content?${query}`);
      const from = road.passed.length;
      const hit = await fromEdge(`${content}?${query}`);
      assert.match(hit.headers["cache-status"], /^milliner-edge; hit; ttl=\d+$/);
      const held = await fromEdge(`${content}?${query}`, { headers: { "if-none-match": direct.headers.etag } });
      assert.equal(held.status, 304);
      assert.deepEqual(road.passed.slice(from), []);
      for (const answer of [miss, hit]) {
        assert.deepEqual(answer.bytes, direct.bytes);
        for (const name of ["etag", "cache-control", "content-type"]) {
          assert.equal(answer.headers[name], direct.headers[name], name);
        }
      }
    }
    const others = [
      [content, {}],
      [`${content}?w=96`, {}],
      [`/v1/assets/bow-tie/content?digest=${digest}`, {}],
      [`${content}?digest=${digest}`, { headers: { "x-api-key": "mk_000000000000_x" } }],
    ];
    for (const [path, init] of others) {
      const answer = await fromEdge(path, init);
      assert.match(answer.headers["cache-status"], /milliner-edge; fwd=bypass$/, path);
      assert.equal(answer.status, (await fromOrigin(path, init)).status, path);
    }
  } finally {
    await edge.dispose();
  }
});

test("where signatures are required, the origin never hears of an unsigned or expired URL", async () => {
  const variables = { MILLINER_SIGNING: "required", MILLINER_SIGNING_KEYS: `main:${SECRET}` };
  const strict = await startEdge(road, variables);
  try {
    const signed = await origin.sign(HAT);
    const path = signed.startsWith("http") ? new URL(signed).pathname + new URL(signed).search : signed;
    const good = await read(await strict.get(path));
    assert.equal(good.status, 200);
    assert.deepEqual(good.bytes, (await fromOrigin(HAT)).bytes);
    const refused = await asked(async () => {
      for (const bad of [HAT, path.replace("w=400", "w=401"), `${path}x`]) {
        const answer = await read(await strict.get(bad));
        assert.equal(answer.status, 403, bad);
        assert.equal(JSON.parse(answer.bytes).type, "/docs#problem-bad-signature");
      }
    });
    assert.deepEqual(refused, []);
  } finally {
    await strict.dispose();
  }
});

test("a variable that cannot be used is an error of ours, with nothing told", async () => {
  const broken = await startEdge(road, { RENDER_BYTES: "plenty" });
  try {
    const answer = await read(await broken.get(HAT));
    assert.equal(answer.status, 500);
    assert.ok(!answer.bytes.toString().includes("plenty"));
  } finally {
    await broken.dispose();
  }
});
