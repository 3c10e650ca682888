import { existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { describeMedium, openDirectory, openMedium, openPool } from '../src/index.ts'
import { decodeLock, encodeLock, processStartTime, takeLock } from '../src/lock.ts'
import { SlabPool } from '../src/slab.ts'

const root = mkdtempSync(join(tmpdir(), 'vivefs-directory-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const bytes = (length: number, value = 1) => new Uint8Array(length).fill(value)
let count = 0
const fresh = () => join(root, `d${++count}`)
const small = { zoneCount: 8, zoneBytes: 65536, preallocateBytes: 16384 }
const zonePath = (path: string, zone: number) => join(path, 'zones', `${String(zone).padStart(8, '0')}.zone`)

describe('directory', () => {
  it('allocates ahead and reuses the file of a reset zone, stale bytes and all', async () => {
    const path = fresh()
    const medium = openDirectory({ ...small, path })
    await medium.append(0, [bytes(1000, 1)])
    expect(statSync(zonePath(path, 0)).size).toBe(16384)
    const { ino } = statSync(zonePath(path, 0))
    await medium.reset(0)
    await medium.append(0, [bytes(10, 2)])
    expect(statSync(zonePath(path, 0)).ino).toBe(ino)
    expect([...readFileSync(zonePath(path, 0)).subarray(8, 12)]).toEqual([2, 2, 1, 1])
    await medium.close()
  })

  it('D1: leaves a file alone that has another name', async () => {
    for (const preallocate of [true, false]) {
      const path = fresh()
      const medium = openDirectory({ ...small, path, preallocate })
      await medium.append(0, [bytes(1000, 1)])
      await medium.flush()
      const checkpoint = join(root, `checkpoint-${count}`)
      linkSync(zonePath(path, 0), checkpoint)
      await medium.reset(0)
      await medium.append(0, [bytes(1000, 2)])
      await medium.flush()
      expect(
        readFileSync(checkpoint)
          .subarray(0, 1000)
          .every((byte) => byte === 1),
      ).toBe(true)
      expect(
        readFileSync(zonePath(path, 0))
          .subarray(0, 1000)
          .every((byte) => byte === 2),
      ).toBe(true)
      await medium.close()
    }
  })

  it('D1: linked between the reset and the next append', async () => {
    const path = fresh()
    const medium = openDirectory({ ...small, path })
    await medium.append(0, [bytes(100, 1)])
    await medium.reset(0)
    const late = join(root, `late-${count}`)
    linkSync(zonePath(path, 0), late)
    await medium.append(0, [bytes(100, 2)])
    expect(readFileSync(late)[0]).toBe(1)
    await medium.close()
  })

  it('D3 D4: finished zones know their end, spare files are bounded', async () => {
    const path = fresh()
    const medium = openDirectory({ ...small, path, sparesMax: 1 })
    for (const zone of [0, 1, 2]) await medium.append(zone, [bytes(777, zone)])
    await medium.finish(2)
    expect(statSync(zonePath(path, 2)).size).toBe(777)
    await medium.reset(0)
    await medium.reset(1)
    expect([0, 1].map((zone) => existsSync(zonePath(path, zone)))).toEqual([true, false])
    await medium.close()
    const again = await openMedium(medium.spec)
    expect((await again.report())[2]).toMatchObject({ state: 'full', pointer: 777 })
    await again.reset(2)
    expect(await again.append(2, [bytes(5, 9)])).toBe(0)
    await again.close()
  })

  it('keeps a reserve and gives it up once', async () => {
    const path = fresh()
    const medium = openDirectory({ ...small, path, reserveBytes: 300_000 })
    expect(statSync(join(path, 'reserve')).size).toBe(300_000)
    expect(await medium.spendReserve()).toBe(true)
    expect(await medium.spendReserve()).toBe(false)
    expect(existsSync(join(path, 'reserve'))).toBe(false)
    expect(await medium.refillReserve()).toBe(true)
    await medium.close()
  })

  it('adopts the geometry that it finds, refuses another, and refuses what is not its own', async () => {
    const path = fresh()
    const medium = openDirectory({ ...small, path })
    await medium.close()
    const again = openDirectory({ path })
    expect(again.caps.zoneCount).toBe(8)
    await again.close()
    expect(() => openDirectory({ path, zoneCount: 9 })).toThrow(/MEDIA_WRONG_MEDIUM/)
    expect(() => openDirectory({ path, id: 'other' })).toThrow(/MEDIA_WRONG_MEDIUM/)
    expect(() => openDirectory({ path: join(root, 'nothing'), id: medium.id })).toThrow(/MEDIA_NOT_FOUND/)
    expect(() => openDirectory({ path: join(root, 'nothing'), readOnly: true })).toThrow(/MEDIA_NOT_FOUND/)
    mkdirSync(join(root, 'photos'))
    writeFileSync(join(root, 'photos', 'holiday.jpg'), 'x')
    expect(() => openDirectory({ path: join(root, 'photos') })).toThrow(/MEDIA_FORMAT.*holiday/)
    writeFileSync(join(path, 'medium.vivefs'), bytes(4096))
    expect(() => openDirectory({ path })).toThrow(/MEDIA_FORMAT/)
    expect(existsSync(join(path, 'medium.lock'))).toBe(false)
  })

  it('a read-only opening reads beside the writer and changes nothing', async () => {
    const path = fresh()
    const writer = openDirectory({ ...small, path })
    await writer.append(0, [bytes(100, 4)])
    const reader = openDirectory({ path, readOnly: true })
    expect(await reader.read(0, 0, new Uint8Array(100))).toBe(100)
    for (const run of [() => reader.append(0, [bytes(1)]), () => reader.reset(0), () => reader.finish(0)]) {
      await expect(run()).rejects.toMatchObject({ code: 'MEDIA_READ_ONLY' })
    }
    await reader.close()
    await writer.close()
  })

  it('D2: a flush under a broken lock is not acknowledged', async () => {
    const path = fresh()
    const medium = openDirectory({ ...small, path })
    await medium.append(0, [bytes(1)])
    rmSync(join(path, 'medium.lock'))
    await expect(medium.flush()).rejects.toMatchObject({ code: 'MEDIA_LOCKED' })
    await expect(medium.append(0, [bytes(1)])).rejects.toMatchObject({ code: 'MEDIA_POISONED' })
    await medium.close()
  })

  it('many buffers, many zones and few handles', async () => {
    const medium = openDirectory({ ...small, path: fresh(), handlesMax: 2 })
    const parts = Array.from({ length: 200 }, (_, index) => bytes(7, index))
    await Promise.all(Array.from({ length: 8 }, (_, zone) => medium.append(zone, parts)))
    await medium.flush()
    for (let zone = 0; zone < 8; zone++) {
      const into = new Uint8Array(1400)
      expect(await medium.read(zone, 0, into)).toBe(1400)
      expect(into.every((byte, at) => byte === Math.floor(at / 7) % 256)).toBe(true)
    }
    await medium.close()
  })

  it('direct I/O where the filesystem has it: the same bytes', async () => {
    const medium = openDirectory({ ...small, path: fresh(), direct: true })
    expect(medium.caps.blockBytes).toBe(4096)
    const data = bytes(12288).map((_, at) => at % 251)
    await medium.append(0, [data.subarray(0, 100), data.subarray(100)])
    medium.appendSync!(0, [data])
    const into = new Uint8Array(24576)
    expect(await medium.read(0, 0, into)).toBe(24576)
    expect(Buffer.from(into).equals(Buffer.concat([data, data]))).toBe(true)
    await medium.close()
  })

  it('slabs are handed out in turn, never more than there are', async () => {
    const pool = new SlabPool(4096, 2)
    const [a, b] = [await pool.take(), await pool.take()]
    expect(pool.takeNow()).toBeUndefined()
    const waiting = pool.take()
    pool.give(a)
    expect(await waiting).toBe(a)
    pool.give(b)
    expect(pool.takeNow()).toBe(b)
  })
})

describe('lock', () => {
  it('names its holder, is refused to others, and a dead holder loses it', () => {
    const path = join(root, 'a.lock')
    const lock = takeLock(path)
    expect(decodeLock(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() })
    expect(() => takeLock(path)).toThrow(/MEDIA_LOCKED/)
    lock.release()
    expect(existsSync(path)).toBe(false)
    const text = (holder: object) => {
      const probe = takeLock(join(root, 'probe.lock'))
      probe.release()
      return { ...probe.holder, ...holder }
    }
    // A pid that was given to another process since: the start time tells.
    if (processStartTime(process.pid) !== '') {
      writeLock(path, text({ startTime: '1' }))
      const taken = takeLock(path)
      expect(taken.held()).toBe(true)
      taken.release()
      writeLock(path, text({ bootId: 'another boot' }))
      takeLock(path).release()
    }
    writeLock(path, text({ host: 'another-host', pid: 1 }))
    expect(() => takeLock(path)).toThrow(/MEDIA_LOCKED.*another-host/)
    writeFileSync(path, 'junk')
    expect(() => takeLock(path)).toThrow(/MEDIA_FORMAT/)
  })
})

function writeLock(path: string, holder: object): void {
  rmSync(path, { force: true })
  writeFileSync(path, encodeLock(holder as never))
}

describe('describeMedium', () => {
  it('tells what lies at a path, also one that is not there yet', () => {
    const here = describeMedium(join(root, 'not', 'yet', 'there'))
    expect(here.node).toBe('directory')
    expect(here.freeBytes).toBeGreaterThan(0)
    expect(['memory', 'solid-state', 'disk', 'zoned', 'network', 'unknown']).toContain(here.store)
    expect(() => describeMedium('')).toThrow(/MEDIA_ARGUMENT/)
    if (existsSync('/dev/shm')) {
      expect(describeMedium('/dev/shm')).toMatchObject({ store: 'memory', volatile: true, filesystem: 'tmpfs' })
    }
    if (existsSync('/dev/null')) expect(describeMedium('/dev/null').node).toBe('character-device')
  })

  it('a pool on tmpfs is volatile unless declared otherwise', async () => {
    if (!existsSync('/dev/shm')) return
    const path = mkdtempSync('/dev/shm/vivefs-pool-')
    try {
      const pool = openPool({ path, zoneCount: 4, zoneBytes: 65536 })
      expect(pool.caps.durability).toBe('volatile')
      await pool.close()
      const declared = openPool({ path, zoneCount: 4, zoneBytes: 65536, durability: 'flush' })
      expect(declared.caps.durability).toBe('flush')
      await declared.close()
    } finally {
      rmSync(path, { recursive: true, force: true })
    }
  })
})
