// Bundles the studio's static files into build/site: style, typefaces, the wasm module and its glue, every one named
// by its content (so it may be cached for ever) and precompressed. `manifest.json` tells the server the names.

import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { build } from 'esbuild'

const here = path.dirname(fileURLToPath(import.meta.url))
const site = path.join(here, 'build/site')
const assets = path.join(site, 'assets')
const compressible = new Set(['.css', '.js', '.svg', '.wasm'])

const bundled = await bundle()
const names = Object.keys(bundled.metafile.outputs).map((file) => path.basename(file))
await compressAll(names)
await removeStale(names)
await writeManifest(bundled.metafile.outputs)

function bundle() {
  return build({
    absWorkingDir: here,
    entryPoints: ['boot.js', 'worker.js', 'theme.js', 'style/studio.css', 'public/icon.svg'],
    outdir: assets,
    entryNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    publicPath: '/assets/',
    bundle: true,
    format: 'esm',
    minify: true,
    target: ['chrome123', 'firefox120', 'safari17.5'],
    loader: { '.svg': 'copy', '.wasm': 'file', '.woff2': 'file' },
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  })
}

async function compressAll(names) {
  const eligible = names.filter((name) => compressible.has(path.extname(name)))
  await Promise.all(eligible.map(compress))
}

// A name holds the hash of its content, so what was compressed before is still right.
async function compress(name) {
  const file = path.join(assets, name)
  if (await exists(`${file}.br`)) return
  const bytes = await readFile(file)
  const brotli = await promisify(zlib.brotliCompress)(bytes, {
    params: {
      [zlib.constants.BROTLI_PARAM_QUALITY]: 11,
      [zlib.constants.BROTLI_PARAM_LGWIN]: 24,
      [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  })
  await writeFile(`${file}.gz`, await promisify(zlib.gzip)(bytes, { level: 9 }))
  await writeFile(`${file}.br`, brotli)
}

async function removeStale(names) {
  const current = new Set(names.flatMap((name) => [name, `${name}.br`, `${name}.gz`]))
  const found = await readdir(assets)
  await Promise.all(found.filter((name) => !current.has(name)).map((name) => rm(path.join(assets, name))))
}

async function writeManifest(outputs) {
  const url = (wanted) => {
    const file = Object.keys(outputs).find((file) => wanted(path.basename(file), outputs[file]))
    return `/assets/${path.basename(file)}`
  }
  const manifest = {
    boot: url((_, output) => output.entryPoint === 'boot.js'),
    worker: url((_, output) => output.entryPoint === 'worker.js'),
    theme: url((_, output) => output.entryPoint === 'theme.js'),
    style: url((_, output) => output.entryPoint === 'style/studio.css'),
    icon: url((name) => name.startsWith('icon-')),
    wasm: url((name) => name.endsWith('.wasm')),
    fonts: Object.keys(outputs).map((file) => path.basename(file)).filter((name) => name.endsWith('.woff2')).sort().map((name) => `/assets/${name}`),
  }
  const text = JSON.stringify(manifest, null, 2)
  const version = createHash('sha256').update(text).digest('hex').slice(0, 16)
  await mkdir(site, { recursive: true })
  await writeFile(path.join(site, 'manifest.json'), JSON.stringify({ version, ...manifest }, null, 2) + '\n')
}

function exists(file) {
  return stat(file).then(() => true, () => false)
}
