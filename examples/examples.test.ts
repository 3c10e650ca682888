/** The examples run on the built package and print what they promise. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const runExample = (name: string): string =>
  execFileSync(process.execPath, [fileURLToPath(new URL(`./${name}/index.mjs`, import.meta.url))], { encoding: 'utf8' })

test('first-minute', () => {
  const output = runExample('first-minute')
  expect(output).toContain('- try ViveFS')
  expect(output).toContain("[ 'latest.md', 'today.md' ]")
  expect(output).toContain("EACCES: permission denied, open '/notes/today.md'")
})

test('inner-face', () => {
  const output = runExample('inner-face')
  expect(output).toContain('the first data is at 1000000; 1 blocks in use')
  expect(output).toContain('far out')
  expect(output).toContain('moved 1000007 { eof: true }')
  expect(output).toContain('ESTALE')
})
