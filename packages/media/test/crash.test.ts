import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type CrashOptions,
  isMediumError,
  type Medium,
  openDirectory,
  openFault,
  openMemory,
  openObject,
  openSmr,
  openTape,
  openZns,
  SeededRandom,
} from '../src/index.ts'

const root = mkdtempSync(join(tmpdir(), 'vivefs-crash-'))
let count = 0
afterAll(() => rmSync(root, { recursive: true, force: true }))
const deep = process.env.VIVEFS_DEEP === '1'

interface Expected {
  /** Everything appended since the last reset. */
  bytes: number[]
  /** How much of it must survive. */
  synced: number
  /** Finished, or the power went during finish. */
  finished: boolean
  /** The power went during reset. */
  resetting: boolean
}

const lengthFor = (medium: Medium, random: SeededRandom) =>
  medium.caps.blockBytes > 1 ? medium.caps.blockBytes * (1 + random.below(2)) : 1 + random.below(1500)

/** Random work until the power goes; returns what must be true afterwards. */
async function work(medium: Medium, random: SeededRandom, zones: number, steps: number): Promise<Expected[]> {
  const expected: Expected[] = Array.from({ length: zones }, () => ({
    bytes: [],
    synced: 0,
    finished: false,
    resetting: false,
  }))
  const seal = medium.caps.durability === 'seal'
  for (let step = 0; step < steps; step++) {
    const zone = random.below(zones)
    const model = expected[zone]!
    const dice = random.next()
    try {
      if (dice < 0.7) {
        const data = random.fill(new Uint8Array(lengthFor(medium, random)))
        // Noted before the call: a power cut in the middle may leave any part of it.
        const sync = medium.appendSync !== undefined && random.next() < 0.5
        const before = model.bytes
        model.bytes = [...before, ...data]
        try {
          if (sync) medium.appendSync!(zone, [data])
          else await medium.append(zone, [data])
          if (medium.caps.durability === 'immediate') model.synced = model.bytes.length
        } catch (error) {
          if (!isMediumError(error, 'MEDIA_POWER_CUT')) model.bytes = before
          throw error
        }
      } else if (dice < 0.9) {
        await medium.flush()
        if (!seal) for (const each of expected) each.synced = each.bytes.length
      } else if (dice < 0.95) {
        const before = model.finished
        model.finished = true
        await medium.finish(zone).catch((error: unknown) => {
          if (!isMediumError(error, 'MEDIA_POWER_CUT')) model.finished = before
          throw error
        })
        if (seal) model.synced = model.bytes.length
      } else if (medium.caps.reclaim !== 'whole-medium') {
        await medium.flush()
        if (!seal) for (const each of expected) each.synced = each.bytes.length
        model.resetting = true
        await medium.reset(zone)
        Object.assign(model, { bytes: [], synced: 0, finished: false, resetting: false })
      }
    } catch (error) {
      if (!isMediumError(error)) throw error
      if (error.code === 'MEDIA_POWER_CUT') break
    }
  }
  return expected
}

/** C1 and C2 on the twin. */
async function check(twin: Medium, expected: readonly Expected[], what: string): Promise<void> {
  const report = await twin.report()
  for (const [zone, { bytes, synced, finished, resetting }] of expected.entries()) {
    const { pointer, type, capacityBytes } = report[zone]!
    const into = new Uint8Array(capacityBytes)
    const found = into.subarray(0, await twin.read(zone, 0, into))
    const where = `${what}, zone ${zone}`
    if (resetting && found.length === 0) continue
    expect(found.length, `${where}: synced bytes`).toBeGreaterThanOrEqual(synced)
    expect(Buffer.from(found.subarray(0, synced)).equals(Buffer.from(bytes.slice(0, synced))), where).toBe(true)
    if (type === 'conventional' || finished) continue
    expect(pointer, where).toBe(found.length)
    expect(found.length, where).toBeLessThanOrEqual(bytes.length)
    expect(Buffer.from(found).equals(Buffer.from(bytes.slice(0, found.length))), `${where}: a prefix`).toBe(true)
  }
}

const geometry = { zoneCount: 6, zoneBytes: 32768 }
const media: [string, () => Medium, number][] = [
  ['memory', () => openMemory({ ...geometry, durability: 'flush' }), 1],
  ['memory without pointers', () => openMemory({ ...geometry, durability: 'flush', pointerSurvives: false }), 1],
  ['zns', () => openZns({ ...geometry, blockBytes: 512, openZonesMax: 4, activeZonesMax: 5 }), 1],
  ['smr', () => openSmr({ ...geometry, blockBytes: 512 }), 1],
  ['tape', () => openTape({ ...geometry, blockBytesMax: 2048 }), 1],
  ['object', () => openObject(geometry), 1],
  ['directory', () => openDirectory({ ...geometry, path: join(root, `d${++count}`), preallocateBytes: 8192 }), 0.1],
]

describe('crash at every operation', () => {
  for (const [name, create, share] of media) {
    const runs = Math.ceil((deep ? 3000 : 120) * share)
    it(`${name}: what was synced is there, the rest is a prefix (${runs} seeded crashes)`, async () => {
      for (let run = 1; run <= runs; run++) {
        const random = new SeededRandom(run * 7919)
        const crash: CrashOptions = {
          keep: [0, 0.5, 1][run % 3]!,
          order: run % 2 === 0 ? 'in-order' : 'reordered',
          seed: run,
        }
        const nth = 1 + random.below(40)
        const medium = openFault(create(), {
          rules: [{ on: 'write', nth, effect: { kind: 'power-cut' } }],
          seed: run,
          crash,
        })
        const expected = await work(medium, random, 4, 60)
        await medium.close()
        const twin = await medium.crashImage()
        const what = `seed ${run}, cut at write ${nth}, keep ${crash.keep}, ${crash.order}`
        await check(twin, expected, what)
        await twin.close()
      }
      if (deep) console.log(`crash of media: ${name}: seeds 7919 times 1 to ${runs}, ${runs} crashes, 0 lost`)
    })
  }

  it('a fixed trace, cut at every one of its operations', async () => {
    for (const [name, create] of media.filter(([kind]) => kind !== 'directory')) {
      const probe = openFault(create())
      await work(probe, new SeededRandom(42), 4, 40)
      const total = probe.count('any')
      await probe.close()
      expect(total).toBeGreaterThan(30)
      for (let nth = 1; nth <= total; nth++) {
        // By default each cut takes one of the three ways in turn; VIVEFS_DEEP=1 takes all of them.
        for (const keep of deep ? [0, 0.5, 1] : [[0, 0.5, 1][nth % 3]!]) {
          const crash: CrashOptions = { keep, order: nth % 2 === 0 ? 'in-order' : 'reordered', seed: nth }
          const medium = openFault(create(), { rules: [{ on: 'any', nth, effect: { kind: 'power-cut' } }], crash })
          const expected = await work(medium, new SeededRandom(42), 4, 40)
          expect(medium.powerCut).toBe(true)
          await medium.close()
          const twin = await medium.crashImage()
          await check(twin, expected, `${name}, operation ${nth}, keep ${keep}`)
          await twin.close()
        }
      }
    }
  })
})

describe('the nth operation fails, for every n', () => {
  for (const [name, create] of media.filter(([kind]) => kind !== 'directory')) {
    it(`${name}: a coded error, no hang, and the medium goes on or is poisoned`, async () => {
      for (let nth = 1; nth <= 30; nth++) {
        for (const kind of ['error', 'no-space'] as const) {
          const medium = openFault(create(), { rules: [{ on: 'any', nth, effect: { kind } }] })
          await work(medium, new SeededRandom(nth), 4, 30)
          const flushed = await medium.flush().then(
            () => 'flushed',
            (error: unknown) => (isMediumError(error) ? error.code : String(error)),
          )
          expect(['flushed', 'MEDIA_POISONED', 'MEDIA_IO', 'MEDIA_NO_SPACE']).toContain(flushed)
          await medium.report().catch((error: unknown) => expect(isMediumError(error)).toBe(true))
          await medium.close()
        }
      }
    })
  }
})
