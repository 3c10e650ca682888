/** Readers beside a writer whose level 0 lies in its own memory. Takes about 2 s. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Medium, openDirectory, openMemory } from '@vivefs/media'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LsmLevel, type LsmLevelOptions, ladder, type MediaPolicy } from '../../src/index.ts'

const OPTIONS = {
  memtableBytes: 16_384,
  memoryBytes: 1 << 20,
  tableBytes: 8192,
  baseBytes: 16_384,
  blockBytes: 256,
  level0Trigger: 6,
  separateBytes: 500,
  logBytes: 65_536,
  worker: false,
  home: ['ssd'],
  policy: ladder(['dram', 'ssd']),
} as const
type Options = LsmLevelOptions<string, string>

let path: string
let media: Medium[]
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'lsm-follow-volatile-'))
  media = []
})
afterEach(async () => {
  for (const medium of media) await medium.close()
  rmSync(path, { recursive: true, force: true })
})

const memory = () => openMemory({ zoneCount: 64, zoneBytes: 1 << 20 })
const opened = (o: { readOnly: boolean }) => {
  const ssd = openDirectory({ path, ...(o.readOnly ? o : { zoneBytes: 1 << 20, zoneCount: 256 }) })
  media.push(ssd)
  return { dram: memory(), ssd }
}

async function writer(options: Options = {}): Promise<LsmLevel> {
  const level = new LsmLevel('writer', { ...OPTIONS, media: opened({ readOnly: false }), ...options } as Options)
  await level.open()
  return level
}

async function follower(options: Options = {}): Promise<LsmLevel> {
  const level = new LsmLevel('reader', {
    ...OPTIONS,
    media: opened({ readOnly: true }),
    readOnly: true,
    ...options,
  } as Options)
  await level.open()
  return level
}

/** Those of the tree: what was compacted may still lie there for a moment. */
const volatileTables = (level: LsmLevel) =>
  level
    .map()
    .files.filter(({ kind, level, volatile }) => kind === 'table' && level >= 0 && volatile)
    .map(({ number }) => number)

/** What both see, in both directions, by key and with separated values. */
async function expectSame(reader: LsmLevel, level: LsmLevel): Promise<void> {
  const all = await level.iterator().all()
  expect(await reader.iterator().all()).toEqual(all)
  expect(await reader.iterator({ reverse: true }).all()).toEqual(all.reverse())
  for (const [key, value] of all) {
    expect(reader.getSync(key)).toBe(value)
    expect((await reader.locate(key)) === undefined).toBe(false)
  }
  expect(await reader.get('nothing')).toBeUndefined()
}

test('a reader of another process, whose memory is its own, sees everything through flushes and compactions', async () => {
  const level = await writer()
  const reader = await follower()
  let most = 0
  for (let round = 0; round < 24; round++) {
    for (let i = 0; i < 40; i++)
      await level.put(`key ${(i * 7 + round) % 90}`, `${round} `.padEnd(i % 5 === 0 ? 700 : 60, '.'))
    await level.del(`key ${round}`)
    if (round % 7 === 3) await level.deleteRange(`key ${round}`, `key ${round}9`)
    if (round % 3 > 0) await level.flush()
    await level.syncLog()
    await reader.refresh()
    await expectSame(reader, level)
    // Not beside the writer's own tree: a reader may be ahead of it, as the manifest names what compaction made before the writer goes by it.
    const replayed = volatileTables(reader)
    expect(reader.stats().follow!.replayedTables).toBe(replayed.length)
    most = Math.max(most, replayed.length)
  }
  // How many there are at once depends on when compaction comes; several, at some time.
  expect(most).toBeGreaterThan(1)
  const late = await follower()
  await expectSame(late, level)
  await late.close()
  await reader.close()
  await level.close()
})

test('a table of the level that is on a durable medium keeps its place between two that are not', async () => {
  let full = false
  const policy: MediaPolicy = {
    name: 'sometimes full',
    place: ({ file, level }) => ({ media: file === 'table' && level === 0 && !full ? ['dram', 'ssd'] : ['ssd'] }),
  }
  const level = await writer({ policy, level0Trigger: 100 })
  for (const [round, durable] of [false, true, false, true].entries()) {
    full = durable
    for (const key of ['all', `from ${round}`]) await level.put(key, `${key} ${round}`)
    if (round === 1) await level.put('second', 'of the durable one')
    await level.flush()
  }
  expect(volatileTables(level)).toHaveLength(2)
  const reader = await follower({ policy })
  await expectSame(reader, level)
  expect(reader.getSync('all')).toBe('all 3')
  expect(reader.getSync('second')).toBe('of the durable one')
  expect(reader.stats().follow).toMatchObject({ replayedTables: 2, failure: undefined })
  await reader.close()
  await level.close()
})

test('a reader that follows by itself meets no error while level 0 comes and goes', { timeout: 60_000 }, async () => {
  const level = await writer({ level0Trigger: 2 })
  const reader = await follower({ followMs: 1 })
  for (let i = 0; i < 600; i++) {
    await level.put(`key ${i % 50}`, `${i} `.padEnd(200, '.'))
    if (i % 20 === 0) await level.flush()
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await level.flush()
  await reader.refresh()
  await expectSame(reader, level)
  expect(reader.stats().follow!.refreshes).toBeGreaterThan(5)
  expect(reader.stats().follow!.failure).toBeUndefined()
  await reader.close()
  await level.close()
})

test('a salvage reads them too', async () => {
  const level = await writer()
  for (let i = 0; i < 20; i++) await level.put(`key ${i}`, `${i}`)
  await level.flush()
  await level.close()
  const salvaged = await follower({ salvage: true })
  expect((await salvaged.keys().all()).length).toBe(20)
  expect(salvaged.stats().damage).toEqual([])
  await salvaged.close()
})
