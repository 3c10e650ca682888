import { type Medium, openMemory, openObject, openSmr, openTape } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { type AppendFile, runAsync, Volume } from '../src/index.ts'

/*
 * Many readers of one file at once, on media whose reads are waited for, so that each finds the others half-way: in a file that was opened
 * anew and whose chunks are found by walking, and in one that still grows.
 */

const now = () => 1
const COLD: Readonly<Record<string, () => Medium>> = {
  tape: () => openTape({ zoneCount: 64, zoneBytes: 256 << 10 }),
  smr: () => openSmr({ zoneCount: 64, zoneBytes: 256 << 10, conventionalZones: 0 }),
  objects: () => openObject({ zoneCount: 64, zoneBytes: 256 << 10 }),
}

/** Lengths on both sides of a page, so that waypoints of one chunk and of many take turns. */
function record(number: number): Buffer {
  const bytes = Buffer.alloc(number % 9 === 0 ? 6000 : 60 + ((number * 137) % 900), number & 255)
  bytes.writeUInt32LE(number, 0)
  return bytes
}

async function append(file: AppendFile, from: number, to: number, ends: number[]): Promise<void> {
  for (let number = from; number < to; number++) {
    await runAsync(file.append([record(number)]))
    ends.push(file.size)
  }
}

async function expectRecord(file: AppendFile, ends: readonly number[], number: number): Promise<void> {
  const want = record(number)
  const into = Buffer.alloc(want.length)
  expect(await runAsync(file.read(ends[number]! - want.length, into))).toBe(want.length)
  expect(into.equals(want), `record ${number}`).toBe(true)
}

/** Numbers below `count` in an order that jumps. */
function shuffled(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 61 + seed) % count)
}

for (const [kind, open] of Object.entries(COLD)) {
  describe(`readers of one file on ${kind}`, () => {
    test('after opening: each finds its chunks while the others walk', async () => {
      const [home, cold] = [openMemory({ zoneCount: 16, zoneBytes: 256 << 10 }), open()]
      const ends: number[] = []
      const volume = await Volume.create({ media: { home, cold }, home: ['home'], now })
      const file = await runAsync(volume.create({ name: 'f', media: ['cold'] }))
      await append(file, 0, 401, ends)
      await runAsync(file.seal())
      await volume.close()
      for (let seed = 0; seed < 5; seed++) {
        const again = await Volume.open({ media: { home, cold }, now })
        const opened = (await runAsync(again.open('f')))!
        await Promise.all(shuffled(401, seed).map((number) => expectRecord(opened, ends, number)))
        await again.close()
      }
    })

    test('while it grows: what was appended during a read is found by the next', async () => {
      const [home, cold] = [openMemory({ zoneCount: 16, zoneBytes: 256 << 10 }), open()]
      const ends: number[] = []
      const volume = await Volume.create({ media: { home, cold }, home: ['home'], now })
      const file = await runAsync(volume.create({ name: 'f', media: ['cold'] }))
      await append(file, 0, 3, ends)
      const reads: Promise<void>[] = []
      for (let number = 3; number < 300; number++) {
        reads.push(expectRecord(file, ends, number - 1), expectRecord(file, ends, (number * 61) % number))
        await append(file, number, number + 1, ends)
        reads.push(expectRecord(file, ends, number))
      }
      await Promise.all(reads)
      await runAsync(file.seal())
      await Promise.all(shuffled(300, 7).map((number) => expectRecord(file, ends, number)))
      await volume.close()
    })
  })
}
