import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FaultMedium, isMediumError, openDirectory, openFault, openObject } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { isPfaofError, runAsync, Volume } from '../src/index.ts'
import { type Acknowledged, missing, stallAt, work, workUnlessFenced } from './stall.ts'

/** Two writers, the first stalled before each of its media operations while the second takes over: nothing acknowledged is lost (I11). */

async function schedule(nth: number): Promise<boolean> {
  const base = openObject({ zoneCount: 256, zoneBytes: 64 << 10 })
  await (await Volume.create({ media: { o: base } })).close()
  const first = openFault(openObject({ zoneCount: 256, zoneBytes: 64 << 10 }, base.store), {}) as FaultMedium
  const stall = stallAt(first, nth)
  const acknowledged: Acknowledged = new Map()
  let ended: unknown
  const writer = (async () => {
    const volume = await Volume.open({ media: { o: first }, holder: 'one' })
    await work(volume, 'a', 30, acknowledged)
    await volume.close()
  })().catch((error: unknown) => {
    ended = error
  })
  await Promise.race([stall.reached, writer])
  const stalled = stall.count() >= nth
  const second = openObject({ zoneCount: 256, zoneBytes: 64 << 10 }, base.store)
  const two = await Volume.open({ media: { o: second }, holder: 'two' })
  await work(two, 'b', 6, acknowledged)
  stall.go()
  await writer
  if (ended !== undefined) expect((ended as { code?: string }).code, String(ended)).toMatch(/^PFAOF_/)
  // The first may have been stalled before its claim: then it is the newer writer, and the second is told so.
  if (await workUnlessFenced(two, 'c', 3, acknowledged)) await two.close()
  const third = openObject({ zoneCount: 256, zoneBytes: 64 << 10 }, base.store)
  expect(await missing(third, acknowledged), `stalled at ${nth}, which ended with ${String(ended)}`).toEqual([])
  return stalled
}

describe('two writers', () => {
  test('one stalled at every step, on a store with create-once keys: 0 acknowledged and lost', {
    timeout: 300_000,
  }, async () => {
    let schedules = 0
    for (let nth = 1; nth <= 200 && (await schedule(nth)); nth++) schedules++
    console.log(`two writers: create-once keys, ${schedules} schedules, 0 acknowledged and lost`)
    expect(schedules).toBe(200)
  })

  test('on a medium with a lock the second is refused while the first lives', async () => {
    const path = await mkdtemp(join(tmpdir(), 'pfaof-lock-'))
    const medium = await openDirectory({ path: join(path, 'd'), zoneCount: 16, zoneBytes: 64 << 10 })
    try {
      const volume = await Volume.create({ media: { o: medium } })
      await expect((async () => openDirectory({ path: join(path, 'd') }))()).rejects.toSatisfy((error) =>
        isMediumError(error, 'MEDIA_LOCKED'),
      )
      const acknowledged: Acknowledged = new Map()
      await work(volume, 'a', 5, acknowledged)
      expect(acknowledged.size).toBe(3)
      await volume.close()
    } finally {
      await medium.close()
      await rm(path, { recursive: true })
    }
  })

  test('a fenced writer says so, at once and for ever', async () => {
    const base = openObject({ zoneCount: 256, zoneBytes: 64 << 10 })
    const one = await Volume.create({ media: { o: base } })
    const file = await runAsync(one.create({ name: 'a', media: ['o'] }))
    const two = await Volume.open({ media: { o: openObject({ zoneCount: 256, zoneBytes: 64 << 10 }, base.store) } })
    await runAsync(file.append([Buffer.from('lost')]))
    for (let i = 0; i < 3; i++)
      await expect(runAsync(file.sync())).rejects.toSatisfy((error) => isPfaofError(error, 'PFAOF_FENCED'))
    await two.close()
  })
})
