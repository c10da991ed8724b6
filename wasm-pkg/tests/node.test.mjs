// The package in Node, as it is published: names, results and errors. What needs a server is tested
// against a real one, in the end-to-end tests.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, Milliner, canonical, digest, init, load, normalise, parse, renderVersion, toPath } from '@milliner/compositor'
import { png } from './png.mjs'

const RED = [200, 0, 0, 255]
const BLUE = [0, 0, 200, 255]

/** A red base of 40 × 20 and a blue overlay of 4 × 4 that sits at the base's middle. */
function pair() {
  const milliner = new Milliner()
  const anchors = (span) => ({ head: { x: 0.5, y: 0.5, span } })
  milliner.addAsset('wall', png(40, 20, () => RED), { kind: 'base', anchors: anchors(0.1) })
  milliner.addAsset('dot', png(4, 4, () => BLUE), { kind: 'overlay', anchors: anchors(1) })
  return milliner
}

function failure(code, pointer) {
  return (error) => {
    assert.ok(error instanceof Error)
    assert.equal(error.name, 'MillinerError')
    assert.equal(error.code, code)
    assert.equal(error.pointer, pointer)
    assert.ok(error.message.length > 10, error.message)
    return true
  }
}

test('init is there in Node, too, and does no harm', async () => {
  await init()
  assert.equal(typeof renderVersion(), 'number')
})

test('a path has one spelling', () => {
  assert.equal(canonical('/c/tabby;h=800;w=800/top-hat;rotate=352.000;x=0.png'), '/c/tabby;w=800;h=800/top-hat;rotate=-8.png')
})

test('a recipe is taken apart and put together', () => {
  const recipe = parse('/c/tabby;w=800/top-hat;rotate=-8/bow-tie.png')
  assert.deepEqual(recipe, {
    base: { id: 'tabby', w: 800 },
    layers: [{ id: 'top-hat', rotate: -8 }, { id: 'bow-tie' }],
    format: 'png',
  })
  assert.equal(toPath(recipe), '/c/tabby;w=800/top-hat;rotate=-8/bow-tie.png')
  assert.equal(toPath({ base: 'tabby', layers: ['top-hat'], format: 'jpg' }), '/c/tabby/top-hat.jpg')
})

test('errors say what, where and why', () => {
  assert.throws(() => canonical('/c/tabby/top-hat;rotate=x.png'), failure('bad-recipe', '/layers/0/rotate'))
  assert.throws(() => pair().render('/c/wall/nobody.png'), failure('unknown-asset', '/layers/0'))
  assert.throws(() => pair().render('/c/wall/dot;at=tail.png'), failure('unknown-anchor', '/layers/0/at'))
  assert.throws(() => pair().render('/c/wall/dot.avif'), failure('not-drawn', '/format'))
  assert.throws(() => pair().render('/c/wall.auto', 'text/html'), failure('not-acceptable', '/format'))
  assert.throws(() => normalise(new Uint8Array([1, 2, 3])), failure('bad-image'))
  assert.throws(() => normalise(png(8, 8, () => RED).slice(0, 60)), failure('bad-image'))
  assert.throws(() => new Milliner().setCatalogue('{"assets":7}'), failure('bad-catalogue'))
  assert.throws(() => new Milliner().setCatalogue({ assets: [{}] }), failure('bad-catalogue'))
  const details = { kind: 'base', anchors: { head: { x: 0.5, y: 0.5, span: 0 } } }
  assert.throws(() => pair().addAsset('wall', png(1, 1, () => RED), details), failure('bad-argument'))
  assert.throws(() => pair().addAsset('../wall', png(1, 1, () => RED), { kind: 'base' }), failure('bad-argument'))
  assert.throws(() => pair().addAsset('wall', png(1, 1, () => RED), { kind: 'hat' }), failure('bad-argument'))
})

test('arguments that are missing or of another kind are named', () => {
  const milliner = pair()
  for (const call of [
    () => canonical(),
    () => canonical(42),
    () => parse(null),
    () => toPath(),
    () => digest('bytes'),
    () => normalise(),
    () => normalise(new ArrayBuffer(8)),
    () => new Milliner(-1),
    () => new Milliner('large'),
    () => milliner.render(),
    () => milliner.render('/c/wall.auto', 7),
    () => milliner.draw(undefined),
    () => milliner.missing({}),
    () => milliner.explain(),
    () => milliner.asset(),
    () => milliner.setCatalogue(),
    () => milliner.addIngredient('00'),
    () => milliner.addAsset(),
    () => milliner.addAsset('me', png(1, 1, () => RED)),
    () => milliner.addAsset('me', png(1, 1, () => RED), {}),
  ]) {
    assert.throws(call, failure('bad-argument'), String(call))
  }
  assert.throws(() => milliner.render(), /render: `path` must be a string, and is undefined/)
})

test('what was freed says so, and may be freed again', () => {
  const milliner = pair()
  milliner.free()
  milliner.free()
  assert.throws(() => milliner.render('/c/wall.png'), failure('freed'))
  assert.throws(() => milliner.addAsset('me', png(1, 1, () => RED), { kind: 'base' }), failure('freed'))
  assert.throws(() => milliner.catalogueVersion, failure('freed'))
})

test('a client needs a server, and says when there is none', async () => {
  for (const options of [undefined, null, {}, { baseUrl: '' }, { baseUrl: 7 }, { baseUrl: 'http://127.0.0.1:1', fetch: 7 }]) {
    await assert.rejects(load(options), failure('bad-argument'))
    assert.throws(() => new Client(options), failure('bad-argument'))
  }
  await assert.rejects(load({ baseUrl: 'http://127.0.0.1:1' }), failure('unreachable'))
  const answers = (body, status) => ({ baseUrl: 'http://hats.example', fetch: async () => new Response(body, { status }) })
  await assert.rejects(load(answers('<html>', 200)), failure('server'))
  await assert.rejects(load(answers('{"assets":7}', 200)), failure('bad-catalogue'))
  await assert.rejects(load(answers('{"detail":"a key is needed","pointer":"/key"}', 401)), failure('server', '/key'))
  const client = await load(answers('{"assets":[]}', 200))
  await assert.rejects(client.render(), failure('bad-argument'))
  await assert.rejects(client.draw('/c/wall.png'), failure('unknown-asset', '/base'))
  assert.throws(() => client.url(), failure('bad-argument'))
  client.free()
  await assert.rejects(client.render('/c/wall.png'), failure('freed'))
})

test('an abort stays an abort', async () => {
  await assert.rejects(load({ baseUrl: 'http://127.0.0.1:1', signal: AbortSignal.abort() }), { name: 'AbortError' })
})

test('a drawing has the pixels that the recipe says', () => {
  const { data, width, height } = pair().draw('/c/wall/dot.png')
  assert.ok(data instanceof Uint8ClampedArray)
  assert.deepEqual([width, height, data.length], [40, 20, 40 * 20 * 4])
  const pixel = (x, y) => [...data.slice((y * width + x) * 4, (y * width + x) * 4 + 4)]
  assert.deepEqual(pixel(0, 0), RED)
  assert.deepEqual(pixel(19, 9), BLUE)
  assert.deepEqual(pixel(20, 10), BLUE)
  assert.deepEqual(pixel(23, 10), RED)
})

test('a render is a file that reads back, under the key that explain told', () => {
  const milliner = pair()
  const composite = milliner.render('/c/wall;w=20/dot.png')
  assert.equal(composite.mediaType, 'image/png')
  assert.equal(composite.path, '/c/wall;w=20/dot.png')
  assert.match(composite.key, /^[0-9a-f]{40}$/)
  assert.equal(composite.immutablePath, `/i/${composite.key}.png`)
  const read = normalise(composite.bytes)
  assert.deepEqual([read.width, read.height], [composite.width, composite.height])

  const explained = milliner.explain('/c/wall;w=20/dot.png')
  assert.equal(explained.key, composite.key)
  assert.equal(explained.ingredients.length, 2)
  assert.equal(explained.undrawn, null)
  assert.ok(explained.workingBytes > 0)
})

test('a picture is written into a buffer that has room for it', () => {
  const milliner = pair()
  for (const recipe of ['/c/wall/dot.png', '/c/wall/dot.jpg', '/c/wall;q=100/dot.webp']) {
    const { bytes } = milliner.render(recipe)
    for (const spare of [0, 1, 100]) {
      const buffer = new Uint8Array(8 + bytes.length + spare).fill(7)
      const written = milliner.render(recipe, undefined, buffer.subarray(8))
      assert.equal(written.bytes.buffer, buffer.buffer)
      assert.equal(written.bytes.byteOffset, 8)
      assert.deepEqual(written.bytes, bytes)
      assert.ok(buffer.subarray(0, 8).every((byte) => byte === 7))
    }
    for (const length of [0, 1, 60, bytes.length - 1]) {
      const written = milliner.render(recipe, undefined, new Uint8Array(length))
      assert.equal(written.bytes.byteOffset, 0)
      assert.deepEqual(written.bytes, bytes)
    }
  }
  const given = new Uint8Array(1 << 16)
  structuredClone(given, { transfer: [given.buffer] }) // as to a worker: its memory is gone
  const { bytes } = milliner.render('/c/wall/dot.png')
  assert.deepEqual(milliner.render('/c/wall/dot.png', null, given).bytes, bytes)
  const cut = new Uint8Array(new ArrayBuffer(1024, { maxByteLength: 4096 }), 512)
  cut.buffer.resize(256)
  assert.deepEqual(milliner.render('/c/wall/dot.png', null, cut).bytes, bytes)
  for (const wrong of [[], 'text', new Uint16Array(9), new Uint8Array(new SharedArrayBuffer(9))]) {
    assert.throws(() => milliner.render('/c/wall.png', null, wrong), failure('bad-argument'))
  }
})

test('a picture has levels, and what is small is read from one', () => {
  const { levels } = normalise(png(600, 300, (x, y) => [x & 255, y & 255, 90, 255]))
  assert.deepEqual(levels.map(({ width, height }) => [width, height]), [[300, 150], [150, 75]])
  for (const level of levels) {
    assert.equal(digest(level.file), level.digest)
    assert.equal(level.file.length, level.bytes)
  }
  const milliner = new Milliner()
  const asset = milliner.addAsset('wide', png(600, 300, () => RED), { kind: 'base' })
  assert.deepEqual(milliner.explain('/c/wide;w=160.png').files, [asset.levels[0].digest])
  assert.deepEqual(milliner.explain('/c/wide;w=160.png').ingredients, [asset.digest])
  assert.deepEqual(milliner.explain('/c/wide.png').files, [asset.digest])
  assert.equal(milliner.render('/c/wide;w=160.png').width, 160)
})

test('auto follows what is accepted', () => {
  const milliner = pair()
  assert.equal(milliner.render('/c/wall.auto', 'image/jpeg').mediaType, 'image/jpeg')
  assert.equal(milliner.render('/c/wall.auto', 'image/png, image/jpeg;q=0.1').mediaType, 'image/png')
})

test('what is missing is named, added by digest, and checked', () => {
  const full = pair()
  const stored = normalise(png(4, 4, () => BLUE))
  const milliner = new Milliner()
  milliner.setCatalogue({ assets: [full.asset('wall'), full.asset('dot')] })
  assert.equal(full.catalogueVersion, milliner.catalogueVersion)
  assert.equal(milliner.asset('nobody'), undefined)

  const missing = milliner.missing('/c/wall/dot.png')
  assert.equal(missing.length, 2)
  assert.ok(missing.includes(stored.digest))
  assert.equal(digest(stored.bytes), stored.digest)
  assert.throws(() => milliner.render('/c/wall/dot.png'), failure('missing-ingredient'))
  assert.throws(() => milliner.addIngredient(missing[0], new Uint8Array(3)), failure('wrong-digest'))
  milliner.addIngredient(stored.digest, stored.bytes)
  const wall = normalise(png(40, 20, () => RED))
  milliner.addIngredient(wall.digest, wall.bytes)
  assert.deepEqual(milliner.missing('/c/wall/dot.png'), [])
  assert.deepEqual(milliner.render('/c/wall/dot.png').bytes, full.render('/c/wall/dot.png').bytes)
})
