// The studio's worker: the same wasm module as the page's, for what would hold up the page's own thread. It passes
// tasks in and results out, and knows nothing of either.

import init, { work } from './build/pkg/studio.js'
import wasm from './build/pkg/studio_bg.wasm'

const ready = init({ module_or_path: wasm })

addEventListener('message', async ({ data: [number, task, bytes] }) => {
  try {
    await ready
    const [facts, made] = work(task, bytes)
    postMessage([number, facts, made], [made.buffer])
  } catch (error) {
    // Words are a refusal. Anything else broke the module, and whoever asked starts another worker.
    postMessage([number, undefined, String(error), typeof error !== 'string'])
  }
})
