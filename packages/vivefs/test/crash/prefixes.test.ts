/**
 * A batch is the unit: whatever prefix of the sequence of batches a crash leaves, it is a sound volume, and it holds
 * every operation that was acknowledged by then.
 */
import { expect, test } from 'vitest'
import { openBare, openBareOn } from '../bare-volume.ts'
import { Driver, noRarities } from '../model/driver.ts'
import { fingerprint, fingerprintOf } from '../model/fingerprint.ts'
import { isDeep, Random } from '../seed.ts'
import { SimulatedDatabase } from '../store/simulated-database.ts'
import { finishWork, prefixesOf } from './replay.ts'

const superuser = { uid: 0, gid: 0, groups: [], umask: 0o022 }

test('every prefix of the batches is a sound volume', { timeout: 600_000 }, async () => {
  const seeds = isDeep ? [11, 12, 13, 14, 15] : [11]
  for (const seed of seeds) {
    const recorded = new SimulatedDatabase()
    const expected = new Map<number, string[]>()
    const note = (): void => {
      expected.set(recorded.batches.length, fingerprintOf(driver.oracle.root))
    }
    const driver: Driver = new Driver({
      random: new Random(seed),
      people: [superuser],
      open: () => openBareOn(recorded, { extentBytes: 4096, seed }),
      rarities: noRarities(),
      afterStep: note,
    })
    await driver.start()
    note()
    await driver.run(200)
    await driver.meetRarePaths(isDeep ? 24 : 4)
    await driver.finish()

    let jobsPending = 0
    let orphans = 0
    for await (const { n, image } of prefixesOf(recorded)) {
      const where = `seed ${seed}, after batch ${n + 1} of ${recorded.batches.length}`
      const volume = await openBare(image, { readOnly: true, seed })
      const report = await volume.fsck()
      expect(report.findings, where).toEqual([])
      jobsPending += report.counts.jobs
      orphans += report.counts.orphans
      const tree = expected.get(n + 1)
      if (tree !== undefined) expect(await fingerprint(volume.fsal), where).toEqual(tree)
      await volume.close()
      const { jobs, orphans: nameless } = report.counts
      const isMixed = jobs > 0 && nameless > 0
      if (jobs + nameless > 0 && n % (isMixed ? 5 : 25) === 0) await finishWork(image, where, tree)
    }
    console.log(`prefixes: seed ${seed}, ${recorded.batches.length} batches, ${expected.size} trees compared`)
    expect(jobsPending).toBeGreaterThan(0)
    expect(orphans).toBeGreaterThan(0)
  }
})
