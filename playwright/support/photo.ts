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
  await upload('photo?kind=base&title=A+photo&anchor.head=0.5,0.25,0.3,4', bytes, 'image/jpeg')
}

/** `sticker`, a translucent overlay that came as WebP. */
export async function uploadSticker(): Promise<void> {
  const bytes = await render('/c/bow-tie;w=333;q=100.webp')
  await upload('sticker?kind=overlay&title=A+sticker', bytes, 'image/webp')
}

async function upload(target: string, body: Uint8Array<ArrayBuffer>, type: string): Promise<void> {
  const url = `${urls.origin}/v1/assets/${target}`
  const response = await fetch(url, { method: 'PUT', headers: { 'content-type': type }, body })
  if (!response.ok) throw new Error(`PUT ${target}: ${response.status} ${await response.text()}`)
}
