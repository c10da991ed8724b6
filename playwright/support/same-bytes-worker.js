// A worker that renders with the npm package, for the same-bytes test: takes a server's URL and a list
// of recipes, gives back the SHA-256 of each picture.

import { load } from '../../wasm-pkg/js/workerd.js'

export default {
  async fetch(request) {
    const { baseUrl, recipes } = await request.json()
    const client = await load({ baseUrl })
    const digests = []
    for (const recipe of recipes) digests.push(await digest(await client.render(recipe)))
    return Response.json(digests)
  },
}

async function digest({ bytes }) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
