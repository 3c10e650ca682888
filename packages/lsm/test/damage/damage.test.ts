/** What a database says of files that are newer, damaged, missing or too many; each of them is named. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Medium, openFault, openMemory } from '@vivefs/media'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LsmLevel } from '../../src/index.ts'
import { type Options, SMALL } from '../configurations.ts'
import { create, flip, namesOf, remove, rewrite, seal } from './files.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lsm-damage-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const options: Options = { ...SMALL, worker: false }
const ROWS = 60

/** A closed database: `t0` and on in a table, `l0` and on in the log only, some of the values outside of the tree. */
async function database(): Promise<string> {
  const location = mkdtempSync(join(directory, 'db-'))
  const level = new LsmLevel(location, { ...options, separateBytes: 500 })
  for (let i = 0; i < ROWS; i++) await level.put(`t${i}`, `${i}`.padEnd(i % 10 === 0 ? 800 : 100, 'x'))
  await level.flush()
  for (let i = 0; i < 10; i++) await level.put(`l${i}`, `${i}`.padEnd(100, 'y'))
  await level.close()
  return location
}

/** How opening and reading everything ends: the failure that says it, whoever wraps it. */
async function outcome(
  location: string,
  more: Options = {},
): Promise<{ code?: string; message: string; opened: boolean }> {
  const level = new LsmLevel(location, { ...options, ...more })
  let opened = false
  try {
    await level.open()
    opened = true
    const rows = await level.iterator().all()
    return { message: `${rows.length} rows`, opened }
  } catch (error) {
    const said = (opened ? error : (error as Error).cause) as Error & { code: string }
    return { code: said.code, message: said.message, opened }
  } finally {
    await level.close()
  }
}

test('a sound database', async () => {
  expect(await outcome(await database())).toMatchObject({ message: `${ROWS + 10} rows` })
})

describe('a newer format is refused with the numbers', () => {
  test('of the manifest', async () => {
    const location = await database()
    const name = await rewrite(location, 'manifest', (bytes) => {
      bytes.writeUInt16LE(7, 8)
      seal(bytes, 0, 28)
    })
    const { code, message, opened } = await outcome(location)
    expect({ code, opened }).toEqual({ code: 'LEVEL_FORMAT', opened: false })
    expect(message).toMatch(new RegExp(`${name}.*version 7 .*version 1`))
    expect(await outcome(location, { readOnly: true })).toMatchObject({ code: 'LEVEL_FORMAT' })
  })

  test('of features of the manifest: those for writers let readers pass', async () => {
    const location = await database()
    const name = await rewrite(location, 'manifest', (bytes) => {
      bytes.writeUInt32LE(0x8000_0000, 16)
      seal(bytes, 0, 28)
    })
    expect(await outcome(location)).toMatchObject({ code: 'LEVEL_FORMAT', message: expect.stringContaining(name) })
    expect(await outcome(location, { readOnly: true })).toMatchObject({ opened: true, message: `${ROWS + 10} rows` })
    await rewrite(location, 'manifest', (bytes) => {
      bytes.writeUInt32LE(0x8000_0000, 20)
      seal(bytes, 0, 28)
    })
    expect(await outcome(location, { readOnly: true })).toMatchObject({ code: 'LEVEL_FORMAT', opened: false })
  })

  test('of a log', async () => {
    const location = await database()
    const name = await rewrite(location, 'log', (bytes) => {
      bytes.writeUInt16LE(9, 8)
      seal(bytes, 0, 20)
    })
    const { code, message, opened } = await outcome(location)
    expect({ code, opened }).toEqual({ code: 'LEVEL_FORMAT', opened: false })
    expect(message).toMatch(new RegExp(`${name}.*version 9, supported is 1`))
  })

  test('of a table: what does not need it is read', async () => {
    const location = await database()
    const name = await rewrite(location, 'table', (bytes) => {
      const footer = bytes.length - 64
      bytes.writeUInt16LE(3, footer + 48)
      seal(bytes.subarray(footer), 0, 52)
    })
    const { code, message, opened } = await outcome(location)
    expect({ code, opened }).toEqual({ code: 'LEVEL_FORMAT', opened: true })
    expect(message).toMatch(new RegExp(`${name}: version 3; this code reads 1`))
    const level = new LsmLevel(location, { ...options, readOnly: true })
    expect(await level.get('l3')).toBe('3'.padEnd(100, 'y'))
    await level.close()
  })
})

describe('a changed bit is met before what it changed is believed', () => {
  const places = process.env.VIVEFS_DEEP === '1' ? 200 : 6
  test.each([
    ['manifest', false],
    ['log', false],
    ['table', true],
  ])('in a %s', { timeout: 600_000 }, async (kind, opens) => {
    const sound = await database()
    for (let i = 0; i < places; i++) {
      const at = i / (places - 1)
      const location = mkdtempSync(join(directory, 'copy-'))
      cpSync(sound, location, { recursive: true })
      const name = await flip(location, kind, at)
      for (const readOnly of [true, false]) {
        const { code, message, opened } = await outcome(location, { readOnly })
        const where = `${readOnly ? 'reader' : 'writer'}, bit at ${at}: ${message}`
        if (code === undefined) {
          expect(message, where).toBe(`${ROWS + 10} rows`) // it was padding
          continue
        }
        // Who only reads cannot tell damage from what a writer is changing.
        const expected = readOnly ? 'LEVEL_STALE' : 'LEVEL_CORRUPTION'
        expect({ code, opened }, where).toEqual({ code: expected, opened: opens })
        expect(message, where).toContain(name)
      }
      rmSync(location, { recursive: true })
    }
  })

  test('a writer refuses a damaged log and a damaged manifest too, and changes nothing', async () => {
    for (const kind of ['manifest', 'log']) {
      const location = await database()
      await flip(location, kind, 0.5)
      const before = await namesOf(location)
      expect(await outcome(location)).toMatchObject({ code: 'LEVEL_CORRUPTION', opened: false })
      expect(await namesOf(location)).toEqual(before)
      await flip(location, kind, 0.5)
      expect(await outcome(location)).toMatchObject({ message: `${ROWS + 10} rows` })
    }
  })

  test('a salvage reads the rest and says what it left out', async () => {
    const location = await database()
    const [log, table] = [await flip(location, 'log', 0.9), await flip(location, 'table', 0.1)]
    const level = new LsmLevel(location, { ...options, salvage: true })
    await level.open()
    const { damage } = level.stats()
    expect(damage.some((text) => text.includes(log))).toBe(true)
    expect(damage.some((text) => text.includes(table))).toBe(true)
    await level.iterator().all()
    await level.close()
  })
})

describe('a missing file is named', () => {
  test('a table', async () => {
    const location = await database()
    const name = await remove(location, 'table')
    const { code, message, opened } = await outcome(location)
    expect({ code, opened }).toEqual({ code: 'LEVEL_CORRUPTION', opened: true })
    expect(message).toContain(`${name} is missing`)
  })

  test('the manifest', async () => {
    const location = await database()
    for (const name of await namesOf(location)) if (name.startsWith('manifest')) await remove(location, 'manifest')
    const { code, message } = await outcome(location)
    expect(code).toBe('LEVEL_CORRUPTION')
    expect(message).toMatch(/no manifest, but (log|table)-\d+: repair/)
  })
})

test('orphans go when a writer opens, and what is not the database stays', async () => {
  const location = await database()
  const before = await namesOf(location)
  await create(location, ['table-900000', 'log-0', 'manifest-0', 'notes', 'table-x'])
  expect(await outcome(location, { readOnly: true })).toMatchObject({ message: `${ROWS + 10} rows` })
  expect(await namesOf(location)).toEqual([...before, 'log-0', 'manifest-0', 'notes', 'table-900000', 'table-x'].sort())
  expect(await outcome(location)).toMatchObject({ message: `${ROWS + 10} rows` })
  const after = await namesOf(location)
  expect(after).toContain('notes')
  expect(after).toContain('table-x')
  for (const name of ['log-0', 'manifest-0', 'table-900000']) expect(after).not.toContain(name)
})

test('a failed compaction poisons writes and says why; reads go on; opened anew all is there', async () => {
  const inner = openMemory({ zoneCount: 128, zoneBytes: 1 << 18, durability: 'flush' })
  const medium = openFault(inner) as Medium
  let failing = false
  const append = medium.appendSync!.bind(medium)
  medium.appendSync = (zone, parts) => {
    if (failing) throw Object.assign(new Error('the head crashed'), { code: 'MEDIA_IO' })
    return append(zone, parts)
  }
  const more: Options = { ...options, media: { main: medium }, level0Trigger: 1000 }
  const level = new LsmLevel('poisoned', more)
  for (let i = 0; i < 300; i++) await level.put(`k${i % 100}`, `${i}`.padEnd(100, 'x'))
  await level.flush()
  failing = true
  await expect(level.compactRange()).rejects.toMatchObject({ code: 'LEVEL_POISONED' })
  await expect(level.put('a', 'b')).rejects.toMatchObject({ code: 'LEVEL_POISONED' })
  expect(() => level.putSync('a', 'b')).toThrow('the head crashed')
  await expect(level.flush()).rejects.toMatchObject({ code: 'LEVEL_POISONED' })
  await expect(level.syncLog()).rejects.toMatchObject({ code: 'LEVEL_POISONED' })
  expect(level.stats().writes!.poisoned).toContain('the head crashed')
  expect((await level.keys().all()).length).toBe(100)
  expect(level.getSync('k99')).toBe('299'.padEnd(100, 'x'))
  await level.close().catch(() => {})
  failing = false
  const again = new LsmLevel('poisoned', more)
  expect((await again.keys().all()).length).toBe(100)
  await again.put('a', 'b')
  await again.compactRange()
  await again.close()
})

test('an aborted iterator says so, gives back what it held, and the database goes on', async () => {
  const level = new LsmLevel('memory:', options)
  for (let i = 0; i < 500; i++) await level.put(`k${i}`, `${i}`.padEnd(100, 'x'))
  const controller = new AbortController()
  const iterator = level.iterator({ signal: controller.signal })
  expect(await iterator.next()).toEqual(['k0', '0'.padEnd(100, 'x')])
  controller.abort()
  await expect(iterator.next()).rejects.toMatchObject({ code: 'LEVEL_ABORTED' })
  await expect(iterator.all()).rejects.toMatchObject({ code: 'LEVEL_ABORTED' })
  await iterator.close()
  const seen = new AbortController()
  await expect(
    (async () => {
      for await (const [key] of level.iterator({ signal: seen.signal })) if (key === 'k11') seen.abort()
    })(),
  ).rejects.toMatchObject({ code: 'LEVEL_ABORTED' })
  expect(level.stats().snapshots).toBe(0)
  await level.compactRange()
  expect((await level.keys().all()).length).toBe(500)
  await level.close()
})
