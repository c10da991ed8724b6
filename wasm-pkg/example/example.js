// Draws on every input, encodes once the hand rests. The server is told in the address:
// `?server=http://127.0.0.1:8787` is what `cargo xtask run` starts.

import { load, toPath } from '../js/browser.js'

const server = new URLSearchParams(location.search).get('server') ?? 'http://127.0.0.1:8787'
const canvas = document.querySelector('canvas')
const form = document.querySelector('form')
const output = document.querySelector('output')
const link = document.querySelector('a[download]')

try {
  const client = await load({ baseUrl: server })
  fill(await client.refresh())
  form.addEventListener('input', () => preview(client))
  form.addEventListener('change', () => finish(client))
  await preview(client)
  await finish(client)
} catch (error) {
  say(error)
}

function fill({ assets }) {
  for (const { id, kind, title } of assets) form.elements[kind]?.add(new Option(title || id, id))
  form.elements.base.value = 'tabby'
  form.elements.overlay.value = 'top-hat'
}

function recipe() {
  const { base, overlay, rotate } = Object.fromEntries(new FormData(form))
  return toPath({ base: { id: base, w: 800 }, layers: [{ id: overlay, rotate: Number(rotate) }], format: 'png' })
}

async function preview(client) {
  try {
    const path = recipe()
    const { data, width, height } = await client.draw(path)
    if (path !== recipe()) return // somebody moved on while a picture was fetched
    canvas.width = width
    canvas.height = height
    canvas.getContext('2d').putImageData(new ImageData(data, width, height), 0, 0)
  } catch (error) {
    say(error)
  }
}

async function finish(client) {
  try {
    const { bytes, mediaType, path, key } = await client.render(recipe())
    URL.revokeObjectURL(link.href)
    link.href = URL.createObjectURL(new Blob([bytes], { type: mediaType }))
    link.hidden = false
    output.value = `${client.url(path)}, ${bytes.length} bytes, key ${key}`
  } catch (error) {
    say(error)
  }
}

function say(error) {
  output.value = error.message
}
