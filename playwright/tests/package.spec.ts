// The npm package in a page that has no framework and another origin: its own example, against the real edge.

import path from 'node:path'
import { sha256 } from '../support/digest.ts'
import { serve } from '../support/static.ts'
import { expect, test } from '../support/test.ts'
import { urls } from '../support/urls.ts'

const folder = path.resolve(import.meta.dirname, '../../wasm-pkg')

test('the example draws, and its file is the one delivered', async ({ page }) => {
  await using site = await serve(folder)
  await page.goto(`${site.url}/example/index.html?server=${urls.edge}`)
  const address = new RegExp(`${urls.edge}/c/tabby;w=800/top-hat\\.png, \\d+ bytes`)
  await expect(page.getByRole('status')).toHaveText(address)
  await page.getByLabel('Hat').selectOption('crown')
  await expect(page.getByRole('status')).toHaveText(/crown/)

  const link = page.getByRole('link', { name: 'Download' })
  const written = await link.evaluate(async (a: HTMLAnchorElement) =>
    Array.from(new Uint8Array(await (await fetch(a.href)).arrayBuffer())),
  )
  const delivered = await fetch(`${urls.edge}/c/tabby;w=800/crown.png`)
  expect(sha256(Uint8Array.from(written))).toBe(sha256(await delivered.arrayBuffer()))
})

test.describe('refusals', () => {
  test.use({ expectedErrors: /404/ })

  test('a refusal says what, where and why, also when the server refuses', async ({ page }) => {
    await using site = await serve(folder)
    await page.goto(`${site.url}/tests/blank.html`)
    const failures = await page.evaluate(async (baseUrl) => {
      const entry = '/js/browser.js'
      const { load, init, canonical } = (await import(entry)) as typeof import('@milliner/compositor')
      const fail = async (work: () => unknown) => {
        try {
          await work()
          return undefined
        } catch (error) {
          const { name, code, pointer } = error as { name: string; code: string; pointer?: string }
          return [name, code, pointer]
        }
      }
      await init()
      const client = await load({ baseUrl })
      const gone = AbortSignal.abort()
      return [
        await fail(() => canonical('/c/tabby;w=0.png')),
        await fail(() => client.render('/c/tabby/no-such-hat.png')),
        await fail(() => client.render('/c/tabby.png', { signal: gone })),
        await fail(() => load({ baseUrl: `${baseUrl}/v1/assets/no-such-asset` })),
      ]
    }, urls.edge)
    expect(failures).toEqual([
      ['MillinerError', 'bad-recipe', '/base/w'],
      ['MillinerError', 'unknown-asset', '/layers/0'],
      ['AbortError', 20, undefined],
      ['MillinerError', 'server', undefined],
    ])
  })
})
