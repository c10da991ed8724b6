// The package in workerd (Cloudflare Workers): compiled modules come by import there, and code may
// not be compiled at run time.

import module from '../pkg/milliner_bg.wasm'
import { initSync } from '../pkg/milliner.js'
import { Client } from './client.js'
import { started } from './guard.js'

export * from './names.js'

initSync({ module })
started()

/** Ready already; here so that one program runs everywhere. */
export async function init() {}

export async function load(options) {
  return Client.open(options)
}
