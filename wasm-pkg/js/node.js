// The package in Node: the module is read from the disk and compiled while this file is imported,
// so that everything is ready at once.

import { readFileSync } from 'node:fs'
import { initSync } from '../pkg/milliner.js'
import { Client } from './client.js'
import { started } from './guard.js'

export * from './names.js'

initSync({ module: readFileSync(new URL('../pkg/milliner_bg.wasm', import.meta.url)) })
started()

/** Ready already; here so that one program runs everywhere. */
export async function init() {}

export async function load(options) {
  return Client.open(options)
}
