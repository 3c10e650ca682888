import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type DeviceZone, parseReport, ZoneCommands } from '../../src/drive/blkzone.ts'
import { DriveMedium, limitWithReserve } from '../../src/drive/drive-medium.ts'
import { foreignContent } from '../../src/drive/signature.ts'
import type { ZoneDrive, ZoneFact } from '../../src/drive/zone-drive.ts'
import { capsOfZones } from '../../src/drive/zoned-block.ts'
import { type Bytes, openZonedBlock, openZonefs, scanMedia } from '../../src/index.ts'

const root = mkdtempSync(join(tmpdir(), 'vivefs-zoned-'))
const path = process.env.PATH
afterEach(() => {
  process.env.PATH = path
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const line = (start: string, wptr: string, cond: string, type: string) =>
  `  start: ${start}, len 0x008000, cap 0x006000, wptr ${wptr} reset:0 non-seq:0, zcond: ${cond} [type: ${type}]`

describe('blkzone', () => {
  it('reads a report, of old versions too', () => {
    const text = [
      line('0x000000000', '0x000000', ' 0(nw)', '1(CONVENTIONAL)'),
      line('0x000008000', '0x000008', ' 2(oi)', '2(SEQ_WRITE_REQUIRED)'),
      line('0x000010000', '0x008000', '14(fu)', '2(SEQ_WRITE_REQUIRED)'),
      line('0x000018000', '0xffffffffffff', '13(ro)', '2(SEQ_WRITE_REQUIRED)'),
      'something else',
      '  start: 0x000020000, len 0x008000, wptr 0x000010 reset:0 non-seq:0, zcond: 4(cl) [type: 2(SEQ_WRITE_REQUIRED)]',
    ].join('\n')
    const capacityBytes = 0x6000 * 512
    expect(parseReport(text)).toEqual([
      { start: 0, bytes: 1 << 24, capacityBytes, pointer: 0, state: 'empty', conventional: true },
      { start: 1 << 24, bytes: 1 << 24, capacityBytes, pointer: 4096, state: 'open', conventional: false },
      {
        start: 2 << 24,
        bytes: 1 << 24,
        capacityBytes,
        pointer: capacityBytes,
        state: 'full',
        conventional: false,
      },
      {
        start: 3 << 24,
        bytes: 1 << 24,
        capacityBytes,
        pointer: capacityBytes,
        state: 'read-only',
        conventional: false,
      },
      { start: 4 << 24, bytes: 1 << 24, capacityBytes: 1 << 24, pointer: 8192, state: 'closed', conventional: false },
    ])
  })

  it('joins the commands of one turn, and a failure reaches those that it concerns', async () => {
    const log = join(root, 'log')
    const program = join(root, 'blkzone')
    writeFileSync(
      program,
      `#!/bin/sh\necho "$*" >> ${log}\ncase "$*" in *"-o 4000"*) echo 'blkzone: no' >&2; exit 1;; esac\n`,
    )
    chmodSync(program, 0o755)
    process.env.PATH = `${root}:${path}`
    const zone = (number: number): DeviceZone => ({
      start: number * 1000 * 512,
      bytes: 1000 * 512,
      capacityBytes: 1000 * 512,
      pointer: 0,
      state: 'empty',
      conventional: false,
    })
    const commands = new ZoneCommands('/dev/x')
    const done = await Promise.allSettled([
      ...[2, 0, 1].map((number) => commands.request('reset', zone(number))),
      commands.request('finish', zone(9)),
      commands.request('reset', zone(4)),
    ])
    expect(done.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
    expect((done[4] as PromiseRejectedResult).reason).toMatchObject({ code: 'MEDIA_IO' })
    expect(readFileSync(log, 'utf8').trim().split('\n').sort()).toEqual([
      'finish -f -o 9000 -c 1 /dev/x',
      'reset -f -o 0 -c 3 /dev/x',
      'reset -f -o 4000 -c 1 /dev/x',
    ])
    commands.now('open', zone(7))
    expect(readFileSync(log, 'utf8')).toMatch(/open -f -o 7000 -c 1/)
    expect(commands.count).toBe(4)
  })
})

/** Zones in memory whose device can be told to refuse, to fail half-way, and to move by itself. */
class MemoryDrive implements ZoneDrive {
  readonly zones = Array.from({ length: 6 }, () => ({ type: 'sequential' as const, capacityBytes: 65_536 }))
  readonly states: ZoneFact[] = this.zones.map(() => ({ state: 'empty', pointer: 0 }))
  readonly bytes = this.zones.map(() => new Uint8Array(65_536))
  readonly closed: number[] = []
  failOpen: Error | undefined
  /** Bytes after which the next write fails. */
  failWriteAfter: number | undefined
  beforeFacts: (() => Promise<unknown>) | undefined

  openNow(): void {
    if (this.failOpen !== undefined) throw this.failOpen
  }
  async open(): Promise<void> {
    this.openNow()
  }
  async close(zone: number): Promise<void> {
    this.closeNow(zone)
  }
  closeNow(zone: number): void {
    this.closed.push(zone)
  }
  async finish(zone: number): Promise<void> {
    this.states[zone] = { state: 'full', pointer: 65_536 }
  }
  async reset(zone: number): Promise<void> {
    this.states[zone] = { state: 'empty', pointer: 0 }
  }
  async facts(): Promise<readonly ZoneFact[]> {
    const facts = [...this.states]
    await this.beforeFacts?.()
    return facts
  }
  async write(zone: number, parts: readonly Bytes[], offset: number): Promise<void> {
    this.writeNow(zone, parts, offset)
  }
  writeNow(zone: number, parts: readonly Bytes[], offset: number): void {
    const all = Buffer.concat(parts as Bytes[])
    const length = Math.min(all.length, this.failWriteAfter ?? all.length)
    this.bytes[zone]!.set(all.subarray(0, length), offset)
    const pointer = offset + length
    this.states[zone] = { state: pointer === 65_536 ? 'full' : 'closed', pointer }
    if (length < all.length) throw Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' })
  }
  async read(zone: number, offset: number, into: Bytes): Promise<number> {
    return this.readNow(zone, offset, into)
  }
  readNow(zone: number, offset: number, into: Bytes): number {
    into.set(this.bytes[zone]!.subarray(offset, offset + into.length))
    return into.length
  }
  async flush(): Promise<void> {}
  flushNow(): void {}
  async dispose(): Promise<void> {}
}

function mediumOver(drive: MemoryDrive): DriveMedium {
  const limits = { zoneBytes: 65_536, openZonesMax: 4, activeZonesMax: 5, rotational: false }
  return new DriveMedium({
    id: '00000000-0000-4000-8000-000000000000',
    spec: { kind: 'test' },
    caps: capsOfZones(drive.zones, limits),
    drive,
    slots: undefined,
    facts: drive.states,
    readOnly: false,
    checkLock() {},
    onClose() {},
  })
}

describe('a medium over a device of zones', () => {
  const block = new Uint8Array(4096).fill(5)

  it('keeps one open and one active zone in reserve (V3)', async () => {
    expect([0, 1, 2, 8].map(limitWithReserve)).toEqual([0, 1, 1, 7])
    const medium = mediumOver(new MemoryDrive())
    expect(medium.caps).toMatchObject({ openZonesMax: 3, activeZonesMax: 4 })
    for (const zone of [0, 1, 2]) await medium.append(zone, [block])
    await expect(medium.append(3, [block])).rejects.toMatchObject({ code: 'MEDIA_OPEN_LIMIT' })
  })

  it('a refusal of the device changes nothing; a failure half-way is told by the report', async () => {
    const drive = new MemoryDrive()
    const medium = mediumOver(drive)
    drive.failOpen = Object.assign(new Error('EBUSY'), { code: 'EBUSY' })
    await expect(medium.append(0, [block])).rejects.toMatchObject({ code: 'MEDIA_IO' })
    expect((await medium.report())[0]).toMatchObject({ state: 'empty', pointer: 0 })
    drive.failOpen = undefined
    expect(medium.appendSync!(0, [block])).toBe(0)
    drive.failWriteAfter = 4096
    await expect(medium.append(0, [block, block])).rejects.toMatchObject({ code: 'MEDIA_IO' })
    drive.failWriteAfter = undefined
    await expect(medium.append(0, [block])).rejects.toMatchObject({ code: 'MEDIA_POINTER_STALE' })
    expect((await medium.report())[0]).toMatchObject({ pointer: 8192 })
    expect(await medium.append(0, [block])).toBe(8192)
  })

  it('V1: a report does not undo what happened while it was made', async () => {
    const drive = new MemoryDrive()
    const medium = mediumOver(drive)
    await medium.append(0, [block])
    drive.beforeFacts = () => medium.append(0, [block])
    expect((await medium.report())[0]).toMatchObject({ state: 'open', pointer: 8192 })
    drive.beforeFacts = async () => medium.appendSync!(1, [block])
    expect((await medium.report())[1]).toMatchObject({ state: 'open', pointer: 4096 })
    drive.beforeFacts = undefined
    drive.states[2] = { state: 'read-only', pointer: 0 }
    expect((await medium.report())[2]!.state).toBe('read-only')
    await expect(medium.append(2, [block])).rejects.toMatchObject({ code: 'MEDIA_ZONE_STATE' })
  })

  it('a zone that writing filled is closed on the device', async () => {
    const drive = new MemoryDrive()
    const medium = mediumOver(drive)
    await medium.append(4, [new Uint8Array(65_536)])
    medium.appendSync!(5, [new Uint8Array(65_536)])
    expect(drive.closed).toEqual([4, 5])
    expect((await medium.report()).slice(4).map(({ state }) => state)).toEqual(['full', 'full'])
  })
})

describe('wrong use of zoned devices', () => {
  it('is refused by code', async () => {
    const file = join(root, 'file')
    writeFileSync(file, 'text')
    for (const open of [openZonedBlock, openZonefs]) {
      await expect(open({ path: file, format: true })).rejects.toMatchObject({ code: 'MEDIA_WRONG_DEVICE' })
      await expect(open({ path: root, format: true })).rejects.toMatchObject({ code: 'MEDIA_WRONG_DEVICE' })
      await expect(open({ path: join(root, 'gone') })).rejects.toMatchObject({ code: 'MEDIA_NOT_FOUND' })
      await expect(open({ path: '' })).rejects.toMatchObject({ code: 'MEDIA_ARGUMENT' })
    }
  })
})

describe('what is on a device', () => {
  it('is named by its magic', () => {
    const head = (at: number, bytes: string) => {
      const block = new Uint8Array(128 << 10)
      block.set(Buffer.from(bytes, 'latin1'), at)
      return block
    }
    expect(foreignContent(head(0, 'XFSB'))).toBe('xfs')
    expect(foreignContent(head(65_600, '_BHRfS_M'))).toBe('btrfs')
    expect(foreignContent(head(0, 'SFOZ'))).toBe('zonefs')
    expect(foreignContent(head(512, 'EFI PART'))).toBe('a GPT partition table')
    expect(foreignContent(head(77, 'x'))).toBe('other data')
    expect(foreignContent(head(0, ''))).toBeUndefined()
    expect(foreignContent(new Uint8Array(0))).toBeUndefined()
  })

  it('the scan never fails and says why something has no driver', async () => {
    for (const found of await scanMedia()) {
      expect(found.path).toMatch(/^\//)
      if (found.driver === undefined) expect(found.note).toBeTypeOf('string')
    }
  })
})
