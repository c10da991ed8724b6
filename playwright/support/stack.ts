// Starts the product as a contributor does, with `xtask run`, on free ports and an empty store of its
// own; hands the URLs to the tests through the environment; ends it after the last test and waits
// until nothing of it is left.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, watch } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../..')

/** Builds on a cold disk are done before; this is importing and starting only. */
const START_WITHIN_MS = 120_000

export default async function start(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'milliner-'))
  const [program, ...first] = process.env['MILLINER_XTASK'] ? [process.env['MILLINER_XTASK']] : ['cargo', 'xtask']
  const options = ['run', '--no-build', '--free-ports', '--data', path.join(folder, 'data'), '--announce', path.join(folder, 'urls.json')]
  const stack = spawn(program, [...first, ...options], { cwd: root, stdio: ['ignore', 'inherit', 'pipe'] })
  const log = collect(stack)
  try {
    const urls = await announced(folder, stack, log)
    for (const [name, url] of Object.entries(urls)) process.env[`MILLINER_TEST_${name.toUpperCase()}`] = url
  } catch (error) {
    await stop(stack, folder)
    throw error
  }
  return () => stop(stack, folder)
}

/** The URLs, as soon as the stack says that all of it is ready. */
async function announced(folder: string, stack: ChildProcess, log: () => string): Promise<Record<string, string>> {
  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(new Error(`not ready in time:\n${log()}`)), START_WITHIN_MS)
  stack.once('exit', () => patience.abort(new Error(`the stack ended:\n${log()}`)))
  stack.once('error', (error) => patience.abort(error))
  try {
    for await (const change of watch(folder, { signal: patience.signal })) {
      if (change.filename === 'urls.json') break
    }
    return JSON.parse(await readFile(path.join(folder, 'urls.json'), 'utf8'))
  } catch (error) {
    throw patience.signal.aborted ? patience.signal.reason : error
  } finally {
    clearTimeout(timer)
    stack.removeAllListeners('exit')
  }
}

async function stop(stack: ChildProcess, folder: string): Promise<void> {
  if (stack.exitCode === null && stack.signalCode === null) {
    const ended = once(stack, 'exit')
    stack.kill('SIGTERM')
    await ended
  }
  await rm(folder, { recursive: true, force: true })
}

/** Keeps what the servers say, for the error of a start that failed; shows it with `DEBUG=stack`. */
function collect(stack: ChildProcess): () => string {
  let text = ''
  stack.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-20_000)
    if (process.env['DEBUG']?.includes('stack')) process.stderr.write(chunk)
  })
  return () => text
}
