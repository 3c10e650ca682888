/** Faults in the bookkeeping of snapshots: fsck finds each of them. */
import { expect, test } from 'vitest'
import { inodeKey } from '../../src/format/keys.ts'
import { encodeAbsent } from '../../src/format/snapshot.ts'
import { dataHistoryRange, historyKey, metaHistoryRange, snapshotKey } from '../../src/format/snapshot-keys.ts'
import { runAsync } from '../../src/op.ts'
import { createSnapshot, deleteSnapshot } from '../../src/snapshot/create.ts'
import { createFork } from '../../src/snapshot/fork.ts'
import type { KeyRange, Tx } from '../../src/store/store.ts'
import { type BareVolume, openBare, root } from '../bare-volume.ts'

/** A volume with a snapshot that sees a file and a big file, both of which are gone since. */
async function volumeWithHistory(): Promise<BareVolume> {
  const volume = await openBare(undefined, { extentBytes: 4096 })
  const { fsal, core } = volume
  for (const [name, bytes] of [
    ['small', 100],
    ['big', 400_000],
  ] as const) {
    const { handle } = await runAsync(fsal.create(root, fsal.root(), { name: Buffer.from(name), mode: 0o644 }))
    await runAsync(fsal.write(root, handle, { offset: 0, data: Buffer.alloc(bytes, 1) }))
  }
  await runAsync(createSnapshot(core, 's'))
  for (const name of ['small', 'big']) await runAsync(fsal.unlink(root, fsal.root(), { name: Buffer.from(name) }))
  await core.jobs.idle()
  return volume
}

const write = ({ core }: BareVolume, body: (tx: Tx) => void): Promise<void> =>
  runAsync(
    core.store.transact(function* (tx) {
      body(tx)
    }),
  )

async function keysOf({ core }: BareVolume, range: KeyRange): Promise<Buffer[]> {
  const rows = await runAsync(core.store.transact((tx) => tx.range(range), { readOnly: true }))
  return rows.map(({ key }) => Buffer.from(key))
}

const codesOf = async (volume: BareVolume): Promise<Set<string>> =>
  new Set((await volume.fsck()).findings.map(({ code }) => code))

test('nothing is wrong with a volume with history', async () => {
  const volume = await volumeWithHistory()
  expect(await codesOf(volume)).toEqual(new Set())
  expect((await keysOf(volume, dataHistoryRange)).length).toBeLessThan(4)
})

test('every history row of metadata that is lost is missed, and so is every damaged one', async () => {
  const { length } = await keysOf(await volumeWithHistory(), metaHistoryRange)
  expect(length).toBeGreaterThan(3)
  for (let n = 0; n < length; n++) {
    const lost = await volumeWithHistory()
    const key = (await keysOf(lost, metaHistoryRange))[n]!
    await write(lost, (tx) => tx.del(key))
    expect((await codesOf(lost)).size, `lost ${key.toString('hex')}`).toBeGreaterThan(0)
    const damaged = await volumeWithHistory()
    await write(damaged, (tx) => tx.put(key, Buffer.from('damaged row')))
    expect(await codesOf(damaged), `damaged ${key.toString('hex')}`).toContain('ROW_DAMAGED')
  }
})

test('history of snapshots that never were, or are not any more', async () => {
  const volume = await volumeWithHistory()
  const future = historyKey(inodeKey(1), 9)
  await write(volume, (tx) => tx.put(future, encodeAbsent(future)))
  expect(await codesOf(volume)).toContain('HISTORY')
  expect((await volume.fsck({ repair: true })).findings.some(({ repaired }) => repaired)).toBe(true)
  expect(await codesOf(volume)).toEqual(new Set())
  await runAsync(deleteSnapshot(volume.core, 's'))
  await volume.core.jobs.idle()
  const stray = historyKey(inodeKey(1), 1)
  await write(volume, (tx) => tx.put(stray, encodeAbsent(stray)))
  expect(await codesOf(volume)).toContain('HISTORY_STRAY')
  await volume.fsck({ repair: true })
  expect(await codesOf(volume)).toEqual(new Set())
})

test('a sweep that did not run leaves strays, and so does one that forgets the extents', async () => {
  const volume = await volumeWithHistory()
  volume.core.jobs.start = () => {}
  await runAsync(deleteSnapshot(volume.core, 's'))
  const jobs = await keysOf(volume, { gte: Buffer.of(9), lt: Buffer.of(10) })
  await write(volume, (tx) => {
    for (const key of jobs) tx.del(key)
  })
  expect(await codesOf(volume)).toEqual(new Set(['HISTORY_STRAY', 'EXTENT_STRAY']))
})

test('a base that is gone', async () => {
  const volume = await volumeWithHistory()
  await runAsync(createFork(volume.core, 'f', 's'))
  await write(volume, (tx) => tx.del(snapshotKey(1)))
  expect(await codesOf(volume)).toContain('SNAPSHOT')
})
