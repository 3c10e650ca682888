/** A log that was durable and is missing is damage that is named; one that was never written, or that loss of power took, is nothing. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Medium, MediumError, openMemory } from '@vivefs/media'
import { runAsync } from '@vivefs/pfaof'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BatchEncoder } from '../../src/batch/batch-encoder.ts'
import { run } from '../../src/cli/program.ts'
import type { LsmDb } from '../../src/db/db.ts'
import { missingLogs, replayLogs } from '../../src/db/recovery.ts'
import { LsmLevel } from '../../src/index.ts'
import { LogWriter } from '../../src/log/log-writer.ts'
import type { VersionSet } from '../../src/version/version-set.ts'
import { type Options, SMALL } from '../configurations.ts'
import { namesOf, remove } from '../damage/files.ts'
import { sameStorage } from '../tree/ground.ts'

const options: Options = { ...SMALL, worker: false }
const SYNC = { sync: true } as never

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lsm-missing-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const place = (): string => mkdtempSync(join(directory, 'db-'))
const treeOf = (level: LsmLevel) => (level as unknown as { db: LsmDb }).db.tree

/** `a` in a table, `b` in the log only. */
async function database(): Promise<LsmLevel> {
  const level = new LsmLevel(place(), options)
  await level.put('a', '1')
  await level.flush()
  await level.put('b', '2')
  return level
}

/** What a crash now would leave, without loss of power. */
function crashed({ location }: LsmLevel): string {
  const copy = place()
  cpSync(location, copy, { recursive: true, filter: (path) => !path.endsWith('.lock') })
  return copy
}

async function rowsOf(location: string, more: Options = {}): Promise<unknown> {
  const level = new LsmLevel(location, { ...options, ...more })
  try {
    await level.open()
    return await level.iterator().all()
  } catch (error) {
    const { code, message } = (error as Error).cause as { code: string; message: string }
    return `${code}: ${message}`.replace(`${code}: ${code}`, code)
  } finally {
    await level.close()
  }
}

const BOTH = [
  ['a', '1'],
  ['b', '2'],
]

describe('the log of a database', () => {
  test('that was closed: its loss is named, and a reader, verify, a salvage and a repair see it', async () => {
    const level = await database()
    const { location } = level
    await level.close()
    expect(await rowsOf(location, { readOnly: true })).toEqual(BOTH)
    const before = await namesOf(location)
    const name = await remove(location, 'log')
    const complaint = expect.stringMatching(new RegExp(`LEVEL_CORRUPTION: ${name} is missing: .* \\d+ bytes of it`))
    expect(await rowsOf(location)).toEqual(complaint)
    expect(await rowsOf(location, { readOnly: true })).toEqual(complaint)
    expect(await namesOf(location)).toEqual(before.filter((one) => one !== name))
    const lines: string[] = []
    expect(await run(['verify', location], { line: (text) => lines.push(text), complain: () => {} })).toBe(1)
    expect(lines[0]).toContain(`${name} is missing`)
    expect(await rowsOf(location, { salvage: true })).toEqual(BOTH.slice(0, 1))
    const salvage = new LsmLevel(location, { ...options, salvage: true })
    await salvage.open()
    expect(salvage.stats().damage.join()).toContain(`${name} is missing`)
    await salvage.close()
    expect(await run(['repair', location], { line: () => {}, complain: () => {} })).toBe(0)
    expect(await rowsOf(location)).toEqual(BOTH.slice(0, 1))
  })

  test('that was synced: its loss is named after a crash; without a sync nobody was promised anything', async () => {
    const level = await database()
    const unsynced = crashed(level)
    await remove(unsynced, 'log')
    expect(await rowsOf(unsynced)).toEqual(BOTH.slice(0, 1))
    await level.put('c', '3', SYNC)
    await expect.poll(() => treeOf(level).versions.knownLogs.size).toBe(1)
    const synced = crashed(level)
    const name = await remove(synced, 'log')
    expect(await rowsOf(synced)).toMatch(`${name} is missing`)
    // What is in tables is not missed.
    await level.flush()
    expect(treeOf(level).versions.knownLogs.size).toBe(0)
    await level.close()
    expect(await rowsOf(level.location)).toEqual([...BOTH, ['c', '3']])
  })

  test('is not missed by a reader while the writer goes on from log to log', async () => {
    const level = await database()
    const reader = new LsmLevel(level.location, { ...options, readOnly: true, followMs: 1 })
    await reader.open()
    for (let i = 0; i < 250; i++) {
      await level.put(`k${i % 50}`, `${i}`.padEnd(300, 'x'), (i % 10 === 0 ? { sync: true } : {}) as never)
      if (i % 25 === 0) await reader.refresh()
    }
    await reader.refresh()
    expect(reader.getSync('k49')).toBe('249'.padEnd(300, 'x'))
    await reader.close()
    await level.close()
  })
})

test('writes that are synced on the spot go on for ever, without a turn of the event loop', async () => {
  const level = new LsmLevel(place(), { ...options, level0Slowdown: 3, level0Stop: 4 })
  await level.open()
  for (let i = 0; i < 1500; i++) level.putSync(`k${(i * 7919) % 500}`, `${i}`.padEnd(200, 'x'), { sync: i % 20 === 0 })
  expect(level.stats().writes!.poisoned).toBeUndefined()
  expect((await level.keys().all()).length).toBe(500)
  await level.close()
  expect(await rowsOf(level.location)).toHaveLength(500)
})

/** A medium on which two logs are needed: one full of what could not be flushed, and the next. */
async function twoLogs(): Promise<{ medium: Medium; numbers: readonly number[]; versions: VersionSet }> {
  const medium: Medium = openMemory({ zoneCount: 64, zoneBytes: 1 << 18, durability: 'flush' })
  const append = medium.appendSync!.bind(medium)
  let refuse = false
  medium.appendSync = (zone, parts) => {
    if (refuse && parts.reduce((sum, part) => sum + part.length, 0) > 3000)
      throw new MediumError('MEDIA_NO_SPACE', 'nothing is left')
    return append(zone, parts)
  }
  const level = new LsmLevel('two', { ...options, media: { main: medium } })
  for (let i = 0; i < 40; i++) await level.put(`k${i}`, 'x'.repeat(100), SYNC)
  refuse = true
  await level.flush().catch((error) => expect(error.code).toBe('LEVEL_NO_SPACE'))
  await level.put('later', '1', SYNC)
  const { versions } = treeOf(level)
  await level.close()
  refuse = false
  return { medium, numbers: [...versions.knownLogs.keys()], versions }
}

test('a log that was durable has to follow on those before it, and may not be shorter', async () => {
  const { medium, numbers, versions } = await twoLogs()
  expect(numbers).toHaveLength(2)
  const [first, second] = numbers as [number, number]
  const storage = await sameStorage(medium)
  const o = { salvage: false, shared: false, separation: undefined }
  const known = (logs: [number, number][]): VersionSet =>
    ({ logNumber: versions.logNumber, knownLogs: new Map(logs) }) as unknown as VersionSet
  const whole = await runAsync(replayLogs(storage, known([...versions.knownLogs]), o))
  expect(whole).toMatchObject({ dropped: [], damage: [] })
  expect(whole.slots).toHaveLength(2)
  const bytes = versions.knownLogs.get(second)!
  const [shorter] = missingLogs(storage, known([[second, bytes + 1]]))
  expect(shorter!.error.message).toContain(`log-${second} has ${bytes} bytes`)
  // What power left of the first: nothing, or less than there was. The second has not been promised, unless the manifest knows better.
  await runAsync(storage.remove('log', first))
  const file = await runAsync(storage.create('log', first, { bytesExpected: 0 }))
  expect(await runAsync(replayLogs(storage, known([]), o))).toMatchObject({ slots: [], dropped: [first, second] })
  const batch = new BatchEncoder()
  batch.put('k0', 'x')
  await runAsync(new LogWriter(file, first).append(batch.parts(1)))
  const left = await runAsync(replayLogs(storage, known([]), o))
  expect(left).toMatchObject({ slots: [{ logNumber: first }], dropped: [second], damage: [] })
  const promised = known([[second, bytes]])
  await expect(runAsync(replayLogs(storage, promised, o))).rejects.toThrow(
    `log-${second}: it was durable, and does not`,
  )
  const salvaged = await runAsync(replayLogs(storage, promised, { ...o, salvage: true }))
  expect(salvaged).toMatchObject({ dropped: [second], damage: [{ code: 'LEVEL_CORRUPTION' }] })
  await storage.close()
})
