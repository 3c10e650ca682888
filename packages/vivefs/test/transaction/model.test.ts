/**
 * Random groups of operations: as a transaction of one volume, one by one on another. Groups that are given up leave the
 * first as it was; every prefix of its batches is a sound volume that holds whole groups.
 */
import { expect, test } from 'vitest'
import { superuser } from '../../src/core/mode.ts'
import { createFs } from '../../src/face/index.ts'
import { transaction } from '../../src/transaction/transaction.ts'
import { type BareVolume, memoryDatabase, openBare, openBareOn } from '../bare-volume.ts'
import { fingerprint } from '../model/fingerprint.ts'
import { isDeep, type Random, seedOf, withSeed } from '../seed.ts'
import { randomOf, SimulatedDatabase } from '../store/simulated-database.ts'
import { anAction, attempt } from './groups.ts'

const GROUPS = isDeep ? 4000 : 120
const options = { extentBytes: 4096, seed: 3 }
const givenUp = new Error('given up on purpose')
const credentials = superuser

async function group(volume: BareVolume, plain: BareVolume, random: Random): Promise<void> {
  const actions = Array.from({ length: 1 + random.upTo(8) }, () => anAction(random))
  const isGivenUp = random.chance(0.25)
  let codes: string[] = []
  const work = transaction(
    volume.core,
    async ({ fs }) => {
      codes = []
      for (const action of actions) codes.push(await attempt(fs, action))
      if (isGivenUp) throw givenUp
    },
    { credentials },
  )
  if (isGivenUp) return await expect(work).rejects.toBe(givenUp)
  await work
  const fs = createFs(plain.core, superuser).promises
  const expected: string[] = []
  for (const action of actions) expected.push(await attempt(fs, action))
  expect(codes).toEqual(expected)
}

test('groups of operations are as if done one by one, or not at all', { timeout: 600_000 }, async () => {
  await withSeed(seedOf(), async (random) => {
    for (const sync of [false, true]) {
      const recorded = new SimulatedDatabase({
        random: randomOf(random.seed),
        turnsMax: sync ? 0 : 2,
        getSync: sync,
        sync,
      })
      const volume = await openBareOn(recorded, options)
      const plain = await openBare(undefined, options)
      /** What the tree is after so many batches. */
      const trees: { batches: number; tree: string }[] = []
      const note = async (): Promise<void> => {
        const tree = await fingerprint(volume.fsal)
        expect(tree).toEqual(await fingerprint(plain.fsal))
        trees.push({ batches: recorded.batches.length, tree: tree.join('\n') })
      }
      await note()
      for (let n = 0; n < GROUPS; n++) {
        await group(volume, plain, random)
        await note()
      }
      await volume.core.jobs.idle()
      expect((await volume.fsck()).findings).toEqual([])
      expect(volume.core.counters).toEqual(plain.core.counters)
      await volume.close()
      await plain.close()
      await checkPrefixes(recorded, trees)
    }
  })
})

async function checkPrefixes(recorded: SimulatedDatabase, trees: { batches: number; tree: string }[]): Promise<void> {
  const image = memoryDatabase()
  await image.open()
  const step = isDeep ? 7 : 1
  for (const [n, { rows }] of recorded.batches.entries()) {
    await image.batch(
      rows.map(({ type, key, value }) =>
        type === 'put'
          ? { type, key: Buffer.from(key), value: Buffer.from(value!) }
          : { type: 'del' as const, key: Buffer.from(key) },
      ),
    )
    if (n % step !== 0) continue
    const where = `after batch ${n + 1} of ${recorded.batches.length}`
    const volume = await openBare(image, { ...options, readOnly: true })
    expect((await volume.fsck()).findings, where).toEqual([])
    const next = trees.findIndex(({ batches }) => batches >= n + 1)
    const allowed = [trees[Math.max(0, next - 1)], trees[next < 0 ? trees.length - 1 : next]].map((each) => each?.tree)
    expect(allowed, where).toContain((await fingerprint(volume.fsal)).join('\n'))
    await volume.close()
  }
}
