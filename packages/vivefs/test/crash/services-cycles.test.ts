/**
 * Cycles of work, crash and recovery over services, on one volume after the other: the database takes so many batches and then none any more.
 * What was acknowledged is there, the step that was under way wholly or not at all, quotas are exact, fsck finds nothing, and work goes on
 * from there. VIVEFS_DEEP=1: 10,000 cycles.
 */
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { ViveFS } from '../../src/vivefs.ts'
import { isDeep, seedOf, withSeed } from '../seed.ts'
import { found, perform, ServicesActor } from './services-actor.mjs'

const CYCLES = isDeep ? 10_000 : 40
/** Then a new volume begins. */
const CYCLES_PER_VOLUME = 25
const BYTES_MAX = 60_000
const credentials = { uid: 0, gid: 0, groups: [] }
const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer', storeEncoding: 'buffer' } as const

/** The power goes after so many batches. */
class FailingLevel extends MemoryLevel<Buffer, Buffer> {
  left = Number.POSITIVE_INFINITY

  // biome-ignore lint/suspicious/noExplicitAny: the signature of abstract-level
  override batch(...args: any[]): any {
    if (args.length === 0) return super.batch()
    if (--this.left < 0) return Promise.reject(new Error('the power is gone'))
    return super.batch(...(args as [never]))
  }
}

test(`${CYCLES} cycles of work, crash and recovery`, { timeout: 7_200_000 }, async () => {
  const seed = seedOf(33)
  let steps = 0
  await withSeed(seed, async (random) => {
    for (let cycle = 0; cycle < CYCLES; ) {
      const database = new FailingLevel(encodings)
      const made = await ViveFS.open(database as never, { credentials, extentBytes: 4096 })
      await made.quotas.set('user', 0, { bytesHard: 10e9 })
      await made.fs.promises.mkdir('/home')
      await made.close()
      const actorSeed = random.upTo(2 ** 31)
      const actor = new ServicesActor(actorSeed, 'home', BYTES_MAX)
      let before = actor.fingerprint()
      /** The step that the crash met; it is done again when it is not there. */
      let pending: ReturnType<ServicesActor['next']> | undefined
      for (let n = 0; n < CYCLES_PER_VOLUME && cycle < CYCLES; n++, cycle++) {
        const where = `cycle ${cycle}`
        const vive = await ViveFS.open(database as never, { credentials })
        const tree = await found(vive, '/home')
        if (pending !== undefined) {
          const after = actor.fingerprint()
          if (JSON.stringify(tree) !== JSON.stringify(after)) {
            expect(tree, where).toEqual(before)
            await perform(vive, '/home', pending)
          }
          pending = undefined
        } else expect(tree, where).toEqual(before)
        const report = await vive.fsck()
        expect(report.findings, where).toEqual([])
        database.left = random.upTo(random.pick([3, 12, 40]))
        try {
          for (;;) {
            before = actor.fingerprint()
            pending = actor.next()
            await perform(vive, '/home', pending)
            pending = undefined
            steps++
          }
        } catch (error) {
          expect((error as { code?: string }).code, `${where}: ${error}`).toBe('ERR_VIVEFS_STORE_FAILED')
        }
        await vive.close().catch(() => {})
        database.left = Number.POSITIVE_INFINITY
      }
    }
  })
  console.log(`services: seed ${seed}, ${CYCLES} cycles, ${steps} acknowledged steps`)
  expect(steps).toBeGreaterThan(CYCLES / 2)
})
