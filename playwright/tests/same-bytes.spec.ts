// One compositor, identical bytes: the same recipes rendered by the origin (native), and through the
// npm package in Node, in Chromium and in workerd, must be the same files.

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { Miniflare } from 'miniflare'
import { load } from '@milliner/compositor'
import { sha256 } from '../support/digest.ts'
import { render, uploadPhoto, uploadSticker } from '../support/photo.ts'
import { serve } from '../support/static.ts'
import { expect, test } from '../support/test.ts'
import { urls } from '../support/urls.ts'

const root = path.resolve(import.meta.dirname, '../..')

/** Digest by recipe, so that a failure names the recipes that differ. */
type Digests = Record<string, string>

test('the same fifty recipes give the same bytes natively, in Node, in Chromium and in workerd', async ({ page }) => {
  test.setTimeout(300_000)
  await uploadPhoto()
  await uploadSticker()
  const recipes = await list()
  expect(recipes.length).toBe(50)

  const native = await natively(recipes)
  expect.soft(await inNode(recipes), 'Node').toEqual(native)
  await using site = await serve(path.join(root, 'wasm-pkg'))
  await page.goto(`${site.url}/tests/blank.html`)
  expect.soft(named(recipes, await page.evaluate(inBrowser, { origin: urls.origin, recipes })), 'Chromium').toEqual(native)
  expect.soft(await inWorkerd(recipes), 'workerd').toEqual(native)
})

async function list(): Promise<string[]> {
  const text = await readFile(path.join(root, 'wasm-pkg/tests/recipes.txt'), 'utf8')
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

async function natively(recipes: string[]): Promise<Digests> {
  const digests = []
  for (const recipe of recipes) digests.push(sha256(await render(recipe)))
  return named(recipes, digests)
}

async function inNode(recipes: string[]): Promise<Digests> {
  const client = await load({ baseUrl: urls.origin })
  const digests = []
  for (const recipe of recipes) digests.push(sha256((await client.render(recipe)).bytes))
  client.free()
  return named(recipes, digests)
}

/** Runs in the page. */
async function inBrowser({ origin, recipes }: { origin: string; recipes: string[] }): Promise<string[]> {
  const entry = '/js/browser.js'
  const { load } = (await import(entry)) as typeof import('@milliner/compositor')
  const client = await load({ baseUrl: origin })
  const digests = []
  for (const recipe of recipes) {
    const { bytes } = await client.render(recipe)
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
    digests.push(Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join(''))
  }
  return digests
}

async function inWorkerd(recipes: string[]): Promise<Digests> {
  const worker = new Miniflare({
    compatibilityDate: '2026-04-01',
    modulesRoot: root,
    scriptPath: path.join(root, 'playwright/support/same-bytes-worker.js'),
    modules: true,
    modulesRules: [
      { type: 'ESModule', include: ['**/*.js'] },
      { type: 'CompiledWasm', include: ['**/*.wasm'] },
    ],
  })
  try {
    const response = await worker.dispatchFetch('http://worker/', {
      method: 'POST',
      body: JSON.stringify({ baseUrl: urls.origin, recipes }),
    })
    expect(response.status, 'the worker answers').toBe(200)
    return named(recipes, (await response.json()) as string[])
  } finally {
    await worker.dispose()
  }
}

function named(recipes: string[], digests: string[]): Digests {
  return Object.fromEntries(recipes.map((recipe, index) => [recipe, digests[index] ?? 'missing']))
}
