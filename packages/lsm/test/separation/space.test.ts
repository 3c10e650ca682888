/** The space that values take while they are overwritten, sampled at every write. Takes about 4 s. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { LsmLevel } from '../../src/index.ts'
import { type Bundled, bundle, fastDirectory } from '../bundle.ts'

const LOG_BYTES = 64 << 10
const MEMTABLE_BYTES = 32 << 10
const SMALL = {
  valueEncoding: 'buffer',
  capacityBytes: 1 << 30,
  separateBytes: 512,
  logBytes: LOG_BYTES,
  memtableBytes: MEMTABLE_BYTES,
  memoryBytes: 1 << 20,
} as const
/** Four of the smallest units, which are logs here: stated in docs/tiers.md. */
const ALLOWANCE = 4 * LOG_BYTES
/** Of tables, manifest and keys: a few memtables. */
const KEYS_BYTES = 6 * MEMTABLE_BYTES

type Level = LsmLevel<string, Buffer>
type Options = ConstructorParameters<typeof LsmLevel<string, Buffer>>[1]

let bundled: Bundled
beforeAll(async () => {
  bundled = await bundle('suite/entry.ts', fastDirectory())
})
afterAll(() => bundled.remove())
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(fastDirectory(), 'lsm-space-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const open = (options: object): Level => new LsmLevel<string, Buffer>(directory, { ...SMALL, ...options } as Options)
const keyOf = (i: number) => `key-${String(i).padStart(6, '0')}`

/** Keeps what is alive, and looks at the space after every write. */
class Load {
  readonly #level: Level
  readonly #alive = new Map<string, number>()
  #random: number
  #aliveBytes = 0
  /** The most bytes of files beyond `hard` times what was alive. */
  excess = Number.NEGATIVE_INFINITY
  amplification = 0
  untrue = 0

  constructor(level: Level, seed: number) {
    this.#level = level
    this.#random = seed
  }

  next(below: number): number {
    this.#random = (Math.imul(this.#random, 1103515245) + 12345) >>> 0
    return (this.#random >>> 8) % below
  }

  entry(i: number, bytes: number): { type: 'put'; key: string; value: Buffer } {
    const key = keyOf(i)
    this.#aliveBytes += key.length + bytes - (this.#alive.get(key) ?? 0)
    this.#alive.set(key, key.length + bytes)
    return { type: 'put', key, value: Buffer.alloc(bytes, i) }
  }

  look(hard: number): void {
    const { space } = this.#level.stats()
    const files = this.#level.map().files.reduce((sum, { bytes }) => sum + bytes, 0)
    if (space.bytes !== files || (space.amplificationMax ?? Infinity) < (space.bytes / this.#aliveBytes) * 0.95) {
      this.untrue++
    }
    this.excess = Math.max(this.excess, files - hard * this.#aliveBytes)
    this.amplification = Math.max(this.amplification, files / this.#aliveBytes)
  }
}

describe.each([
  { how: 'asynchronously', sync: false, valueBytes: 4000, keys: 400, hard: 2 },
  { how: 'asynchronously, in a worker', sync: false, inWorker: true, valueBytes: 4000, keys: 400, hard: 2 },
  { how: 'synchronously', sync: true, valueBytes: 16_000, keys: 150, hard: 2 },
  { how: 'synchronously, with narrow limits', sync: true, valueBytes: 4000, keys: 500, soft: 1.2, hard: 1.5 },
])('overwriting $how, values of $valueBytes bytes', ({ sync, inWorker, valueBytes, keys, soft, hard }) => {
  test(`never takes more than ${hard} times what is alive, and the allowance`, { timeout: 120_000 }, async () => {
    const worker = inWorker === true ? bundled.worker : false
    const level = open({ worker, spaceHard: hard, ...(soft && { spaceSoft: soft }) })
    await level.open()
    const load = new Load(level, valueBytes)
    for (let i = 0; i < keys * 5; i += 4) {
      const at = (n: number) => (i < keys ? Math.min(keys - 1, i + n) : load.next(keys))
      const batch = [0, 1, 2, 3].map((n) => load.entry(at(n), valueBytes))
      if (sync) level.batchSync(batch)
      else await level.batch(batch)
      load.look(hard)
    }
    console.log(
      `space: ${(load.amplification).toFixed(2)} at the most, ${Math.round(load.excess / 1024)} KiB beyond ${hard}`,
    )
    expect(load.untrue).toBe(0)
    expect(load.excess).toBeLessThan(ALLOWANCE + KEYS_BYTES)
    expect(level.stats().space.allowanceBytes).toBe(ALLOWANCE)
    expect(level.stats().compaction!.bytesRewritten).toBeGreaterThan(0)
    await level.flush()
    await level.close()
  })
})

test('a reader that holds everything up does not hold writers up for ever', { timeout: 60_000 }, async () => {
  const level = open({ worker: false })
  await level.open()
  const load = new Load(level, 1)
  for (let i = 0; i < 300; i++) await level.batch([load.entry(i, 4000)])
  await level.flush()
  const snapshot = level.snapshot()
  let seen = 0
  for await (const [key] of level.iterator({ snapshot })) {
    for (let n = 0; n < 8; n++) await level.put(key, Buffer.alloc(4000, n))
    seen++
  }
  await snapshot.close()
  expect(seen).toBe(300)
  for (let i = 0; i < 300; i++) expect((await level.get(keyOf(i)))?.[0]).toBe(7)
  await level.close()
})

test('deleting most of it holds nobody up for ever, and gives the space back', { timeout: 60_000 }, async () => {
  const level = open({ worker: false })
  await level.open()
  for (let i = 0; i < 600; i++) level.putSync(keyOf(i), Buffer.alloc(4000, 1))
  for (let i = 0; i < 600; i++) if (i % 10 > 0) level.delSync(keyOf(i))
  for (let i = 0; i < 600; i += 10) level.putSync(keyOf(i), Buffer.alloc(4000, 2))
  await level.flush()
  await level.compactRange()
  while (level.stats().compaction!.running > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(level.stats().blobs.bytes).toBeLessThan(1.6 * 60 * 4000)
  for (let i = 0; i < 600; i += 10) expect((await level.get(keyOf(i)))?.[0]).toBe(2)
  await level.close()
})
