// The studio as a person meets it: open it, wait until this browser has drawn the recipe, read what lies
// on the table. Roles and names first; the stage's own attributes tell what no role can.

import { type Locator, type Page, expect } from '@playwright/test'
import { urls } from './urls.ts'

export class Studio {
  readonly stage: Locator
  readonly canvas: Locator
  readonly cats: Locator
  readonly hats: Locator

  constructor(readonly page: Page) {
    this.stage = page.locator('[data-recipe]')
    this.canvas = this.stage.locator('canvas')
    this.cats = page.getByRole('navigation', { name: 'Cats' })
    this.hats = page.getByRole('navigation', { name: 'Hats and finery' })
  }

  /** The studio with this recipe on the table, drawn by this browser. */
  static async open(page: Page, recipe?: string): Promise<Studio> {
    const studio = new Studio(page)
    await page.goto(Studio.address(recipe))
    await studio.isReady()
    return studio
  }

  static address(recipe?: string): string {
    return recipe ? `${urls.web}/studio?recipe=${encodeURIComponent(recipe)}` : urls.web
  }

  async isReady(): Promise<void> {
    await expect(this.stage).toHaveAttribute('data-state', 'ready')
  }

  /** The canonical path of what lies on the table. */
  async recipe(): Promise<string> {
    return (await this.stage.getAttribute('data-recipe')) ?? ''
  }

  async shows(recipe: string | RegExp): Promise<void> {
    await expect(this.stage).toHaveAttribute('data-recipe', recipe)
    await this.isReady()
  }

  grip(name: RegExp | string): Locator {
    return this.stage.getByRole('button', { name })
  }

  /** What the Download button writes. */
  async download(): Promise<Uint8Array<ArrayBuffer>> {
    const [download] = await Promise.all([
      this.page.waitForEvent('download'),
      this.page.getByRole('link', { name: 'Download' }).click(),
    ])
    const chunks = []
    for await (const chunk of await download.createReadStream()) chunks.push(chunk)
    return new Uint8Array(Buffer.concat(chunks))
  }
}

/** The pixels of a canvas, or of a picture's bytes drawn on a canvas of the same size: comparable either way. */
export async function pixels(page: Page, source: Locator | string): Promise<{ width: number; height: number; data: number[] }> {
  if (typeof source !== 'string') {
    return source.evaluate((canvas: HTMLCanvasElement) => {
      const image = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
      return { width: image.width, height: image.height, data: Array.from(image.data) }
    })
  }
  return page.evaluate(async (url) => {
    const bitmap = await createImageBitmap(await (await fetch(url)).blob(), { colorSpaceConversion: 'none' })
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
    const context = canvas.getContext('2d')!
    context.drawImage(bitmap, 0, 0)
    const image = context.getImageData(0, 0, canvas.width, canvas.height)
    return { width: image.width, height: image.height, data: Array.from(image.data) }
  }, source)
}
