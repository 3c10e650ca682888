import { SeededRandom } from '@vivefs/media'
import { expect, test } from 'vitest'
import { BatchEncoder } from '../../src/batch/batch-encoder.ts'
import { DELETE, MERGE, PUT, RANGE_DELETE } from '../../src/kind.ts'
import { LogWriter } from '../../src/log/log-writer.ts'
import { describeEdit, dumpManifest } from '../../src/manifest/dump-manifest.ts'
import { runAsync, runSync } from '../../src/op.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { repair } from '../../src/version/repair.ts'
import { VersionSet } from '../../src/version/version-set.ts'
import { Oracle, TestEngine } from './engine.ts'
import { newStorage } from './ground.ts'
import { JOIN } from './join.ts'

const SHAPE = {
  blockBytes: 256,
  restartInterval: 16,
  filterBitsPerKey: 10,
  prefixBytes: 0,
  compression: 'none',
} as const
const OPTIONS = { shape: SHAPE, tableBytes: 3000, mergeOperator: JOIN }

/** A tree of random writes; the last ones are in a log only. */
async function life(storage: Storage, seed: number): Promise<Oracle> {
  const random = new SeededRandom(seed)
  const engine = await TestEngine.create(storage)
  const oracle = new Oracle()
  const key = () => `k${String(Math.floor(random.next() * 200)).padStart(3, '0')}`
  const operation = (): [typeof PUT | typeof DELETE | typeof MERGE | typeof RANGE_DELETE, string, string] => {
    const what = random.next()
    if (what < 0.6) return [PUT, key(), `value ${random.next()}`]
    if (what < 0.8) return [MERGE, key(), `,${Math.floor(random.next() * 1000)}`]
    if (what < 0.98) return [DELETE, key(), '']
    const [a, b] = [key(), key()].sort() as [string, string]
    return [RANGE_DELETE, a, b]
  }
  for (let i = 0; i < 1500; i++) {
    const one = operation()
    engine.write(...one)
    oracle.write(...one)
    if (i % 90 === 89) await engine.flush()
  }
  await engine.flush()
  await engine.compactor.idle()
  const number = engine.versions.newNumber()
  const log = new LogWriter(runSync(storage.create('log', number, { bytesExpected: 0 })), number)
  for (let i = 0; i < 50; i++) {
    const batch = new BatchEncoder()
    const [kind, k, value] = operation()
    if (kind === PUT) batch.put(k, value)
    else if (kind === DELETE) batch.del(k)
    else if (kind === MERGE) batch.merge(k, value)
    else batch.deleteRange(k, value)
    oracle.write(kind, k, value)
    runSync(log.append(batch.parts(engine.versions.lastSequence + 1)))
    engine.versions.lastSequence++
  }
  await engine.close()
  return oracle
}

test('a database without its manifest comes back from tables and logs', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const storage = await newStorage()
    const oracle = await life(storage, seed)
    for (const { kind, number } of storage.list()) if (kind === 'manifest') runSync(storage.remove(kind, number))
    expect(() => runSync(VersionSet.recover(storage))).toThrow(/repair/)
    const before = storage.list().length
    const look = await runAsync(repair(storage, { ...OPTIONS, dryRun: true }))
    expect(look).toMatchObject({ logs: 1, damaged: [], entries: 0 })
    expect(storage.list().length).toBe(before)

    const report = await runAsync(repair(storage, OPTIONS))
    expect(report.damaged).toEqual([])
    expect(report.entries).toBe(oracle.state.size)
    const versions = await runAsync(VersionSet.recover(storage))
    expect(versions.lastSequence).toBe(report.lastSequence)
    const engine = new TestEngine(storage, versions)
    expect([...(await engine.see(Number.MAX_SAFE_INTEGER))], `seed ${seed}`).toEqual([...oracle.state])
    expect(
      storage
        .list()
        .filter(({ kind }) => kind !== 'table')
        .map(({ kind }) => kind),
    ).toEqual(['manifest'])
    expect(report.outputs.length).toBe(storage.list().filter(({ kind }) => kind === 'table').length)
    await engine.close()
    await storage.close()
  }
})

test('a table that is damaged is named and left out', async () => {
  const storage = await newStorage()
  const oracle = await life(storage, 9)
  const number = 100_000
  const file = runSync(storage.create('table', number, { bytesExpected: 0 }))
  runSync(file.append([Buffer.from('this is no table')]))
  const report = await runAsync(repair(storage, OPTIONS))
  expect(report.damaged).toMatchObject([{ kind: 'table', number }])
  expect(report.entries).toBe(oracle.state.size)
  const versions = await runAsync(VersionSet.recover(storage))
  expect(versions.newNumber()).toBeGreaterThan(number)
  await storage.close()
})

test('a manifest can be printed, and its damage has a place', async () => {
  const storage = await newStorage()
  await life(storage, 3)
  const number = storage.list().find(({ kind }) => kind === 'manifest')!.number
  const dump = await runAsync(dumpManifest(storage, number))
  expect(dump.fault).toBeUndefined()
  expect(dump.edits.length).toBeGreaterThan(10)
  const lines = dump.edits.flatMap(({ edit }) => describeEdit(edit))
  expect(lines[0]).toBe('base')
  expect(lines.some((line) => /^\+ level 0 table-\d+ \["k\d+", "k\d+"\] \d+ bytes/.test(line))).toBe(true)
  expect(lines.some((line) => /^- level 0 table-\d+$/.test(line))).toBe(true)
  const broken = runSync(storage.create('manifest', 999_999, { bytesExpected: 0 }))
  const whole = Buffer.alloc(dump.bytes)
  runSync(runSync(storage.open('manifest', number)).read(0, whole))
  whole[dump.edits[5]!.offset + 9]! ^= 1
  runSync(broken.append([whole]))
  const damaged = await runAsync(dumpManifest(storage, 999_999))
  expect(damaged.edits.length).toBe(5)
  expect(damaged.fault).toMatchObject({ offset: dump.edits[5]!.offset, what: /checksum/ })
  expect(() => runSync(VersionSet.recover(storage))).toThrow(
    /LEVEL_CORRUPTION: manifest-999999 at offset \d+: a record has a wrong checksum/,
  )
  await storage.close()
})
