/** A volume as a provider of node:vfs, where the running Node has it. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { createProvider } from 'vivefs/vfs'

const FLAG = '--experimental-vfs'
const isSupported = process.allowedNodeEnvironmentFlags.has(FLAG)

/** Runs program.ts in a process of its own. */
async function run(flags: readonly string[]): Promise<unknown> {
  const here = import.meta.dirname ?? __dirname
  const outfile = path.join(here, '../../dist/test/vfs.mjs')
  await build({
    entryPoints: [path.join(here, 'program.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  })
  try {
    return JSON.parse(
      execFileSync(process.execPath, [...flags, outfile], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    )
  } finally {
    rmSync(outfile, { force: true })
  }
}

test.runIf(isSupported)('files come from the volume: alone, mounted, required', async () => {
  const names = ['data.json', 'lib', 'link', 'main.cjs', 'note.txt']
  expect(await run([FLAG])).toEqual({
    alone: [
      'a note',
      names,
      "module.exports = 'one'",
      '/note.txt',
      11,
      'ENOENT',
      [...names.map((name) => `/ ${name}`), '/lib one.cjs'],
    ],
    changed: ['FROM node!', 10],
    refused: ['EROFS', 'EROFS', 'EROFS', 'a note'],
    mounted: ['a note', 'a note', ['one', 42, '<mount>/main.cjs'], 'ENOENT'],
    after: false,
  })
})

test('a runtime without node:vfs is refused in clear words', () => {
  expect(() => createProvider({} as never)).toThrow(
    expect.objectContaining({
      code: 'ERR_VIVEFS_UNSUPPORTED',
      message: expect.stringContaining('--experimental-vfs'),
    }),
  )
})

test('a root that is no absolute path is refused', () => {
  expect(() => createProvider({} as never, { at: 'app' })).toThrow(
    expect.objectContaining({ code: 'ERR_VIVEFS_OPTION' }),
  )
})
