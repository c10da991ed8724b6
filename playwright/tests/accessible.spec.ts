// Axe finds nothing serious in the studio, by day and by night, on a desk and on a phone, upright
// and sideways; and the screenshots that people look at are taken here, in `screenshots/`.

import path from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { Studio } from '../support/studio.ts'
import { expect, test } from '../support/test.ts'

const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 }, sideways: { width: 844, height: 390 } }
const screenshots = path.resolve(import.meta.dirname, '../screenshots')

for (const [device, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test.describe(`${device}, ${colorScheme}`, () => {
      test.use({ viewport, colorScheme, hasTouch: device !== 'desktop', contextOptions: { reducedMotion: 'reduce' } })

      test('the studio has no serious violation', async ({ page }) => {
        await Studio.open(page, '/c/tabby;w=1024/top-hat/bow-tie.png')
        await page.waitForLoadState('networkidle')
        await page.screenshot({ path: path.join(screenshots, `${device}-${colorScheme}.png`) })
        if (device === 'sideways') await expect(page.getByRole('link', { name: 'Download' })).toBeInViewport({ ratio: 1 })
        const { violations } = await new AxeBuilder({ page }).analyze()
        const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
        expect(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' · ')}`)).toEqual([])
      })
    })
  }
}
