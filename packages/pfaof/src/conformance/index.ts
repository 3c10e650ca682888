/**
 * `appendFileSuite`: what a volume must do over any media, as tests for any runner that has `describe` and `it` (node:test, vitest, mocha).
 * Assertions are node:assert's. Test names cite the invariants of FORMAT.md.
 *
 * @example
 * import { describe, it } from 'node:test'
 * import { appendFileSuite } from '@vivefs/pfaof/conformance'
 * appendFileSuite({ name: 'mine', create: () => ({ media: { mine: openMine() } }), describe, it })
 */
import assert from 'node:assert/strict'
import type { Medium } from '@vivefs/media'
import type { AppendFile } from '../append-file.ts'
import { isPfaofError } from '../error.ts'
import { runAsync } from '../op.ts'
import { Volume } from '../volume.ts'
import { content, type Declare, type Ground, noise, refused } from './ground.ts'
import { lifeTests } from './life.ts'
import { Trace } from './trace.ts'

export { Oracle } from './oracle.ts'
export { Trace, type TraceOptions } from './trace.ts'

/** What the suite needs. */
export interface AppendFileSuiteOptions {
  readonly name: string
  /** Fresh, empty media with room for some megabytes; at least one can be home. The suite closes them. */
  create(): Promise<SuiteMedia> | SuiteMedia
  readonly describe: (name: string, body: () => void) => void
  readonly it: (name: string, body: () => Promise<void>) => void
  /** Seeds of the model test; each is one run. Default 1..3. */
  readonly seeds?: readonly number[]
}

export interface SuiteMedia {
  readonly media: Readonly<Record<string, Medium>>
  /** Names of the media that files go to; default all. */
  readonly files?: readonly string[]
  /** Operations of a model run; default 120. */
  readonly operations?: number
  /** Cleans up behind the media; called after they were closed. */
  readonly dispose?: () => Promise<void> | void
}

/** Declares the tests. */
export function appendFileSuite(options: AppendFileSuiteOptions): void {
  const test = (name: string, body: (ground: Ground) => Promise<void>) =>
    options.it(name, async () => {
      const { media, files, operations, dispose } = await options.create()
      try {
        const volume = await Volume.create({ media })
        await body({ media, files: files ?? Object.keys(media), operations: operations ?? 120, volume })
        // A test may have let another writer in: then this one has been told so.
        await volume.close().catch((error: unknown) => {
          if (!isPfaofError(error, 'PFAOF_FENCED')) throw error
        })
      } finally {
        for (const medium of Object.values(media)) await medium.close()
        await dispose?.()
      }
    })
  options.describe(`append files: ${options.name}`, () => {
    appendTests(test)
    tableTests(test)
    lifeTests(test)
    for (const seed of options.seeds ?? [1, 2, 3]) {
      test(`a trace of random operations, then recovery, seed ${seed}`, async ({
        media,
        files,
        operations,
        volume,
      }) => {
        const trace = new Trace({ seed, operations, media: files, appendBytesMax: 40_000, checkEvery: 40 })
        await trace.run(volume)
        await trace.oracle.checkLive(volume)
        for await (const finding of volume.scrub()) assert.fail(JSON.stringify(finding))
        const again = await Volume.open({ media })
        await trace.oracle.checkRecovered(again)
        await again.close()
      })
    }
  })
}

function appendTests(test: Declare): void {
  test('appends of many buffers come back, whole and in part', async ({ volume, files }) => {
    const file = await runAsync(volume.create({ name: 'a', media: files }))
    const parts = [noise(1, 1), noise(0, 2), noise(5000, 3), noise(4096, 4), noise(70_000, 5)]
    let all = Buffer.alloc(0)
    for (let round = 0; round < 3; round++) {
      assert.equal(await runAsync(file.append(parts)), all.length)
      all = Buffer.concat([all, ...parts])
    }
    assert.equal(file.size, all.length)
    assert((await content(file)).equals(all))
    for (const [offset, bytes] of [
      [0, 1],
      [4095, 2],
      [5001, 4096],
      [79_000, 9000],
      [all.length - 3, 10],
      [all.length, 5],
      [all.length + 9, 5],
    ] as const) {
      const into = Buffer.alloc(bytes)
      const got = await runAsync(file.read(offset, into))
      assert(into.subarray(0, got).equals(all.subarray(offset, offset + bytes)), `${bytes} bytes at ${offset}`)
    }
    assert.equal(await runAsync(file.append([])), all.length, 'an empty append changes nothing')
    await refused(file.read(-1, Buffer.alloc(1)), 'PFAOF_ARGUMENT')
  })

  test('a record over many chunks and zones', async ({ media, volume, files }) => {
    const { zoneCapacityBytes } = media[files[0]!]!.caps
    const bytes = noise(Math.min(3 << 20, zoneCapacityBytes * 2 + 12_345), 7)
    const file = await runAsync(volume.create({ name: 'big', media: files, preallocateBytes: bytes.length }))
    await runAsync(file.append([bytes]))
    await runAsync(file.sync())
    assert.equal(file.syncedSize, bytes.length)
    assert((await content(file)).equals(bytes))
    const again = await Volume.open({ media })
    assert((await content(await runAsync(again.open('big')))).equals(bytes))
    await again.close()
  })

  test('a sealed file takes no more', async ({ volume, files }) => {
    const file = await runAsync(volume.create({ name: 'a', media: files }))
    await runAsync(file.append([noise(100, 1)]))
    await runAsync(file.seal())
    await runAsync(file.seal())
    assert(file.sealed && file.syncedSize === 100)
    await refused(file.append([noise(1, 1)]), 'PFAOF_SEALED')
  })

  test('64 concurrent synced appends cost at most 4 flushes', async ({ media, volume, files }) => {
    if (media[files[0]!]!.caps.append === 'whole-object' || media[files[0]!]!.caps.durability === 'seal') return
    const name = files[0]!
    // Four files, so that neither zones nor the table's log fill up meanwhile: that costs flushes of its own.
    const list: AppendFile[] = []
    for (let i = 0; i < 4; i++) {
      const file = await runAsync(volume.create({ name: `f${i}`, media: [name] }))
      await runAsync(file.append([noise(1, 1)]))
      await runAsync(file.sync())
      list.push(file)
    }
    const before = volume.status().get(name)!.flushes
    await Promise.all(
      Array.from({ length: 64 }, async (_, i) => {
        const file = list[i % 4]!
        await runAsync(file.append([noise(64, i)]))
        await runAsync(file.sync())
      }),
    )
    const flushes = volume.status().get(name)!.flushes - before
    assert(flushes <= 4, `${flushes} flushes`)
    for (const file of list) assert.equal(file.syncedSize, file.size)
  })
}

function tableTests(test: Declare): void {
  test('names: create, open, rename over another, delete', async ({ media, volume, files }) => {
    const a = await runAsync(volume.create({ name: 'a', media: files }))
    await refused(volume.create({ name: 'a', media: files }), 'PFAOF_EXISTS')
    await refused(volume.create({ name: '', media: files }), 'PFAOF_ARGUMENT')
    await refused(volume.create({ name: 'x\0', media: files }), 'PFAOF_ARGUMENT')
    await refused(volume.create({ name: 'x', media: [] }), 'PFAOF_ARGUMENT')
    await refused(volume.create({ name: 'x', media: ['nowhere'] }), 'PFAOF_ARGUMENT')
    await refused(volume.open('b'), 'PFAOF_NOT_FOUND')
    assert.equal(await runAsync(volume.open('a')), a, 'one object for one file')
    const b = await runAsync(volume.create({ name: 'b', media: files }))
    await runAsync(a.append([noise(10, 1)]))
    await runAsync(volume.renameReplace('a', 'b'))
    assert.equal(a.name, 'b')
    assert.equal(a.syncedSize, 10, 'a rename makes the file durable')
    await refused(b.read(0, Buffer.alloc(1)), 'PFAOF_NOT_FOUND')
    await refused(volume.open('a'), 'PFAOF_NOT_FOUND')
    const again = await Volume.open({ media })
    assert.deepEqual(
      [...again.list()].map(({ name, id, size, sealed }) => ({ name, id, size, sealed })),
      [{ name: 'b', id: a.id, size: 10, sealed: true }],
    )
    await runAsync(again.delete('b'))
    await refused(again.delete('b'), 'PFAOF_NOT_FOUND')
    const c = await runAsync(again.create({ name: 'b', media: files }))
    assert(c.id > b.id, 'ids are never used again (I9)')
    await again.close()
  })

  test('snapshots hold files and sizes', async ({ media, volume, files }) => {
    const a = await runAsync(volume.create({ name: 'a', media: files }))
    const bytes = noise(9000, 3)
    await runAsync(a.append([bytes]))
    await runAsync(volume.snapshot('s'))
    await refused(volume.snapshot('s'), 'PFAOF_EXISTS')
    await runAsync(a.append([noise(500, 4)]))
    await runAsync(volume.delete('a'))
    await runAsync(volume.sync())
    assert((await content(await runAsync(volume.openSnapshot('s', 'a')))).equals(bytes))
    const again = await Volume.open({ media })
    assert.equal([...again.list()].length, 0)
    const held = await runAsync(again.openSnapshot('s', 'a'))
    assert((await content(held)).equals(bytes))
    await refused(held.append([noise(1, 1)]), 'PFAOF_SEALED')
    await runAsync(again.dropSnapshot('s'))
    await refused(again.openSnapshot('s', 'a'), 'PFAOF_NOT_FOUND')
    await refused(again.dropSnapshot('s'), 'PFAOF_NOT_FOUND')
    await again.close()
  })
}
