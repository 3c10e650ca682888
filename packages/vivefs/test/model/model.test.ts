/** Random operations on a volume against an oracle that shares no code with it. VIVEFS_SEED replays, VIVEFS_DEEP=1 digs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LsmLevel } from '@vivefs/lsm'
import { ClassicLevel } from 'classic-level'
import { expect, test } from 'vitest'
import { runAsync } from '../../src/op.ts'
import { memoryDatabase, openBare } from '../bare-volume.ts'
import { isDeep, Random, seedOf, withSeed } from '../seed.ts'
import { SyncDatabase } from '../sync-database.ts'
import { Driver, noRarities } from './driver.ts'
import type { Who } from './oracle.ts'

const superuser: Who = { uid: 0, gid: 0, groups: [], umask: 0o022 }
const people: readonly Who[] = [
  superuser,
  { uid: 1000, gid: 1000, groups: [3000], umask: 0o022 },
  { uid: 1001, gid: 1001, groups: [1000, 3000], umask: 0o077 },
  { uid: 1002, gid: 1000, groups: [], umask: 0 },
]
const minutes = (n: number): number => n * 60_000

test('one superuser, small extents: every rare path is met', { timeout: minutes(isDeep ? 60 : 2) }, async () => {
  const seed = seedOf(1)
  const rarities = noRarities()
  await withSeed(seed, async (random) => {
    const database = memoryDatabase()
    const open = () => openBare(database, { extentBytes: 4096, seed })
    const driver = new Driver({ random, people: [superuser], open, rarities })
    await driver.start()
    await driver.run(isDeep ? 100_000 : 2000)
    await driver.meetRarePaths()
    await driver.finish()
  })
  console.log(`model, superuser: seed ${seed}`, JSON.stringify(rarities))
  for (const rare of [
    'bigDeletes',
    'cuts',
    'countingTrims',
    'consolidations',
    'mids',
    'pages',
    'reopens',
    'orphans',
    'refusals',
  ] as const) {
    expect(rarities[rare], rare).toBeGreaterThan(0)
  }
})

test('several users, default extents: who may do what', { timeout: minutes(isDeep ? 60 : 2) }, async () => {
  const seed = seedOf(2)
  const rarities = noRarities()
  await withSeed(seed, async (random) => {
    const database = memoryDatabase()
    const driver = new Driver({ random, people, open: () => openBare(database, { seed }), rarities })
    await driver.start()
    await driver.run(isDeep ? 30_000 : 1000)
    await driver.finish()
  })
  console.log(`model, users: seed ${seed}`, JSON.stringify(rarities))
  expect(rarities.refusals).toBeGreaterThan(0)
})

test('on classic-level', { timeout: minutes(isDeep ? 60 : 2) }, async () => {
  const seed = seedOf(3)
  const directory = await mkdtemp(join(tmpdir(), 'vivefs-model-'))
  try {
    await withSeed(seed, async (random) => {
      const open = () => {
        const database = new ClassicLevel<Buffer, Buffer>(join(directory, 'db'), {
          keyEncoding: 'buffer',
          valueEncoding: 'buffer',
        })
        return openBare(database, { extentBytes: 4096, seed, ownsDatabase: true })
      }
      const driver = new Driver({ random, people, open, rarities: noRarities() })
      await driver.start()
      await driver.run(isDeep ? 10_000 : 600)
      await driver.finish()
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  console.log(`model, classic-level: seed ${seed}`)
})

test('on lsm', { timeout: minutes(isDeep ? 60 : 2) }, async () => {
  const seed = seedOf(6)
  const directory = await mkdtemp(join(tmpdir(), 'vivefs-model-'))
  try {
    await withSeed(seed, async (random) => {
      // A memtable of this size is flushed and compacted all the time.
      const options = { keyEncoding: 'buffer', valueEncoding: 'buffer', memoryBytes: 1 << 20, memtableBytes: 64 << 10 }
      const open = () => {
        const database = new LsmLevel<Buffer, Buffer>(join(directory, 'db'), options)
        return openBare(database, { extentBytes: 4096, seed, ownsDatabase: true })
      }
      const driver = new Driver({ random, people, open, rarities: noRarities() })
      await driver.start()
      await driver.run(isDeep ? 10_000 : 600)
      await driver.finish()
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  console.log(`model, lsm: seed ${seed}`)
})

test('on a database that does everything on the spot', { timeout: minutes(isDeep ? 60 : 2) }, async () => {
  const seed = seedOf(5)
  await withSeed(seed, async (random) => {
    const database = new SyncDatabase()
    const driver = new Driver({ random, people, open: () => openBare(database, { seed }), rarities: noRarities() })
    await driver.start()
    await driver.run(isDeep ? 30_000 : 600)
    await driver.finish()
  })
  console.log(`model, synchronous database: seed ${seed}`)
})

test('several actors at once, on one volume', { timeout: minutes(isDeep ? 60 : 2) }, async () => {
  const seed = seedOf(4)
  await withSeed(seed, async (random) => {
    const volume = await openBare(memoryDatabase(), {
      extentBytes: 4096,
      seed,
      syncReads: 'never',
      cacheBytes: 64 << 10,
    })
    const names = ['one', 'two', 'three', 'four']
    const shared = await runAsync(
      volume.fsal.create(superuser, volume.fsal.root(), { name: Buffer.from('log'), mode: 0o644 }),
    )
    const drivers = names.map(
      (name) =>
        new Driver({
          random: new Random(random.upTo(2 ** 32)),
          people: [superuser],
          open: async () => volume,
          rarities: noRarities(),
          below: { volume, name },
        }),
    )
    const rounds = isDeep ? 500 : 12
    await Promise.all(
      drivers.map(async (driver, actor) => {
        await driver.start()
        for (let round = 0; round < rounds; round++) {
          // Records of one line each, appended by all at once: none is lost, none is torn.
          const data = Buffer.from(`${actor} ${round}\n`)
          await runAsync(volume.fsal.write(superuser, shared.handle, { offset: null, data }))
          await driver.run(10)
        }
      }),
    )
    const into = Buffer.alloc(1 << 20)
    const bytes = await runAsync(volume.fsal.read(superuser, shared.handle, { offset: 0, into }))
    const lines = into.toString('latin1', 0, bytes).trimEnd().split('\n')
    expect(lines.length).toBe(names.length * rounds)
    for (const actor of names.keys()) {
      const own = lines.filter((line) => line.startsWith(`${actor} `))
      expect(own).toEqual(Array.from({ length: rounds }, (_, round) => `${actor} ${round}`))
    }
    for (const driver of drivers) {
      await driver.settle()
      await driver.compare()
    }
    expect((await volume.fsck()).findings).toEqual([])
    expect(volume.core.store.statistics().reruns).toBeGreaterThan(0)
    console.log(`model, four actors: seed ${seed}, ${volume.core.store.statistics().reruns} reruns`)
    await volume.close()
  })
})
