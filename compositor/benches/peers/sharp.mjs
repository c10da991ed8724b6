// The benchmark's cat in a hat by sharp (libvips), one thread, from file bytes every time: medians as JSON.
//   node sharp.mjs FOLDER    where FOLDER holds cats-tabby.png and overlays-top-hat.png, as `cargo bench` leaves them
import { readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";

const ROUNDS = 15;
// The placement of benches/render.rs: a hat of 512 pixels, its band on the head.
const HAT = { width: 512, left: 256, top: 51 };

sharp.concurrency(1);
sharp.cache(false);
const folder = process.argv[2];
const base = readFileSync(join(folder, "cats-tabby.png"));
const hat = readFileSync(join(folder, "overlays-top-hat.png"));

async function composite(encode) {
  const input = await sharp(hat).resize({ width: HAT.width, kernel: "lanczos3" }).png({ compressionLevel: 0 }).toBuffer();
  return encode(sharp(base).composite([{ input, left: HAT.left, top: HAT.top }])).toBuffer();
}

async function median(encode) {
  await composite(encode);
  const times = [];
  let bytes = 0;
  for (let i = 0; i < ROUNDS; i += 1) {
    const start = performance.now();
    bytes = (await composite(encode)).length;
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return { ms: times[ROUNDS >> 1], bytes };
}

console.log(
  JSON.stringify({
    png: await median((image) => image.png()),
    jpg: await median((image) => image.flatten({ background: "#fff" }).jpeg({ quality: 80 })),
  }),
);
