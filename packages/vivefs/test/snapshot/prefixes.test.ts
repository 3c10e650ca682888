/**
 * Whatever prefix of the sequence of batches a crash leaves: a sound volume with sound snapshots and forks, each of which
 * shows what it showed, and a rollback is done wholly or not at all.
 */
import { expect, test } from 'vitest'
import { createFsal } from '../../src/fsal/fsal.ts'
import { viewOf } from '../../src/snapshot/mount.ts'
import { findRegistry } from '../../src/snapshot/registry.ts'
import { openBare, openBareOn } from '../bare-volume.ts'
import { finishWork, prefixesOf } from '../crash/replay.ts'
import { fingerprint, fingerprintOf } from '../model/fingerprint.ts'
import { isDeep, Random } from '../seed.ts'
import { SimulatedDatabase } from '../store/simulated-database.ts'
import { SnapshotModel } from './snapshot-model.ts'

interface Snapshotted {
  readonly name: string
  readonly tree: string[]
  readonly from: number
  to: number
}

test('every prefix of the batches, snapshots and forks included', { timeout: 900_000 }, async () => {
  for (const seed of isDeep ? [31, 32, 33, 34, 35, 36] : [31]) {
    const recorded = new SimulatedDatabase()
    const model = new SnapshotModel(new Random(seed), () => openBareOn(recorded, { extentBytes: 4096, seed }))
    const snapshots = new Map<string, Snapshotted>()
    const all: Snapshotted[] = []
    model.onAction = (what) => {
      const at = recorded.batches.length
      for (const [name, tree] of model.snapshots) {
        if (snapshots.has(name)) continue
        const noted = { name, tree: fingerprintOf(tree), from: at, to: Number.POSITIVE_INFINITY }
        snapshots.set(name, noted)
        all.push(noted)
      }
      if (what.startsWith('delete ')) snapshots.get(what.slice(7))!.to = at
    }
    await model.start()
    const trees = new Map<number, string[]>()
    while (model.counts.operations < (isDeep ? 1000 : 150)) {
      await model.turn()
      trees.set(recorded.batches.length, fingerprintOf(model.tree))
    }
    await model.finish()
    expect(model.counts.rollbacks, 'rollbacks').toBeGreaterThan(0)
    expect(model.counts.forkRuns, 'forks used').toBeGreaterThan(0)

    let views = 0
    let halfRollbacks = 0
    for await (const { n, image } of prefixesOf(recorded)) {
      const where = `seed ${seed}, after batch ${n + 1} of ${recorded.batches.length}`
      const isLooked = n % 7 === 0
      const volume = await openBare(image, { readOnly: true, seed })
      const isHalf = findRegistry(volume.core) === undefined
      if (isHalf) halfRollbacks++
      const report = await volume.fsck({ snapshots: isLooked })
      expect(report.findings, where).toEqual([])
      const tree = trees.get(n + 1)
      if (tree !== undefined) expect(await fingerprint(volume.fsal), where).toEqual(tree)
      if (isLooked && !isHalf) {
        for (const snapshot of all.filter(({ from, to }) => from <= n && n + 1 < to)) {
          const view = createFsal(viewOf(volume.core, snapshot.name))
          expect(await fingerprint(view), `${where}, ${snapshot.name}`).toEqual(snapshot.tree)
          views++
        }
      }
      const shown = isHalf ? await fingerprint(volume.fsal) : undefined
      await volume.close()
      if (isHalf || (report.counts.jobs > 0 && n % 10 === 0)) await finishWork(image, where, shown)
    }
    const { batches } = recorded
    console.log(
      `snapshot prefixes: seed ${seed}, ${batches.length} batches, ${views} views, ${halfRollbacks} half rollbacks`,
    )
    expect(views).toBeGreaterThan(0)
    expect(halfRollbacks).toBeGreaterThan(0)
  }
})
