// Every failure of this package is a `MillinerError` with a code: arguments are checked before they reach the module,
// whose own complaints are about memory, and what it throws beside its refusals is given a name here.

import * as raw from '../pkg/milliner.js'

let running = false

/** The module has started: what is called from now on may use it. */
export function started() {
  running = true
}

/** An error of this package. */
export function failure(code, message, details) {
  return Object.assign(new Error(message, { cause: details?.cause }), { name: 'MillinerError', code, pointer: undefined, ...details })
}

const bytes = (value) => Object.prototype.toString.call(value) === '[object Uint8Array]' // of any realm
const unshared = (buffer) => Object.prototype.toString.call(buffer) === '[object ArrayBuffer]'
const text = (value) => typeof value === 'string'
const object = (value) => typeof value === 'object' && value !== null

const KINDS = {
  'a string': text,
  'a string or nothing': (value) => value === undefined || value === null || text(value),
  'a Uint8Array': bytes,
  'a Uint8Array without shared memory, or nothing': (value) => value === undefined || value === null || (bytes(value) && unshared(value.buffer)),
  'an object': object,
  'an object or a string': (value) => object(value) || text(value),
  'a whole number of bytes, or nothing': (value) => value === undefined || value === null || (Number.isInteger(value) && value >= 0 && value < 2 ** 32),
}

/** Refuses arguments that are not of these kinds, in a sentence. */
export function check(name, kinds, given) {
  for (const [index, [argument, kind]] of kinds.entries()) {
    if (!KINDS[kind](given[index])) {
      throw failure('bad-argument', `${name}: \`${argument}\` must be ${kind}, and is ${described(given[index])}`)
    }
  }
}

function described(value) {
  if (value === null || value === undefined) return String(value)
  return object(value) ? `a ${value.constructor?.name ?? 'bare object'}` : `${typeof value} ${String(value).slice(0, 40)}`
}

/** Calls into the module; what it throws is a `MillinerError`. */
export function guarded(name, call) {
  if (!running) throw failure('not-started', `${name}: the module has not started; wait for \`init()\` or \`load()\` first`)
  try {
    return call()
  } catch (error) {
    if (error?.name === 'MillinerError') throw error
    throw failure('internal', `${name}: ${error?.message ?? error}`, { cause: error })
  }
}

function fn(name, kinds) {
  return (...given) => {
    check(name, kinds, given)
    return guarded(name, () => raw[name](...given))
  }
}

const PATH = ['path', 'a string']
const ACCEPT = ['accept', 'a string or nothing']

export const canonical = fn('canonical', [PATH])
export const parse = fn('parse', [PATH])
export const toPath = fn('toPath', [['recipe', 'an object or a string']])
export const digest = fn('digest', [['bytes', 'a Uint8Array']])
export const normalise = fn('normalise', [['bytes', 'a Uint8Array']])
export const renderVersion = fn('renderVersion', [])

/** The module's own class, which can be told from the outside whether it was freed. */
export class Milliner extends raw.Milliner {
  #freed = false

  constructor(cacheBytes) {
    check('new Milliner', [['cacheBytes', 'a whole number of bytes, or nothing']], [cacheBytes])
    guarded('new Milliner', () => undefined)
    super(cacheBytes)
  }

  /** Free the module's memory now. Once is enough, twice does no harm. */
  free() {
    if (this.#freed) return
    this.#freed = true
    super.free()
  }

  static #throughout(name, kinds) {
    const call = raw.Milliner.prototype[name]
    Milliner.prototype[name] = function (...given) {
      this.#used(name)
      check(name, kinds, given)
      return guarded(name, () => call.apply(this, given))
    }
  }

  #used(name) {
    if (this.#freed) throw failure('freed', `${name}: this compositor was freed; make another one`)
  }

  get catalogueVersion() {
    this.#used('catalogueVersion')
    return guarded('catalogueVersion', () => super.catalogueVersion)
  }

  static {
    Milliner.#throughout('setCatalogue', [['manifest', 'an object or a string']])
    Milliner.#throughout('asset', [['id', 'a string']])
    Milliner.#throughout('addIngredient', [['digest', 'a string'], ['bytes', 'a Uint8Array']])
    Milliner.#throughout('addAsset', [['id', 'a string'], ['bytes', 'a Uint8Array'], ['details', 'an object']])
    Milliner.#throughout('missing', [PATH, ACCEPT])
    Milliner.#throughout('render', [PATH, ACCEPT, ['into', 'a Uint8Array without shared memory, or nothing']])
    Milliner.#throughout('draw', [PATH])
    Milliner.#throughout('explain', [PATH, ACCEPT])
  }
}
