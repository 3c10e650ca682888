/** A volume on media of the caller's, with a policy. */
import { constants } from 'node:fs'
import { archive, ladder } from '@vivefs/lsm'
import { type Medium, openMemory, openSmr, openTape } from '@vivefs/media'
import { afterEach, describe, expect, test } from 'vitest'
import { METADATA_BELOW, ViveFS } from 'vivefs'

const opened: Medium[] = []
const kept = <M extends Medium>(medium: M): M => {
  opened.push(medium)
  return medium
}
afterEach(async () => {
  for (const medium of opened.splice(0)) await medium.close()
})

const makeMedia = () => ({
  flash: kept(openMemory({ zoneBytes: 1 << 20, zoneCount: 192, durability: 'flush' })),
  smr: kept(openSmr({ zoneBytes: 1 << 20, zoneCount: 192 })),
})

test('what is written is there again under another policy; the map names the media; synchronous calls work', async () => {
  const media = makeMedia()
  const contents = new Map<string, Buffer>()
  let vive = await ViveFS.open({ media, home: ['flash'], policy: ladder(['flash', 'smr']) })
  expect(vive.engine).toBe('lsm')
  for (let i = 0; i < 40; i++) {
    const bytes = Buffer.alloc(100_000, `content ${i} `)
    contents.set(`/file-${i}`, bytes)
    vive.fs.writeFileSync(`/file-${i}`, bytes)
  }
  const map = vive.mediaMap()!
  expect(map.media.map(({ name }) => name).sort()).toEqual(['flash', 'smr'])
  expect(map.files.length).toBeGreaterThan(0)
  const { bfree, bsize } = vive.fs.statfsSync('/')
  expect(Number(bfree) * Number(bsize)).toBeLessThanOrEqual(map.media.reduce((sum, one) => sum + one.capacityBytes, 0))
  expect(Number(bfree)).toBeGreaterThan(0)
  await vive.close()

  await expect(ViveFS.open({ media: { flash: media.flash } })).rejects.toMatchObject({ code: /^ERR_VIVEFS_/ })
  vive = await ViveFS.open({ media, home: ['flash'], policy: archive({ hot: ['flash'], cold: ['smr'] }) })
  for (const [path, bytes] of contents) expect(vive.fs.readFileSync(path).equals(bytes)).toBe(true)
  expect((await vive.fsck()).findings).toEqual([])
  await vive.close()
})

test('options that do not fit are refused with a code', async () => {
  await expect(ViveFS.open({ media: {} })).rejects.toMatchObject({ code: 'ERR_VIVEFS_OPTION' })
  await expect(ViveFS.open({ media: makeMedia() }, { create: false })).rejects.toMatchObject({
    code: 'ERR_VIVEFS_NOT_A_VOLUME',
  })
  const tape = kept(openTape({ zoneBytes: 1 << 20, zoneCount: 8 }))
  await expect(ViveFS.open({ media: { tape } })).rejects.toMatchObject({ code: /^ERR_VIVEFS_(OPTION|ENGINE)$/ })
  const follow = { readOnly: true, follow: true } as const
  await expect(ViveFS.open({ media: makeMedia() }, follow)).rejects.toMatchObject({ code: 'ERR_VIVEFS_UNSUPPORTED' })
})

describe('an archive', () => {
  const DAY_MS = 86_400_000
  const open = async () => {
    let nowMs = 1e12
    const flash = kept(openMemory({ zoneBytes: 1 << 20, zoneCount: 192, durability: 'flush' }))
    const smr = kept(openSmr({ zoneBytes: 1 << 20, zoneCount: 192, conventionalZones: 0 }))
    const tape = kept(openTape({ zoneBytes: 1 << 20, zoneCount: 256 }))
    const policy = archive({ hot: ['flash'], cold: ['smr'], tape: ['tape'], metadataBelow: METADATA_BELOW })
    const where = { media: { flash, smr, tape }, home: ['flash'], policy, now: () => nowMs }
    const pass = (days: number) => {
      nowMs += days * DAY_MS
    }
    return { tape, pass, where, vive: await ViveFS.open(where) }
  }
  const content = (i: number) => Buffer.alloc(300_000 + i, `content ${i} `)
  const COUNT = 24
  const paths = Array.from({ length: COUNT }, (_, i) => `/${(i * 7) % COUNT}`)
  const mediumOf = async (vive: ViveFS, path: string) => new Set((await vive.locate(path)).map(({ medium }) => medium))

  test('content ages from flash to SMR to tape, and reads back; directories and inodes stay at hand', async () => {
    const { tape, pass, where, vive } = await open()
    for (const path of paths) await vive.fs.promises.writeFile(path, content(Number(path.slice(1))))
    await vive.fs.promises.writeFile('/small', 'in its table')
    await vive.relocate({ force: true })
    expect(await mediumOf(vive, '/3')).toEqual(new Set(['flash']))
    pass(2)
    expect((await vive.relocate({ force: true })).bytes).toBeGreaterThan(COUNT * 300_000)
    expect(await mediumOf(vive, '/3')).toEqual(new Set(['smr']))
    expect(vive.fs.readFileSync('/3').equals(content(3))).toBe(true)
    vive.mediaMap()
    pass(60)
    await vive.relocate({ force: true })
    expect(await mediumOf(vive, '/3')).toEqual(new Set(['tape']))
    await vive.close()

    const again = await ViveFS.open(where)
    const reads = tape.stats().operations.read.count
    expect(again.fs.readdirSync('/').length).toBe(COUNT + 1)
    expect(again.fs.statSync('/3').size).toBe(300_003)
    const places = await again.locate('/3')
    expect(places.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThanOrEqual(300_003)
    expect(() => again.fs.readFileSync('/3')).toThrow(expect.objectContaining({ code: 'ERR_VIVEFS_SYNC_UNAVAILABLE' }))
    expect(again.fs.readFileSync('/small', 'utf8')).toBe('in its table')
    const order = await again.readOrder([...paths, '/small'].sort())
    expect(order[0]).toBe('/small')
    expect(order.slice(1)).toEqual(paths) // they were written in this order
    expect(tape.stats().operations.read.count).toBeLessThan(reads + 4) // but for what the refused read began
    expect((await again.fsck()).findings).toEqual([])
    await again.close()
    const seeks = async (all: readonly string[]) => {
      const volume = await ViveFS.open(where)
      const before = tape.stats().seeks
      for (const path of all) {
        const bytes = await volume.fs.promises.readFile(path)
        if (path !== '/small') expect(bytes.equals(content(Number(path.slice(1))))).toBe(true)
      }
      const seen = tape.stats().seeks - before
      await volume.close()
      return seen
    }
    expect(await seeks(order)).toBeLessThan((await seeks([...paths].sort())) / 2)
    const volume = await ViveFS.open(where)
    expect((await volume.emptyMedium('tape')).files).toBeGreaterThan(0)
    expect(await mediumOf(volume, '/3')).toEqual(new Set(['smr']))
    expect(volume.fs.readFileSync('/3').equals(content(3))).toBe(true)
    await expect(volume.emptyMedium('floppy')).rejects.toMatchObject({ code: 'ERR_VIVEFS_ENGINE' })
    await volume.close()
  }, 60_000)

  test('what a clone shares lies where the other file has it, and what was written since lies by itself', async () => {
    const { pass, where, vive } = await open()
    const { promises } = vive.fs
    for (const path of paths) await promises.writeFile(path, content(Number(path.slice(1))))
    await promises.copyFile('/3', '/clone', constants.COPYFILE_FICLONE_FORCE)
    await promises.copyFile('/clone', '/changed', constants.COPYFILE_FICLONE_FORCE)
    await vive.relocate({ force: true })
    pass(60)
    await vive.relocate({ force: true })
    const original = await vive.locate('/3')
    expect(new Set(original.map(({ medium }) => medium))).toEqual(new Set(['tape']))
    expect(await vive.locate('/clone')).toEqual(original)
    const handle = await promises.open('/changed', 'r+')
    await handle.write(Buffer.alloc(65_536, 'anew'), 0, 65_536, 131_072)
    await handle.close()
    const changed = await vive.locate('/changed')
    expect(changed.map(({ medium }) => medium === 'tape')).toEqual([true, false, true])
    expect(changed[0]).toMatchObject({ position: original[0]!.position })
    const bytes = (places: readonly { readonly bytes: number }[]) => places.reduce((sum, place) => sum + place.bytes, 0)
    expect(bytes(await vive.locate('/clone', 2))).toBeLessThan(140_000)
    // One behind the other: the tape is where the clone is, too.
    const order = await vive.readOrder([...paths, '/clone'].sort())
    expect(Math.abs(order.indexOf('/3') - order.indexOf('/clone'))).toBe(1)
    // The file goes, its content stays the clone's.
    await promises.rm('/3')
    await promises.truncate('/clone', 100_000)
    expect(bytes(await vive.locate('/clone'))).toBeLessThan(140_000)
    expect((await promises.readFile('/clone')).equals(content(3).subarray(0, 100_000))).toBe(true)
    await vive.close()
    const again = await ViveFS.open(where)
    expect((await again.locate('/clone'))[0]).toMatchObject({ medium: 'tape' })
    await again.close()
  }, 60_000)

  test('what is no such volume says so', async () => {
    const vive = await ViveFS.open('memory://')
    for (const call of [
      () => vive.relocate(),
      () => vive.locate('/'),
      () => vive.readOrder(['/']),
      () => vive.emptyMedium('ssd'),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'ERR_VIVEFS_UNSUPPORTED' })
    await vive.close()
    const { vive: archived } = await open()
    await expect(archived.locate('/none')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await archived.locate('/')).toEqual([])
    await archived.close()
  })
})
