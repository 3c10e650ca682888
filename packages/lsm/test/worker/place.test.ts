/** Where the worker is found: in programs bundled as ES modules and as CommonJS, plain and out of an asar archive. */
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { unpacked } from '../../src/worker/unpacked.ts'
import { fastDirectory, run } from '../bundle.ts'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

let directory: string
/** What the programs share is bundled once; the worker lies beside, as in the package. */
beforeAll(async () => {
  directory = mkdtempSync(join(fastDirectory(), 'lsm-place-'))
  for (const [format, end] of [
    ['esm', 'js'],
    ['cjs', 'cjs'],
  ] as const) {
    await build({
      bundle: true,
      platform: 'node',
      format,
      target: 'node20',
      logLevel: 'error',
      logOverride: { 'empty-import-meta': 'silent' },
      alias: {
        '@vivefs/media': source('../../../media/src/index.ts'),
        '@vivefs/pfaof': source('../../../pfaof/src/index.ts'),
      },
      entryPoints: { program: source('./program.ts'), worker: source('../../src/worker/index.ts') },
      outdir: join(directory, format),
      outExtension: { '.js': format === 'esm' ? '.mjs' : `.${end}` },
      // Dependencies that are CommonJS ask for `require`.
      banner:
        format === 'esm'
          ? { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" }
          : {},
    })
    if (format === 'esm') renameSync(join(directory, 'esm', 'worker.mjs'), join(directory, 'esm', 'worker.js'))
  }
  // A worker.js is an ES module where the nearest package.json says so.
  cpSync(source('../../package.json'), join(directory, 'esm', 'package.json'))
}, 120_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function outcome(program: string): Promise<unknown> {
  const { code, output } = await run(program, [mkdtempSync(join(directory, 'db-'))]).ended
  expect(code, output).toBe(0)
  return JSON.parse(output)
}

describe.each([
  ['ES modules', 'esm', 'program.mjs', 'worker.js'],
  ['CommonJS', 'cjs', 'program.cjs', 'worker.cjs'],
])('%s', (_name, format, program, worker) => {
  test('beside the code', { timeout: 60_000 }, async () => {
    expect(await outcome(join(directory, format, program))).toEqual({ inWorker: true, failed: false, keys: 3000 })
  })

  test('in app.asar.unpacked; without that the calling thread does it', { timeout: 60_000 }, async () => {
    const place = mkdtempSync(join(directory, 'app-'))
    const [packed, copy] = [join(place, 'app.asar'), join(place, 'app.asar.unpacked')]
    cpSync(join(directory, format), packed, { recursive: true })
    // In a real archive the worker is there too, but cannot be run.
    rmSync(join(packed, worker))
    expect(await outcome(join(packed, program))).toEqual({ inWorker: false, failed: true, keys: 3000 })
    mkdirSync(copy)
    for (const name of [worker, ...(format === 'esm' ? ['package.json'] : [])])
      cpSync(join(directory, format, name), join(copy, name))
    expect(await outcome(join(packed, program))).toEqual({ inWorker: true, failed: false, keys: 3000 })
  })
})

test('paths', () => {
  const all = () => true
  expect(unpacked('/opt/app/resources/app.asar/node_modules/x/worker.cjs', all)).toBe(
    '/opt/app/resources/app.asar.unpacked/node_modules/x/worker.cjs',
  )
  expect(unpacked('C:\\app\\app.asar\\worker.cjs', all)).toBe('C:\\app\\app.asar.unpacked\\worker.cjs')
  expect(unpacked('/app/app.asar/worker.cjs', () => false)).toBe('/app/app.asar/worker.cjs')
  for (const path of ['/app/worker.cjs', '/app/app.asar.unpacked/worker.cjs', '/app/my.asarium/worker.cjs'])
    expect(unpacked(path, all)).toBe(path)
})
