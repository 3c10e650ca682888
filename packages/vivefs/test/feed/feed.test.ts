/** The change feed: ordered, durable, resumable, bounded, exact. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryLevel } from 'memory-level'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ChangedFile, ChangeEntry, ChangesOptions } from '../../src/feed/read.ts'
import { type OpenOptions, ViveFS } from '../../src/vivefs.ts'

const credentials = { uid: 0, gid: 0, groups: [], umask: 0o022 }
const database = (): MemoryLevel<Buffer, Buffer> =>
  new MemoryLevel({ keyEncoding: 'buffer', valueEncoding: 'buffer', storeEncoding: 'buffer' })

const open = (where: Parameters<typeof ViveFS.open>[0], options: OpenOptions = {}): Promise<ViveFS> =>
  ViveFS.open(where, { credentials, ...options })

async function all(vive: ViveFS, options: ChangesOptions = {}): Promise<ChangeEntry[]> {
  const entries: ChangeEntry[] = []
  for await (const entry of vive.changes({ since: 0, follow: false, ...options })) entries.push(entry)
  return entries
}

const line = ({ kind, path, to }: ChangedFile): string =>
  [kind, path ?? '-', ...(to === undefined ? [] : [to.path ?? '-'])].join(' ')
const lines = (entries: readonly ChangeEntry[]): string[] => entries.map(({ changes }) => changes.map(line).join(', '))

async function closeClean(vive: ViveFS): Promise<void> {
  expect((await vive.fsck()).findings).toEqual([])
  await vive.close()
}

test('a rollback is one entry; those from before it stay, and what comes later goes on', async () => {
  const vive = await open('memory://', { changes: true })
  const { promises } = vive.fs
  await promises.writeFile('/a', 'one')
  await vive.snapshots.create('s')
  await promises.rename('/a', '/b')
  const { last } = vive.changeFeed!
  const next = vive.changes({ since: last }).next()
  await vive.snapshots.rollback('s')
  expect((await next).value).toMatchObject({
    uid: 0,
    changes: [{ kind: 'rollback', isDirectory: true, path: undefined }],
  })
  await promises.unlink('/a')
  expect(lines(await all(vive))).toEqual([
    'create /a, modify /a',
    'rename /a /b',
    'rollback -',
    'attrib -, delete /a, gone -',
  ])
  await closeClean(vive)
})

describe('entries', () => {
  let vive: ViveFS
  beforeEach(async () => {
    vive = await open('memory://', { changes: true })
  })
  afterEach(() => closeClean(vive))

  test('say what, by whom, when, in order; a rename has both names', async () => {
    const { promises } = vive.fs
    const before = Date.now()
    await promises.mkdir('/d')
    await promises.writeFile('/d/f', 'text')
    await promises.chmod('/d/f', 0o600)
    await promises.rename('/d/f', '/g')
    await promises.link('/g', '/h')
    await promises.unlink('/g')
    await promises.chmod('/', 0o777)
    await vive.as({ uid: 7, gid: 8 }).fs.promises.writeFile('/mine', '')
    await promises.rm('/d', { recursive: true })
    await promises.readFile('/h')
    const entries = await all(vive)
    expect(lines(entries)).toEqual([
      'create /d',
      'create /d/f, modify /d/f',
      'attrib /d/f',
      'rename /d/f /g',
      'attrib -, create /h',
      'attrib -, delete /g',
      'attrib -',
      'create /mine',
      'delete /d, gone -',
    ])
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map(({ seq }) => seq).sort((a, b) => a - b))
    expect(entries.map(({ uid, gid }) => `${uid} ${gid}`)).toEqual([...Array(7).fill('0 0'), '7 8', '0 0'])
    for (const { time } of entries) expect(Math.abs(time.getTime() - before)).toBeLessThan(60_000)
  })

  test('what failed has none, and a transaction has one', async () => {
    await vive.fs.promises.mkdir('/no/such').catch(() => {})
    await vive
      .transaction(async ({ fs }) => {
        await fs.mkdir('/never')
        throw new Error('on purpose')
      })
      .catch(() => {})
    await vive.transaction(async ({ fs }) => {
      await fs.mkdir('/a')
      await fs.writeFile('/a/b', '')
    })
    expect(lines(await all(vive))).toEqual(['create /a, create /a/b'])
  })

  test('followed live, until the signal', async () => {
    const controller = new AbortController()
    const seen: string[] = []
    const reader = (async () => {
      for await (const entry of vive.changes({ signal: controller.signal })) {
        seen.push(...lines([entry]))
        if (seen.length === 20) controller.abort()
      }
    })()
    await new Promise((resolve) => setTimeout(resolve, 5))
    await Promise.all(Array.from({ length: 30 }, (_, n) => vive.fs.promises.writeFile(`/f${n}`, '')))
    await reader
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => `create /f${n}`))
  })

  test('a reader that waits ends when the volume is closed', async () => {
    const other = await open('memory://', { changes: true })
    const reader = (async () => {
      for await (const _ of other.changes()) throw new Error('nothing happened')
    })()
    await new Promise((resolve) => setTimeout(resolve, 5))
    await other.close()
    await reader
  })
})

test('goes on over restarts behind what was read last; numbers are never used again', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vivefs-feed-'))
  try {
    for (const engine of ['lsm', 'level'] as const) {
      const where = join(directory, engine)
      let vive = await open(where, { engine, changes: true })
      await vive.fs.promises.writeFile('/a', '')
      const [first] = await all(vive)
      await vive.fs.promises.writeFile('/b', '')
      await closeClean(vive)
      vive = await open(where)
      expect(lines(await all(vive, { since: first!.seq }))).toEqual(['create /b'])
      await vive.fs.promises.writeFile('/c', '')
      const rest = await all(vive, { since: first!.seq })
      expect(lines(rest)).toEqual(['create /b', 'create /c'])
      expect(rest[1]!.seq - rest[0]!.seq).toBeGreaterThan(2 ** 23)
      await closeClean(vive)
      vive = await open(where, { readOnly: true })
      expect(lines(await all(vive))).toEqual(['create /a', 'create /b', 'create /c'])
      await vive.close()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

describe('bounds', () => {
  test.each([
    ['count', { count: 100 }],
    ['bytes', { bytes: 7000 }],
  ])('of %s: the oldest go, and who was there is told so', async (_name, keep) => {
    const vive = await open('memory://', { changes: keep })
    for (let n = 0; n < 1000; n++) await vive.fs.promises.writeFile(`/f${n % 10}`, '')
    await vive.settle()
    const status = vive.changeFeed!
    expect(status.entries).toBeLessThan(160)
    expect(status.entries).toBeGreaterThan(50)
    const entries = await all(vive)
    expect(entries.length).toBe(status.entries)
    expect(entries[0]!.seq).toBe(status.first)
    expect(entries.at(-1)!.seq).toBe(status.last)
    await expect(all(vive, { since: status.first - 2 })).rejects.toMatchObject({
      code: 'ERR_VIVEFS_CHANGES_GONE',
      first: status.first,
    })
    expect((await all(vive, { since: status.first - 1 })).length).toBe(status.entries)
    await expect(all(vive, { since: status.last + 1 })).rejects.toMatchObject({ code: 'ERR_VIVEFS_CHANGES_GONE' })
    await closeClean(vive)
  })

  test('of age', async () => {
    let sec = 1_700_000_000
    let step = 0
    const runtime = { now: () => ({ sec, nsec: 0 }), random: (bytes: number) => Buffer.alloc(bytes, ++step) }
    const store = database()
    let vive = await open(store, { changes: { ageMs: 3_600_000 }, runtime })
    await vive.fs.promises.writeFile('/old', '')
    sec += 7200
    await vive.fs.promises.writeFile('/new', '')
    await vive.close()
    vive = await open(store, { runtime })
    await expect.poll(() => vive.changeFeed!.entries).toBe(1)
    expect(lines(await all(vive))).toEqual(['create /new'])
    await closeClean(vive)
  })
})

describe('on and off', () => {
  test('off by default, and then nothing is kept', async () => {
    const vive = await open('memory://')
    await vive.fs.promises.writeFile('/f', '')
    await expect(all(vive)).rejects.toMatchObject({ code: 'ERR_VIVEFS_CHANGES_OFF' })
    expect(vive.changeFeed).toBeUndefined()
    await closeClean(vive)
  })

  test('turned off it lets go of all; turned on again what was before is gone', async () => {
    const store = database()
    let vive = await open(store, { changes: true })
    for (let n = 0; n < 3000; n++) await vive.fs.promises.writeFile('/f', '')
    const { last } = vive.changeFeed!
    await vive.keepChanges(false)
    expect(vive.changeFeed).toMatchObject({ isOn: false, entries: 0, bytes: 0 })
    await vive.fs.promises.writeFile('/g', '')
    await closeClean(vive)
    vive = await open(store)
    await expect(all(vive)).rejects.toMatchObject({ code: 'ERR_VIVEFS_CHANGES_OFF' })
    await vive.keepChanges({ count: 10 })
    await vive.fs.promises.writeFile('/h', '')
    expect(lines(await all(vive))).toEqual(['create /h'])
    await expect(all(vive, { since: last - 1 })).rejects.toMatchObject({ code: 'ERR_VIVEFS_CHANGES_GONE' })
    await closeClean(vive)
  })

  test.each([[{}], [{ count: -1 }], [{ bytes: 0.5 }], [{ ageMs: Number.NaN }]])('%j is no bound', async (changes) => {
    await expect(open('memory://', { changes })).rejects.toMatchObject({ code: 'ERR_VIVEFS_OPTION' })
  })
})
