// The studio does what it promises: what is on the table is what the server delivers, byte for byte;
// hands, keys and fingers move a hat; the page is of use before its wasm and without any script.

import type { Locator, Page } from '@playwright/test'
import { sha256 } from '../support/digest.ts'
import { render } from '../support/photo.ts'
import { Studio, differingPixels } from '../support/studio.ts'
import { expect, test } from '../support/test.ts'
import { urls } from '../support/urls.ts'

const HAT = '/c/tabby;w=800/top-hat.png'

async function delivered(path: string): Promise<Uint8Array> {
  const response = await fetch(urls.edge + path)
  expect(response.status, path).toBe(200)
  return new Uint8Array(await response.arrayBuffer())
}

test.describe('the preview is the final picture', () => {
  for (const recipe of [HAT, '/c/kitten;w=640/crown;rotate=12/bow-tie.jpg', '/c/siamese;w=500;q=100/beret.webp']) {
    test(`the file written in the browser is the file delivered: ${recipe}`, async ({ page }) => {
      const studio = await Studio.open(page, recipe)
      expect(await studio.recipe()).toBe(recipe)
      expect(sha256(await studio.download())).toBe(sha256(await delivered(recipe)))
    })
  }

  test('the canvas shows the pixels of the file', async ({ page }) => {
    const studio = await Studio.open(page, HAT)
    expect(await differingPixels(studio.canvas, (width) => `${urls.edge}/c/tabby;w=${width}/top-hat.png`)).toBe(0)
  })
})

test('a mouse chooses, drags, turns and takes off', async ({ page }) => {
  const studio = await Studio.open(page, '/c/tabby;w=800.png')
  await studio.hats.getByRole('link', { name: 'Top hat' }).click()
  await studio.shows(HAT)
  await studio.cats.getByRole('link', { name: 'Ginger' }).click()
  await studio.shows('/c/ginger;w=800/top-hat.png')

  const grip = await studio.grip(/top hat/i).boundingBox()
  if (!grip) throw new Error('the hat has no grip')
  await page.mouse.move(grip.x + grip.width / 2, grip.y + grip.height / 2)
  await page.mouse.down()
  await page.mouse.move(grip.x + grip.width / 2 + 60, grip.y + grip.height / 2 - 30, { steps: 6 })
  await page.mouse.up()
  await studio.shows(/^\/c\/ginger;w=800\/top-hat;x=0\.[0-9]+;y=-0\.[0-9]+\.png$/)
  const dragged = await studio.recipe()

  await page.getByRole('button', { name: 'Undo' }).click()
  await studio.shows('/c/ginger;w=800/top-hat.png')
  await page.getByRole('button', { name: 'Redo' }).click()
  await studio.shows(dragged)
  await studio.hats.getByRole('link', { name: 'Top hat' }).click()
  await studio.shows('/c/ginger;w=800.png')
})

test('a keyboard does all of it', async ({ page }) => {
  const studio = await Studio.open(page, '/c/tabby;w=800/top-hat.png')
  await tabTo(page, studio.cats.getByRole('link', { name: 'Tabby' }))
  await page.keyboard.press('End')
  await page.keyboard.press('Home')
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('Enter')
  await expect(studio.cats.getByRole('link').nth(1)).toHaveAttribute('aria-current', 'true')
  await studio.isReady()

  await tabTo(page, studio.grip(/top hat/i))
  await press(page, 'ArrowRight', 'ArrowUp', '+', ']')
  await studio.shows(/\/top-hat;x=0\.01;y=-0\.01;scale=1\.05;rotate=3\.png$/)
  await press(page, '[', '-', 'Shift+ArrowLeft')
  await studio.shows(/\/top-hat;x=-0\.04;y=-0\.01\.png$/)
  await press(page, 'Delete')
  await studio.shows(/^\/c\/[a-z-]+;w=800\.png$/)
  await press(page, 'Control+z')
  await studio.shows(/\/top-hat;x=-0\.04;y=-0\.01\.png$/)
})

test('the keyboard is never lost: after taking off it is on the next layer, at last on the shelf', async ({ page }) => {
  const studio = await Studio.open(page, '/c/tabby;w=800/top-hat/bow-tie/monocle.png')
  const focused = page.locator(':focus')
  await page.getByRole('link', { name: 'Take off Bow tie' }).press('Enter')
  await studio.shows('/c/tabby;w=800/top-hat/monocle.png')
  await expect(focused).toHaveText('Monocle')
  await studio.grip(/monocle/i).focus()
  await press(page, 'Delete')
  await studio.shows(HAT)
  await expect(focused).toHaveAttribute('aria-label', /^Top hat, layer 1/)
  await press(page, 'Delete')
  await studio.shows('/c/tabby;w=800.png')
  await expect(studio.hats.locator(':focus')).toHaveCount(1)
})

test('a shelf is entered at what is chosen, which is in sight', async ({ page }) => {
  const studio = await Studio.open(page, HAT)
  for (const [shelf, name] of [[studio.cats, 'Tabby'], [studio.hats, 'Top hat']] as const) {
    const chosen = shelf.getByRole('link', { name })
    await expect(chosen).toBeInViewport({ ratio: 0.9 })
    await tabTo(page, chosen)
    await press(page, 'ArrowLeft', 'Tab')
    await page.keyboard.press('Shift+Tab')
    await expect(chosen, 'and again at what is chosen').toBeFocused()
  }
})

test('text and a blend mode are drawn here as they are delivered', async ({ page }) => {
  const studio = await Studio.open(page, HAT)
  await studio.hats.getByRole('link', { name: 'Add text' }).click()
  await studio.shows('/c/tabby;w=800/top-hat/~text;at=bottom;y=-0.05;t=SGVsbG8;color=ffffff.png')
  const form = page.getByRole('form', { name: '“Hello”' })
  await form.getByRole('textbox', { name: 'text', exact: true }).fill('Put a hat\non it.')
  await page.getByRole('combobox', { name: 'align' }).selectOption('left')
  await page.getByRole('textbox', { name: 'colour', exact: true }).fill('#1d5a45')
  await page.getByText('Effects').click()
  await page.getByRole('combobox', { name: 'blend mode' }).selectOption('screen')
  await page.getByRole('checkbox', { name: 'Shadow' }).check()
  const text = 't=UHV0IGEgaGF0Cm9uIGl0Lg;color=1d5a45;align=left'
  await studio.shows(`/c/tabby;w=800/top-hat/~text;at=bottom;y=-0.05;blend=screen;shadow=0.01,0.015,0.015,00000080;${text}.png`)
  expect(sha256(await studio.download())).toBe(sha256(await delivered(await studio.recipe())))

  const grip = await studio.grip(/Put a hat/).boundingBox()
  if (!grip) throw new Error('the text has no grip')
  await page.mouse.move(grip.x + grip.width / 2, grip.y + grip.height / 2)
  await page.mouse.down()
  await page.mouse.move(grip.x + grip.width / 2, grip.y + grip.height / 2 - 40, { steps: 4 })
  await page.mouse.up()
  await studio.shows(/~text;at=bottom;y=-0\.1[0-9]*;blend=screen/)
  for (let steps = 0; steps < 3; steps += 1) await page.getByRole('button', { name: 'Undo' }).click()
  await studio.shows(/~text;at=bottom;y=-0\.05;t=UHV0IGEgaGF0Cm9uIGl0Lg;color=1d5a45;align=left\.png$/)
})

test('colour lies over everything, and its gradient has what its shape needs', async ({ page }) => {
  const studio = await Studio.open(page, '/c/tabby;w=400/top-hat.jpg')
  await studio.hats.getByRole('link', { name: 'Add colour' }).click()
  await page.getByRole('textbox', { name: 'changing to', exact: true }).fill('1d5a45')
  await page.keyboard.press('Tab')
  await page.getByRole('combobox', { name: 'gradient' }).selectOption('radial')
  await studio.shows('/c/tabby;w=400/top-hat/~fill;opacity=0.4;color=7b2036;to=1d5a45;gradient=radial.jpg')
  await page.getByRole('textbox', { name: 'corners' }).fill('0.1')
  await page.getByRole('textbox', { name: 'background', exact: true }).fill('fff')
  await page.keyboard.press('Tab')
  await studio.shows('/c/tabby;w=400;bg=ffffff;radius=0.1/top-hat/~fill;opacity=0.4;color=7b2036;to=1d5a45;gradient=radial.jpg')
  expect(sha256(await studio.download())).toBe(sha256(await delivered(await studio.recipe())))
})

test('a field says what is wrong with it, and lets it be corrected', async ({ page }) => {
  const studio = await Studio.open(page, HAT)
  await studio.grip(/top hat/i).focus()
  const rotate = page.getByRole('textbox', { name: 'rotate' })
  await rotate.fill('much')
  await page.keyboard.press('Tab')
  const alert = page.getByRole('alert')
  await expect(alert).toContainText('degrees clockwise')
  await expect(rotate).toHaveAttribute('aria-describedby', (await alert.getAttribute('id')) ?? 'no id')
  await expect(rotate).toHaveValue('much')
  await rotate.fill('8')
  await page.keyboard.press('Tab')
  await studio.shows('/c/tabby;w=800/top-hat;rotate=8.png')
  await expect(alert).toHaveCount(0)
})

test.describe('a photo that the server does not take', () => {
  test.use({ expectedErrors: /401/ })

  test('is still here, and the form says why', async ({ page }) => {
    const studio = await Studio.open(page, HAT)
    const photo = Buffer.from(await render('/c/ginger;w=300;bg=89a37c.jpg'))
    await page.getByLabel('Choose, paste or drop a picture').setInputFiles({ name: 'mine.jpg', mimeType: 'image/jpeg', buffer: photo })
    await expect(studio.stage).toHaveAttribute('data-recipe', /^\/c\/mine-/)
    await page.route('**/v1/assets/mine-*', (route) =>
      route.fulfill({
        status: 401,
        contentType: 'application/problem+json',
        headers: { 'access-control-allow-origin': '*' },
        body: '{"detail":"this call needs an API key"}',
      }),
    )
    await page.getByRole('button', { name: 'Save to the catalogue' }).click()
    await expect(page.getByRole('alert')).toContainText('this call needs an API key')
    await expect(page.getByRole('button', { name: 'Save to the catalogue' })).toBeEnabled()
  })
})

test.describe('a link that cannot be shown', () => {
  test.use({ expectedErrors: /400/ })

  test('says why and stays in the address bar until something is changed', async ({ page }) => {
    const studio = await Studio.open(page, '/c/tabby;w=800/no-such-hat.png')
    await expect(page.getByText('there is no asset `no-such-hat`')).toBeVisible()
    expect(page.url()).toBe(Studio.address('/c/tabby;w=800/no-such-hat.png'))
    await studio.cats.getByRole('link', { name: 'Ginger' }).click()
    await expect(page).toHaveURL(/\/studio\?recipe=\/c\/ginger/)
    await expect(page.getByText('there is no asset')).toHaveCount(0)
  })
})

test.describe('without any script', () => {
  test.use({ javaScriptEnabled: false })

  test('cats, hats and numbers are links and forms', async ({ page }) => {
    const studio = new Studio(page)
    await page.goto(Studio.address('/c/tabby;w=800.png'))
    await studio.hats.getByRole('link', { name: 'Top hat' }).click()
    await expect(studio.stage).toHaveAttribute('data-recipe', HAT)
    const numbers = page.getByRole('form', { name: 'Top hat' })
    await numbers.getByLabel('rotate').fill('-8')
    await numbers.getByRole('button', { name: 'Apply' }).click()
    await expect(studio.stage).toHaveAttribute('data-recipe', '/c/tabby;w=800/top-hat;rotate=-8.png')
    await expect(studio.stage.locator('img.served')).toHaveAttribute('src', `${urls.edge}/c/tabby;w=800/top-hat;rotate=-8.png`)
    await expect(page.getByLabel('URL of the picture')).toHaveValue(`${urls.edge}/c/tabby;w=800/top-hat;rotate=-8.png`)
  })

  test.describe('a form with a mistake', () => {
    test.use({ expectedErrors: /400/ })

    test('comes back with what was typed, and says what is wrong with it', async ({ page }) => {
      const studio = new Studio(page)
      await page.goto(`${Studio.address(HAT)}&layer=0`)
      const numbers = page.getByRole('form', { name: 'Top hat' })
      await numbers.getByLabel('rotate').fill('much')
      await numbers.getByRole('button', { name: 'Apply' }).click()
      await expect(page.getByRole('alert')).toContainText('degrees clockwise')
      await expect(numbers.getByLabel('rotate')).toHaveValue('much')
      await expect(studio.stage).toHaveAttribute('data-recipe', HAT)
    })
  })

  test('text and effects are a form, too', async ({ page }) => {
    const studio = new Studio(page)
    await page.goto(Studio.address(HAT))
    await studio.hats.getByRole('link', { name: 'Add text' }).click()
    const form = page.getByRole('form', { name: '“Hello”' })
    await form.getByRole('textbox', { name: 'text', exact: true }).fill('Hat')
    await form.getByText('Effects').click()
    await form.getByRole('combobox', { name: 'blend mode' }).selectOption('multiply')
    await form.getByRole('textbox', { name: 'shadow colour', exact: true }).fill('00000080')
    await form.getByRole('button', { name: 'Apply' }).click()
    await expect(studio.stage).toHaveAttribute(
      'data-recipe',
      '/c/tabby;w=800/top-hat/~text;at=bottom;y=-0.05;blend=multiply;shadow=0.01,0.015,0.015,00000080;t=SGF0;color=ffffff.png',
    )
  })
})

test.describe('before its wasm', () => {
  test.use({ expectedErrors: /\.wasm|^TypeError: Failed to fetch$/ })

  test('the served picture is there and every choice is a link', async ({ page }) => {
    await page.route(/\.wasm$/, (route) => route.abort())
    const studio = new Studio(page)
    await page.goto(Studio.address('/c/tabby;w=800.png'))
    await studio.hats.getByRole('link', { name: 'Top hat' }).click()
    await expect(studio.stage).toHaveAttribute('data-recipe', HAT)
    await expect(studio.stage).toHaveAttribute('data-state', 'served')
    const picture = studio.stage.locator('img.served')
    await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth)).toBe(800)
  })
})

test('a photo of one’s own stays here until it is saved, then has a URL', async ({ page }) => {
  const studio = await Studio.open(page, HAT)
  const sent: string[] = []
  page.on('request', (request) => {
    if (request.method() !== 'GET' && request.method() !== 'OPTIONS') sent.push(`${request.method()} ${request.url()}`)
  })
  const photo = Buffer.from(await render('/c/persian;w=700;h=900;bg=89a37c.jpg'))
  await page.getByLabel('Choose, paste or drop a picture').setInputFiles({ name: 'my cat.jpg', mimeType: 'image/jpeg', buffer: photo })
  await expect(studio.stage).not.toHaveAttribute('data-recipe', HAT)
  await expect(studio.stage).toHaveAttribute('data-recipe', /top-hat/)
  await studio.isReady()
  const recipe = await studio.recipe()
  expect(sent, 'nothing is sent before it is saved').toEqual([])
  const own = await studio.download()

  await page.getByRole('button', { name: 'Save to the catalogue' }).click()
  await expect(page.getByRole('button', { name: 'Saved' })).toBeVisible()
  expect(sent.length).toBe(1)
  expect(sha256(await delivered(recipe))).toBe(sha256(own))
})

test('a large photo is read and written beside the page, and its file is the one delivered', async ({ page }) => {
  test.setTimeout(120_000)
  const studio = await Studio.open(page, HAT)
  const photo = Buffer.from(await render('/c/tabby;w=4000;h=3000;bg=8fb3c9.jpg'))
  await page.getByLabel('Choose, paste or drop a picture').setInputFiles({ name: 'big.jpg', mimeType: 'image/jpeg', buffer: photo })
  await expect(studio.stage).toHaveAttribute('data-recipe', /^\/c\/big-[0-9a-f]{6};w=800\/top-hat\.jpg$/)
  await page.getByRole('form', { name: 'Picture' }).getByLabel('width').fill('')
  await page.keyboard.press('Tab')
  await studio.shows(/^\/c\/big-[0-9a-f]{6}\/top-hat\.jpg$/)
  expect(page.workers().length, 'a worker does it').toBe(1)
  const shown = await studio.canvas.evaluate((canvas: HTMLCanvasElement) => canvas.width)
  expect(shown, 'the page itself only draws what fits the screen').toBeLessThan(4000)
  const own = await studio.download()
  await page.getByRole('button', { name: 'Save to the catalogue' }).click()
  await expect(page.getByRole('button', { name: 'Saved' })).toBeVisible()
  expect(sha256(await delivered(await studio.recipe()))).toBe(sha256(own))
})

test('a photo that cannot be read says what to do, at its field', async ({ page }) => {
  const studio = await Studio.open(page, HAT)
  const field = page.getByLabel('Choose, paste or drop a picture')
  const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')
  await field.setInputFiles({ name: 'IMG_1.HEIC', mimeType: 'image/heic', buffer: heic })
  const alert = page.getByRole('alert')
  await expect(alert).toContainText('HEIC photo, which the studio does not read')
  await expect(field).toHaveAttribute('aria-describedby', (await alert.getAttribute('id')) ?? 'no id')
  expect(await studio.recipe()).toBe(HAT)
  await field.setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('hat') })
  await expect(alert).toContainText('Choose a PNG, JPEG, WebP or GIF.')
})

test.describe('two fingers', () => {
  test.use({ hasTouch: true, viewport: { width: 390, height: 844 } })

  test('pinch and turn the hat', async ({ page }) => {
    const studio = await Studio.open(page, HAT)
    const box = await studio.grip(/top hat/i).boundingBox()
    if (!box) throw new Error('the hat has no grip')
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
    const devtools = await page.context().newCDPSession(page)
    const fingers = (type: 'touchStart' | 'touchMove' | 'touchEnd', spread: number) => {
      const points = [
        { x: x - spread, y, id: 1 },
        { x: x + spread, y: y + spread / 4, id: 2 },
      ]
      return devtools.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : points })
    }
    await fingers('touchStart', 20)
    for (const spread of [24, 28, 32]) await fingers('touchMove', spread)
    await fingers('touchEnd', 32)
    await studio.shows(/;scale=1\.[5-7][0-9]*/)
    expect(await page.evaluate(() => window.visualViewport?.scale), 'the page itself does not zoom').toBe(1)
  })
})

async function press(page: Page, ...keys: string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key)
}

/** Reach it as a keyboard does: by Tab, and not more than a patient person would. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let stops = 0; stops < 60; stops += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab does not reach ${target}`)
}
