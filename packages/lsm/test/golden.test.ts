/**
 * Databases of format version 1 as they were written when they were made: every later version of the code has to read them, and to go on with
 * them. `VIVEFS_GOLDEN=name` makes one, for a new version or a new field only.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type Medium, type MediumImage, openMemory } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { LsmLevel } from '../src/index.ts'
import { type Options, TINY } from './configurations.ts'
import { APPEND } from './model/oracle.ts'

const pathOf = (name: string): string => fileURLToPath(new URL(`./golden/${name}.json.gz`, import.meta.url))
const GEOMETRY = { zoneCount: 64, zoneBytes: 32 << 10, durability: 'flush' as const }
const options: Options = {
  ...TINY,
  worker: false,
  mergeOperator: APPEND,
  separateBytes: 1000,
  compression: 'deflate',
  now: () => 1_700_000_000_000,
}

const key = (n: number): string => `key ${String(n).padStart(3, '0')}`
const value = (n: number): string => `value ${n} `.repeat(n % 7 === 0 ? 150 : 5)

/** What the golden databases hold: in their last level, in level 0, in the log; and what a snapshot of theirs does. */
const KEPT = Array.from({ length: 60 }, (_, n): [string, string] => [key(n), value(n)])
const ROWS = [...KEPT.filter((_, n) => n < 20 || n >= 30), ['merged', 'abc'], ['newest', 'log']]
  .filter(([k]) => k !== key(5))
  .map(([k, v]) => (k === key(7) ? [k, 'again'] : [k, v]))

async function makeGolden(): Promise<MediumImage> {
  const medium = openMemory(GEOMETRY)
  const level = new LsmLevel('golden', { ...options, media: { main: medium } })
  for (const [k, v] of KEPT) await level.put(k!, v!)
  await level.compactRange()
  await level.keepSnapshot('friday')
  await level.deleteRange(key(20), key(30))
  await level.merge('merged', 'a')
  await level.flush()
  await level.del(key(5))
  await level.put(key(7), 'again')
  await level.merge('merged', 'b')
  await level.flush()
  await level.batch([
    { type: 'put', key: 'newest', value: 'log' },
    { type: 'merge', key: 'merged', value: 'c' },
  ] as never)
  await level.close()
  return medium.image()
}

function pack({ zones }: MediumImage): Buffer {
  const packed = zones.map(({ bytes, ...zone }) => ({ ...zone, bytes: Buffer.from(bytes).toString('base64') }))
  return gzipSync(JSON.stringify({ format: 1, zones: packed }), { level: 9 })
}

/** A medium that holds a golden database: a twin gets the identity of its parent, the golden one has its own, which its superblock knows. */
async function golden(name: string): Promise<Medium> {
  const { zones } = JSON.parse(gunzipSync(readFileSync(pathOf(name))).toString()) as {
    zones: (Omit<MediumImage['zones'][number], 'bytes'> & { bytes: string })[]
  }
  const image = { zones: zones.map((zone) => ({ ...zone, bytes: Buffer.from(zone.bytes, 'base64') })), keys: new Map() }
  const medium = await openMemory(GEOMETRY).twin(image)
  const head = Buffer.alloc(1024)
  await medium.read(0, 0, head)
  const id = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/.exec(head.toString('latin1'))
  Object.defineProperty(medium, 'id', { value: id![0] })
  return medium
}

async function check(level: LsmLevel): Promise<void> {
  expect(await level.iterator().all()).toEqual(ROWS)
  const snapshot = level.openSnapshot('friday')
  expect(await level.iterator({ snapshot }).all()).toEqual(KEPT)
  await snapshot.close()
}

describe.each(['database-1', 'database-1-durable-logs'])('%s', (name) => {
  test('is read, and gone on with', async () => {
    if (process.env.VIVEFS_GOLDEN === name) writeFileSync(pathOf(name), pack(await makeGolden()))
    const medium = await golden(name)
    const level = new LsmLevel('golden', { ...options, readOnly: true, media: { main: medium } })
    await level.open()
    await check(level)
    await level.close()
    const writer = new LsmLevel('golden', { ...options, media: { main: medium } })
    await writer.open()
    await check(writer)
    await writer.compactRange()
    await writer.close()
    await writer.open()
    await check(writer)
    await writer.dropSnapshot('friday')
    await writer.put('later', '1')
    await writer.compactRange()
    expect(await writer.iterator().all()).toEqual([...ROWS.slice(0, -2), ['later', '1'], ...ROWS.slice(-2)])
    await writer.close()
    await medium.close()
  })
})
