/** A volume on media of the caller's, with a policy. */
import { archive, ladder } from '@vivefs/lsm'
import { type Medium, openMemory, openSmr, openTape } from '@vivefs/media'
import { afterEach, expect, test } from 'vitest'
import { ViveFS } from 'vivefs'

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
