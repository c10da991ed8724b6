// What `place.mjs` is in Node, for a page that `chromium.mjs` serves.
const query = new URLSearchParams(location.search);
const fetched = async (path) => {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
};

export const wanted = query.get("jobs")?.split(",");
export const rounds = Number(query.get("rounds") ?? 15);

export const read = async (name) => new Uint8Array(await (await fetched(`/inputs/${name}`)).arrayBuffer());

export const jobs = async () => (await fetched(new URL("jobs.json", import.meta.url))).json();

export const wasm = (path) => WebAssembly.compileStreaming(fetched(new URL(`node_modules/${path}`, import.meta.url)));

/** As in Node, which prints them. */
export const version = (name) => name;

/** A round is as many runs as take this many milliseconds: the clock goes in steps of ten. */
export const roundMs = 250;

/** As in Node, of the page's process; the server looks. */
export const clock = async () => (await fetched("/clock")).json();

/** The outputs are those of Node. */
export const keep = async () => {};

export const print = (report) => fetch("/report", { method: "POST", body: JSON.stringify(report) });
