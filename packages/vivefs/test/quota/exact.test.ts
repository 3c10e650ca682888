/**
 * Use is exact: after random operations of the model's driver, of transactions, bulk and rollback, after every prefix of the batches, and
 * after a failed access to the database. fsck adds up the inodes and compares; `same` compares memory as well.
 */
import { expect, test } from 'vitest'
import type { Core } from '../../src/core/core.ts'
import { runAsync } from '../../src/op.ts'
import { countUse } from '../../src/quota/recount.ts'
import { VolumeQuotas } from '../../src/quota/volume-quotas.ts'
import { coreOf, ViveFS } from '../../src/vivefs.ts'
import { type BareVolume, openBare, openBareOn } from '../bare-volume.ts'
import { imageOf, prefixesOf } from '../crash/replay.ts'
import { makeTrace } from '../crash/trace.ts'
import { Driver, noRarities } from '../model/driver.ts'
import { isDeep, Random, seedOf, withSeed } from '../seed.ts'
import { SimulatedDatabase } from '../store/simulated-database.ts'

const people = [
  { uid: 0, gid: 0, groups: [], umask: 0o022 },
  { uid: 1000, gid: 1000, groups: [50], umask: 0o022 },
  { uid: 2000, gid: 50, groups: [1000], umask: 0 },
]

/** What memory says is what the inodes add up to. */
async function same(core: Core): Promise<void> {
  const counted = await countUse(core)
  for (const { kind, id, quota } of core.quotas.list()) {
    const { bytes = 0, inodes = 0 } = counted.of(kind, id) ?? {}
    expect({ kind, id, bytes: quota.bytes, inodes: quota.inodes }).toEqual({ kind, id, bytes, inodes })
  }
  for (const { kind, id, inodes } of counted.all) expect(core.quotas.of(kind, id).inodes, `${kind} ${id}`).toBe(inodes)
}

/** A volume with quotas on; a project on the root as well. */
async function opened(database: SimulatedDatabase, seed: number): Promise<BareVolume> {
  const volume = await openBareOn(database, { extentBytes: 4096, seed })
  if (!volume.core.quotas.isOn) {
    const quotas = new VolumeQuotas(volume.core)
    await quotas.on()
    await quotas.assign('/', 9)
    const { fsal } = volume
    await runAsync(fsal.setattr(people[0]!, fsal.root(), { mode: 0o777 }))
  }
  return volume
}

test('random operations by several people', { timeout: 600_000 }, async () => {
  for (let run = 0; run < (isDeep ? 40 : 1); run++) {
    await withSeed(seedOf(run), async (random) => {
      const database = new SimulatedDatabase()
      const driver = new Driver({ random, people, open: () => opened(database, random.seed), rarities: noRarities() })
      await driver.start()
      for (let part = 0; part < 4; part++) {
        await driver.run(isDeep ? 500 : 60)
        await driver.volume.core.jobs.idle()
        await same(driver.volume.core)
      }
      expect((await driver.volume.fsck()).findings).toEqual([])
      await driver.finish()
    })
  }
})

test('every prefix of the batches has exact use', { timeout: 600_000 }, async () => {
  const random = new Random(seedOf())
  const database = new SimulatedDatabase()
  const driver = new Driver({ random, people, open: () => opened(database, random.seed), rarities: noRarities() })
  await driver.start()
  await driver.run(isDeep ? 600 : 70)
  await driver.finish()
  let on = 0
  for await (const { n, image } of prefixesOf(database)) {
    const volume = await openBare(image, { readOnly: true, seed: random.seed })
    expect((await volume.fsck()).findings, `seed ${random.seed}, batch ${n + 1}`).toEqual([])
    if (volume.core.quotas.isOn) {
      on++
      await same(volume.core)
    }
    await volume.close()
  }
  console.log(`quotas: ${database.batches.length} batches, ${on} of them with quotas, seed ${random.seed}`)
  expect(on).toBeGreaterThan(database.batches.length / 2)
})

const FAILURE_STEP = isDeep ? 1 : 25

test('the nth access fails: what survives is exact', { timeout: 600_000 }, async () => {
  let isOver = false
  for (let nth = 1; !isOver; nth += FAILURE_STEP) {
    let accesses = 0
    let fails = false
    const database = new SimulatedDatabase({
      before: () => {
        if (fails && ++accesses === nth) throw Object.assign(new Error('the access that fails'), { code: 'EIO' })
      },
    })
    let volume: BareVolume | undefined
    try {
      volume = await opened(database, 5)
      fails = true
      const context = { fsal: volume.fsal, handles: new Map(), files: new Map() }
      for (const step of makeTrace()) await step(context)
      isOver = accesses < nth
    } catch {
      // Told to whoever did it; the check below is about what is left.
    }
    fails = false
    await volume?.close().catch(() => {})
    const image = await imageOf(database)
    const again = await openBare(image, { seed: 5 })
    await again.core.jobs.idle()
    expect(again.core.quotas.isOn).toBe(true)
    await same(again.core)
    expect((await again.fsck()).findings, `access ${nth}`).toEqual([])
    await again.close()
  }
})

test('transactions, bulk, snapshots and rollback', async () => {
  await using vive = await ViveFS.open('memory://', { owner: { uid: 0, gid: 0 } })
  const core = coreOf(vive)
  const { promises } = vive.root.fs
  await promises.mkdir('/p')
  await vive.quotas.set('user', 1000, { bytesHard: 1 << 20 })
  await vive.quotas.assign('/p', 4)
  await promises.writeFile('/p/f', Buffer.alloc(100_000, 1))
  await vive.transaction(async (tx) => {
    await tx.fs.mkdir('/p/d')
    await tx.fs.writeFile('/p/d/a', Buffer.alloc(5000, 1))
    await tx.fs.chown('/p/d/a', 1000, 1000)
    await tx.fs.rm('/p/f')
  })
  await same(core)
  const { snapshots } = vive as unknown as {
    snapshots: { create(name: string): Promise<unknown>; rollback(name: string): Promise<unknown> }
  }
  await snapshots.create('before')
  await promises.writeFile('/p/d/a', Buffer.alloc(70_000, 2))
  await promises.chown('/p/d/a', 3000, 3000)
  await promises.rm('/p/d/a')
  await promises.writeFile('/p/new', 'x')
  await same(core)
  await snapshots.rollback('before')
  expect(core.quotas.state.isStale).toBe(false)
  await same(core)
  expect(vive.quotas.get('user', 1000).used).toEqual({ bytes: 5000, inodes: 1 })
  expect((await vive.fsck()).findings).toEqual([])
})

test('fsck finds use that is counted wrong, and puts it right', async () => {
  await using vive = await ViveFS.open('memory://', { owner: { uid: 0, gid: 0 } })
  await vive.quotas.set('user', 7, { bytesHard: 1000 })
  await vive.root.fs.promises.writeFile('/f', 'text')
  const core = coreOf(vive)
  const { quotas } = core
  quotas.put('user', 0, { ...quotas.of('user', 0), bytes: 123 })
  quotas.put('user', 7, { ...quotas.of('user', 7), inodes: 5 })
  await vive.quotas.set('user', 0, {})
  await vive.quotas.set('user', 7, {})
  expect((await vive.fsck()).findings.map(({ code }) => code)).toEqual(['QUOTA', 'QUOTA'])
  expect((await vive.fsck({ repair: true })).findings.every(({ repaired }) => repaired)).toBe(true)
  expect((await vive.fsck()).findings).toEqual([])
  expect(vive.quotas.get('user', 7)).toMatchObject({ used: { inodes: 0 }, limits: { bytesHard: 1000 } })
  await same(core)
})
