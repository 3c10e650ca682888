import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openMedium, openObject, openSmr, openTape, openZns } from '../src/index.ts'
import { MemoryObjects } from '../src/object-store.ts'

const root = mkdtempSync(join(tmpdir(), 'vivefs-sim-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const bytes = (length: number, value = 1) => new Uint8Array(length).fill(value)

describe('zns', () => {
  it('has less capacity than size and pads a finished zone with zeros', async () => {
    const zns = openZns({ zoneCount: 4, zoneBytes: 65536, zoneCapacityBytes: 49152 })
    await zns.append(0, [bytes(49152)])
    await expect(zns.append(0, [bytes(4096)])).rejects.toMatchObject({ code: 'MEDIA_ZONE_STATE' })
    await zns.append(1, [bytes(8192, 9)])
    await zns.reset(1)
    await zns.append(1, [bytes(4096, 2)])
    await zns.finish(1)
    expect((await zns.report())[1]).toMatchObject({ state: 'full', pointer: 49152 })
    const into = new Uint8Array(8192)
    expect(await zns.read(1, 0, into)).toBe(8192)
    expect(into.subarray(4096).every((byte) => byte === 0)).toBe(true)
  })

  it('keeps active zones active until finished: the open limit is not the only one', async () => {
    const zns = openZns({ zoneCount: 8, zoneBytes: 65536, openZonesMax: 2, activeZonesMax: 3 })
    await zns.append(0, [bytes(4096)])
    await zns.append(1, [bytes(4096)])
    await expect(zns.append(2, [bytes(4096)])).rejects.toMatchObject({ code: 'MEDIA_OPEN_LIMIT' })
    await zns.closeZone!(0)
    await zns.append(2, [bytes(4096)])
    await zns.closeZone!(1)
    await expect(zns.append(3, [bytes(4096)])).rejects.toMatchObject({ code: 'MEDIA_ACTIVE_LIMIT' })
    await zns.finish(0)
    expect(await zns.append(3, [bytes(4096)])).toBe(0)
    await expect(zns.closeZone!(5)).rejects.toMatchObject({ code: 'MEDIA_ZONE_STATE' })
  })

  it('refuses what a worn zone refuses', async () => {
    const zns = openZns({ zoneCount: 4, zoneBytes: 65536 })
    await zns.append(0, [bytes(4096)])
    await zns.append(1, [bytes(4096)])
    zns.retire(0, 'read-only')
    zns.retire(1, 'offline')
    await expect(zns.append(0, [bytes(4096)])).rejects.toMatchObject({ code: 'MEDIA_ZONE_STATE' })
    await expect(zns.reset(0)).rejects.toMatchObject({ code: 'MEDIA_ZONE_STATE' })
    expect(await zns.read(0, 0, new Uint8Array(9))).toBe(9)
    await expect(zns.read(1, 0, new Uint8Array(9))).rejects.toMatchObject({ code: 'MEDIA_ZONE_STATE' })
    expect((await zns.report()).map((zone) => zone.state)).toEqual(['read-only', 'offline', 'empty', 'empty'])
  })

  it('is the same drive at the same path, and no other', async () => {
    const path = join(root, 'zns')
    const zns = openZns({ path, zoneCount: 4, zoneBytes: 65536 })
    expect(() => openZns({ path, zoneCount: 4, zoneBytes: 65536 })).toThrow(/MEDIA_LOCKED/)
    await zns.close()
    expect(() => openZns({ path, zoneCount: 5, zoneBytes: 65536 })).toThrow(/MEDIA_WRONG_MEDIUM.*zoneCount/)
    expect(() => openZns({ path, zoneCount: 4, zoneBytes: 65536, id: 'another' })).toThrow(/MEDIA_WRONG_MEDIUM/)
    expect(() => openSmr({ path, zoneCount: 4, zoneBytes: 65536 })).toThrow(/MEDIA_FORMAT.*zns/)
    await expect(openMedium({ ...zns.spec, path: join(root, 'gone') })).rejects.toMatchObject({
      code: 'MEDIA_NOT_FOUND',
    })
    writeFileSync(join(root, 'junk'), 'not a medium')
    expect(() => openZns({ path: join(root, 'junk') })).toThrow(/MEDIA_FORMAT/)
    const again = await openMedium(zns.spec)
    expect(again.id).toBe(zns.id)
    await again.close()
  })

  it('checks its options', () => {
    for (const options of [
      { openZonesMax: 9, activeZonesMax: 3 },
      { zoneCapacityBytes: 1 << 30 },
      { blockBytes: 0 },
      { zoneCount: 1.5 },
      { path: '' },
      { cost: { seekMs: -1 } },
    ]) {
      expect(() => openZns(options)).toThrow(/MEDIA_ARGUMENT/)
    }
  })
})

describe('smr', () => {
  it('counts seeks and the time a disk would take', async () => {
    const smr = openSmr({ zoneCount: 8, zoneBytes: 1 << 20, blockBytes: 512 })
    for (let i = 0; i < 100; i++) await smr.append(2, [bytes(4096)])
    const sequential = smr.stats()
    expect(sequential.seeks).toBe(1)
    for (let i = 0; i < 100; i++) await smr.append(3 + (i % 2), [bytes(4096)])
    const scattered = smr.stats()
    expect(scattered.seeks).toBe(101)
    expect(scattered.modelMs - sequential.modelMs).toBeGreaterThan(100 * 8)
  })

  it('forgets the pointers of conventional zones and knows those of sequential ones', async () => {
    const path = join(root, 'smr')
    const smr = openSmr({ path, zoneCount: 4, zoneBytes: 65536, conventionalZones: 1 })
    await smr.append(0, [bytes(4096)])
    await smr.append(1, [bytes(4096)])
    await smr.close()
    const again = await openMedium(smr.spec)
    expect(await again.report()).toMatchObject([
      { pointer: 'unknown', type: 'conventional' },
      { pointer: 4096 },
      { pointer: 0 },
      { pointer: 0 },
    ])
    await expect(again.resume!(1, 0)).rejects.toMatchObject({ code: 'MEDIA_NOT_SUPPORTED' })
    await again.close()
  })

  it('sleeps when asked to', async () => {
    const smr = openSmr({ zoneCount: 4, zoneBytes: 65536, sleep: true, cost: { seekMs: 20 } })
    const start = performance.now()
    await smr.append(1, [bytes(4096)])
    smr.appendSync!(2, [bytes(4096)])
    expect(performance.now() - start).toBeGreaterThan(35)
  })
})

describe('tape', () => {
  const options = { zoneCount: 8, zoneBytes: 1 << 20, blockBytesMax: 65536 }

  it('destroys what follows when written in the middle', async () => {
    const tape = openTape(options)
    for (let zone = 0; zone < 4; zone++) {
      await tape.append(zone, [bytes(1000, zone)])
      await tape.finish(zone)
    }
    await tape.truncateFrom(1)
    expect((await tape.report()).map((zone) => zone.state).slice(0, 4)).toEqual(['full', 'empty', 'empty', 'empty'])
    await expect(tape.append(2, [bytes(1)])).rejects.toMatchObject({ code: 'MEDIA_STREAM_ORDER' })
    expect(await tape.append(1, [bytes(10)])).toBe(0)
    expect(await tape.read(0, 0, new Uint8Array(2000))).toBe(1000)
    expect(await tape.read(2, 0, new Uint8Array(2000))).toBe(0)
  })

  it('returns space by erase only, and ends', async () => {
    const tape = openTape({ ...options, cartridgeBytes: 70_000 })
    await tape.append(0, [bytes(60_000)])
    await expect(tape.append(0, [bytes(60_000)])).rejects.toMatchObject({ code: 'MEDIA_NO_SPACE' })
    await tape.finish(0)
    await expect(tape.reset(0)).rejects.toMatchObject({ code: 'MEDIA_NOT_SUPPORTED' })
    await tape.erase()
    expect(await tape.append(0, [bytes(60_000)])).toBe(0)
  })

  it('spends its time winding, and a batch in tape order winds less', async () => {
    const tape = openTape({ ...options, zoneBytes: 8 << 20 })
    for (let zone = 0; zone < 6; zone++) {
      for (let block = 0; block < 10; block++) await tape.append(zone, [bytes(50_000, block)])
      await tape.finish(zone)
    }
    expect(tape.stats().modelMs).toBeGreaterThan(16_000)
    const order = [5, 0, 3, 1, 4, 2].map((zone) => ({ zone, offset: 100, into: new Uint8Array(10) }))
    const before = tape.stats().modelMs
    for (const { zone, offset, into } of order) await tape.read(zone, offset, into)
    const oneByOne = tape.stats().modelMs - before
    for await (const { bytes: read } of tape.readMany(order)) expect(read).toBe(10)
    expect(tape.stats().modelMs - before - oneByOne).toBeLessThan(oneByOne)
    expect(tape.appendSync).toBeUndefined()
  })
})

describe('object', () => {
  it('two instances on one store: the second to create is refused', async () => {
    const store = new MemoryObjects()
    const [a, b] = [openObject({}, store), openObject({}, store)]
    expect(a.id).toBe(b.id)
    const claims = await Promise.all([a.createOnce('epoch/2', bytes(1, 1)), b.createOnce('epoch/2', bytes(1, 2))])
    expect(claims).toEqual([true, false])
    await a.append(7, [bytes(10)])
    await expect(b.append(7, [bytes(10)])).rejects.toMatchObject({ code: 'MEDIA_ZONE_STATE' })
    await b.put('note', bytes(3, 3))
    await b.put('note', bytes(4, 4))
    expect(await a.readKey('note')).toEqual(bytes(4, 4))
  })

  it('keeps awkward keys apart in a directory', async () => {
    const path = join(root, 'objects')
    const medium = openObject({ path })
    const keys = ['a', 'A', 'a/b', '..', '.', 'a=b', 'a%2Fb', 'ä', '\u{1f4be}', 'a b', 'zone/00000001', 'CON', 'a\\b']
    for (const key of keys) expect(await medium.createOnce(key, new TextEncoder().encode(key))).toBe(true)
    expect(await medium.listKeys('')).toEqual([...keys].sort())
    for (const key of keys) expect(new TextDecoder().decode(await medium.readKey(key))).toBe(key)
    await expect(medium.createOnce('\ud800', bytes(1))).rejects.toMatchObject({ code: 'MEDIA_ARGUMENT' })
    expect((await medium.report())[1]!.state).toBe('empty')
    const other = await openMedium(medium.spec)
    expect(await other.createOnce!('a', bytes(1))).toBe(false)
    await other.close()
    await medium.close()
  })
})

describe('openMedium', () => {
  it('refuses specs that say nothing', async () => {
    for (const spec of [undefined, null, 7, {}, { kind: 'floppy' }, { kind: 'directory' }, { kind: 'fault' }]) {
      await expect(openMedium(spec as never)).rejects.toMatchObject({ code: 'MEDIA_ARGUMENT' })
    }
  })
})
