// `npm start` says in one sentence why it cannot listen, and how to choose another address.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { listenAddress } from "../listen.mjs";

const SERVE = fileURLToPath(new URL("../serve.mjs", import.meta.url));

/** Runs `npm start`'s program to its end. */
async function serve(listen) {
  const env = { ...process.env, MILLINER_EDGE_LISTEN: listen };
  const child = spawn(process.execPath, [SERVE], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (text) => (said += text));
  const [code] = await once(child, "close");
  return { code, said };
}

test("a port that is taken is named, and how to choose another", async () => {
  const taken = net.createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address();
  const { code, said } = await serve(`127.0.0.1:${port}`);
  taken.close();
  assert.equal(code, 1);
  const way = "choose another address: MILLINER_EDGE_LISTEN=127.0.0.1:8788 npm start";
  assert.equal(said, `edge: port ${port} is taken: stop the program that listens there, or ${way}\n`);
});

test("an address that is none is told what one is", async () => {
  for (const text of ["8787", "127.0.0.1:port", "127.0.0.1:99999", ""]) {
    await assert.rejects(listenAddress(text), /allowed: ADDRESS:PORT/, text);
  }
  const { code, said } = await serve("nowhere");
  assert.equal(code, 1);
  assert.match(said, /^edge: MILLINER_EDGE_LISTEN is "nowhere"; allowed: ADDRESS:PORT, such as 127.0.0.1:8787\n$/);
});

test("a free address is read", async () => {
  assert.deepEqual(await listenAddress("127.0.0.1:0"), { host: "127.0.0.1", port: 0 });
  assert.deepEqual(await listenAddress("[::1]:0"), { host: "::1", port: 0 });
});
