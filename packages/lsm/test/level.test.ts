/** What LsmLevel does beside and beyond the interface of abstract-level. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Medium, openDirectory, openFault, openMemory } from '@vivefs/media'
import { runAsync, Volume } from '@vivefs/pfaof'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isLevelError, LsmLevel, type LsmLevelOptions } from '../src/index.ts'
import { APPEND } from './model/oracle.ts'

type Options = LsmLevelOptions<string, string>

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lsm-level-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const inline: Options = { worker: false }
const small: Options = { ...inline, memtableBytes: 8192, tableBytes: 8192, baseBytes: 32_768, level0Trigger: 2 }
const place = (): string => mkdtempSync(join(directory, 'db-'))

async function opened(options: Options = inline, location = 'memory:'): Promise<LsmLevel> {
  const level = new LsmLevel(location, options)
  await level.open()
  return level
}

/** The code of the failure, its cause's where abstract-level wraps it. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'none'
  } catch (error) {
    const { code, cause } = error as { code?: string; cause?: { code?: string } }
    return code === 'LEVEL_DATABASE_NOT_OPEN' && cause?.code !== undefined ? cause.code : String(code)
  }
}

describe('extras', () => {
  test('every announced method is there, and nothing is announced that is not', async () => {
    const level = await opened()
    for (const name of Object.keys(level.supports.additionalMethods))
      expect(typeof (level as unknown as Record<string, unknown>)[name], name).toBe('function')
    await level.close()
  })

  test('synchronous writes, reads and iteration', async () => {
    const level = await opened()
    level.putSync('a', '1')
    level.batchSync([
      { type: 'put', key: 'b', value: '2' },
      { type: 'put', key: 'c', value: '3' },
      { type: 'del', key: 'a' },
    ])
    level.delSync('c', { sync: true })
    expect(level.getSync('a')).toBeUndefined()
    level.batchSync([{ type: 'put', key: 'ü', value: 'ß' }])
    const iterator = level.iteratorSync()
    level.putSync('bb', 'later')
    expect(iterator.next()).toEqual(['b', '2'])
    expect(iterator.nextv(10)).toEqual([['ü', 'ß']])
    expect(iterator.next()).toBeUndefined()
    iterator.close()
    expect(() => iterator.next()).toThrow('closed')
    expect([...level.iteratorSync({ reverse: true, gt: 'b', limit: 1 })]).toEqual([['ü', 'ß']])
    const buffers = level.iteratorSync<Buffer, Buffer>({
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      gte: Buffer.from('b'),
      lt: Buffer.from('bb'),
    })
    expect(buffers.nextv(5)).toEqual([[Buffer.from('b'), Buffer.from('2')]])
    await level.close()
    expect(() => level.putSync('x', 'y')).toThrow('LEVEL_DATABASE_NOT_OPEN')
    expect(() => buffers.next()).toThrow('closed')
  })

  test('values may be views of what the database holds', async () => {
    const level = await opened()
    await level.put('k', 'v'.repeat(100))
    const view = level.getSync<string, Buffer>('k', { valueEncoding: 'buffer', copy: false } as never)!
    expect(view.toString()).toBe('v'.repeat(100))
    const copy = level.getSync<string, Buffer>('k', { valueEncoding: 'buffer' })!
    copy.fill(0)
    expect(level.getSync('k')).toBe('v'.repeat(100))
    await level.close()
  })

  test('merge, in batches too, over flushes and reopening', async () => {
    const location = place()
    const options = { ...small, mergeOperator: APPEND }
    let level = await opened(options, location)
    await level.merge('m', 'a')
    await level.flush()
    await level.batch([{ type: 'merge', key: 'm', value: 'b' }] as never)
    level.batchSync([{ type: 'merge', key: 'm', value: 'c' }])
    expect(level.getSync('m')).toBe('abc')
    await level.close()
    level = await opened(options, location)
    expect(await level.iterator({ reverse: true }).all()).toEqual([['m', 'abc']])
    await level.compactRange()
    expect(await level.get('m')).toBe('abc')
    await level.close()
    expect(await codeOf(opened(small, location))).toBe('LEVEL_MERGE_OPERATOR')
    expect(await codeOf(opened({ ...small, mergeOperator: { ...APPEND, name: 'other' } }, location))).toBe(
      'LEVEL_MERGE_OPERATOR',
    )
  })

  test('operands without an operator say so', async () => {
    const level = await opened()
    await level.merge('m', 'a')
    expect(await codeOf(level.get('m'))).toBe('LEVEL_MERGE_OPERATOR')
    await level.close()
  })

  test('deleteRange, approximateSize, compactRange, flush', async () => {
    const level = await opened(small)
    for (let i = 0; i < 500; i++) await level.put(`k${String(i).padStart(4, '0')}`, `${i}`.padEnd(100, 'x'))
    await level.flush()
    const size = await level.approximateSize('k0000', 'k0250')
    expect(size).toBeGreaterThan(10_000)
    expect(size).toBeLessThan(60_000)
    await level.deleteRange('k0100', 'k0400')
    expect((await level.keys().all()).length).toBe(200)
    await level.compactRange()
    const { levels } = level.stats()
    expect(levels.reduce((sum, { entries }) => sum + entries, 0)).toBe(200)
    expect(await level.keys({ gte: 'k0099', lte: 'k0400' }).all()).toEqual(['k0099', 'k0400'])
    await level.close()
  })

  test('kept snapshots survive the process, and what they see survives compaction', async () => {
    const location = place()
    let level = await opened(small, location)
    await level.put('a', 'old')
    await level.keepSnapshot('one')
    expect(await codeOf(level.keepSnapshot('one'))).toBe('LEVEL_ARGUMENT')
    await level.put('a', 'new')
    await level.compactRange()
    await level.close()
    level = await opened(small, location)
    await level.compactRange()
    const snapshot = level.openSnapshot('one')
    expect(await level.get('a', { snapshot })).toBe('old')
    expect(await level.get('a')).toBe('new')
    expect(level.keptSnapshots().map(({ name }) => name)).toEqual(['one'])
    await snapshot.close()
    await level.dropSnapshot('one')
    expect(() => level.openSnapshot('one')).toThrow('LEVEL_NOT_FOUND')
    await level.close()
  })
})

describe('checkpoint', () => {
  test('a database in a directory shares its finished files', async () => {
    const level = await opened(small, place())
    for (let i = 0; i < 300; i++) await level.put(`k${i}`, 'x'.repeat(100))
    const there = join(place(), 'copy')
    const report = await level.checkpoint(there)
    expect(report.linkedFiles + report.copiedFiles).toBeGreaterThan(0)
    await level.put('later', '1')
    await level.compactRange()
    const copy = await opened(small, there)
    expect((await copy.keys().all()).length).toBe(300)
    await copy.put('own', '1')
    await copy.compactRange()
    expect(level.getSync('own')).toBeUndefined()
    expect((await level.keys().all()).length).toBe(301)
    await copy.close()
    expect(await codeOf(level.checkpoint(there))).toBe('LEVEL_ARGUMENT')
    await level.close()
  })

  test('from other media the tables are copied', async () => {
    const level = await opened(small)
    for (let i = 0; i < 300; i++) await level.put(`k${i}`, 'x'.repeat(100))
    const there = place()
    expect((await level.checkpoint(there)).copiedFiles).toBeGreaterThan(0)
    await level.close()
    const copy = await opened(small, there)
    expect((await copy.keys().all()).length).toBe(300)
    await copy.close()
  })
})

describe('durability', () => {
  test('synced puts at once share flushes', async () => {
    const level = await opened(inline, place())
    await level.put('warm', 'up', { sync: true } as never)
    const before = level.stats().writes!.syncs
    await Promise.all(Array.from({ length: 64 }, (_, i) => level.put(`k${i}`, 'v', { sync: true } as never)))
    expect(level.stats().writes!.syncs - before).toBeLessThanOrEqual(2)
    expect(level.stats().writes!.unsyncedBytes).toBe(0)
    await level.put('later', 'v')
    expect(level.stats().writes!.unsyncedBytes).toBeGreaterThan(0)
    await level.syncLog()
    expect(level.stats().writes!.unsyncedBytes).toBe(0)
    await level.close()
  })

  test('strict leaves nothing unsynced', async () => {
    const level = await opened({ ...inline, durability: 'strict' })
    await level.put('a', '1')
    level.putSync('b', '2')
    expect(level.stats().writes!.unsyncedBytes).toBe(0)
    await level.close()
  })

  test('relaxed holds back no more than it says', async () => {
    const level = await opened({ ...inline, durability: 'relaxed', relaxedBytes: 2000, relaxedMs: 20 })
    await level.put('a', 'x'.repeat(500))
    expect(level.stats().writes!.relaxedBytes).toBeGreaterThan(500)
    for (let i = 0; i < 20; i++) {
      await level.put('a', 'x'.repeat(500))
      expect(level.stats().writes!.relaxedBytes).toBeLessThan(2000)
    }
    await level.put('b', 'y')
    await expect.poll(() => level.stats().writes!.relaxedBytes).toBe(0)
    await level.put('c', 'z')
    await level.syncLog()
    expect(level.stats().writes!).toMatchObject({ relaxedBytes: 0, unsyncedBytes: 0 })
    await level.close()
  })

  test('closing without waiting loses nothing', async () => {
    const location = place()
    const level = await opened({ ...inline, durability: 'relaxed', relaxedMs: 60_000 }, location)
    await level.put('a', '1')
    const closing = level.close()
    await closing
    const again = await opened(inline, location)
    expect(again.getSync('a')).toBe('1')
    await again.close()
  })
})

describe('back-pressure', () => {
  test('a synchronous loop goes on for ever, in bounded memory', async () => {
    const level = await opened({ ...small, level0Slowdown: 3, level0Stop: 4 })
    for (let i = 0; i < 3000; i++) level.putSync(`k${(i * 7919) % 1000}`, `${i}`.padEnd(200, 'x'))
    const { writes, levels } = level.stats()
    expect(writes!.immutableMemtables).toBeLessThanOrEqual(2)
    expect(levels[0]!.tables).toBeLessThanOrEqual(5)
    expect((await level.keys().all()).length).toBe(1000)
    await level.close()
  })

  test('writes that nobody waits for land in order', async () => {
    const level = await opened({ ...small, level0Slowdown: 2, level0Stop: 3 })
    const all = Array.from({ length: 2000 }, (_, i) => level.put(`k${i % 10}`, `${i}`.padEnd(100)))
    await Promise.all(all)
    for (let i = 0; i < 10; i++) expect(level.getSync(`k${i}`)).toBe(`${1990 + i}`.padEnd(100))
    expect(level.stats().writes!.stalls).toBeGreaterThan(0)
    await level.close()
  })
})

describe('failures', () => {
  test('a second writer is told who has the database', async () => {
    const location = place()
    const level = await opened(inline, location)
    const second = new LsmLevel(location, inline)
    await expect(second.open()).rejects.toMatchObject({
      cause: { code: 'LEVEL_LOCKED', message: expect.stringContaining(String(process.pid)) },
    })
    await level.close()
    await (await opened(inline, location)).close()
  })

  test('limits and wrong options', async () => {
    const level = await opened()
    expect(await codeOf(level.put('k'.repeat(70_000), 'v'))).toBe('LEVEL_BATCH_TOO_BIG')
    expect(() => level.putSync('k'.repeat(70_000), 'v')).toThrow('LEVEL_BATCH_TOO_BIG')
    await level.put('k'.repeat(65_536), 'v')
    await level.clear()
    expect(await level.keys().all()).toEqual([])
    await level.close()
    expect(await codeOf(opened({ memoryBytes: 5 }))).toBe('LEVEL_ARGUMENT')
    expect(await codeOf(opened({ durability: 'never' as never }))).toBe('LEVEL_ARGUMENT')
  })

  test('a missing table is named, reads elsewhere go on, and a salvage reads the rest', async () => {
    const location = place()
    let level = await opened(small, location)
    for (const key of ['a', 'b']) {
      await level.put(key, key)
      await level.flush()
      await level.compactRange(key, `${key}~`)
    }
    await level.close()
    const main = openDirectory({ path: location })
    const volume = await Volume.open({ media: { main } })
    const tables = [...volume.list()].filter(({ name }) => name!.startsWith('table'))
    await runAsync(volume.delete(tables[0]!.name!))
    await volume.close()
    await main.close()
    level = await opened(small, location)
    const failure = await level
      .iterator()
      .all()
      .catch((error) => error)
    expect(failure).toMatchObject({
      code: 'LEVEL_CORRUPTION',
      message: expect.stringContaining(`${tables[0]!.name} is missing`),
    })
    expect(isLevelError(failure)).toBe(true)
    await level.close()
    level = await opened({ ...small, salvage: true }, location)
    expect(level.stats().damage).toHaveLength(1)
    expect((await level.iterator().all()).length).toBe(tables.length - 1)
    expect(await codeOf(level.put('x', 'y'))).toBe('LEVEL_READ_ONLY')
    await level.close()
  })

  test('a failed flush poisons writes, says why, and reads go on', async () => {
    const inner = openMemory({ zoneCount: 64, zoneBytes: 1 << 18, durability: 'flush' })
    let failing = false
    const medium = openFault(inner) as Medium
    const append = medium.appendSync!.bind(medium)
    medium.appendSync = (zone, parts) => {
      if (failing && parts.reduce((sum, part) => sum + part.length, 0) > 3000) throw new Error('the disk is on fire')
      return append(zone, parts)
    }
    const level = await opened({ ...small, media: { main: medium } })
    await level.put('a', '1')
    failing = true
    await level.batch(
      Array.from({ length: 60 }, (_, i) => ({ type: 'put' as const, key: `k${i}`, value: 'x'.repeat(30) })),
    )
    expect(await codeOf(level.flush())).toBe('LEVEL_POISONED')
    expect(await codeOf(level.put('b', '2'))).toBe('LEVEL_POISONED')
    expect(() => level.putSync('b', '2')).toThrow('on fire')
    expect(level.getSync('a')).toBe('1')
    expect(level.getSync('k59')).toBe('x'.repeat(30))
    expect(level.stats().writes!.poisoned).toContain('on fire')
    await level.close().catch(() => {})
    failing = false
    const again = await opened({ ...small, media: { main: medium } })
    expect(again.getSync('k59')).toBe('x'.repeat(30))
    await again.put('b', '2')
    await again.close()
  })
})

describe('beside a writer', () => {
  test('a reader sees the state of its opening, and what came since after refresh', async () => {
    const location = place()
    const writer = await opened(small, location)
    await writer.put('a', '1')
    const reader = await opened({ ...small, readOnly: true }, location)
    expect(await reader.get('a')).toBe('1')
    for (let i = 0; i < 300; i++) await writer.put(`k${i}`, 'x'.repeat(100))
    expect((await reader.keys().all()).length).toBe(1)
    await reader.refresh()
    expect((await reader.keys().all()).length).toBe(301)
    expect(await codeOf(reader.put('b', '2'))).toBe('LEVEL_READ_ONLY')
    await writer.compactRange()
    await writer.del('a')
    await reader.refresh()
    expect(reader.getSync('a')).toBeUndefined()
    expect((await reader.keys().all()).length).toBe(300)
    await reader.close()
    await writer.close()
    expect(await codeOf(opened({ readOnly: true }, join(directory, 'nowhere')))).toBe('LEVEL_MISSING')
  })
})
