// The jobs by @napi-rs/canvas (Skia), calls that do not leave the thread: `node canvas.mjs INPUTS` prints medians as
// JSON. Skia scales with its own filters, `high` being the best. Warm: base and hat are canvases at their final size;
// a turn belongs to drawing here, so it is part of the warm figure, too. Its lossy qualities are not those of other
// encoders: of WebP and AVIF it is asked for the quality whose file is as large as the job says.
import skia from "@napi-rs/canvas";
import { report, version } from "./harness.mjs";

const { ChromaSubsampling, createCanvas, loadImage } = skia;

function drawn(picture, width, height) {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext("2d");
  // Of a picture that has its size, the best filter makes a blurred one.
  context.imageSmoothingEnabled = picture.width !== width || picture.height !== height;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, width, height);
  return canvas;
}

function blend(job, canvas, hat, dx) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = Boolean(job.turn);
  context.imageSmoothingQuality = "high";
  context.translate(job.at[0] + dx, job.at[1]);
  if (job.turn) {
    context.rotate((job.turn.degrees * Math.PI) / 180);
    context.globalAlpha = job.turn.opacity;
    context.globalCompositeOperation = job.turn.blend;
  }
  context.drawImage(hat, 0, 0, ...job.hat);
  return canvas;
}

function encode(job, canvas, quality) {
  switch (job.format) {
    case "jpg":
      return canvas.toBuffer("image/jpeg", 80);
    case "png":
      return canvas.toBuffer("image/png");
    case "webp":
      return canvas.toBuffer("image/webp", quality);
    default:
      return canvas.toBuffer("image/avif", { quality, speed: 6, threads: 1, chromaSubsampling: ChromaSubsampling?.Yuv420 ?? 2 });
  }
}

/** The quality whose file is the smallest of those with as many bytes as the job says. Of AVIF a higher one is smaller. */
function qualityOf(job, canvas) {
  const isEnough = (quality) => encode(job, canvas, quality).length >= job.bytes;
  let [small, large] = job.format === "avif" ? [100, 1] : [1, 100];
  while (Math.abs(large - small) > 1) {
    const middle = (small + large) >> 1;
    if (isEnough(middle)) large = middle;
    else small = middle;
  }
  return large;
}

async function make(job, baseFile, hatFile) {
  const side = job.canvas;
  const base = drawn(await loadImage(baseFile), side, side);
  const hat = drawn(await loadImage(hatFile), ...job.hat);
  const quality = job.bytes && qualityOf(job, blend(job, drawn(base, side, side), hat, 0));
  const cold = async (dx) => {
    const [photo, cutOut] = [await loadImage(baseFile), await loadImage(hatFile)];
    return encode(job, blend(job, drawn(photo, side, side), cutOut, dx), quality);
  };
  return { cold, warm: (dx) => encode(job, blend(job, drawn(base, side, side), hat, dx), quality) };
}

await report("canvas", version("@napi-rs/canvas"), make);
