/**
 * Whatever prefix of the batches a crash leaves, with files that share extents: a sound volume, counts and all, and what was
 * acknowledged is there. Every tenth image that has jobs is opened for writing, and what was begun comes to its end.
 */
import { expect, test } from 'vitest'
import { openBare, openBareOn } from '../bare-volume.ts'
import { finishWork, prefixesOf } from '../crash/replay.ts'
import { fingerprint, fingerprintOf } from '../model/fingerprint.ts'
import { isDeep, Random } from '../seed.ts'
import { SnapshotModel } from '../snapshot/snapshot-model.ts'
import { SimulatedDatabase } from '../store/simulated-database.ts'

test('every prefix of the batches', { timeout: isDeep ? 1_800_000 : 300_000 }, async () => {
  for (const seed of isDeep ? [62, 63, 64, 65] : [62]) {
    const recorded = new SimulatedDatabase()
    const open = () => openBareOn(recorded, { extentBytes: 4096, seed })
    const model = new SnapshotModel(new Random(seed), open, { clones: true })
    await model.start()
    const trees = new Map<number, string[]>()
    while (model.counts.operations < (isDeep ? 800 : 180)) {
      await model.turn()
      trees.set(recorded.batches.length, fingerprintOf(model.tree))
    }
    await model.finish()
    expect(model.rarities.shared).toBeGreaterThan(0)
    let finished = 0
    for await (const { n, image } of prefixesOf(recorded)) {
      const where = `seed ${seed}, after batch ${n + 1} of ${recorded.batches.length}`
      const volume = await openBare(image, { readOnly: true, seed })
      const report = await volume.fsck({ snapshots: n % 7 === 0 })
      expect(report.findings, where).toEqual([])
      const tree = trees.get(n + 1)
      if (tree !== undefined) expect(await fingerprint(volume.fsal), where).toEqual(tree)
      await volume.close()
      if (report.counts.jobs === 0 || n % 10 !== 0) continue
      await finishWork(image, where)
      finished++
    }
    console.log(
      `reflink prefixes: seed ${seed}, ${recorded.batches.length} batches, ${finished} finished, ${model.rarities.shared} shared`,
    )
  }
})
