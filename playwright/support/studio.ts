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

/**
 * How many pixels of a canvas differ from those of a delivered picture of the same size. A canvas keeps
 * colours multiplied by alpha, so the colours of translucent pixels do not come back exactly: of those,
 * only alpha counts.
 */
export async function differingPixels(canvas: Locator, url: (width: number) => string): Promise<number> {
  const width = await canvas.evaluate((canvas: HTMLCanvasElement) => canvas.width)
  return canvas.evaluate(async (canvas: HTMLCanvasElement, url) => {
    const read = (source: CanvasImageSource) => {
      const copy = new OffscreenCanvas(canvas.width, canvas.height)
      const context = copy.getContext('2d', { willReadFrequently: true })!
      context.drawImage(source, 0, 0)
      return context.getImageData(0, 0, copy.width, copy.height).data
    }
    const bitmap = await createImageBitmap(await (await fetch(url)).blob(), { colorSpaceConversion: 'none' })
    if (bitmap.width !== canvas.width || bitmap.height !== canvas.height) return Infinity
    const [drawn, file] = [read(canvas), read(bitmap)]
    let different = 0
    for (let at = 0; at < drawn.length; at += 4) {
      const colour = drawn[at] !== file[at] || drawn[at + 1] !== file[at + 1] || drawn[at + 2] !== file[at + 2]
      if (drawn[at + 3] !== file[at + 3] || (drawn[at + 3] === 255 && colour)) different += 1
    }
    return different
  }, url(width))
}
