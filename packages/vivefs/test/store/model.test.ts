/**
 * Serializability: random concurrent transactions, recorded at the instant they are ordered, must have read exactly
 * what a serial replay in that order reads. More seeds with VIVEFS_SEEDS=n, one seed with VIVEFS_SEED=s.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { type Op, pending, runAsync, runSync } from '../../src/op.ts'
import { asDatabase, type Database } from '../../src/store/database.ts'
import { LevelStore, type LevelStoreOptions, type TransactOptions, type Tx } from '../../src/store/index.ts'
import { type BatchRecord, type Random, randomOf, SimulatedDatabase, turn, upTo } from './simulated-database.ts'

const oneSeed = process.env.VIVEFS_SEED
const seedCount = Number(process.env.VIVEFS_SEEDS ?? 8)
const seeds = oneSeed === undefined ? Array.from({ length: seedCount }, (_, i) => i + 1) : [Number(oneSeed)]

const keyCount = 24
const keyOf = (n: number): Buffer => Buffer.from(`k${String(n).padStart(2, '0')}`)
const everything = { gte: Buffer.from('k'), lt: Buffer.from('l') }

interface Observation {
  readonly what: string
  readonly answer: string
}

/** A transaction as it was ordered: what it saw and what it did, in its own order. */
type Step = Observation | { readonly key: string; readonly value: string | undefined }

type State = Map<string, string>

const show = (rows: readonly { key: Uint8Array; value: Uint8Array }[]): string =>
  rows.map(({ key, value }) => `${Buffer.from(key)}=${Buffer.from(value)}`).join(',')

interface RangeShape {
  readonly low: number
  readonly high: number
  readonly after: boolean
  readonly limit: number | undefined
  readonly reverse: boolean
}

const rangeName = (r: RangeShape): string => `range ${JSON.stringify(r)}`

function readModel(state: State, r: RangeShape): string {
  const low = String(keyOf(r.low))
  const keys = [...state.keys()].filter((k) => (r.after ? k > low : k >= low) && k < String(keyOf(r.high))).sort()
  if (r.reverse) keys.reverse()
  return keys
    .slice(0, r.limit)
    .map((key) => `${key}=${state.get(key)}`)
    .join(',')
}

/** Replays what was ordered and answers the first read that a serial execution would have answered otherwise. */
function replay(history: readonly (readonly Step[])[], state: State): string | undefined {
  for (const [order, steps] of history.entries()) {
    const ranges = /^range (.*)$/
    for (const step of steps) {
      if ('key' in step) {
        if (step.value === undefined) state.delete(step.key)
        else state.set(step.key, step.value)
        continue
      }
      const shape = ranges.exec(step.what)
      const serial = shape ? readModel(state, JSON.parse(shape[1]!)) : (state.get(step.what) ?? '')
      if (serial !== step.answer) return `#${order} ${step.what}: saw "${step.answer}", serially "${serial}"`
    }
  }
  return undefined
}

/**
 * The database's content after every batch is the state after some commit, later ones after later batches: what a kill
 * leaves is a prefix of the order.
 */
function assertPrefixes(batches: readonly BatchRecord[], history: readonly (readonly Step[])[]): void {
  const write = (state: State, key: string, value: string | undefined): void => {
    if (value === undefined) state.delete(key)
    else state.set(key, value)
  }
  const text = (state: State): string => JSON.stringify([...state].sort(([a], [b]) => (a < b ? -1 : 1)))
  const landed: State = new Map()
  const ordered: State = new Map()
  let order = 0
  for (const [number, { rows }] of batches.entries()) {
    for (const { key, value } of rows) {
      if (key[0] !== 0) write(landed, String(key), value === undefined ? undefined : String(value))
    }
    const wanted = text(landed)
    while (text(ordered) !== wanted) {
      const steps = history[order++]
      if (steps === undefined)
        throw new Error(`after batch ${number} the database holds what no prefix of the order leaves`)
      for (const step of steps) if ('key' in step) write(ordered, step.key, step.value)
    }
  }
}

/** A body that reads, waits and writes at random; what it writes depends on what it read. */
function makeBody(seed: number, history: Step[][], counts: { effects: number; runs: number }, mayWait: boolean) {
  return function* body(tx: Tx): Op<number> {
    // Every run of the body is the same script.
    const random = randomOf(seed)
    const steps: Step[] = []
    let seen = seed
    counts.runs++
    // Written only together and only to equal values: a body that sees them differ must not get away with an error.
    const left = yield* tx.get(keyOf(0))
    if (mayWait && random() < 0.3) yield* pending(turn())
    const right = yield* tx.get(keyOf(1))
    steps.push(
      { what: String(keyOf(0)), answer: String(left ?? '') },
      { what: String(keyOf(1)), answer: String(right ?? '') },
    )
    if (String(left ?? '') !== String(right ?? '')) throw new Error('saw two halves of different transactions')
    const count = 1 + upTo(random, 6)
    for (let i = 0; i < count; i++) {
      const dice = random()
      if (dice < 0.4) {
        const key = keyOf(2 + upTo(random, keyCount - 2))
        const answer = String((yield* tx.get(key)) ?? '')
        steps.push({ what: String(key), answer })
        seen = (seen * 31 + answer.length * 7 + (answer.charCodeAt(1) || 0)) >>> 0
      } else if (dice < 0.55 && mayWait) {
        const low = upTo(random, keyCount)
        const shape: RangeShape = {
          low,
          high: low + upTo(random, keyCount - low + 1),
          after: random() < 0.3,
          limit: random() < 0.5 ? 1 + upTo(random, 5) : undefined,
          reverse: random() < 0.4,
        }
        const { limit } = shape
        const rows = yield* tx.range({
          ...(shape.after ? { gt: keyOf(shape.low) } : { gte: keyOf(shape.low) }),
          lt: keyOf(shape.high),
          reverse: shape.reverse,
          ...(limit === undefined ? {} : { limit }),
        })
        steps.push({ what: rangeName(shape), answer: show(rows) })
        seen = (seen * 31 + rows.length) >>> 0
      } else if (dice < 0.65 && mayWait) yield* pending(turn())
      else {
        const key = keyOf(2 + upTo(random, keyCount - 2))
        if (random() < 0.3) {
          tx.del(key)
          steps.push({ key: String(key), value: undefined })
        } else {
          const value = `v${seen}-${i}${'x'.repeat(random() < 0.05 ? 5000 : upTo(random, 20))}`
          tx.put(key, Buffer.from(value))
          steps.push({ key: String(key), value })
        }
      }
    }
    if (random() < 0.5) {
      for (const n of [0, 1]) {
        tx.put(keyOf(n), Buffer.from(`p${seen}`))
        steps.push({ key: String(keyOf(n)), value: `p${seen}` })
      }
    }
    tx.onCommit(() => {
      counts.effects++
      history.push(steps)
    })
    return seen
  }
}

interface Scene {
  readonly name: string
  readonly options: LevelStoreOptions
  open(random: Random): Promise<{ database: Database; batches?: readonly BatchRecord[]; done(): Promise<void> }>
}

const simulated = (turnsMax: number, getSync: boolean, snapshots: boolean) => async (random: Random) => {
  const database = new SimulatedDatabase({ random, turnsMax, getSync, snapshots })
  await database.open()
  const { batches } = database
  return { database, batches, done: async () => expect(database.inFlightMax).toBeLessThanOrEqual(1) }
}

/** Everything on the spot; batches and their syncing may still take time. */
const immediate = (turnsMax: number) => async (random: Random) => {
  const database = new SimulatedDatabase({ random, turnsMax, getSync: true, sync: true })
  await database.open()
  const { batches } = database
  return { database, batches, done: async () => expect(database.inFlightMax).toBeLessThanOrEqual(1) }
}

const memory = async () => {
  const database = asDatabase(new MemoryLevel())
  await database.open()
  return { database, done: async () => {} }
}

const classic = async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vivefs-store-'))
  const database = asDatabase(new ClassicLevel(directory))
  await database.open()
  return {
    database,
    done: async () => {
      await database.close()
      rmSync(directory, { recursive: true })
    },
  }
}

const scenes: Scene[] = [
  { name: 'memory-level', options: {}, open: memory },
  {
    name: 'memory-level, no synchronous reads, no cache',
    options: { syncReads: 'never', cacheBytes: 0 },
    open: memory,
  },
  { name: 'memory-level, relaxed', options: { durability: 'relaxed', relaxedBytesMax: 2000 }, open: memory },
  { name: 'classic-level', options: {}, open: classic },
  { name: 'classic-level, no synchronous reads', options: { syncReads: 'never', cacheBytes: 3000 }, open: classic },
  { name: 'simulated, slow', options: {}, open: simulated(4, false, true) },
  { name: 'simulated, slow, no cache', options: { cacheBytes: 0 }, open: simulated(4, false, true) },
  { name: 'simulated, slow, tiny cache', options: { cacheBytes: 2000 }, open: simulated(3, false, true) },
  { name: 'simulated, no snapshots', options: { cacheBytes: 0 }, open: simulated(4, false, false) },
  { name: 'simulated, getSync', options: { cacheBytes: 1500 }, open: simulated(3, true, false) },
  {
    name: 'simulated, relaxed, tiny bound',
    options: { durability: 'relaxed', relaxedBytesMax: 300, relaxedMsMax: 4, cacheBytes: 2000 },
    open: simulated(3, true, true),
  },
  {
    name: 'simulated, strict',
    options: { durability: 'strict', pendingBytesMax: 500 },
    open: simulated(2, false, true),
  },
  { name: 'immediate', options: {}, open: immediate(0) },
  { name: 'immediate, slow syncs, tiny cache', options: { cacheBytes: 1500 }, open: immediate(4) },
  {
    name: 'immediate, strict, tiny queue',
    options: { durability: 'strict', pendingBytesMax: 500 },
    open: immediate(3),
  },
  {
    name: 'immediate, relaxed, tiny bound',
    options: { durability: 'relaxed', relaxedBytesMax: 300, relaxedMsMax: 4 },
    open: immediate(3),
  },
]

async function play(scene: Scene, seed: number): Promise<{ reruns: number; commits: number }> {
  const random = randomOf(seed * 7919)
  const { database, batches, done } = await scene.open(randomOf(seed * 104729))
  const history: Step[][] = []
  const counts = { effects: 0, runs: 0 }
  const state: State = new Map()
  let finished = 0
  const store = new LevelStore(database, scene.options)
  const seedOf = () => upTo(random, 2 ** 31)
  const isFull = store.caps.sync === 'full'
  const syncWrites = isFull || (scene.options.durability === 'relaxed' && store.caps.sync !== 'none')
  const client = async (): Promise<void> => {
    for (let i = 0; i < 12; i++) {
      const options: TransactOptions = random() < 0.05 ? { durable: true } : {}
      await runAsync(store.transact(makeBody(seedOf(), history, counts, true), options))
      finished++
      if (random() < 0.2) await turn()
      if (random() < 0.05) await runAsync(store.barrier())
      if (syncWrites && random() < 0.5 && (isFull || store.statistics().pendingBytes < 100)) {
        const how: TransactOptions = isFull && random() < 0.2 ? { durable: true } : {}
        runSync(store.transact(makeBody(seedOf(), history, counts, false), how))
        if (isFull && random() < 0.1) runSync(store.barrier())
        finished++
      }
    }
  }
  await Promise.all(Array.from({ length: 8 }, client))
  expect(counts.effects, 'effects once per transaction').toBe(finished)
  expect(replay(history, state)).toBe(undefined)
  const rows = await runAsync(store.transact((tx) => tx.range(everything)))
  const expected = [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`)
  expect(show(rows)).toBe(expected.join(','))
  for (let n = 0; n < keyCount; n++) {
    const value = await runAsync(store.transact((tx) => tx.get(keyOf(n)), { readOnly: true }))
    expect(String(value ?? '')).toBe(state.get(String(keyOf(n))) ?? '')
  }
  const { reruns, commits } = store.statistics()
  expect(counts.runs).toBe(finished + reruns)
  await store.close()
  if (batches !== undefined) assertPrefixes(batches, history)
  // What the database itself holds, and nothing left above it.
  const fresh = new LevelStore(database, { cacheBytes: 0 })
  const landed = await runAsync(fresh.transact((tx) => tx.range(everything)))
  expect(show(landed)).toBe(expected.join(','))
  await fresh.close()
  await done()
  return { reruns, commits }
}

for (const scene of scenes) {
  test(`concurrent transactions equal their serial replay: ${scene.name}`, async () => {
    let reruns = 0
    for (const seed of seeds) {
      try {
        reruns += (await play(scene, seed)).reruns
      } catch (error) {
        throw new Error(`scene "${scene.name}", VIVEFS_SEED=${seed}: ${(error as Error).message}`, { cause: error })
      }
    }
    // Scenes in which nothing ever conflicts would prove nothing.
    expect(reruns).toBeGreaterThan(0)
  })
}
