// The jobs by @imagemagick/magick-wasm: `node magick.mjs INPUTS` prints medians as JSON. Warm: base and hat are decoded,
// sized and turned; what is left is a copy of the base, blending and encoding.
import {
  Channels, CompositeOperator, EvaluateOperator, FilterType, MagickColors, MagickFormat, MagickImage,
  MagickReadSettings, Point, initializeImageMagick,
} from "@imagemagick/magick-wasm";
import { Unsupported, position, report, version, wasm } from "./harness.mjs";

await initializeImageMagick(await wasm("@imagemagick/magick-wasm/dist/x86/magick.wasm"));

// The buffer that all pictures are copied into: the library shows its own for a moment.
const BUFFER = new Uint8Array(8 << 20);
const FORMATS = { jpg: MagickFormat.Jpeg, png: MagickFormat.Png, webp: MagickFormat.WebP, avif: MagickFormat.Avif };

function baseOf(job, file) {
  const settings = new MagickReadSettings();
  const shrinks = !job.base.includes(job.canvas);
  if (shrinks) settings.setDefine(MagickFormat.Jpeg, "size", `${job.canvas}x${job.canvas}`);
  const base = MagickImage.create(file, settings);
  if (base.width !== job.canvas) base.resize(job.canvas, job.canvas, FilterType.Lanczos);
  return base;
}

function hatOf(job, file) {
  const hat = MagickImage.create(file);
  hat.resize(...job.hat, FilterType.Lanczos);
  if (!job.turn) return hat;
  hat.backgroundColor = MagickColors.Transparent;
  hat.rotate(job.turn.degrees);
  hat.evaluate(Channels.Alpha, EvaluateOperator.Multiply, job.turn.opacity);
  return hat;
}

function finish(job, base, hat, dx, fast) {
  const { left, top } = position(job, dx);
  base.composite(hat, job.turn ? CompositeOperator.Multiply : CompositeOperator.Over, new Point(left, top));
  base.quality = job.format === "avif" ? 50 : 80;
  if (job.format === "jpg") base.settings.setDefine(MagickFormat.Jpeg, "sampling-factor", "4:2:0");
  if (job.format === "avif") base.settings.setDefine("heic", "speed", "6");
  if (job.format === "webp") base.settings.setDefine(MagickFormat.WebP, "method", "4");
  // A PNG's quality is tens for zlib's level and ones for the filter; 75 is the default, 15 its fastest with filters.
  if (job.format === "png") base.quality = fast ? 15 : 75;
  return base.write(FORMATS[job.format], (data) => {
    BUFFER.set(data);
    return BUFFER.subarray(0, data.length);
  });
}

function cold(job, baseFile, hatFile, dx, fast) {
  const [base, hat] = [baseOf(job, baseFile), hatOf(job, hatFile)];
  const bytes = finish(job, base, hat, dx, fast);
  base.dispose();
  hat.dispose();
  return bytes;
}

function make(job, baseFile, hatFile, fast) {
  try {
    cold(job, baseFile, hatFile, 0, fast);
  } catch (error) {
    throw new Unsupported(`${job.format}: ${error.message}`.slice(0, 80));
  }
  const [base, hat] = [baseOf(job, baseFile), hatOf(job, hatFile)];
  return {
    cold: (dx) => cold(job, baseFile, hatFile, dx, fast),
    warm: (dx) => base.clone((copy) => finish(job, copy, hat, dx, fast)),
  };
}

await report("magick-wasm", version("@imagemagick/magick-wasm"), make, { fast: true });
