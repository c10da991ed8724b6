// What every entry point offers beside `init` and `load`.

export { Milliner, canonical, digest, normalise, parse, renderVersion, toPath } from './guard.js'
export { Client } from './client.js'
