// The jobs by @jsquash (Squoosh's codecs in WebAssembly): `node jsquash.mjs INPUTS` prints medians as JSON. It decodes,
// resizes and encodes; blending is a plain loop of our own in JavaScript. It has no rotation, so no J5. Warm: base and
// hat are pixels at their final size.
import decodeJpeg, { init as initDecodeJpeg } from "@jsquash/jpeg/decode.js";
import encodeJpeg, { init as initEncodeJpeg } from "@jsquash/jpeg/encode.js";
import decodePng, { init as initDecodePng } from "@jsquash/png/decode.js";
import encodePng, { init as initEncodePng } from "@jsquash/png/encode.js";
import encodeWebp, { init as initEncodeWebp } from "@jsquash/webp/encode.js";
import encodeAvif, { init as initEncodeAvif } from "@jsquash/avif/encode.js";
import resize, { initResize } from "@jsquash/resize";
import { Unsupported, report, version, wasm } from "./harness.mjs";

globalThis.ImageData ??= class ImageData {
  constructor(data, width, height) {
    Object.assign(this, { data, width, height: height ?? data.length / 4 / width });
  }
};

await initDecodeJpeg(await wasm("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm"));
await initEncodeJpeg(await wasm("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm"));
await initDecodePng(await wasm("@jsquash/png/codec/pkg/squoosh_png_bg.wasm"));
await initEncodePng(await wasm("@jsquash/png/codec/pkg/squoosh_png_bg.wasm"));
await initEncodeWebp(await wasm("@jsquash/webp/codec/enc/webp_enc_simd.wasm"));
await initEncodeAvif(await wasm("@jsquash/avif/codec/enc/avif_enc.wasm"));
await initResize(await wasm("@jsquash/resize/lib/resize/pkg/squoosh_resize_bg.wasm"));

// mozjpeg set to do what libjpeg-turbo does: no trellis, no optimised tables.
const JPEG = { quality: 80, progressive: false, optimize_coding: false, auto_subsample: false, chroma_subsample: 2, quant_table: 0 };

async function baseOf(job, file) {
  const picture = await (job.base.endsWith(".jpg") ? decodeJpeg(file.buffer) : decodePng(file.buffer));
  if (picture.width === job.canvas) return picture;
  return resize(picture, { width: job.canvas, height: job.canvas, method: "lanczos3", linearRGB: false });
}

async function hatOf(job, file) {
  const [width, height] = job.hat;
  return resize(await decodePng(file.buffer), { width, height, method: "lanczos3", premultiply: true, linearRGB: false });
}

function over(job, base, hat, dx) {
  const [left, top] = [job.at[0] + dx, job.at[1]];
  const [to, from] = [base.data, hat.data];
  for (let y = 0; y < hat.height; y += 1) {
    let t = ((top + y) * base.width + left) * 4;
    for (let f = y * hat.width * 4, end = f + hat.width * 4; f < end; f += 4, t += 4) pixelOver(to, t, from, f);
  }
  return base;
}

/** Source over backdrop, both with straight alpha. */
function pixelOver(to, t, from, f) {
  const alpha = from[f + 3];
  if (alpha === 0) return;
  const under = (to[t + 3] * (255 - alpha)) / 255;
  const sum = alpha + under;
  for (let c = 0; c < 3; c += 1) to[t + c] = (from[f + c] * alpha + to[t + c] * under) / sum + 0.5;
  to[t + 3] = sum + 0.5;
}

function encode(job, picture) {
  switch (job.format) {
    case "jpg":
      return encodeJpeg(picture, JPEG);
    case "png":
      return encodePng(picture);
    case "webp":
      return encodeWebp(picture, { quality: 80, method: 4 });
    default:
      return encodeAvif(picture, { quality: 50, speed: 6, subsample: 1 });
  }
}

async function make(job, baseFile, hatFile) {
  if (job.turn) throw new Unsupported("no rotation");
  const [base, hat] = [await baseOf(job, baseFile), await hatOf(job, hatFile)];
  const picture = new ImageData(new Uint8ClampedArray(base.data), base.width, base.height);
  const copy = () => {
    picture.data.set(base.data);
    return picture;
  };
  const bytes = async (picture) => new Uint8Array(await encode(job, picture));
  return {
    cold: async (dx) => bytes(over(job, await baseOf(job, baseFile), await hatOf(job, hatFile), dx)),
    warm: (dx) => bytes(over(job, copy(), hat, dx)),
  };
}

await report("jsquash", ["jpeg", "png", "webp", "avif", "resize"].map((part) => `${part} ${version(`@jsquash/${part}`)}`).join(", "), make);
