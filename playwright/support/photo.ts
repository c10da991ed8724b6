// Pictures of one's own, made from the catalogue by the product itself: a JPEG as base, a lossless WebP
// as overlay. Uploads are idempotent by content, so every test file may ask for them.

import { urls } from './urls.ts'

export async function render(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(urls.origin + path)
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return new Uint8Array(await response.arrayBuffer())
}

/** `photo`, a JPEG with a head anchor. */
export async function uploadPhoto(): Promise<void> {
  const bytes = await render('/c/ginger;w=900;h=700;bg=8fb3c9.jpg')
  await upload('photo', bytes, 'image/jpeg', {
    kind: 'base',
    title: 'A photo of one’s own',
    anchors: { head: { x: 0.5, y: 0.25, span: 0.3, angle: 4 } },
  })
}

/** `sticker`, a translucent overlay that came as WebP. */
export async function uploadSticker(): Promise<void> {
  const bytes = await render('/c/bow-tie;w=333;q=100.webp')
  await upload('sticker', bytes, 'image/webp', { kind: 'overlay', title: 'A sticker' })
}

async function upload(id: string, bytes: Uint8Array<ArrayBuffer>, type: string, details: object): Promise<void> {
  const put = await fetch(`${urls.origin}/v1/assets/${id}`, { method: 'PUT', headers: { 'content-type': type }, body: bytes })
  if (!put.ok) throw new Error(`PUT ${id}: ${put.status} ${await put.text()}`)
  const patch = await fetch(`${urls.origin}/v1/assets/${id}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(details),
  })
  if (!patch.ok) throw new Error(`PATCH ${id}: ${patch.status} ${await patch.text()}`)
}
