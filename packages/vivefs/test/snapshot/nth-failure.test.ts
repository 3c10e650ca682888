/** The nth access to the database fails, for every n: what survives is a sound volume with sound snapshots and forks. */
import { expect, test } from 'vitest'
import { FilesystemError, ViveError } from '../../src/errors.ts'
import { createFsal } from '../../src/fsal/fsal.ts'
import { runAsync } from '../../src/op.ts'
import { createSnapshot, deleteSnapshot } from '../../src/snapshot/create.ts'
import { createFork, deleteFork, openFork } from '../../src/snapshot/fork.ts'
import { forksOf } from '../../src/snapshot/mount.ts'
import { rollback } from '../../src/snapshot/rollback.ts'
import { type BareVolume, openBare, openBareOn, root } from '../bare-volume.ts'
import { imageOf } from '../crash/replay.ts'
import { isDeep } from '../seed.ts'
import { SimulatedDatabase } from '../store/simulated-database.ts'

const options = { extentBytes: 4096, seed: 5, cacheBytes: 16 << 10 }
const STEP = isDeep ? 1 : 5
const name = (text: string): Buffer => Buffer.from(text)

/** Every service once, with work for each of them. */
async function trace({ core, fsal }: BareVolume): Promise<void> {
  const make = async (tree: typeof fsal, called: string, bytes: number): Promise<void> => {
    const { handle } = await runAsync(tree.create(root, tree.root(), { name: name(called), mode: 0o644 }))
    await runAsync(tree.write(root, handle, { offset: 0, data: Buffer.alloc(bytes, 1) }))
  }
  const remove = (tree: typeof fsal, called: string): Promise<void> =>
    runAsync(tree.unlink(root, tree.root(), { name: name(called) }))
  await make(fsal, 'a', 300_000)
  await make(fsal, 'b', 100)
  await runAsync(createSnapshot(core, 'one'))
  const { handle } = await runAsync(fsal.lookup(root, fsal.root(), { name: name('a') }))
  await runAsync(fsal.write(root, handle, { offset: 5000, data: Buffer.alloc(20_000, 2) }))
  await remove(fsal, 'b')
  await runAsync(createSnapshot(core, 'two'))
  await remove(fsal, 'a')
  await make(fsal, 'c', 10_000)
  await rollback(core, 'one')
  const fork = createFsal(await openFork(core, await runAsync(createFork(core, 'fork', 'two'))))
  await remove(fork, 'a')
  await make(fork, 'd', 100)
  await deleteFork(core, 'fork')
  await runAsync(deleteSnapshot(core, 'one'))
  await runAsync(deleteSnapshot(core, 'two'))
  await core.jobs.idle()
}

async function play(before: (operation: string) => void): Promise<{ error: unknown; database: SimulatedDatabase }> {
  const database = new SimulatedDatabase({ before })
  let volume: BareVolume | undefined
  let error: unknown
  try {
    volume = await openBareOn(database, options)
    await trace(volume)
  } catch (thrown) {
    error = thrown
  }
  await volume?.close().catch((thrown: unknown) => {
    error ??= thrown
  })
  return { error, database }
}

const isCoded = (error: unknown): boolean => FilesystemError.is(error) || error instanceof ViveError

test('the nth access fails, snapshots included', { timeout: 600_000 }, async () => {
  const calls: string[] = []
  const whole = await play((operation) => calls.push(operation))
  expect(whole.error).toBeUndefined()
  let failures = 0
  for (let n = 0; n < calls.length; n += calls[n] === 'batch' ? 1 : STEP) {
    let count = 0
    const what = `access ${n} (${calls[n]})`
    const { error, database } = await play(() => {
      if (count++ === n) throw new Error(`broken on purpose: ${what}`)
    })
    if (error !== undefined) {
      failures++
      if (!isCoded(error)) throw new Error(`${what}: an error without a code of ours`, { cause: error })
    }
    const image = await imageOf(database)
    const volume = await openBare(image, options)
    await volume.core.jobs.idle()
    for (const { fork } of await forksOf(volume.core)) await fork.jobs.idle()
    const { findings, counts } = await volume.fsck()
    expect(findings, what).toEqual([])
    expect(counts.jobs, what).toBe(0)
    await volume.close()
  }
  console.log(`nth failure with snapshots: ${calls.length} accesses, ${failures} of the tried ones met`)
  expect(failures).toBeGreaterThan(20)
})
