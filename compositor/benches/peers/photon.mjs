// The jobs by photon (Rust in WebAssembly, @cf-wasm/photon): `node photon.mjs INPUTS` prints medians as JSON. Its blend
// modes need layers of one size and know no opacity, and it writes neither lossy WebP nor AVIF: no J3, J5, J6. Warm:
// base and hat are decoded and sized.
import { PhotonImage, SamplingFilter, initPhoton, resize, watermark } from "@cf-wasm/photon/others";
import { Unsupported, report, version, wasm } from "./harness.mjs";

await initPhoton({ module_or_path: await wasm("@cf-wasm/photon/dist/lib/photon_rs_bg.wasm") });

/** Decoded and, where it has another size, resized. */
function sized(file, width, height) {
  const picture = PhotonImage.new_from_byteslice(file);
  if (picture.get_width() === width && picture.get_height() === height) return picture;
  const small = resize(picture, width, height, SamplingFilter.Lanczos3);
  picture.free();
  return small;
}

function finish(job, base, hat, dx) {
  watermark(base, hat, BigInt(job.at[0] + dx), BigInt(job.at[1]));
  const bytes = job.format === "jpg" ? base.get_bytes_jpeg(80) : base.get_bytes();
  base.free();
  return bytes;
}

function make(job, baseFile, hatFile) {
  if (job.turn) throw new Unsupported("no blending at an opacity");
  if (!["jpg", "png"].includes(job.format)) throw new Unsupported(`writes no lossy ${job.format}`);
  const base = sized(baseFile, job.canvas, job.canvas);
  const [pixels, hat] = [base.get_raw_pixels(), sized(hatFile, ...job.hat)];
  return {
    cold: (dx) => {
      const cutOut = sized(hatFile, ...job.hat);
      const bytes = finish(job, sized(baseFile, job.canvas, job.canvas), cutOut, dx);
      cutOut.free();
      return bytes;
    },
    warm: (dx) => finish(job, new PhotonImage(pixels, job.canvas, job.canvas), hat, dx),
  };
}

await report("photon", version("@cf-wasm/photon"), make);
