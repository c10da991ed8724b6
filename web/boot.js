// Starts the wasm module that takes the server's page over. Until then, and where it cannot start, the page works by
// itself: every choice is a link and every number is in a form.

import init from './build/pkg/studio.js'
import wasm from './build/pkg/studio_bg.wasm'

try {
  await init({ module_or_path: wasm })
} catch (error) {
  // Controls that only the module answers to go, and the forms' own buttons come back.
  document.documentElement.classList.remove('scripted')
  console.warn('The preview could not start; the page works without it.', error)
}
