// Where `npm start` listens, read and tried before workerd is started: its own complaint about a port that is
// taken is a stack trace.
import { once } from "node:events";
import net from "node:net";

/** `127.0.0.1:8787` as host and port; throws a sentence for people where nobody can listen there. */
export async function listenAddress(text) {
  const [, host, digits] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === undefined || port > 65535) {
    throw new Error(`MILLINER_EDGE_LISTEN is "${text}"; allowed: ADDRESS:PORT, such as 127.0.0.1:8787`);
  }
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  await tryToListen(bare, port);
  return { host: bare, port };
}

async function tryToListen(host, port) {
  const server = net.createServer();
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    throw new Error(sentence(host, port, error.code));
  }
  server.close();
  await once(server, "close");
}

function sentence(host, port, code) {
  const another = "choose another address: MILLINER_EDGE_LISTEN=127.0.0.1:8788 npm start";
  if (code === "EADDRINUSE") {
    return `port ${port} is taken: stop the program that listens there, or ${another}`;
  }
  return `cannot listen on ${host}:${port} (${code}): ${another}`;
}
