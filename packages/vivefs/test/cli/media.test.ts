/** `vivefs map` and `vivefs media`, on a directory and on media of their own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { archive, type MediaMap } from '@vivefs/lsm'
import { openDirectory, openSmr } from '@vivefs/media'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { METADATA_BELOW, ViveFS } from 'vivefs'
import { json as anyJson, vivefs as cli } from './terminal.ts'

const json = async (...argv: string[]) => (await anyJson(...argv)) as MediaMap & { readonly written?: string }

let folder: string
let described: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vivefs-cli-media-'))
  described = join(folder, 'media.json')
  const media = {
    ssd: openDirectory({ path: join(folder, 'ssd'), zoneBytes: 1 << 20 }),
    smr: openSmr({ path: join(folder, 'smr.img'), zoneBytes: 1 << 20, zoneCount: 64, conventionalZones: 0 }),
  }
  const specs = Object.fromEntries(Object.entries(media).map(([name, { spec }]) => [name, spec]))
  writeFileSync(described, JSON.stringify({ media: specs, home: ['ssd'], policy: 'archive:ssd,smr' }))
  let nowMs = 1e12
  const policy = archive({ hot: ['ssd'], cold: ['smr'], metadataBelow: METADATA_BELOW })
  const vive = await ViveFS.open({ media, home: ['ssd'], policy, now: () => nowMs })
  await vive.fs.promises.writeFile('/film', Buffer.alloc(3 << 20, 'film'))
  await vive.relocate({ force: true })
  nowMs += 3 * 86_400_000
  await vive.relocate({ force: true })
  await vive.close()
  for (const medium of Object.values(media)) await medium.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a volume on media of its own: which level is where, and what the media are', async () => {
  const map = await json('map', '--media', described)
  expect(map.policy).toBe('archive')
  const held = map.files.filter(({ holdsValues }) => holdsValues)
  expect(new Set(held.flatMap(({ media }) => media))).toEqual(new Set(['smr']))
  const { media } = await json('media', '--media', described)
  expect(media.map(({ name, state }) => `${name} ${state}`)).toEqual(['ssd online', 'smr online'])
  const { out } = await cli('map', '--media', described)
  expect(out).toMatch(/policy archive/)
  expect(out).toMatch(/values +3\.\d MiB in \d+ file/)
  expect((await cli('media', '--media', described)).out).toMatch(/smr +online +\S+ \S+ +\S+ \S+ +at once +survives/)
  const page = join(folder, 'map.html')
  expect(await json('map', '--media', described, '--html', page)).toEqual({ written: page })
  expect(readFileSync(page, 'utf8')).toMatch(/<svg[\s\S]*smr/)
})

test('who gives no policy is not told one', async () => {
  const bare = join(folder, 'bare.json')
  const { media, home } = JSON.parse(readFileSync(described, 'utf8'))
  writeFileSync(bare, JSON.stringify({ media, home }))
  expect((await json('map', '--media', bare)).policy).toBeUndefined()
  expect((await cli('map', '--media', bare)).out).toMatch(/policy not told: --policy/)
  expect((await json('map', '--media', bare, '--policy', 'ladder:ssd,smr')).policy).toBe('ladder(ssd, smr)')
})

test('a volume in a directory: lsm shows its files, another engine says that it knows none', async () => {
  const [lsm, level] = [join(folder, 'lsm.vive'), join(folder, 'level.vive')]
  expect((await cli('mkfs', lsm, '--engine', 'lsm')).code).toBe(0)
  expect((await cli('mkfs', level, '--engine', 'level')).code).toBe(0)
  expect((await json('map', lsm)).media.map(({ name }) => name)).toEqual(['main'])
  expect((await json('media', lsm)).media).toHaveLength(1)
  const refused = await cli('map', level)
  expect(refused.code).toBe(1)
  expect(refused.err).toMatch(/only a volume on the engine lsm/)
})

test('either a volume or a file of media', async () => {
  expect((await cli('map')).code).toBe(2)
  expect((await cli('media', 'volume', '--media', described)).code).toBe(2)
  expect((await cli('map', '--help')).out).toMatch(/Examples:[\s\S]*vivefs map photos\.vive/)
})
