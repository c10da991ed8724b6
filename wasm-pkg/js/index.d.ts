// What every entry point offers. The names below `../pkg` are generated from the crate.

import type { Asset, Catalogue, Composite, Drawing, Milliner } from '../pkg/milliner.js'

export { Milliner, canonical, digest, normalise, parse, renderVersion, toPath } from '../pkg/milliner.js'
export type {
  Anchor,
  Asset,
  AssetDetails,
  Catalogue,
  Composite,
  Drawing,
  ErrorCode,
  Explanation,
  Kind,
  MillinerError,
  Normalised,
  Recipe,
  RecipeElement,
} from '../pkg/milliner.js'

/** Where the module comes from, when not from beside this package. */
export type WasmSource = RequestInfo | URL | Response | BufferSource | WebAssembly.Module

/**
 * Start the module. Once is enough, and `load` does it by itself; needed before anything else of
 * this package in browsers and bundlers. In Node and in workers of Cloudflare it is done on import.
 */
export function init(source?: WasmSource | Promise<WasmSource>): Promise<void>

export interface ClientOptions {
  /** A Milliner server: an edge or an origin. */
  baseUrl: string | URL
  /** Another `fetch`, to add headers for example. */
  fetch?: typeof globalThis.fetch
  /** Bound of the decoded pictures kept in memory, in bytes (96 MiB when left out). */
  cacheBytes?: number
}

export interface LoadOptions extends ClientOptions {
  wasm?: WasmSource | Promise<WasmSource>
  signal?: AbortSignal
}

export interface RequestOptions {
  /** An `Accept` header for recipes that end in `.auto`. */
  accept?: string
  signal?: AbortSignal
}

export interface RenderOptions extends RequestOptions {
  /**
   * A buffer that the picture is written into: `bytes` is a view of it, good until the buffer is used again, so one render at
   * a time. If it is too short, `bytes` is an array of its own; what was in the buffer is lost either way.
   */
  into?: Uint8Array<ArrayBuffer>
}

/** Start the module, fetch the catalogue of a server, and give a client of it. */
export function load(options: LoadOptions): Promise<Client>

/** A refusal of the server, while a client was fetching. */
export interface ServerError extends Error {
  readonly name: 'MillinerError'
  readonly code: 'server'
  readonly status: number
  readonly pointer: string | undefined
}

/** The server did not answer, or not to the end. `cause` is what `fetch` said. */
export interface UnreachableError extends Error {
  readonly name: 'MillinerError'
  readonly code: 'unreachable'
  readonly pointer: undefined
}

/** A compositor that fetches for itself. */
export class Client {
  constructor(options: ClientOptions)
  static open(options: LoadOptions): Promise<Client>
  /** The compositor itself, for what needs no network. */
  readonly milliner: Milliner
  /** Take over the server's present catalogue; pictures fetched so far are kept. */
  refresh(options?: { signal?: AbortSignal }): Promise<Catalogue>
  /** Fetch what a recipe still needs; after that `milliner.render` and `milliner.draw` work without waiting. */
  prepare(path: string, options?: RequestOptions): Promise<void>
  /** The finished picture, byte for byte what the server delivers. */
  render(path: string, options?: RenderOptions): Promise<Composite>
  /** Straight RGBA for a canvas. */
  draw(path: string, options?: RequestOptions): Promise<Drawing>
  /** The public URL of a recipe. */
  url(path: string): string
  /** Free the module's memory now. */
  free(): void
}
