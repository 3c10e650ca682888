/** Unmodified require, import and fs.readFileSync read from a volume. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import * as nodeModule from 'node:module'
import path from 'node:path'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

/** Runs program.ts in a process of its own. */
async function run(): Promise<Record<string, unknown>> {
  const here = import.meta.dirname ?? __dirname
  const outfile = path.join(here, '../../dist/test/register.mjs')
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
      execFileSync(process.execPath, [outfile], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    )
  } finally {
    rmSync(outfile, { force: true })
  }
}

const isSupported = 'registerHooks' in nodeModule

test.runIf(isSupported)('modules and files come from the volume', async () => {
  expect(await run()).toEqual({
    required: [
      'lib',
      'dep by require',
      'two',
      'inner',
      42,
      'a note',
      false,
      true,
      ' n',
      true,
      '/app/main.cjs',
      // Node 22 does not ask the hooks for require.resolve.
      process.versions.node.startsWith('22.') ? 'MODULE_NOT_FOUND' : '/app/node_modules/dep/c.cjs',
      'MODULE_NOT_FOUND',
      "ENOENT: no such file or directory, open '/app/none'",
    ],
    imported: ['lib', 'dep by import', 'esm', 42, 'late', 'a note', 'a note', true, 'file:///app/main.mjs'],
    after: false,
  })
})

test.runIf(!isSupported)('a Node without the hooks is refused in clear words', async () => {
  const { code, message } = await run()
  expect(code).toBe('ERR_VIVEFS_UNSUPPORTED')
  expect(message).toContain('22.15')
})
