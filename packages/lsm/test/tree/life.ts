import { SeededRandom } from '@vivefs/media'
import { expect } from 'vitest'
import { DELETE, type Kind, MERGE, PUT, RANGE_DELETE } from '../../src/kind.ts'
import { Oracle, TestEngine, type TestEngineOptions } from './engine.ts'
import { newStorage } from './ground.ts'

interface Held {
  readonly sequence: number
  readonly state: ReadonlyMap<string, string>
}

/** Random writes, snapshots, flushes and compactions; after each of these every live snapshot is compared with the oracle. */
export async function randomLife(seed: number, steps: number, o: TestEngineOptions = {}): Promise<TestEngine> {
  const random = new SeededRandom(seed)
  const storage = await newStorage()
  const engine = await TestEngine.create(storage, o)
  const oracle = new Oracle()
  let held: Held[] = []
  const pick = (count: number) => Math.floor(random.next() * count)
  const key = () => `k${String(pick(150)).padStart(3, '0')}`
  const write = (kind: Kind, k: string, v: string) => {
    engine.write(kind, k, v)
    oracle.write(kind, k, v)
  }
  const check = async (what: string) => {
    const now: Held = { sequence: engine.versions.lastSequence, state: oracle.state }
    for (const { sequence, state } of [...held, now]) {
      expect([...(await engine.see(sequence))], `seed ${seed}, ${what}, at ${sequence}`).toEqual([...state])
    }
  }
  const merges = engine.mergeOperator !== undefined
  for (let i = 0; i < steps; i++) {
    for (let n = pick(80); n >= 0; n--) {
      const what = random.next()
      if (what < 0.55) write(PUT, key(), `v${engine.versions.lastSequence}.${'x'.repeat(pick(60))}`)
      else if (what < 0.8 && merges) write(MERGE, key(), `,${engine.versions.lastSequence}`)
      else if (what < 0.97) write(DELETE, key(), '')
      else {
        const [a, b] = [key(), key()].sort() as [string, string]
        write(RANGE_DELETE, a, random.next() < 0.1 ? `${b}~` : b)
      }
    }
    const what = random.next()
    if (what < 0.3) {
      held.push({ sequence: engine.versions.lastSequence, state: oracle.state })
      engine.live.push(engine.versions.lastSequence)
    } else if (what < 0.5 && held.length > 0) {
      const [gone] = held.splice(pick(held.length), 1)
      engine.live.splice(engine.live.indexOf(gone!.sequence), 1)
    }
    if (random.next() < 0.6) await engine.flush()
    if (random.next() < 0.3) await engine.compactor.idle()
    if (random.next() < 0.05) {
      const [a, b] = [key(), key()].sort() as [string, string]
      await engine.compactor.compactRange({ smallest: Buffer.from(a), largest: Buffer.from(b), largestIncluded: true })
    }
    if (random.next() < 0.3) await check(`step ${i}`)
  }
  held = []
  engine.live.length = 0
  await engine.flush()
  await engine.compactor.compactRange({ smallest: Buffer.alloc(0), largest: Buffer.from('~'), largestIncluded: true })
  await engine.compactor.idle()
  await check('at the end')
  expect(engine.failure).toBeUndefined()
  // Nothing is left but the state itself: no tombstone, no operand, no old version, no file of another table.
  const left = engine.versions.current.levels.flat()
  expect(
    left.reduce((sum, { entries }) => sum + entries, 0),
    `seed ${seed}`,
  ).toBe(oracle.state.size)
  expect(
    left.reduce((sum, one) => sum + one.deletions + one.rangeDeletions, 0),
    `seed ${seed}`,
  ).toBe(0)
  const files = storage.list().filter(({ kind }) => kind === 'table')
  expect(files.map(({ number }) => number).sort()).toEqual(left.map(({ number }) => number).sort())
  await engine.close()
  await storage.close()
  return engine
}
