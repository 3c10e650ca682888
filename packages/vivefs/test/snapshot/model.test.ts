/**
 * Random operations on a volume, its snapshots and its forks, against an oracle that copies its trees. VIVEFS_SEED
 * replays, VIVEFS_DEEP=1 digs.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LsmLevel } from '@vivefs/lsm'
import { test } from 'vitest'
import { memoryDatabase, openBare } from '../bare-volume.ts'
import { isDeep, seedOf, withSeed } from '../seed.ts'
import { SyncDatabase } from '../sync-database.ts'
import { SnapshotModel } from './snapshot-model.ts'

const minutes = (n: number): number => n * 60_000

test('snapshots, rollbacks and forks among all operations', { timeout: minutes(isDeep ? 240 : 3) }, async () => {
  const seed = seedOf(21)
  await withSeed(seed, async (random) => {
    const database = memoryDatabase()
    const model = new SnapshotModel(random, () => openBare(database, { extentBytes: 4096, seed }))
    await model.run(isDeep ? 60_000 : 1000)
    console.log(`snapshots: seed ${seed}`, JSON.stringify(model.counts))
  })
})

test('the same on a database that does everything on the spot', { timeout: minutes(isDeep ? 240 : 3) }, async () => {
  const seed = seedOf(22)
  await withSeed(seed, async (random) => {
    const database = new SyncDatabase()
    const model = new SnapshotModel(random, () => openBare(database, { extentBytes: 4096, seed }))
    await model.run(isDeep ? 30_000 : 500)
    console.log(`snapshots, synchronous database: seed ${seed}`, JSON.stringify(model.counts))
  })
})

test('the same on lsm', { timeout: minutes(isDeep ? 240 : 3) }, async () => {
  const seed = seedOf(23)
  const directory = await mkdtemp(join(tmpdir(), 'vivefs-snapshots-'))
  try {
    await withSeed(seed, async (random) => {
      const options = { keyEncoding: 'buffer', valueEncoding: 'buffer', memoryBytes: 1 << 20, memtableBytes: 64 << 10 }
      const open = () => {
        const database = new LsmLevel<Buffer, Buffer>(join(directory, 'db'), options)
        return openBare(database, { extentBytes: 4096, seed, ownsDatabase: true })
      }
      const model = new SnapshotModel(random, open)
      await model.run(isDeep ? 10_000 : 150)
      console.log(`snapshots, lsm: seed ${seed}`, JSON.stringify(model.counts))
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
