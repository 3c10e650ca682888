import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { mediumSuite } from '../../src/conformance/index.ts'
import { type BlockOptions, type Medium, openBlock, openMedium } from '../../src/index.ts'

const root = mkdtempSync(join(tmpdir(), 'vivefs-block-'))
chmodSync(root, 0o755)
afterAll(() => rmSync(root, { recursive: true, force: true }))
let count = 0
const fresh = () => join(root, `image-${++count}`)
const small = { format: true, imageBytes: 4 << 20, zoneBytes: 128 << 10 } as const
const make = (more: Partial<BlockOptions> = {}) => openBlock({ path: fresh(), ...small, ...more })
const noise = (length: number, seed = 1) => Uint8Array.from({ length }, (_, index) => (index * 31 + seed * 7) & 255)

mediumSuite({
  name: 'block, an image file',
  create: () => make(),
  reopen: (closed: Medium) => openMedium(closed.spec),
  describe,
  it,
  seeds: [1, 2, 3],
})

describe('block', () => {
  it('keeps identity, geometry, finished zones and their pointers; forgets the tail of unfinished ones', async () => {
    const medium = await make()
    await medium.append(0, [noise(8192)])
    await medium.finish(0)
    await medium.append(1, [noise(4096)])
    await medium.append(2, [noise(4096)])
    await medium.reset(2)
    await medium.flush()
    await medium.close()
    const again = await openMedium(medium.spec)
    expect(again.id).toBe(medium.id)
    expect((await again.report()).slice(0, 4)).toMatchObject([
      { state: 'full', pointer: 8192, type: 'conventional' },
      { state: 'closed', pointer: 'unknown' },
      { state: 'empty', pointer: 0 },
      { state: 'empty', pointer: 0 },
    ])
    await again.resume!(1, 4096)
    expect(await again.append(1, [noise(4096, 2)])).toBe(4096)
    await again.close()
  })

  it('formats only what is blank, and whatever it was only when told to', async () => {
    const path = fresh()
    writeFileSync(path, new Uint8Array(4 << 20))
    await expect(openBlock({ path })).rejects.toMatchObject({ code: 'MEDIA_NOT_FORMATTED' })
    const ext4 = new Uint8Array(4 << 20)
    ext4.set([0x53, 0xef], 1080)
    writeFileSync(path, ext4)
    for (const format of [false, true]) {
      await expect(openBlock({ path, format })).rejects.toThrow(/MEDIA_FOREIGN.*ext2, ext3 or ext4/)
    }
    writeFileSync(path, noise(4 << 20))
    await expect(openBlock({ path, format: true })).rejects.toThrow(/MEDIA_FOREIGN.*other data/)
    expect(statSync(path).size).toBe(4 << 20)
    const medium = await openBlock({ path, format: 'overwrite', zoneBytes: 128 << 10 })
    await medium.append(0, [noise(4096)])
    await medium.close()
    const again = await openBlock({ path, format: true })
    expect(again.id, 'what is a medium is not formatted again').toBe(medium.id)
    await again.close()
    const other = await openBlock({ path, format: 'overwrite', zoneBytes: 128 << 10 })
    expect(other.id).not.toBe(medium.id)
    expect((await other.report())[0]!.state).toBe('empty')
    await other.close()
    await expect(openMedium(medium.spec)).rejects.toMatchObject({ code: 'MEDIA_WRONG_MEDIUM' })
  })

  it('refuses what is no block device by code', async () => {
    const directory = fresh()
    mkdirSync(directory)
    await expect(openBlock({ path: directory })).rejects.toMatchObject({ code: 'MEDIA_WRONG_DEVICE' })
    await expect(openBlock({ path: '/dev/null' })).rejects.toMatchObject({ code: 'MEDIA_WRONG_DEVICE' })
    await expect(openBlock({ path: fresh() })).rejects.toMatchObject({ code: 'MEDIA_NOT_FOUND' })
    for (const options of [
      { path: '' },
      { path: fresh(), format: 'yes' as never },
      { path: fresh(), ...small, zoneBytes: 5000 },
      { path: fresh(), ...small, zoneBytes: 64 << 20 },
      { path: fresh(), ...small, zoneCount: 1000 },
    ]) {
      await expect(openBlock(options)).rejects.toMatchObject({ code: 'MEDIA_ARGUMENT' })
    }
  })

  it('is open once at a time, and read by anybody', async () => {
    const medium = await make()
    await medium.append(0, [noise(4096)])
    await medium.finish(0)
    await expect(openMedium(medium.spec)).rejects.toMatchObject({ code: 'MEDIA_LOCKED' })
    const reader = await openMedium({ ...medium.spec, readOnly: true })
    const into = new Uint8Array(5000)
    expect(await reader.read(0, 0, into)).toBe(4096)
    await expect(reader.append(1, [noise(4096)])).rejects.toMatchObject({ code: 'MEDIA_READ_ONLY' })
    await expect(reader.reset(0)).rejects.toMatchObject({ code: 'MEDIA_READ_ONLY' })
    await expect(reader.flush()).rejects.toThrow()
    await reader.close()
    await medium.close()
  })

  it('says so when this user may not', async () => {
    const place = fresh()
    mkdirSync(place)
    const path = join(place, 'image')
    const medium = await openBlock({ path, ...small })
    await medium.close()
    const root = process.getuid!() === 0
    chmodSync(path, 0o444)
    chmodSync(place, 0o555)
    try {
      if (root) process.seteuid!(65_534)
      await expect(openBlock({ path })).rejects.toMatchObject({ code: 'MEDIA_PERMISSION' })
    } finally {
      if (root) process.seteuid!(0)
      chmodSync(place, 0o755)
    }
  })

  it('refuses a device that was cut short', async () => {
    const medium = await make()
    await medium.close()
    truncateSync(String(medium.spec.path), 2 << 20)
    await expect(openMedium(medium.spec)).rejects.toMatchObject({ code: 'MEDIA_FORMAT' })
  })

  it('gives the space of emptied zones back in batches, never that of one that is written again', async () => {
    const path = fresh()
    const medium = await openBlock({ path, ...small, discardZones: 4 })
    const full = noise(128 << 10)
    for (let zone = 0; zone < 8; zone++) await medium.append(zone, [full])
    await medium.flush()
    const before = statSync(path).blocks
    for (let zone = 0; zone < 4; zone++) await medium.reset(zone)
    expect(statSync(path).blocks).toBe(before)
    const resetting = medium.reset(4)
    await new Promise((resolve) => setTimeout(resolve, 1))
    // Zones 0 to 3 are being discarded: a write there waits for it, synchronous or not.
    medium.appendSync!(1, [full])
    await Promise.all([resetting, medium.append(2, [full])])
    const into = new Uint8Array(full.length)
    for (const zone of [1, 2, 5]) {
      expect(await medium.read(zone, 0, into)).toBe(full.length)
      expect(Buffer.from(into).equals(full)).toBe(true)
    }
    await medium.flush()
    expect(statSync(path).blocks).toBeLessThan(before)
    await medium.close()
    expect(before - statSync(path).blocks).toBeGreaterThanOrEqual((3 * (128 << 10)) / 512)
  })
})
