import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'

const system = vi.hoisted(() => ({ later: 0, now: 0, failLater: false }))

// Only the two forms of fdatasync differ from the system's: they are counted, and the one in the thread pool can fail.
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  return {
    ...fs,
    fdatasync(fd: number, done: (error: Error | null) => void) {
      system.later++
      if (!system.failLater) return fs.fdatasync(fd, done)
      setImmediate(() => done(Object.assign(new Error('EIO: by the test'), { code: 'EIO' })))
    },
    fdatasyncSync(fd: number) {
      system.now++
      fs.fdatasyncSync(fd)
    },
  }
})

const { openDirectory } = await import('../src/index.ts')

const root = mkdtempSync(join(tmpdir(), 'media-behind-'))
let directories = 0
afterAll(() => rmSync(root, { recursive: true }))
const open = (writeBehindBytes: number) =>
  openDirectory({ path: join(root, String(directories++)), zoneCount: 4, zoneBytes: 4 << 20, writeBehindBytes })

const PIECE = Buffer.alloc(64 << 10, 7)
const turn = () => new Promise((resolve) => setTimeout(resolve, 20))

beforeEach(() => {
  system.later = 0
  system.now = 0
  system.failLater = false
})

describe('write-behind of a directory', () => {
  test('starts syncs in the background, at most three while nobody hears of their end', async () => {
    const medium = open(256 << 10)
    for (let i = 0; i < 60; i++) medium.appendSync!(0, [PIECE])
    expect(system.later).toBeGreaterThan(0)
    expect(system.later).toBeLessThanOrEqual(3)
    // Once the event loop has told of an end, there are more.
    let appends = 0
    const appendMore = () => {
      if (appends < 180) medium.appendSync!(1 + Math.floor(appends++ / 60), [PIECE])
      return system.later
    }
    await expect.poll(appendMore, { interval: 20, timeout: 20_000 }).toBeGreaterThan(3)
    await medium.close()
  })

  test('promises nothing: a flush syncs all the same, in both forms', async () => {
    const medium = open(256 << 10)
    for (let i = 0; i < 10; i++) medium.appendSync!(0, [PIECE])
    await turn()
    const behind = system.later
    expect(behind).toBeGreaterThan(0)
    medium.flushSync!()
    expect(system.now).toBe(1)
    medium.appendSync!(0, [PIECE])
    await medium.flush()
    expect(system.later).toBe(behind + 1)
    await medium.close()
  })

  test('a blocking flush does not take an unfinished one in the pool for done', async () => {
    const medium = open(0)
    medium.appendSync!(0, [PIECE])
    const flush = medium.flush()
    await Promise.resolve()
    medium.flushSync!()
    expect(system.now).toBe(1)
    await flush
    expect(system.later).toBe(1)
    await medium.close()
  })

  test('an error of it poisons the medium as a failed flush does', async () => {
    const medium = open(256 << 10)
    system.failLater = true
    for (let i = 0; i < 6; i++) medium.appendSync!(0, [PIECE])
    await turn()
    expect(() => medium.appendSync!(0, [PIECE])).toThrow(/MEDIA_POISONED/)
    expect(() => medium.flushSync!()).toThrow(/MEDIA_POISONED/)
    await expect(medium.flush()).rejects.toMatchObject({ code: 'MEDIA_POISONED' })
    await expect(medium.reset(0)).rejects.toMatchObject({ code: 'MEDIA_POISONED' })
    expect(medium.readSync!(0, 0, Buffer.alloc(100))).toBe(100)
    await medium.close()
  })

  test('a flush that meets it under way fails with it', async () => {
    const medium = open(256 << 10)
    system.failLater = true
    for (let i = 0; i < 6; i++) medium.appendSync!(0, [PIECE])
    const before = system.later
    expect(before).toBeGreaterThan(0)
    system.failLater = false
    await expect(medium.flush()).rejects.toMatchObject({ code: 'MEDIA_IO' })
    await expect(medium.flush()).rejects.toMatchObject({ code: 'MEDIA_POISONED' })
    await medium.close()
  })

  test('0 turns it off', async () => {
    const medium = open(0)
    for (let i = 0; i < 60; i++) medium.appendSync!(0, [PIECE])
    await turn()
    expect(system.later).toBe(0)
    await medium.close()
  })
})
