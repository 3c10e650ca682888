/** Deprecations are those of the running Node, in behaviour and in warnings; rm tries again as it is told to. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { ViveFS } from 'vivefs'

test('what is deprecated warns as on node', async () => {
  const here = import.meta.dirname ?? __dirname
  const outfile = path.join(here, '../../dist/test/deprecated.mjs')
  await build({
    entryPoints: [path.join(here, 'deprecated-program.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  })
  const root = mkdtempSync(path.join(os.tmpdir(), 'vivefs-deprecated-'))
  const run = (side: string): unknown =>
    JSON.parse(
      execFileSync(process.execPath, [outfile, side, root], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    )
  try {
    const theirs = run('node') as { warnings: unknown[] }
    expect(theirs.warnings.length).toBeGreaterThan(0)
    expect(run('ours')).toEqual(theirs)
  } finally {
    rmSync(root, { recursive: true, force: true })
    rmSync(outfile, { force: true })
  }
})

test('rm waits and tries again what may pass', async () => {
  const vive = await ViveFS.open('memory://')
  const { promises } = vive.root.fs
  await promises.mkdir('/sticky/mine', { recursive: true })
  await promises.writeFile('/sticky/mine/theirs', '')
  await promises.chmod('/sticky/mine', 0o1777)
  const other = vive.as({ uid: 1000, gid: 1000 }).fs.promises
  const remove = (maxRetries: number) => other.rm('/sticky/mine', { recursive: true, maxRetries, retryDelay: 20 })
  await expect(remove(0)).rejects.toMatchObject({ code: 'EPERM' })
  const start = performance.now()
  await expect(remove(2)).rejects.toMatchObject({ code: 'EPERM' })
  expect(performance.now() - start).toBeGreaterThanOrEqual(55)
  const removing = remove(100)
  await promises.chmod('/sticky', 0o777)
  await promises.chmod('/sticky/mine', 0o777)
  await removing
  expect(await promises.readdir('/sticky')).toEqual([])
  await vive.close()
})
