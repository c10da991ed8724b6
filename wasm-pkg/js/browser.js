// The package in browsers, web workers and bundlers: the module is fetched from beside this file,
// once, when somebody first waits for `init` or `load`.

import start from '../pkg/milliner.js'
import { Client } from './client.js'

export * from './names.js'

let started

/** Fetch and compile the module; give its URL, response, bytes or compiled module to use another. */
export function init(source) {
  started ??= start(source === undefined ? undefined : { module_or_path: source }).then(
    () => undefined,
    (error) => {
      started = undefined // a failed download may be tried again
      throw error
    },
  )
  return started
}

export async function load(options) {
  await init(options.wasm)
  return Client.open(options)
}
