/** The examples run on the built packages and print what they promise; each `try.mjs` says itself what it found. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const here = fileURLToPath(new URL('.', import.meta.url))
const run = (path: string): string => execFileSync(process.execPath, [`${here}${path}`], { encoding: 'utf8' })

const tried = readdirSync(here).filter((name) => existsSync(`${here}${name}/try.mjs`) && name !== 'try')

test.each(tried)('%s', { timeout: 300_000 }, (name) => {
  const output = run(`${name}/try.mjs`)
  expect(output).toMatch(/^\+ /m)
  expect(output).not.toMatch(/^[^+-]/m)
})
