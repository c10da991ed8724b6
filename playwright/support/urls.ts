// Where the running stack is; set by `stack.ts`. Read late, since Playwright loads test files before
// it starts the stack.

function announced(name: string): string {
  const url = process.env[`MILLINER_TEST_${name}`]
  if (!url) throw new Error(`the stack did not announce ${name}`)
  return url
}

export const urls = {
  get origin(): string {
    return announced('ORIGIN')
  },
  get edge(): string {
    return announced('EDGE')
  },
  get web(): string {
    return announced('WEB')
  },
}
