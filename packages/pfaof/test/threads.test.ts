import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type Medium, openMemory, openPool } from '@vivefs/media'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runAsync, Volume } from '../src/index.ts'
import { compileSources } from './compiled.ts'

/** A volume on memory that threads share: a worker writes it, found by nothing but the medium's spec; this thread follows and takes over. */

const WRITER = `
  import { parentPort, workerData } from 'node:worker_threads'
  import { openMedium } from '@vivefs/media'
  import { runAsync, Volume } from './src/index.js'
  const medium = await openMedium(workerData.spec)
  const volume = await Volume.open({ media: { m: medium }, holder: 'worker' })
  const file = await runAsync(volume.create({ name: 'log', media: ['m'] }))
  for (let i = 0; i < 300; i++) {
    await runAsync(file.append([new Uint8Array(100).fill(i)]))
    if (i % 10 === 9) await runAsync(file.sync())
    if (i === 99) parentPort.postMessage('follow')
  }
  await volume.close()
  await medium.close()`

let compiled = ''
const root = mkdtempSync(join(tmpdir(), 'pfaof-threads-'))
beforeAll(() => {
  compiled = compileSources([])
  writeFileSync(join(compiled, 'writer.js'), WRITER)
}, 120_000)
afterAll(() => {
  rmSync(compiled, { recursive: true, force: true })
  rmSync(root, { recursive: true, force: true })
})

const KINDS: Record<string, () => Medium> = {
  memory: () => openMemory({ name: 'pfaof-threads', zoneCount: 32, zoneBytes: 64 << 10 }),
  pool: () => openPool({ path: join(root, 'pool'), zoneCount: 32, zoneBytes: 64 << 10 }),
}

async function prefixOf(volume: Volume): Promise<number> {
  const file = await runAsync(volume.open('log'))
  const into = Buffer.alloc(file.size)
  expect(await runAsync(file.read(0, into))).toBe(file.size)
  expect(file.size % 100).toBe(0)
  expect(into.every((byte, at) => byte === Math.floor(at / 100) % 256)).toBe(true)
  return file.size
}

describe('worker threads', () => {
  for (const [kind, make] of Object.entries(KINDS)) {
    test(`${kind}: a worker writes, this thread follows, then writes on`, async () => {
      const medium = make()
      await (await Volume.create({ media: { m: medium } })).close()
      const worker = new Worker(join(compiled, 'writer.js'), { workerData: { spec: medium.spec } })
      const exited = once(worker, 'exit')
      await once(worker, 'message')
      const follower = await Volume.open({ media: { m: medium }, readOnly: true })
      expect(await prefixOf(follower)).toBeGreaterThanOrEqual(10_000)
      expect(await exited).toEqual([0])
      await runAsync(follower.refresh())
      expect(await prefixOf(follower)).toBe(30_000)
      await follower.close()
      const volume = await Volume.open({ media: { m: medium } })
      expect(await prefixOf(volume)).toBe(30_000)
      const file = await runAsync(volume.create({ name: 'more', media: ['m'] }))
      await runAsync(file.append([Buffer.from('more')]))
      await runAsync(file.seal())
      await volume.close()
      await medium.close()
    })
  }
})
