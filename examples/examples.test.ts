/** The examples run on the built packages and print what they promise; each `try.mjs` says itself what it found. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const here = fileURLToPath(new URL('.', import.meta.url))
const run = (path: string): string => execFileSync(process.execPath, [`${here}${path}`], { encoding: 'utf8' })

test('first-minute', () => {
  const output = run('first-minute/index.mjs')
  expect(output).toContain('- try ViveFS')
  expect(output).toContain("[ 'latest.md', 'today.md' ]")
  expect(output).toContain("EACCES: permission denied, open '/notes/today.md'")
})

test('inner-face', () => {
  const output = run('inner-face/index.mjs')
  expect(output).toContain('the first data is at 1000000; 1 blocks in use')
  expect(output).toContain('far out')
  expect(output).toContain('moved 1000007 { eof: true }')
  expect(output).toContain('ESTALE')
})

const tried = readdirSync(here).filter((name) => existsSync(`${here}${name}/try.mjs`) && name !== 'try')

test.each(tried)('%s', { timeout: 300_000 }, (name) => {
  const output = run(`${name}/try.mjs`)
  expect(output).toMatch(/^\+ /m)
  expect(output).not.toMatch(/^[^+-]/m)
})
