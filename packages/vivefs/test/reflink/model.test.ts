/**
 * Reflinks and copied ranges among all operations, against an oracle that copies bytes; with snapshots, rollbacks and forks as well.
 * Every look of fsck counts references, loans and what they save anew. VIVEFS_SEED replays, VIVEFS_DEEP=1 digs.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LsmLevel } from '@vivefs/lsm'
import { expect, test } from 'vitest'
import { memoryDatabase, openBare } from '../bare-volume.ts'
import { Driver, noRarities } from '../model/driver.ts'
import type { Who } from '../model/oracle.ts'
import { isDeep, seedOf, withSeed } from '../seed.ts'
import { SnapshotModel } from '../snapshot/snapshot-model.ts'
import { SyncDatabase } from '../sync-database.ts'

const superuser: Who = { uid: 0, gid: 0, groups: [], umask: 0o022 }
const minutes = (n: number): number => n * 60_000

test('shared extents among all operations', { timeout: minutes(isDeep ? 120 : 3) }, async () => {
  const seed = seedOf(41)
  const rarities = noRarities()
  await withSeed(seed, async (random) => {
    const database = memoryDatabase()
    const open = () => openBare(database, { extentBytes: 4096, seed })
    const driver = new Driver({ random, people: [superuser], open, rarities, clones: true })
    await driver.start()
    await driver.run(isDeep ? 100_000 : 1500)
    await driver.finish()
  })
  console.log(`reflinks: seed ${seed}`, JSON.stringify(rarities))
  expect(rarities.shared).toBeGreaterThan(0)
})

test('with snapshots, rollbacks and forks', { timeout: minutes(isDeep ? 240 : 3) }, async () => {
  const seed = seedOf(42)
  await withSeed(seed, async (random) => {
    const database = new SyncDatabase()
    const open = () => openBare(database, { extentBytes: 4096, seed })
    const model = new SnapshotModel(random, open, { clones: true })
    await model.run(isDeep ? 60_000 : 800)
    console.log(`reflinks and snapshots: seed ${seed}`, JSON.stringify({ ...model.counts, ...model.rarities }))
    expect(model.rarities.shared).toBeGreaterThan(0)
  })
})

test('the same on lsm', { timeout: minutes(isDeep ? 240 : 3) }, async () => {
  const seed = seedOf(43)
  const directory = await mkdtemp(join(tmpdir(), 'vivefs-reflinks-'))
  try {
    await withSeed(seed, async (random) => {
      const options = { keyEncoding: 'buffer', valueEncoding: 'buffer', memoryBytes: 1 << 20, memtableBytes: 64 << 10 }
      const open = () => {
        const database = new LsmLevel<Buffer, Buffer>(join(directory, 'db'), options)
        return openBare(database, { extentBytes: 4096, seed, ownsDatabase: true })
      }
      const model = new SnapshotModel(random, open, { clones: true })
      await model.run(isDeep ? 10_000 : 150)
      console.log(`reflinks and snapshots, lsm: seed ${seed}`, JSON.stringify({ ...model.counts, ...model.rarities }))
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
