// Runs a WebAssembly program that needs nothing but its output: `node wasi.mjs program.wasm`. No file, argument or
// variable reaches it.

import { readFile } from 'node:fs/promises'
import { WASI } from 'node:wasi'

const wasi = new WASI({ version: 'preview1' })
const program = await WebAssembly.compile(await readFile(process.argv[2]))
process.exitCode = wasi.start(await WebAssembly.instantiate(program, wasi.getImportObject()))
