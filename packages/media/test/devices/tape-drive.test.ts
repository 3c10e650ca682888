import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mediumSuite } from '../../src/conformance/index.ts'
import { driveNumberOf, parseStatus } from '../../src/drive/st.ts'
import { StreamBuffer } from '../../src/drive/stream-buffer.ts'
import type { TapeDriveMedium } from '../../src/drive/tape-drive.ts'
import { openTape, type TapeDriveOptions } from '../../src/drive/tape-open.ts'
import {
  decodeHead,
  decodeIndex,
  decodeTrailer,
  encodeHead,
  encodeIndex,
  encodeTrailer,
  type TapeHead,
} from '../../src/drive/tape-record.ts'
import { type Medium, openTapeDrive } from '../../src/index.ts'
import { FakeCartridge, FakeTape } from './fake-tape.ts'

const small = { path: 'fake', zoneCount: 64, zoneBytes: 1 << 20, blockBytes: 16 << 10, cost: { streamMBpsMin: 0.001 } }
const cartridges = new WeakMap<Medium, FakeCartridge>()
const noise = (length: number, seed = 1) => Uint8Array.from({ length }, (_, index) => (index * 31 + seed * 7) & 255)

async function load(
  cartridge: FakeCartridge,
  options: Partial<TapeDriveOptions> = {},
  drive: { locates?: boolean; writeProtected?: boolean } = {},
): Promise<{ medium: TapeDriveMedium; tape: FakeTape }> {
  const tape = new FakeTape(cartridge, drive)
  const medium = await openTape(tape, { ...small, ...options }, undefined)
  cartridges.set(medium, cartridge)
  return { medium, tape }
}

for (const locates of [false, true]) {
  mediumSuite({
    name: `tape-drive, ${locates ? 'with' : 'without'} block addresses`,
    create: async () => (await load(new FakeCartridge(), { format: true }, { locates })).medium,
    reopen: async (closed) => (await load(cartridges.get(closed)!, { id: closed.id }, { locates })).medium,
    describe,
    it,
    seeds: [1, 2, 3],
  })
}

describe('tape-drive', () => {
  it('a bare cartridge is read back by index, and without: after a kill, and with every index damaged', async () => {
    const cartridge = new FakeCartridge()
    const { medium } = await load(cartridge, { format: true, indexEvery: 3 })
    for (let zone = 0; zone < 8; zone++) {
      await medium.append(zone, [noise(50_000 + zone, zone)])
      await medium.finish(zone)
    }
    await medium.append(8, [noise(100, 8)])
    expect(medium.driveCounts().indexes).toBe(2)
    // Nobody closes it: what was finished is there, what was buffered is not.
    const check = async (copy: FakeCartridge, unfinished: number) => {
      const again = await load(copy)
      const report = await again.medium.report()
      expect(report.slice(0, 8).map(({ state, pointer }) => [state, pointer])).toEqual(
        Array.from({ length: 8 }, (_, zone) => ['full', 50_000 + zone]),
      )
      expect(report[8]!.pointer).toBe(unfinished)
      for (let zone = 0; zone < 8; zone++) {
        const into = new Uint8Array(60_000)
        expect(await again.medium.read(zone, 0, into)).toBe(50_000 + zone)
        expect(Buffer.from(into.subarray(0, 50_000 + zone)).equals(noise(50_000 + zone, zone))).toBe(true)
      }
      return again
    }
    const copyOf = (records: FakeCartridge['records']) => Object.assign(new FakeCartridge(), { records: [...records] })
    await check(copyOf(cartridge.records), 0)
    const damaged = cartridge.records.map((record, index) => {
      const before = cartridge.records[index - 1]
      const isIndex = before !== 'filemark' && before !== undefined && decodeHead(before)?.kind === 'index'
      return isIndex && record !== 'filemark' ? record.map((byte) => byte ^ 1) : record
    })
    await check(copyOf(damaged), 0)
    await medium.close()
    const { medium: third, tape } = await check(cartridge, 100)
    expect(await third.append(8, [noise(10, 9)])).toBe(100)
    const into = new Uint8Array(200)
    expect(await third.read(8, 0, into)).toBe(110)
    expect([...into.subarray(100, 110)]).toEqual([...noise(10, 9)])
    await third.close()
    expect(tape.commands.length).toBeGreaterThan(0)
    const blind = new FakeTape(cartridge)
    blind.blind = true
    const fourth = await openTape(blind, small, undefined)
    expect((await fourth.report())[8]!.pointer).toBe(110)
  })

  it('refuses what is foreign, write-protected, blank or another cartridge', async () => {
    const blank = new FakeCartridge()
    await expect(load(blank)).rejects.toMatchObject({ code: 'MEDIA_NOT_FORMATTED' })
    const foreign = new FakeCartridge()
    foreign.records = [noise(10_240), 'filemark']
    await expect(load(foreign, { format: true })).rejects.toMatchObject({ code: 'MEDIA_FOREIGN' })
    foreign.records = ['filemark', noise(10_240), 'filemark']
    await expect(load(foreign, { format: true })).rejects.toMatchObject({ code: 'MEDIA_FOREIGN' })
    const { medium } = await load(foreign, { format: 'overwrite' })
    await medium.append(0, [noise(1000)])
    await medium.finish(0)
    await medium.close()
    await expect(load(foreign, { id: '00000000-0000-4000-8000-000000000000' })).rejects.toMatchObject({
      code: 'MEDIA_WRONG_MEDIUM',
    })
    await expect(load(foreign, {}, { writeProtected: true })).rejects.toMatchObject({ code: 'MEDIA_READ_ONLY' })
    const { medium: reader } = await load(foreign, { readOnly: true }, { writeProtected: true })
    expect(await reader.read(0, 0, new Uint8Array(2000))).toBe(1000)
    await expect(reader.append(1, [noise(1)])).rejects.toMatchObject({ code: 'MEDIA_READ_ONLY' })
    await expect(reader.erase()).rejects.toMatchObject({ code: 'MEDIA_READ_ONLY' })
    const before = foreign.records.length
    await reader.close()
    expect(foreign.records.length).toBe(before)
  })

  it('the end of the tape: what was taken is written after the warning, more is refused, finished zones stay', async () => {
    const cartridge = new FakeCartridge()
    cartridge.bytesMax = 400_000
    cartridge.warningBytes = 120_000
    const { medium } = await load(cartridge, { format: true, bufferBytes: 32 << 10 })
    let zone = 0
    let failure: unknown
    for (; zone < 20 && failure === undefined; zone++) {
      try {
        await medium.append(zone, [noise(60_000, zone)])
        await medium.finish(zone)
      } catch (error) {
        failure = error
      }
    }
    expect(failure).toMatchObject({ code: 'MEDIA_NO_SPACE' })
    expect(zone).toBeGreaterThan(4)
    const full = (await medium.report()).filter(({ state }) => state === 'full')
    await expect(medium.append(full.length, [noise(10)])).rejects.toMatchObject({ code: 'MEDIA_NO_SPACE' })
    await medium.close()
    const { medium: again } = await load(cartridge)
    const into = new Uint8Array(60_000)
    for (const { zone: number } of full) {
      expect(await again.read(number, 0, into)).toBe(60_000)
      expect(Buffer.from(into).equals(noise(60_000, number))).toBe(true)
    }
    await again.erase()
    expect(await again.append(0, [noise(10)])).toBe(0)
  })

  it('the hard end in the middle of a zone: the report says what is on tape', async () => {
    const cartridge = new FakeCartridge()
    cartridge.bytesMax = 200_000
    const { medium } = await load(cartridge, { format: true, bufferBytes: 16 << 10 })
    let taken = 0
    let failure: unknown
    while (failure === undefined) {
      try {
        await medium.append(0, [noise(10_000, taken)])
        taken += 10_000
      } catch (error) {
        failure = error
      }
    }
    expect(failure).toMatchObject({ code: 'MEDIA_NO_SPACE' })
    const [zone] = await medium.report()
    expect(zone!.pointer).toBeGreaterThan(100_000)
    expect(zone!.pointer).toBeLessThanOrEqual(taken)
    const into = new Uint8Array(300_000)
    expect(await medium.read(0, 0, into)).toBe(zone!.pointer)
    await medium.close()
  })

  it('a declared size refuses before the end, with room for an index', async () => {
    const cartridge = new FakeCartridge()
    const { medium } = await load(cartridge, { format: true, cartridgeBytes: 5 << 20 })
    let zones = 0
    let failure: unknown
    while (failure === undefined) {
      try {
        await medium.append(zones, [noise(300_000)])
        await medium.finish(zones)
        zones++
      } catch (error) {
        failure = error
      }
    }
    expect(failure).toMatchObject({ code: 'MEDIA_NO_SPACE' })
    expect(zones).toBe(3)
    await medium.close()
    expect((await load(cartridge)).medium.driveCounts().blocksRead).toBeLessThan(10)
  })

  it('a batch is read in the order of the tape, and a start of the drive waits for the buffer', async () => {
    const cartridge = new FakeCartridge()
    const { medium } = await load(cartridge, { format: true })
    for (let zone = 0; zone < 6; zone++) {
      for (let i = 0; i < 8; i++) await medium.append(zone, [noise(9000, zone * 8 + i)])
      await medium.finish(zone)
    }
    expect(medium.driveCounts().streams).toBe(6)
    await medium.close()
    const { medium: again, tape } = await load(cartridge)
    tape.commands.length = 0
    const order = [5, 0, 3, 1, 4, 2].map((zone) => ({ zone, offset: 100, into: new Uint8Array(50) }))
    for await (const { bytes, request } of again.readMany(order)) {
      expect(bytes).toBe(50)
      expect([...request.into]).toEqual([...noise(9000, request.zone * 8).subarray(100, 150)])
    }
    const files = tape.commands.filter((text) => text.startsWith('file')).map((text) => Number(text.slice(5)))
    expect(files).toEqual([...files].sort((a, b) => a - b))
    expect(again.stats().seeks).toBeGreaterThan(5)
  })

  it('reading in the middle of writing splits the zone into pieces and loses nothing', async () => {
    const cartridge = new FakeCartridge()
    const { medium } = await load(cartridge, { format: true, bufferBytes: 16 << 10 })
    await medium.append(0, [noise(40_000, 1)])
    await medium.finish(0)
    const into = new Uint8Array(100)
    for (let i = 0; i < 5; i++) {
      await medium.append(1, [noise(20_000, i)])
      await medium.append(1, [noise(20_000, i + 50)])
      expect(await medium.read(0, 3, into)).toBe(100)
      expect([...into]).toEqual([...noise(40_000, 1).subarray(3, 103)])
    }
    await medium.finish(1)
    const whole = new Uint8Array(200_000)
    expect(await medium.read(1, 0, whole)).toBe(200_000)
    for (let i = 0; i < 5; i++) {
      expect(Buffer.from(whole.subarray(i * 40_000, i * 40_000 + 20_000)).equals(noise(20_000, i))).toBe(true)
    }
    await medium.close()
    const { medium: again } = await load(cartridge)
    const copy = new Uint8Array(200_000)
    expect(await again.read(1, 0, copy)).toBe(200_000)
    expect(Buffer.from(copy).equals(whole)).toBe(true)
  })

  it('a drive that cannot move does not make a cartridge look empty', async () => {
    const cartridge = new FakeCartridge()
    const { medium } = await load(cartridge, { format: true })
    await medium.append(0, [noise(1000)])
    await medium.finish(0)
    await medium.close()
    const tape = new FakeTape(cartridge)
    tape.toFile = async (file) => {
      if (file > 0) throw Object.assign(new Error('EIO: stuck'), { code: 'EIO' })
    }
    await expect(openTape(tape, small, undefined)).rejects.toThrow(/stuck/)
  })

  it('power lost while a file was written: the file without an end is dropped, the rest goes on', async () => {
    for (const blind of [false, true]) {
      const cartridge = new FakeCartridge()
      const { medium } = await load(cartridge, { format: true, bufferBytes: 16 << 10 })
      await medium.append(0, [noise(60_000, 1)])
      await medium.finish(0)
      await medium.append(1, [noise(60_000, 2)])
      await medium.append(1, [noise(60_000, 3)])
      await medium.report()
      // Nothing ended the file: head and blocks of zone 1, no filemark.
      expect(cartridge.records.at(-1)).not.toBe('filemark')
      const tape = new FakeTape(cartridge)
      tape.blind = blind
      const again = await openTape(tape, small, undefined)
      expect((await again.report()).slice(0, 2)).toMatchObject([{ state: 'full', pointer: 60_000 }, { pointer: 0 }])
      expect(await again.append(1, [noise(500, 4)])).toBe(0)
      await again.finish(1)
      await again.close()
      const third = await openTape(new FakeTape(cartridge), small, undefined)
      const into = new Uint8Array(60_000)
      expect(await third.read(1, 0, into)).toBe(500)
      expect(await third.read(0, 0, into)).toBe(60_000)
      expect(Buffer.from(into).equals(noise(60_000, 1))).toBe(true)
    }
  })

  it('a head that cannot be read does not hide what lies behind it', async () => {
    const cartridge = new FakeCartridge()
    const { medium } = await load(cartridge, { format: true })
    for (let zone = 0; zone < 5; zone++) {
      await medium.append(zone, [noise(1000, zone)])
      await medium.finish(zone)
    }
    // No index: it was not closed.
    for (const file of [1, 4, 5]) {
      const tape = new FakeTape(cartridge)
      const { readBlock } = tape
      tape.readBlock = async (into) => {
        if ((await tape.fileNumber()) === file) throw Object.assign(new Error('EIO: medium error'), { code: 'EIO' })
        return readBlock.call(tape, into)
      }
      await expect(openTape(tape, small, undefined)).rejects.toMatchObject({ code: 'MEDIA_IO' })
    }
  })

  it('nodes that are no tape drive are refused', async () => {
    await expect(openTapeDrive({ path: '/dev/null' })).rejects.toMatchObject({ code: 'MEDIA_WRONG_DEVICE' })
    await expect(openTapeDrive({ path: import.meta.filename })).rejects.toMatchObject({ code: 'MEDIA_WRONG_DEVICE' })
    await expect(openTapeDrive({ path: '/nowhere/nst0' })).rejects.toMatchObject({ code: 'MEDIA_NOT_FOUND' })
    expect(() => driveNumberOf('/dev/null')).toThrow(/MEDIA_WRONG_DEVICE/)
  })

  it('reads what mt says', () => {
    const text = (flags: string) =>
      `SCSI 2 tape drive:\nFile number=3, block number=7, partition=0.\nGeneral status bits on (81010000):\n ${flags}\n`
    expect(parseStatus(text('EOF ONLINE IM_REP_EN'))).toEqual({
      online: true,
      empty: false,
      writeProtected: false,
      file: 3,
      block: 7,
    })
    expect(parseStatus(text('WR_PROT DR_OPEN IM_REP_EN'))).toMatchObject({ empty: true, writeProtected: true })
    expect(parseStatus('nonsense')).toMatchObject({ online: false, file: -1 })
  })
})

describe('stream buffer', () => {
  it('starts late enough that the drive never waits, at any rate of arrival', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 2, max: 200 }), (arriveMBps, megabytes) => {
        // A thousandth of a drive: 177 kB/s.
        const total = megabytes * 1000
        const step = 100
        let now = 0
        const buffer = new StreamBuffer(1e12, 0.177, () => now)
        let started: number | undefined
        for (let sent = step; sent <= total; sent += step) {
          now += step / arriveMBps
          buffer.push([new Uint8Array(step)])
          if (started === undefined && buffer.shouldStart(total - sent)) started = now
          if (started !== undefined) expect(sent - (now - started) * 177).toBeGreaterThanOrEqual(-2 * step)
        }
        expect(started).toBeDefined()
      }),
      { numRuns: 20 },
    )
  })
})

describe('tape records', () => {
  const head: TapeHead = {
    id: '01234567-89ab-4cde-8f01-23456789abcd',
    life: 3,
    file: 17,
    kind: 'piece',
    lastIndex: 12,
    number: 9,
    blockBytes: 524_288,
    offset: 2 ** 40 + 5,
    crc: 0xdeadbeef,
  }
  it('come back as they were, and any damage is noticed', () => {
    expect(decodeHead(encodeHead(head))).toEqual(head)
    expect(decodeHead(encodeHead({ ...head, kind: 'index' }))).toEqual({ ...head, kind: 'index' })
    const { id, life, file } = head
    const trailer = { id, life, file, bytes: 2 ** 41, full: true }
    expect(decodeTrailer(encodeTrailer(trailer))).toEqual(trailer)
    expect(decodeHead(encodeTrailer(trailer))).toBeUndefined()
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        for (const [bytes, decode] of [
          [encodeHead(head), decodeHead],
          [encodeTrailer(trailer), decodeTrailer],
        ] as const) {
          bytes[at]! ^= flip
          expect(decode(bytes)).toBeUndefined()
        }
      }),
    )
    const pieces = [{ file: 3, offset: 0, bytes: 100, address: -1 }]
    expect(decodeIndex(encodeIndex(4, 2, [[0, true, pieces]]))).toEqual({ life: 2, zones: [[0, true, pieces]] })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeHead(bytes)
        decodeTrailer(bytes)
        decodeIndex(bytes)
      }),
    )
    for (const text of ['{}', '{"life":1,"zones":[[1,0,[[1,2,3]]]]}', '{"life":1,"zones":[7]}', 'null', '[]']) {
      expect(decodeIndex(new TextEncoder().encode(text))).toBeUndefined()
    }
  })
})
