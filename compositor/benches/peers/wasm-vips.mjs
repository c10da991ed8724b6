// The jobs by wasm-vips (libvips in WebAssembly), one worker, no cache: `node wasm-vips.mjs INPUTS` prints medians as
// JSON. Warm: the base is decoded and fitted, the hat decoded, sized and turned, both in memory.
import Vips from "wasm-vips";
import { Unsupported, position, report, version } from "./harness.mjs";

const vips = await Vips({ dynamicLibraries: ["vips-heif.wasm"], print: () => {}, printErr: () => {} });
vips.concurrency(1);
vips.Cache.max(0);

/** A chain of operations on one image; every step of it is freed when the last is there. */
function chain(first, ...steps) {
  const made = [first];
  for (const step of steps) made.push(step(made.at(-1)));
  const last = made.pop();
  return { image: last, free: () => [last, ...made.reverse()].forEach((image) => image.delete()) };
}

function baseOf(job, file) {
  const { canvas } = job;
  if (job.base.includes(canvas)) return chain(vips.Image.newFromBuffer(file, "", { access: "sequential" }));
  return chain(vips.Image.thumbnailBuffer(file, canvas, { height: canvas }));
}

function hatOf(job, file) {
  const [width, height] = job.hat;
  const size = (hat) => hat.resize(width / hat.width, { vscale: height / hat.height, kernel: "lanczos3" });
  const turns = job.turn
    ? [(hat) => hat.similarity({ angle: job.turn.degrees }), (hat) => hat.multiply(job.turn.opacity)]
    : [];
  return chain(
    vips.Image.newFromBuffer(file),
    (hat) => hat.premultiply(),
    size,
    ...turns,
    (hat) => hat.unpremultiply(),
    (hat) => hat.cast("uchar"),
    (hat) => hat.copy({ interpretation: "srgb" }),
  );
}

function encode(job, picture, fast) {
  switch (job.format) {
    case "jpg":
      return picture.writeToBuffer(".jpg", { Q: 80 });
    case "png":
      return picture.writeToBuffer(".png", { compression: fast ? 1 : 6 });
    case "webp":
      return picture.writeToBuffer(".webp", { Q: 80, effort: 4 });
    default:
      return picture.writeToBuffer(".avif", { Q: 50, effort: 3 }); // effort 3 is speed 6
  }
}

function finish(job, base, hat, dx, fast) {
  const { left, top } = position(job, dx);
  const opaque = job.format === "jpg" || job.format === "avif";
  const over = (picture) => picture.composite2(hat, job.turn?.blend ?? "over", { x: left, y: top });
  const steps = opaque ? [(picture) => picture.flatten()] : [];
  const drawn = chain(over(base), ...steps);
  const bytes = encode(job, drawn.image, fast);
  drawn.free();
  return bytes;
}

function cold(job, baseFile, hatFile, dx, fast) {
  const [base, hat] = [baseOf(job, baseFile), hatOf(job, hatFile)];
  const bytes = finish(job, base.image, hat.image, dx, fast);
  base.free();
  hat.free();
  return bytes;
}

function make(job, baseFile, hatFile, fast) {
  const [base, hat] = [baseOf(job, baseFile).image.copyMemory(), hatOf(job, hatFile).image.copyMemory()];
  try {
    cold(job, baseFile, hatFile, 0, fast);
  } catch (error) {
    throw new Unsupported(`${job.format}: ${error.message}`.slice(0, 80));
  }
  return {
    cold: (dx) => cold(job, baseFile, hatFile, dx, fast),
    warm: (dx) => finish(job, base, hat, dx, fast),
  };
}

await report("wasm-vips", `${version("wasm-vips")}, libvips ${vips.version()}`, make, { fast: true });
vips.shutdown();
process.exit(0);
