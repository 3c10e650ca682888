/** Ranges against a plain model: rows in the database, rows committed and not landed, a transaction's own writes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runAsync } from '../../src/op.ts'
import { LevelStore, type Tx } from '../../src/store/index.ts'
import { randomOf, SimulatedDatabase } from './simulated-database.ts'

const key = (n: number): Buffer => Buffer.from([1, n])
const byte = fc.integer({ min: 0, max: 40 })
const writes = fc.array(fc.record({ n: byte, value: fc.option(fc.integer({ min: 0, max: 255 })) }), { maxLength: 40 })
type Writes = readonly { n: number; value: number | null }[]

const apply = (tx: Tx, list: Writes): void => {
  for (const { n, value } of list) value === null ? tx.del(key(n)) : tx.put(key(n), Buffer.from([value]))
}

test('a range is what a sorted map answers, whatever has landed', async () => {
  await fc.assert(
    fc.asyncProperty(
      writes,
      writes,
      writes,
      fc.array(
        fc.record({
          low: fc.option(byte),
          high: byte,
          after: fc.boolean(),
          limit: fc.option(fc.integer({ min: 0, max: 12 })),
          reverse: fc.boolean(),
        }),
        { minLength: 1, maxLength: 6 },
      ),
      fc.integer(),
      async (landed, pending, own, ranges, seed) => {
        const database = new SimulatedDatabase({ random: randomOf(seed), turnsMax: 1 })
        await database.open()
        const store = new LevelStore(database, { cacheBytes: 0 })
        await runAsync(
          store.transact(function* (tx) {
            apply(tx, landed)
          }),
        )
        let release = (): void => {}
        database.held = new Promise((resolve) => {
          release = resolve
        })
        const unlanded = runAsync(
          store.transact(function* (tx) {
            apply(tx, pending)
          }),
        )
        const model = new Map<number, number>()
        for (const { n, value } of [...landed, ...pending, ...own]) {
          if (value === null) model.delete(n)
          else model.set(n, value)
        }
        const seen = await runAsync(
          store.transact(function* (tx) {
            apply(tx, own)
            const answers: (readonly [number, number])[][] = []
            for (const { low, high, after, limit, reverse } of ranges) {
              const rows = yield* tx.range({
                lt: key(high),
                reverse,
                ...(low === null ? {} : after ? { gt: key(low) } : { gte: key(low) }),
                ...(limit === null ? {} : { limit }),
              })
              answers.push(rows.map((row) => [row.key[1]!, row.value[0]!] as const))
            }
            release()
            return answers
          }),
        )
        await unlanded
        for (const [i, { low, high, after, limit, reverse }] of ranges.entries()) {
          const expected = [...model]
            .filter(([n]) => (low === null || (after ? n > low : n >= low)) && n < high)
            .sort(([a], [b]) => (reverse ? b - a : a - b))
            .slice(0, limit ?? undefined)
          expect(seen[i]).toEqual(expected)
        }
        await store.close()
      },
    ),
    { numRuns: Number(process.env.VIVEFS_RANGES ?? 200), seed: Number(process.env.VIVEFS_SEED ?? 20_240_601) },
  )
})

test('keysOnly: the database is not asked for values', async () => {
  const asked: (boolean | undefined)[] = []
  const database = new SimulatedDatabase()
  await database.open()
  const store = new LevelStore(database, { cacheBytes: 0 })
  await runAsync(
    store.transact(function* (tx) {
      apply(tx, [{ n: 1, value: 5 }])
    }),
  )
  const iterator = database.iterator.bind(database)
  database.iterator = (options) => {
    asked.push(options.values)
    return iterator(options)
  }
  const range = { gte: key(0), lt: key(9) }
  const read = (keysOnly: boolean) =>
    runAsync(store.transact((tx) => tx.range({ ...range, keysOnly }), { readOnly: true }))
  expect((await read(false)).map(({ value }) => value.length)).toEqual([1])
  expect((await read(true)).map(({ value }) => value.length)).toEqual([0])
  expect(asked).toEqual([undefined, false])
})
