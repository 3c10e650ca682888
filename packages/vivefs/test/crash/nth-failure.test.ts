/**
 * The nth access to the database fails, for every n: the operation throws a coded error, nothing hangs, and what
 * survives is a sound volume with every operation that was acknowledged.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FilesystemError, ViveError } from '../../src/errors.ts'
import { type BareVolume, openBare, openBareOn } from '../bare-volume.ts'
import { fingerprint } from '../model/fingerprint.ts'
import { isDeep } from '../seed.ts'
import { SimulatedDatabase } from '../store/simulated-database.ts'
import { imageOf } from './replay.ts'
import { makeTrace } from './trace.ts'

const options = { extentBytes: 4096, seed: 5, cacheBytes: 16 << 10 }
const HANG_MS = 10_000
/** Reads fail without any effect on the store: by default every third of them does. */
const READS_STEP = isDeep ? 1 : 3

const unhandled: unknown[] = []
const note = (reason: unknown): void => {
  unhandled.push(reason)
}
beforeAll(() => {
  process.on('unhandledRejection', note)
})
afterAll(() => {
  process.off('unhandledRejection', note)
})

interface Run {
  /** Steps that were acknowledged; -1 when not even the volume was. */
  readonly done: number
  readonly error: unknown
  readonly database: SimulatedDatabase
}

/** Plays the trace until something fails. */
async function play(
  before: (operation: string) => void,
  afterStep: (volume: BareVolume) => Promise<void>,
): Promise<Run> {
  const database = new SimulatedDatabase({ before })
  let volume: BareVolume | undefined
  let done = -1
  let error: unknown
  try {
    volume = await openBareOn(database, options)
    done = 0
    const context = { fsal: volume.fsal, handles: new Map(), files: new Map() }
    for (const step of makeTrace()) {
      await step(context)
      done++
      await afterStep(volume)
    }
  } catch (thrown) {
    error = thrown
  }
  await volume?.close().catch((thrown: unknown) => {
    error ??= thrown
  })
  return { done, error, database }
}

const isCoded = (error: unknown): boolean =>
  FilesystemError.is(error)
    ? ['EIO', 'ENOSPC'].includes(error.code)
    : error instanceof ViveError &&
      ['ERR_VIVEFS_STORE_FAILED', 'ERR_VIVEFS_CLOSED', 'ERR_VIVEFS_ENGINE'].includes(error.code)

/** What the database holds, opened anew. */
async function survive({ database }: Run): Promise<{ tree: string[]; findings: readonly unknown[] }> {
  const image = await imageOf(database)
  const volume = await openBare(image, options)
  await volume.core.jobs.idle()
  const { findings } = await volume.fsck()
  const tree = await fingerprint(volume.fsal)
  await volume.close()
  return { tree, findings }
}

const soon = <T>(work: Promise<T>, what: string): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: hangs`)), HANG_MS)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })

test('the nth access to the database fails, for every n', { timeout: 600_000 }, async () => {
  const trees: string[][] = []
  const calls: string[] = []
  const whole = await play(
    (operation) => calls.push(operation),
    async () => {},
  )
  expect(whole.error).toBeUndefined()
  // The same trace once more, for what the tree looks like after each step.
  await play(
    () => {},
    async (volume) => {
      if (trees.length === 0) trees.push(await fingerprint((await openBare(undefined, options)).fsal))
      trees.push(await fingerprint(volume.fsal))
    },
  )
  expect(trees.length).toBe(makeTrace().length + 1)

  let failures = 0
  let reads = 0
  for (let n = 0; n < calls.length + 5; n++) {
    const operation = calls[n]
    if (operation !== 'batch' && operation !== undefined && reads++ % READS_STEP !== 0) continue
    const what = `access ${n} (${operation})`
    let count = 0
    const broken = new Error(`broken on purpose: ${what}`)
    const run = await soon(
      play(
        () => {
          if (count++ === n) throw broken
        },
        async () => {},
      ),
      what,
    )
    if (run.error !== undefined) {
      failures++
      if (!isCoded(run.error)) throw new Error(`${what}: an error without a code of ours`, { cause: run.error })
    }
    const { tree, findings } = await soon(survive(run), what)
    expect(findings, what).toEqual([])
    const allowed = [trees[Math.max(0, run.done)], trees[Math.max(0, run.done) + 1] ?? trees[trees.length - 1]]
    const isAllowed = allowed.some((each) => each.join('\n') === tree.join('\n'))
    if (!isAllowed) expect(tree, `${what}, ${run.done} steps acknowledged`).toEqual(allowed[0])
  }
  console.log(`nth failure: ${calls.length} accesses, ${failures} of the tried ones met by an operation`)
  expect(failures).toBeGreaterThan(50)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(unhandled).toEqual([])
})
