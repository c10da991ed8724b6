// SHA-256 of bytes, in hex: how tests compare pictures, and say which differ.

import { createHash } from 'node:crypto'

export function sha256(bytes: Uint8Array | ArrayBuffer): string {
  return createHash('sha256').update(new Uint8Array(bytes)).digest('hex')
}
