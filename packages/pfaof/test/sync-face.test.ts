import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Medium, openDirectory, openFault, openMemory, openTape } from '@vivefs/media'
import { afterAll, describe, expect, test } from 'vitest'
import { type AppendFile, isPfaofError, runAsync, runSync, Volume } from '../src/index.ts'

const now = () => 1
const root = mkdtempSync(join(tmpdir(), 'pfaof-sync-'))
let directories = 0
afterAll(() => rmSync(root, { recursive: true }))

const MEDIA: Readonly<Record<string, () => Medium>> = {
  memory: () => openMemory({ zoneCount: 48, zoneBytes: 64 << 10, durability: 'flush' }),
  'memory that forgets its pointers': () =>
    openMemory({ zoneCount: 48, zoneBytes: 64 << 10, durability: 'flush', pointerSurvives: false }),
  directory: () => openDirectory({ path: join(root, String(directories++)), zoneCount: 48, zoneBytes: 64 << 10 }),
  'memory behind fault': () => openFault(openMemory({ zoneCount: 48, zoneBytes: 64 << 10, durability: 'flush' })),
}

function record(number: number): Buffer {
  const bytes = Buffer.alloc(60 + ((number * 37) % 400), number & 255)
  bytes.writeUInt32LE(number, 0)
  return bytes
}

/** The log holds the records 0 .. count - 1 and nothing else. */
function checkLog(file: AppendFile, count: number): void {
  let at = 0
  for (let number = 0; number < count; number++) {
    const want = record(number)
    const into = Buffer.alloc(want.length)
    expect(runSync(file.read(at, into))).toBe(want.length)
    expect(into.equals(want)).toBe(true)
    at += want.length
  }
  expect(file.size).toBe(at)
}

async function writeTables(volume: Volume, writer: number, stop: () => boolean): Promise<number> {
  let tables = 0
  for (; !stop(); tables++) {
    const name = `table${writer}-${tables}`
    const file = await runAsync(
      volume.create({ name, media: ['m'], preallocateBytes: tables % 2 === 0 ? 64 << 10 : 0 }),
    )
    for (let i = 0; i < 5; i++) await runAsync(file.append([Buffer.alloc(4096, writer), Buffer.alloc(3000, i)]))
    await runAsync(file.seal())
    if (tables > 0) await runAsync(volume.delete(`table${writer}-${tables - 1}`))
    if (tables % 3 === 0) await runAsync(volume.sync())
    await new Promise((resolve) => setImmediate(resolve)) // in memory nothing else gives way
  }
  return tables
}

for (const [kind, open] of Object.entries(MEDIA)) {
  describe(`a synchronous caller on ${kind}`, () => {
    test('appends and syncs while an asynchronous sync of the same file is under way', async () => {
      const medium = open()
      const volume = await Volume.create({ media: { m: medium }, now })
      const log = runSync(volume.create({ name: 'log', media: ['m'] }))
      let count = 0
      for (let round = 0; round < 30; round++) {
        runSync(log.append([record(count++)]))
        const under = runAsync(log.sync())
        const size = log.size
        for (let i = 0; i < 5; i++) runSync(log.append([record(count++)]))
        if (round % 3 === 0) {
          runSync(log.sync())
          expect(log.syncedSize).toBe(log.size)
        }
        await under
        expect(log.syncedSize).toBeGreaterThanOrEqual(size)
      }
      checkLog(log, count)
      await volume.close()
      await medium.close()
    })

    test('appends, creates, seals and deletes while others write tables asynchronously', async () => {
      const medium = open()
      const volume = await Volume.create({ media: { m: medium }, now })
      let stop = false
      const writers = [0, 1, 2].map((writer) => writeTables(volume, writer, () => stop))
      let count = 0
      const totals: number[] = []
      for (let segment = 0; segment < 12; segment++) {
        const log = runSync(volume.create({ name: `log${segment}`, media: ['m'], lifetime: 'short' }))
        let mine = 0
        for (let turn = 0; turn < 12; turn++) {
          for (let i = 0; i < 8; i++) runSync(log.append([record(mine++)]))
          if (turn % 4 === 1) runSync(log.sync())
          await new Promise((resolve) => (turn % 2 === 0 ? setImmediate(resolve) : setTimeout(resolve, 0)))
        }
        checkLog(log, mine)
        runSync(log.seal())
        totals.push(mine)
        count += mine
        if (segment > 2) runSync(volume.delete(`log${segment - 3}`))
      }
      stop = true
      const tables = await Promise.all(writers)
      expect(Math.min(...tables)).toBeGreaterThan(0)
      expect(count).toBe(12 * 12 * 8)
      await volume.close()
      const again = await Volume.open({ media: { m: medium }, now })
      for (let segment = 9; segment < 12; segment++)
        checkLog(runSync(again.open(`log${segment}`)), totals[segment] ?? Number.NaN)
      await again.close()
      await medium.close()
    })

    test('syncs right after an asynchronous delete', async () => {
      const medium = open()
      const volume = await Volume.create({ media: { m: medium }, now })
      const log = runSync(volume.create({ name: 'log', media: ['m'] }))
      for (let i = 0; i < 20; i++) {
        const file = await runAsync(volume.create({ name: `t${i}`, media: ['m'], preallocateBytes: 64 << 10 }))
        await runAsync(file.append([Buffer.alloc(9000)]))
        await runAsync(file.seal())
        await runAsync(volume.delete(`t${i}`))
        runSync(log.append([record(i)]))
        runSync(log.sync())
        await runAsync(volume.sync())
        runSync(log.sync())
        runSync(volume.sync())
      }
      checkLog(log, 20)
      await volume.close()
      await medium.close()
    })
  })
}

describe('without a turn of the event loop', () => {
  for (const kind of ['memory', 'directory']) {
    test(`${kind}: files come and go through more zones than there are`, async () => {
      const medium = MEDIA[kind]!()
      const volume = await Volume.create({ media: { m: medium }, now })
      for (let i = 0; i < 300; i++) {
        const file = runSync(volume.create({ name: `f${i}`, media: ['m'], preallocateBytes: 64 << 10 }))
        runSync(file.append([record(i), Buffer.alloc(40_000, i)]))
        runSync(file.seal())
        const into = Buffer.alloc(4)
        expect(file.readNow(0, into)).toBe(4)
        expect(into.readUInt32LE(0)).toBe(i)
        runSync(volume.delete(`f${i}`))
      }
      expect(volume.status().get('m')!.freeZones).toBeGreaterThan(40)
      await volume.close()
      await medium.close()
    })
  }
})

describe('readNow', () => {
  test('answers as read does, at any place and length', async () => {
    const volume = await Volume.create({ media: { m: MEDIA.memory!() }, now })
    const file = runSync(volume.create({ name: 'f', media: ['m'] }))
    const parts: Buffer[] = []
    for (let i = 0; i < 12; i++) {
      const part = Buffer.alloc([300, 5000, 4096, 20_000][i % 4]!)
      for (let k = 0; k < part.length; k++) part[k] = (k * 7 + i * 31) & 255
      parts.push(part)
      runSync(file.append([part]))
    }
    const all = Buffer.concat(parts)
    expect(file.size).toBe(all.length)
    let answered = 0
    for (let seed = 1, i = 0; i < 600; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      const at = seed % (all.length + 50)
      const length = (seed >>> 8) % 12_000
      const into = Buffer.alloc(length, 0xee)
      const want = all.subarray(at, at + length)
      const got = file.readNow(at, into)
      if (got === undefined) {
        expect(runSync(file.read(at, into))).toBe(want.length)
      } else answered++
      if (got !== undefined) expect(got).toBe(want.length)
      expect(into.subarray(0, want.length).equals(want)).toBe(true)
      expect(into.subarray(want.length).every((byte) => byte === 0xee)).toBe(true)
    }
    expect(answered).toBeGreaterThan(300)
    expect(file.readNow(all.length, Buffer.alloc(10))).toBe(0)
    expect(() => file.readNow(-1, Buffer.alloc(10))).toThrow(/PFAOF_ARGUMENT/)
    await volume.close()
    expect(() => file.readNow(0, Buffer.alloc(10))).toThrow(/PFAOF_CLOSED/)
  })

  test('refuses a damaged page every time, and hands out the pages beside it', async () => {
    const medium = openMemory({ zoneCount: 16, zoneBytes: 256 << 10, durability: 'flush' })
    const volume = await Volume.create({ media: { m: medium }, now })
    const file = runSync(volume.create({ name: 'f', media: ['m'] }))
    // More than 32 pages: the marks of later ones lie elsewhere.
    runSync(file.append([Buffer.alloc(40 * 4096, 9)]))
    const { zone, start } = volume.stat('f').extents[0]!
    const payloadAt = start + 56 + 4 * 40
    for (const page of [3, 37]) medium.store.write(zone, payloadAt + page * 4096 + 5, [Buffer.of(1)])
    const into = Buffer.alloc(4096)
    for (let round = 0; round < 3; round++) {
      for (let page = 0; page < 40; page++) {
        if (page !== 3 && page !== 37) expect(file.readNow(page * 4096, into)).toBe(4096)
        else expect(() => file.readNow(page * 4096 + 100, into.subarray(0, 50))).toThrow(/PFAOF_CORRUPTION/)
      }
    }
    expect(() => file.readNow(0, Buffer.alloc(40 * 4096))).toThrow(/PFAOF_CORRUPTION/)
  })

  test('is undefined where the medium has to be waited for', async () => {
    const [m, tape] = [MEDIA.memory!(), openTape()]
    const volume = await Volume.create({ media: { m, tape }, now })
    const file = await runAsync(volume.create({ name: 'f', media: ['tape'] }))
    await runAsync(file.append([Buffer.alloc(5000, 1)]))
    await runAsync(file.seal())
    const into = Buffer.alloc(100)
    expect(file.readNow(10, into)).toBeUndefined()
    expect(await runAsync(file.read(10, into))).toBe(100)
  })
})

test('a synchronous append of a file that is being sealed is refused, and says so', async () => {
  const volume = await Volume.create({ media: { m: MEDIA.directory!() }, now })
  const file = await runAsync(volume.create({ name: 'f', media: ['m'] }))
  await runAsync(file.append([Buffer.alloc(100)]))
  const sealing = runAsync(file.seal())
  let code: string | undefined
  try {
    runSync(file.append([Buffer.alloc(1)]))
  } catch (error) {
    code = isPfaofError(error) ? error.code : (error as { code?: string }).code
  }
  expect(code).toBe('PFAOF_SYNC_UNAVAILABLE')
  await sealing
  await volume.close()
})

describe.each(Object.entries(MEDIA))('appendNow on %s', (_name, open) => {
  test('says undefined, and has done nothing, where append has to be driven', async () => {
    const medium = open()
    const volume = await Volume.create({ media: { m: medium }, now })
    try {
      const file = await runAsync(volume.create({ name: 'log', media: ['m'] }))
      let driven = 0
      for (let number = 0; number < 600; number++) {
        const { size } = file
        const offset = file.appendNow([record(number).subarray(0, 9), record(number).subarray(9)])
        if (offset === undefined) {
          driven++
          expect(file.size).toBe(size)
          expect(runSync(file.append([record(number)]))).toBe(size)
        } else expect(offset).toBe(size)
      }
      checkLog(file, 600)
      // The first record of each zone.
      expect(driven).toBeGreaterThan(2)
      expect(driven).toBeLessThan(10)
      expect(file.appendNow([])).toBeUndefined()
      await runAsync(file.seal())
      expect(file.appendNow([record(600)])).toBeUndefined()
      expect(() => runSync(file.append([record(600)]))).toThrow(expect.objectContaining({ code: 'PFAOF_SEALED' }))
      checkLog(file, 600)
    } finally {
      await volume.close()
      await medium.close()
    }
  })
})
