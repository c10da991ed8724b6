// The jobs by our own npm package (wasm-pkg, built by `cargo xtask build wasm-pkg`): `node milliner.mjs INPUTS`
// prints medians as JSON. Cold: a compositor that keeps nothing, from the files that an import made. Warm: one that has rendered
// the bare base on this canvas in this format, and the hat at this size, but never this picture. All pictures are written
// into one buffer, as by a page that shows one after the other.
import { Milliner, init } from "../../../wasm-pkg/js/node.js";
import { Unsupported, report } from "./harness.mjs";

await init();

const KEPT_BYTES = 256 << 20;
const BUFFER = new Uint8Array(8 << 20);

function stocked(job, base, hat, bytes) {
  const [x, y, span] = [job.at[0], job.at[1], job.hat[0]].map((length) => length / job.canvas);
  const milliner = new Milliner(bytes);
  milliner.addAsset("base", base, { kind: "base", anchors: { hat: { x, y, span, angle: 0 } } });
  milliner.addAsset("hat", hat, { kind: "overlay", anchors: { hat: { x: 0, y: 0, span: 1, angle: 0 } } });
  return milliner;
}

/** The recipe, the hat moved by some pixels; without a layer: the bare base. */
function path(job, dx) {
  const size = job.base.includes(job.canvas) ? "" : `;w=${job.canvas}`;
  if (dx === undefined) return `/c/base${size}.${job.format}`;
  const { degrees, opacity, blend } = job.turn ?? {};
  const turn = job.turn ? `;rotate=${degrees};opacity=${opacity};blend=${blend}` : "";
  return `/c/base${size}/hat;x=${dx}px${turn}.${job.format}`;
}

function make(job, base, hat) {
  const [cold, warm] = [stocked(job, base, hat, 0), stocked(job, base, hat, KEPT_BYTES)];
  const undrawn = cold.explain(path(job, 0)).undrawn;
  if (undrawn) throw new Unsupported(`not drawn yet: ${undrawn.name}`);
  warm.render(path(job));
  const drawn = (milliner) => (dx) => milliner.render(path(job, dx), undefined, BUFFER).bytes;
  return { cold: drawn(cold), warm: drawn(warm) };
}

await report("milliner-wasm", "this checkout", make);
