// Not run: compiled with `tsc --strict`, which is the test. Uses every public name as a page would,
// and lists what the types must refuse.

import { Client, Milliner, canonical, digest, init, load, normalise, parse, renderVersion, toPath } from '@milliner/compositor'
import type { Asset, Composite, ErrorCode, MillinerError, Recipe } from '@milliner/compositor'

export async function preview(canvas: HTMLCanvasElement, image: HTMLImageElement): Promise<string> {
  await init()
  const client: Client = await load({ baseUrl: 'https://hats.example', signal: AbortSignal.timeout(1000) })
  const path: string = canonical('/c/tabby;w=0800/top-hat.png')
  const drawing = await client.draw(path)
  canvas.getContext('2d')?.putImageData(new ImageData(drawing.data, drawing.width, drawing.height), 0, 0)
  const composite: Composite = await client.render(path, { accept: 'image/webp' })
  image.src = URL.createObjectURL(new Blob([composite.bytes], { type: composite.mediaType }))
  const into = new Uint8Array(4 << 20)
  image.src = URL.createObjectURL(new Blob([(await client.render(path, { into })).bytes]))
  client.milliner.render(path)
  client.milliner.render(path, 'image/png')
  client.milliner.render(path, undefined, into)
  await client.prepare(path)
  await client.refresh()
  client.free()
  return client.url(composite.immutablePath)
}

export function own(bytes: Uint8Array): Asset {
  const milliner = new Milliner(1 << 20)
  milliner.setCatalogue({ assets: [] })
  milliner.setCatalogue('{"assets":[]}')
  const stored = normalise(bytes)
  milliner.addIngredient(stored.digest, stored.bytes)
  const asset = milliner.addAsset('me', bytes, { kind: 'base', anchors: { head: { x: 0.5, y: 0.2, span: 0.3 } } })
  const explained = milliner.explain('/c/me.png')
  const missing: string[] = milliner.missing('/c/me.png', 'image/png')
  const found: Asset | undefined = milliner.asset('me')
  const undrawn: string | undefined = explained.undrawn?.pointer
  const version: number = renderVersion()
  void [missing, found, undrawn, version, digest(bytes), milliner.catalogueVersion]
  milliner.free()
  return asset
}

export function recipes(): Recipe {
  const recipe = parse('/c/tabby/top-hat.png')
  toPath(recipe)
  toPath({ base: 'tabby', layers: ['top-hat', { id: 'monocle', at: 'eyes' }], format: 'webp' })
  return recipe
}

export function code(error: unknown): ErrorCode | 'server' | undefined {
  return error instanceof Error && error.name === 'MillinerError' ? (error as MillinerError).code : undefined
}

// @ts-expect-error: the server's address is needed
void load({})
// @ts-expect-error: a format that does not exist
toPath({ base: 'tabby', format: 'gif' })
// @ts-expect-error: own pictures are bases or overlays
new Milliner().addAsset('me', new Uint8Array(), { kind: 'font' })
// @ts-expect-error: bytes, not text
normalise('PNG')
