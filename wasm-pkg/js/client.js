// A compositor that fetches for itself: the catalogue of one Milliner server, and the pictures a
// recipe needs, each once. The wasm checks every picture against its digest, so a cache on the way
// can be slow but never wrong.

import { Milliner, check, failure } from './guard.js'

/** An asset's own digest and those of its levels, each with its id. */
function contents({ id, digest, levels = [] }) {
  return [{ digest }, ...levels].map((content) => [content.digest, id])
}

export class Client {
  #base
  #fetch
  #assets = new Map() // digest -> id, to ask the server by
  #fetching = new Map() // digest -> promise

  /** The compositor itself, for what needs no network: `explain`, `addAsset`, … */
  milliner

  constructor(options) {
    Client.check(options)
    const { baseUrl, fetch = globalThis.fetch, cacheBytes } = options
    this.#base = String(baseUrl).replace(/\/+$/, '')
    this.#fetch = (...request) => fetch(...request)
    this.milliner = new Milliner(cacheBytes)
  }

  /** Refuses options without which there is no client. */
  static check(options) {
    const { baseUrl, fetch = globalThis.fetch } = options ?? {}
    if (!baseUrl || !(typeof baseUrl === 'string' || baseUrl instanceof URL)) {
      throw failure('bad-argument', '`baseUrl` must be the address of a Milliner server: load({ baseUrl: "https://…" })')
    }
    if (typeof fetch !== 'function') throw failure('bad-argument', '`fetch` must be a function like that of browsers')
  }

  /** A client with the server's present catalogue. */
  static async open(options) {
    const client = new Client(options)
    await client.refresh(options)
    return client
  }

  /** Take over the server's present catalogue; pictures fetched so far are kept. */
  async refresh({ signal } = {}) {
    const response = await this.#get('/v1/catalogue', signal)
    const catalogue = await response.json().catch((cause) => {
      throw unlessItWasAborted(cause, failure('server', 'the catalogue is not JSON: is this a Milliner server?', { cause, status: response.status }))
    })
    this.milliner.setCatalogue(catalogue)
    this.#assets = new Map(catalogue.assets.flatMap(contents))
    return catalogue
  }

  /** Fetch what a recipe still needs; after that `milliner.render` and `milliner.draw` work without waiting. */
  async prepare(path, { accept, signal } = {}) {
    const missing = this.milliner.missing(path, accept)
    await unlessAborted(Promise.all(missing.map((digest) => this.#ingredient(digest))), signal)
  }

  /** The finished picture, byte for byte what the server delivers. */
  async render(path, options = {}) {
    await this.prepare(path, options)
    return this.milliner.render(path, options.accept, options.into)
  }

  /** Straight RGBA for a canvas. */
  async draw(path, options = {}) {
    await this.prepare(path, options)
    return this.milliner.draw(path)
  }

  /** The public URL of a recipe. */
  url(path) {
    check('url', [['path', 'a string']], [path])
    return this.#base + path
  }

  /** Free the module's memory now; the client is of no use afterwards. */
  free() {
    this.milliner.free()
  }

  // One download for one digest, shared by all who wait; so no single caller can abort it.
  #ingredient(digest) {
    let fetching = this.#fetching.get(digest)
    if (!fetching) {
      fetching = this.#download(digest).finally(() => this.#fetching.delete(digest))
      this.#fetching.set(digest, fetching)
    }
    return fetching
  }

  async #download(digest) {
    const id = this.#assets.get(digest)
    const response = await this.#get(`/v1/assets/${id}/content?digest=${digest}`)
    const body = await response.arrayBuffer().catch((cause) => {
      throw failure('unreachable', `the picture of ${id} did not arrive whole`, { cause })
    })
    this.milliner.addIngredient(digest, new Uint8Array(body))
  }

  async #get(path, signal) {
    const response = await this.#fetch(this.#base + path, { signal }).catch((cause) => {
      throw unlessItWasAborted(cause, failure('unreachable', `${this.#base} does not answer: ${cause?.message ?? cause}`, { cause }))
    })
    if (!response.ok) throw await problem(response, path)
    return response
  }
}

/** An abort is the caller's own doing, and stays what it is. */
function unlessItWasAborted(cause, error) {
  return cause?.name === 'AbortError' || cause?.name === 'TimeoutError' ? cause : error
}

/** The promise's outcome, or the signal's reason as soon as there is one. */
async function unlessAborted(promise, signal) {
  if (!signal) return promise
  signal.throwIfAborted()
  let abort
  const aborted = new Promise((_, reject) => {
    abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** A refusal as an error: the server's own words where it sent a problem document (RFC 9457). */
async function problem(response, path) {
  const said = await response.json().catch(() => undefined)
  const words = said?.detail ?? said?.title ?? `${path}: the server answers ${response.status}`
  return failure('server', words, { pointer: said?.pointer, status: response.status })
}
