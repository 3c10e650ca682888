/** A creation that loses power at any operation leaves a place where the next one works; a volume that exists is never taken for one. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Imageable, type Medium, openDirectory, openFault, openMemory, openSmr, openZns } from '@vivefs/media'
import { expect, test } from 'vitest'
import { isPfaofError, runAsync, Volume } from '../src/index.ts'
import { CUTS } from './crash.ts'

const SHAPE = { zoneBytes: 64 << 10, zoneCount: 8 }

const KINDS: Record<string, (folder: string) => Medium & Imageable> = {
  memory: () => openMemory({ ...SHAPE, durability: 'flush' }),
  directory: (folder) => openDirectory({ path: join(folder, 'medium'), ...SHAPE }) as unknown as Medium & Imageable,
  zns: () => openZns(SHAPE) as unknown as Medium & Imageable,
  smr: () => openSmr(SHAPE) as unknown as Medium & Imageable,
}

/** Opens what is there, or makes it. */
async function openOrCreate(medium: Medium): Promise<Volume> {
  try {
    return await Volume.open({ media: { m: medium } })
  } catch (error) {
    if (!isPfaofError(error, 'PFAOF_NO_VOLUME')) throw error
    return await Volume.create({ media: { m: medium } })
  }
}

test.each(Object.entries(KINDS))('creation cut at every operation, %s', async (_name, open) => {
  let cuts = 0
  for (let nth = 1, over = false; !over; nth++) {
    for (const cut of CUTS) {
      const folder = mkdtempSync(join(tmpdir(), 'unfinished-'))
      const inner = open(folder)
      const rules = [{ on: 'write' as const, nth, effect: { kind: 'power-cut' as const } }]
      const medium = openFault(inner, { seed: nth, rules })
      await Volume.create({ media: { m: medium } }).then(
        (volume) => volume.close().catch(() => {}),
        () => {},
      )
      over = !medium.powerCut
      const left = await medium.crashImage({ ...cut, seed: nth })
      const volume = await openOrCreate(left)
      const file = await runAsync(volume.create({ name: 'a', media: ['m'] }))
      await runAsync(file.append([Buffer.from('content')]))
      await runAsync(file.sync())
      await volume.close()
      await expect(Volume.create({ media: { m: left } })).rejects.toMatchObject({ code: 'PFAOF_EXISTS' })
      const again = await Volume.open({ media: { m: left } })
      expect([...again.list()].map(({ name }) => name)).toEqual(['a'])
      await again.close()
      await left.close()
      await medium.close().catch(() => {})
      rmSync(folder, { recursive: true })
      if (!over) cuts++
    }
  }
  expect(cuts).toBeGreaterThan(CUTS.length)
})
