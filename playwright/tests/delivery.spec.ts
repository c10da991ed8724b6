// The public door: the first request for a picture is a miss, the next a hit; both are the origin's bytes;
// errors are documents that name the part.

import { sha256 } from '../support/digest.ts'
import { render } from '../support/photo.ts'
import { expect, test } from '../support/test.ts'
import { urls } from '../support/urls.ts'

test('an edge miss, then a hit, with the same bytes as the origin', async () => {
  const path = '/c/russian-blue;w=411/boater;rotate=7.png'
  const first = await fetch(urls.edge + path)
  expect(first.headers.get('cache-status')).toContain('milliner-edge; fwd=miss')
  const bytes = sha256(await first.arrayBuffer())
  // The edge stores after it has answered.
  await expect
    .poll(async () => (await fetch(urls.edge + path)).headers.get('cache-status'))
    .toMatch(/^milliner-edge; hit/)
  const hit = await fetch(urls.edge + path)
  expect(sha256(await hit.arrayBuffer())).toBe(bytes)
  expect(sha256(await render(path))).toBe(bytes)
  expect(hit.headers.get('etag')).toBe(first.headers.get('etag'))
})

test('a page of any origin may read a picture and its headers', async ({ page }) => {
  await page.goto(urls.web)
  const headers = await page.evaluate(async (url) => {
    const response = await fetch(url)
    return ['etag', 'cache-status', 'content-location'].map((name) => response.headers.get(name))
  }, `${urls.edge}/c/tabby;w=90/crown.png`)
  expect(headers.every((value) => value)).toBe(true)
})

test('what is wrong is named, at the edge and at the origin', async () => {
  for (const base of [urls.edge, urls.origin]) {
    const bad = await fetch(`${base}/c/tabby/top-hat;rotate=much.png`)
    expect(bad.status).toBe(400)
    expect(bad.headers.get('content-type')).toContain('application/problem+json')
    expect(((await bad.json()) as { pointer: string }).pointer).toBe('/layers/0/rotate')
    expect((await fetch(`${base}/c/tabby/no-such-hat.png`)).status).toBe(404)
  }
})
