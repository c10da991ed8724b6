// The package in browsers, web workers and bundlers: the module is fetched from beside this file,
// once, when somebody first waits for `init` or `load`.

import start from '../pkg/milliner.js'
import { Client } from './client.js'
import { failure, started } from './guard.js'

export * from './names.js'

/** Fetch and compile the module; give its URL, response, bytes or compiled module to use another. */
export async function init(source = new URL('../pkg/milliner_bg.wasm', import.meta.url)) {
  try {
    await start({ module_or_path: source }) // once, however often it is called; a failed download may be tried again
  } catch (error) {
    throw failure('not-started', `the module cannot start: ${error?.message ?? error}`, { cause: error })
  }
  started()
}

export async function load(options) {
  Client.check(options)
  await init(options.wasm)
  return Client.open(options)
}
