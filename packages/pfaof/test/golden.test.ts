import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type MediumImage, openMemory } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import type { dumpVolume } from '../src/dump.ts'
import { isPfaofError, runAsync, Volume } from '../src/index.ts'
import { decodeSuperblock, encodeSuperblock } from '../src/superblock.ts'

/**
 * A volume of format version 1 as it was written when that version was made: every later version of the code has to read it. VIVEFS_GOLDEN=write
 * makes a new one, for a new version only.
 */
const PATH = fileURLToPath(new URL('./golden/volume-1.json.gz', import.meta.url))
const GEOMETRY = { zoneCount: 8, zoneBytes: 8 << 10, durability: 'flush' as const }

const TEXT = Buffer.from('the quick brown fox jumps over the lazy dog\n'.repeat(200))

async function makeGolden(): Promise<MediumImage> {
  const medium = openMemory(GEOMETRY)
  const volume = await Volume.create({
    media: { ssd: medium },
    volumeId: Buffer.from('golden volume #1'),
    now: () => 1_700_000_000_000,
    holder: 'golden',
  })
  const sealed = await runAsync(volume.create({ name: 'sealed', media: ['ssd'], lifetime: 'long' }))
  await runAsync(sealed.append([TEXT]))
  await runAsync(sealed.seal())
  const open = await runAsync(volume.create({ name: 'open', media: ['ssd'], lifetime: 'short' }))
  for (let i = 0; i < 5; i++) await runAsync(open.append([Buffer.from(`record ${i};`)]))
  await runAsync(volume.snapshot('before'))
  await runAsync(open.append([Buffer.from('last')]))
  await runAsync(open.sync())
  await runAsync(volume.renameReplace('sealed', 'kept'))
  return medium.image()
}

function pack(image: MediumImage): Buffer {
  const zones = image.zones.map(({ bytes, ...zone }) => ({ ...zone, bytes: Buffer.from(bytes).toString('base64') }))
  return gzipSync(JSON.stringify({ format: 1, zones }), { level: 9 })
}

function unpack(packed: Buffer): MediumImage {
  const { zones } = JSON.parse(gunzipSync(packed).toString()) as {
    zones: (Omit<MediumImage['zones'][number], 'bytes'> & { bytes: string })[]
  }
  return { zones: zones.map((zone) => ({ ...zone, bytes: Buffer.from(zone.bytes, 'base64') })), keys: new Map() }
}

describe('the golden volume of format version 1', () => {
  test('is read as it was written', async () => {
    if (process.env.VIVEFS_GOLDEN === 'write') writeFileSync(PATH, pack(await makeGolden()))
    const parent = openMemory(GEOMETRY)
    const medium = await parent.twin(unpack(readFileSync(PATH)))
    const known = await findMediumId(medium)
    Object.defineProperty(medium, 'id', { value: known })
    const volume = await Volume.open({ media: { ssd: medium } })
    expect(volume.id).toBe(Buffer.from('golden volume #1').toString('hex'))
    expect(
      [...volume.list()].map(({ id, name, size, lifetime, createdMs }) => ({ id, name, size, lifetime, createdMs })),
    ).toEqual([
      { id: 16, name: 'kept', size: TEXT.length, lifetime: 'long', createdMs: 1_700_000_000_000 },
      { id: 17, name: 'open', size: 49, lifetime: 'short', createdMs: 1_700_000_000_000 },
    ])
    const read = async (name: string) => {
      const file = await runAsync(volume.open(name))
      const into = Buffer.alloc(file.size)
      await runAsync(file.read(0, into))
      return into
    }
    expect((await read('kept')).equals(TEXT)).toBe(true)
    expect((await read('open')).toString()).toBe('record 0;record 1;record 2;record 3;record 4;last')
    expect((await runAsync(volume.openSnapshot('before', 'open'))).size).toBe(45)
    for await (const finding of volume.scrub()) throw new Error(finding.message)
    await volume.close()
    await medium.close()
  })

  test('a newer version and unknown features are refused with both numbers', () => {
    const media = [{ name: 'ssd', id: 'x', home: true, alignBytes: 8 }]
    const block = {
      version: 2,
      compat: 0,
      roCompat: 0,
      incompat: 0,
      volumeId: new Uint8Array(16),
      generation: 1,
      epoch: 2,
      medium: 0,
      media,
    }
    expect(decodeSuperblock(encodeSuperblock(block))).toEqual({ fault: 'version', version: 2 })
  })

  test('the wrong disk at the right path is refused', async () => {
    const one = openMemory(GEOMETRY)
    const two = openMemory(GEOMETRY)
    await (await Volume.create({ media: { a: one } })).close()
    await (await Volume.create({ media: { a: two } })).close()
    const both = openMemory({ ...GEOMETRY, zoneCount: 9 })
    await (await Volume.create({ media: { a: openMemory(GEOMETRY), b: both } })).close()
    const code = (error: unknown) => (isPfaofError(error) ? error.code : String(error))
    expect(await Volume.open({ media: { b: one } }).catch(code)).toBe('PFAOF_WRONG_MEDIUM')
    expect(await Volume.open({ media: { a: one, b: two } }).catch(code)).toBe('PFAOF_WRONG_MEDIUM')
    expect(await Volume.open({ media: { b: both } }).catch(code)).toBe('PFAOF_MEDIUM_MISSING')
    expect(await Volume.open({ media: { a: openMemory(GEOMETRY) } }).catch(code)).toBe('PFAOF_NO_VOLUME')
    expect(await Volume.create({ media: { a: one } }).catch(code)).toBe('PFAOF_EXISTS')
    // A copy of the disk is another disk.
    const copy = openMemory(GEOMETRY)
    const image = await one.image()
    const twin = await copy.twin(image)
    expect(await Volume.open({ media: { a: twin } }).catch(code)).toBe('PFAOF_WRONG_MEDIUM')
  })
})

/** A twin gets the identity of its parent; the golden one had its own, which the superblock knows. */
async function findMediumId(medium: Parameters<typeof dumpVolume>[0][string]): Promise<string> {
  const head = Buffer.alloc(1024)
  await medium.read(0, 0, head)
  const id = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/.exec(head.toString('latin1'))
  return id?.[0] ?? ''
}
