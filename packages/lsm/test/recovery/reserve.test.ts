/** Full media can be emptied: deletions, flushes and compaction have space that nothing else may use. */
import { type Medium, openMemory } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { LsmLevel } from '../../src/index.ts'
import { type Options, SMALL } from '../configurations.ts'

const options: Options = { ...SMALL, worker: false }
/** A sixteenth of it is two and a half zones. */
const disk = (): Medium => openMemory({ zoneBytes: 64 << 10, zoneCount: 40, durability: 'flush' })
const key = (n: number): string => `k${String(n).padStart(6, '0')}`
const value = (n: number, bytes: number): string => `${n}`.padEnd(bytes, 'x')

/** Writes until there is no space; answers with how many rows there are. */
async function fill(level: LsmLevel, bytes: number, now: boolean, from = 0): Promise<number> {
  for (let n = from; ; n++) {
    try {
      if (now) level.putSync(key(n), value(n, bytes))
      else await level.put(key(n), value(n, bytes))
    } catch (error) {
      expect(error).toMatchObject({ code: 'LEVEL_NO_SPACE' })
      expect(level.stats().writes!.poisoned).toBeUndefined()
      return n
    }
  }
}

describe.each([
  ['small values', 1000, {}],
  ['values apart from their keys', 3000, { separateBytes: 1000, logBytes: 32_768 }],
] as [string, number, Options][])('%s', (_, bytes, more) => {
  test.each([
    ['promised', false],
    ['on the spot', true],
  ])('are deleted one by one, %s, and new ones take their place', { timeout: 120_000 }, async (_how, now) => {
    const media = { main: disk() }
    let level = new LsmLevel('reserve', { ...options, ...more, media })
    await level.open()
    const rows = await fill(level, bytes, now)
    expect(rows * bytes).toBeGreaterThan(600_000)
    // As full as before after it was opened anew.
    await level.close()
    level = new LsmLevel('reserve', { ...options, ...more, media })
    await level.open()
    for (let n = 0; n < rows; n++) {
      if (n % 10 === 9) continue
      if (now) level.delSync(key(n))
      else await level.del(key(n), n % 50 === 0 ? ({ sync: true } as never) : {})
    }
    await level.flush()
    await level.compactRange()
    const left = Array.from({ length: rows }, (_, n) => n).filter((n) => n % 10 === 9)
    expect(await level.iterator().all()).toEqual(left.map((n) => [key(n), value(n, bytes)]))
    const again = await fill(level, bytes, now, rows)
    expect(again - rows).toBeGreaterThan(rows / 2)
    await level.clear()
    await level.compactRange()
    await level.put('after', 'all')
    expect(await level.iterator().all()).toEqual([['after', 'all']])
    await level.close()
  })
})

test('a batch that adds something as well is refused, until something is gone', async () => {
  const level = new LsmLevel('reserve', { ...options, media: { main: disk() } })
  await level.open()
  await fill(level, 300, false)
  const both = [
    { type: 'del' as const, key: key(0) },
    { type: 'put' as const, key: 'new', value: value(0, 300) },
  ]
  await expect(level.batch(both)).rejects.toThrow(/LEVEL_NO_SPACE.*kept for deletions/)
  expect(() => level.batchSync(both)).toThrow(/kept for deletions/)
  await level.deleteRange(key(0), key(1e5))
  await level.compactRange()
  await level.batch(both)
  expect(await level.keys().all()).toEqual(['new'])
  await level.close()
})

test('the option has limits', async () => {
  const level = new LsmLevel('memory:', { reserveBytes: -1 })
  await expect(level.open()).rejects.toMatchObject({ cause: { code: 'LEVEL_ARGUMENT' } })
})
