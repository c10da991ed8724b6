// The jobs by sharp (libvips), one thread, no cache: `node sharp.mjs INPUTS` prints medians as JSON. Warm: base and hat
// are raw pixels at their final size, the hat turned; what is left is blending and encoding.
import sharp from "sharp";
import { position, report, version } from "./harness.mjs";

sharp.concurrency(1);
sharp.cache(false);

const TRANSPARENT = { r: 0, g: 0, b: 0, alpha: 0 };

function fitted(job, base) {
  const picture = sharp(base);
  return job.base.includes(job.canvas) ? picture : picture.resize(job.canvas, job.canvas, { kernel: "lanczos3" });
}

async function raw(picture) {
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
  return { data, raw: { width: info.width, height: info.height, channels: info.channels } };
}

function hatOf(job, file) {
  let hat = sharp(file).resize(...job.hat, { kernel: "lanczos3", fit: "fill" });
  if (job.turn) {
    hat = hat.rotate(job.turn.degrees, { background: TRANSPARENT }).linear([1, 1, 1, job.turn.opacity], [0, 0, 0, 0]);
  }
  return raw(hat);
}

function finish(job, picture, hat, dx, fast) {
  const layer = { input: hat.data, raw: hat.raw, ...position(job, dx), blend: job.turn?.blend ?? "over" };
  return encode(job, picture.composite([layer]), fast).toBuffer();
}

function encode(job, picture, fast) {
  switch (job.format) {
    case "jpg":
      return picture.jpeg({ quality: 80 });
    case "png":
      return picture.png(fast ? { compressionLevel: 1 } : {});
    case "webp":
      return picture.webp({ quality: 80, effort: 4 });
    default:
      return picture.removeAlpha().avif({ quality: 50, effort: 3, chromaSubsampling: "4:2:0" }); // effort 3: speed 6
  }
}

async function make(job, base, hat, fast) {
  const pixels = await raw(fitted(job, base));
  const sized = await hatOf(job, hat);
  return {
    cold: async (dx) => finish(job, fitted(job, base), await hatOf(job, hat), dx, fast),
    warm: (dx) => finish(job, sharp(pixels.data, { raw: pixels.raw }), sized, dx, fast),
  };
}

await report("sharp", `${version("sharp")}, libvips ${sharp.versions.vips}`, make, { fast: true });
