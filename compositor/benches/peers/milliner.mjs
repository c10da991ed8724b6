// The jobs by our own npm package in Node (wasm-pkg, built by `cargo xtask build wasm-pkg`): `node milliner.mjs INPUTS`
// prints medians as JSON. Cold: a compositor that keeps nothing, from stored file bytes. Warm: one that has rendered
// the bare base on this canvas in this format, and the hat at this size, but never this picture.
import { Milliner, digest } from "../../../wasm-pkg/js/node.js";
import { Unsupported, report } from "./harness.mjs";

const KEPT_BYTES = 256 << 20;

function asset(id, kind, file, [width, height], opaque, anchor) {
  const anchors = { hat: { angle: 0, ...anchor } };
  const media_type = file[0] === 0x89 ? "image/png" : "image/jpeg";
  return { id, kind, digest: digest(file), width, height, bytes: file.length, media_type, opaque, anchors };
}

function stocked(job, base, hat, bytes) {
  const side = Number(/\d+/.exec(job.base)[0]);
  const [x, y, span] = [job.at[0], job.at[1], job.hat[0]].map((length) => length / job.canvas);
  const assets = [
    asset("base", "base", base, [side, side], job.base.endsWith(".jpg"), { x, y, span }),
    asset("hat", "overlay", hat, [1200, 900], false, { x: 0, y: 0, span: 1 }),
  ];
  const milliner = new Milliner(bytes);
  milliner.setCatalogue({ version: "", assets });
  milliner.addIngredient(assets[0].digest, base);
  milliner.addIngredient(assets[1].digest, hat);
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
  return { cold: (dx) => cold.render(path(job, dx)).bytes, warm: (dx) => warm.render(path(job, dx)).bytes };
}

await report("milliner-wasm", "this checkout", make);
