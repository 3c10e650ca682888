import { expect, test } from 'vitest'
import { createFsal } from '../../src/fsal/fsal.ts'
import { runAsync } from '../../src/op.ts'
import { createSnapshot, deleteSnapshot } from '../../src/snapshot/create.ts'
import { viewOf } from '../../src/snapshot/mount.ts'
import { memoryDatabase, openBare, openBareOn } from '../bare-volume.ts'
import { Driver, noRarities } from '../model/driver.ts'
import { fingerprint, fingerprintOf } from '../model/fingerprint.ts'
import { Random } from '../seed.ts'
import { SyncDatabase } from '../sync-database.ts'

const superuser = { uid: 0, gid: 0, groups: [], umask: 0o022 }

for (const seed of (process.env.SEEDS ?? '1,2,3').split(',').map(Number)) {
  test(`views of seed ${seed}`, { timeout: 600_000 }, async () => {
    const database = seed % 2 ? memoryDatabase() : new SyncDatabase()
    const random = new Random(seed)
    const driver = new Driver({
      random,
      people: [superuser],
      open: () => openBareOn(database as never, { extentBytes: 4096, seed }),
      rarities: noRarities(),
    })
    if (seed % 2) await (database as any).open()
    await driver.start()
    const saved = new Map<string, string[]>()
    for (let round = 0; round < 40; round++) {
      await driver.run(random.upTo(40))
      const { core } = driver.volume
      if (saved.size > 0 && random.chance(0.3)) {
        const name = random.pick([...saved.keys()])
        await runAsync(deleteSnapshot(core, name))
        saved.delete(name)
      } else {
        const name = `s${round}`
        await runAsync(createSnapshot(core, name))
        saved.set(name, fingerprintOf(driver.oracle.root))
      }
      await driver.run(random.upTo(10))
      for (const [name, tree] of saved) {
        if (!random.chance(0.3)) continue
        const view = viewOf(driver.volume.core, name)
        expect(await fingerprint(createFsal(view)), `round ${round} snapshot ${name}`).toEqual(tree)
      }
    }
    const { core } = driver.volume
    for (const [name, tree] of saved) {
      expect(await fingerprint(createFsal(viewOf(core, name))), name).toEqual(tree)
      await runAsync(deleteSnapshot(core, name))
    }
    await core.jobs.idle()
    for (const key of [0x18, 0x48, 0x0c]) {
      const rows = await runAsync(
        core.store.transact((tx) => tx.range({ gte: Buffer.of(key), lt: Buffer.of(key + 1) }), { readOnly: true }),
      )
      expect(rows.length).toBe(0)
    }
    await driver.finish()
  })
}
