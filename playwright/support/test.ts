// The `test` of every file here: a page whose console must stay free of errors. A test that provokes
// errors on purpose (a blocked module, say) names them with `expectedErrors`.

import { test as base } from '@playwright/test'

export { expect } from '@playwright/test'

export const test = base.extend<{ expectedErrors: RegExp | undefined; quietConsole: void }>({
  expectedErrors: [undefined, { option: true }],
  quietConsole: [
    async ({ page, expectedErrors }, use) => {
      const errors: string[] = []
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(`${message.text()} (${message.location().url})`)
      })
      page.on('pageerror', (error) => errors.push(String(error)))
      await use()
      const surprises = errors.filter((error) => !expectedErrors?.test(error))
      base.expect(surprises, 'errors in the console').toEqual([])
    },
    { auto: true },
  ],
})
