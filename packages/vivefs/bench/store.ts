/**
 * What the store itself costs: CPU microseconds per call, median of the rounds. `npm run bench:store`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AbstractLevel } from 'abstract-level'
import { ClassicLevel } from 'classic-level'
import { MemoryLevel } from 'memory-level'
import { type Op, runAsync, runSync } from '../src/op.ts'
import { type LevelStore, openLevelStore } from '../src/store/index.ts'

type Db = AbstractLevel<Buffer | Uint8Array | string, string, string>

const keyCount = 1024
const value = new Uint8Array(120)
const keys = Array.from({ length: keyCount }, (_, i) => {
  const key = new Uint8Array(17)
  new DataView(key.buffer).setUint32(9, i * 2654435761)
  key[0] = 1 + (i % 3)
  return key
})
const keyOf = (i: number): Uint8Array => keys[i % keyCount]!

const cpuUs = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

async function measure(name: string, count: number, round: (count: number) => Promise<void> | void): Promise<void> {
  const cpu: number[] = []
  const wall: number[] = []
  for (let i = 0; i < 7; i++) {
    const before = cpuUs()
    const start = process.hrtime.bigint()
    await round(count)
    wall.push(Number(process.hrtime.bigint() - start) / 1000 / count)
    cpu.push((cpuUs() - before) / count)
  }
  const median = (figures: number[]): string =>
    figures
      .sort((a, b) => a - b)[3]!
      .toFixed(3)
      .padStart(9)
  console.log(`${name.padEnd(58)} ${median(cpu)} us CPU ${median(wall)} us wall`)
}

const three = (store: LevelStore, i: number): Op<void> =>
  store.transact(function* (tx) {
    for (let k = 0; k < 3; k++) yield* tx.get(keyOf(i * 3 + k))
    for (let k = 0; k < 3; k++) tx.put(keyOf(i * 3 + k), value)
  })

async function bench(name: string, db: Db): Promise<void> {
  const group = await openLevelStore(db)
  await runAsync(
    group.transact(function* (tx) {
      for (const key of keys) tx.put(key, value)
    }),
  )
  await measure(`${name}: range of 64 of 1024 rows`, 2000, async (count) => {
    for (let i = 0; i < count; i++) {
      await runAsync(group.transact((tx) => tx.range({ gte: Uint8Array.of(2), lt: Uint8Array.of(3), limit: 64 })))
    }
  })
  await measure(`${name}: cached get, 1000 in one transaction`, 200_000, (count) => {
    for (let i = 0; i < count; i += 1000) {
      runSync(
        group.transact(function* (tx) {
          for (let k = 0; k < 1000; k++) yield* tx.get(keyOf(i + k))
        }),
      )
    }
  })
  await measure(`${name}: transaction of one cached get`, 100_000, (count) => {
    for (let i = 0; i < count; i++) runSync(group.transact((tx) => tx.get(keyOf(i))))
  })
  const uncached = await openLevelStore(db, { cacheBytes: 0 })
  await measure(`${name}: transaction of one uncached get (getSync)`, 50_000, (count) => {
    for (let i = 0; i < count; i++) runSync(uncached.transact((tx) => tx.get(keyOf(i))))
  })
  await measure(`${name}: 3 gets + 3 puts, group, one by one`, 5000, async (count) => {
    for (let i = 0; i < count; i++) await runAsync(three(group, i))
  })
  await measure(`${name}: 3 gets + 3 puts, group, 64 at a time`, 19_200, async (count) => {
    for (let i = 0; i < count; i += 64) {
      await Promise.all(Array.from({ length: 64 }, (_, k) => runAsync(three(group, i + k))))
    }
  })
  const relaxed = await openLevelStore(db, { durability: 'relaxed' })
  await measure(`${name}: 3 gets + 3 puts, relaxed, synchronous`, 20_000, async (count) => {
    for (let i = 0; i < count; i++) {
      runSync(three(relaxed, i))
      if (i % 1000 === 999) await new Promise(setImmediate)
    }
  })
  await relaxed.close()
  const backlog = await openLevelStore(db, { durability: 'relaxed', relaxedBytesMax: 64 << 20, relaxedMsMax: 1e6 })
  let row = 0
  await measure(`${name}: one put and a range of 1 row, up to 70 000 rows pending`, 10_000, async (count) => {
    for (let i = 0; i < count; i++) {
      const key = new Uint8Array(17)
      new DataView(key.buffer).setUint32(9, row++ * 2654435761)
      key[0] = 7
      await runAsync(
        backlog.transact(function* (tx) {
          tx.put(key, value)
          return yield* tx.range({ gte: key, lt: Uint8Array.of(9), limit: 1 })
        }),
      )
    }
  })
  await backlog.close()
  await group.close()
}

await bench('memory-level', new MemoryLevel({ storeEncoding: 'view' }) as unknown as Db)
const directory = mkdtempSync(join(tmpdir(), 'vivefs-bench-'))
const classic = new ClassicLevel(directory)
await bench('classic-level', classic as unknown as Db)
await classic.close()
rmSync(directory, { recursive: true })
