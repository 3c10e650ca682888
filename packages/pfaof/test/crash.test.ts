import { type Medium, type MediumImage, openMemory, openObject, openZns } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { type CrashRun, CUTS, closeAll, contentsOf, mediaHolding, reopenUntilCut, runUntilCut } from './crash.ts'
import { CrashExplorer, type Outcome } from './crash-explorer.ts'

/**
 * Every media operation of a fixed trace is a crash point, and so is every media operation of the recovery after it. After each:
 * everything synced is there, each file is a prefix of what was appended that ends with a record, the table is a state since the last
 * durable one. VIVEFS_DEEP=1 takes every point; the default run a sample. VIVEFS_SEED and VIVEFS_CUT replay one.
 */
const DEEP = process.env.VIVEFS_DEEP === '1'
const SEED = process.env.VIVEFS_SEED
const SEEDS = SEED !== undefined ? [Number(SEED)] : DEEP ? [11, 12] : [11]
const ONLY = process.env.VIVEFS_CUT === undefined ? undefined : Number(process.env.VIVEFS_CUT)
/** Every nth media operation is a point, and every nth of those has its recovery crashed. */
const [STEP, RECOVERY_STEP] = DEEP || ONLY !== undefined ? [1, 1] : [7, 6]

const memory = (o: { pointerSurvives?: boolean; blockBytes?: number; zoneCount?: number }) =>
  openMemory({ zoneCount: 28, zoneBytes: 16 << 10, durability: 'flush', ...o })

const KINDS: Record<string, () => Record<string, Medium>> = {
  'one medium that knows its pointers': () => ({ a: memory({}) }),
  'one medium of preallocated space, nearly full': () => ({ a: memory({ pointerSurvives: false, zoneCount: 11 }) }),
  'two media in blocks': () => ({
    a: memory({ blockBytes: 512 }),
    b: memory({ pointerSurvives: false, blockBytes: 512 }),
  }),
  'a zoned drive with few open zones': () => ({
    z: openZns({
      zoneCount: 32,
      zoneBytes: 32 << 10,
      zoneCapacityBytes: 24 << 10,
      blockBytes: 512,
      openZonesMax: 8,
      activeZonesMax: 10,
    }),
  }),
  'a store of whole objects': () => ({ o: openObject({ zoneCount: 64, zoneBytes: 64 << 10 }) }),
}

const EMPTY: MediumImage = { zones: [], keys: new Map() }

/** A volume whose creation was cut off need not be one. */
const NOT_CREATED = ['PFAOF_NO_VOLUME', 'PFAOF_WRONG_MEDIUM']

function judge(run: CrashRun, { recovered, error, code }: Outcome, where: string): void {
  if (recovered === undefined) {
    if (!run.created && NOT_CREATED.includes(code ?? '')) return
    throw new Error(`${where}: does not open`, { cause: error })
  }
  try {
    run.trace.oracle.judge(recovered)
  } catch (cause) {
    throw new Error(`${where}\n${run.trace.log.slice(-12).join('\n')}\n${(cause as Error).message}`, { cause })
  }
}

/** False when the trace ended before `cutAt`. */
async function crashAt(
  explorer: CrashExplorer,
  seed: number,
  like: Record<string, Medium>,
  cutAt: number,
  where: string,
  inRecovery: boolean,
): Promise<boolean> {
  const fresh = await mediaHolding(Object.fromEntries(Object.keys(like).map((name) => [name, EMPTY])), like)
  const run = await runUntilCut(fresh, { seed, operations: 200, cutAt, appendBytesMax: 30 << 10 })
  try {
    if (run.operations < cutAt) {
      if (run.error !== undefined) throw run.error
      return false
    }
    for (const cut of CUTS) {
      const contents = await contentsOf(run.media, cut, cutAt)
      const here = `${where} VIVEFS_CUT=${cutAt} keep ${cut.keep} ${cut.order}`
      judge(run, await explorer.recover(contents), here)
      if (!inRecovery || !run.created) continue
      const crashed = await explorer.recoverCrashed(contents, CUTS)
      for (const found of crashed) judge(run, found.outcome, `${here}, ${found.where}`)
    }
    return true
  } finally {
    await closeAll(run.media)
  }
}

/**
 * The process is killed at `killAt` and the power cut at every operation of the recovery that follows: bytes that recovery read from a
 * cache must not be promised before they are durable (I10). False when the trace ended before.
 */
async function killAt(
  explorer: CrashExplorer,
  seed: number,
  like: Record<string, Medium>,
  cutAt: number,
): Promise<boolean> {
  for (let point = 1; ; point++) {
    const fresh = await mediaHolding(Object.fromEntries(Object.keys(like).map((name) => [name, EMPTY])), like)
    const o = { seed, operations: 200, cutAt, appendBytesMax: 30 << 10, loss: 'process' as const }
    const run = await runUntilCut(fresh, o)
    if (run.operations < cutAt || !run.created) {
      await closeAll(run.media)
      return run.operations >= cutAt
    }
    const left = await reopenUntilCut(run.media, point)
    if (left === undefined) return true
    explorer.counts.recoveryPoints++
    for (const cut of CUTS) {
      const where = `VIVEFS_SEED=${seed} VIVEFS_CUT=${cutAt}, recovery cut at ${point} keep ${cut.keep} ${cut.order}`
      judge(run, await explorer.recover(await contentsOf(left, cut, point)), where)
    }
    await closeAll(left)
  }
}

describe('crash points', () => {
  for (const [kind, make] of Object.entries(KINDS)) {
    test.for(SEEDS)(
      `seed %i, ${kind}: every media operation, six ways to lose power, and again at every point of the recovery`,
      {
        timeout: 1_800_000,
      },
      async (seed) => {
        const like = make()
        const explorer = new CrashExplorer(like)
        const start = performance.now()
        let points = 0
        let cutAt = ONLY ?? 1
        for (; ; cutAt += STEP) {
          const where = `${kind}: VIVEFS_SEED=${seed}`
          if (!(await crashAt(explorer, seed, like, cutAt, where, points % RECOVERY_STEP === 0))) break
          points++
          if (ONLY !== undefined) break
        }
        await closeAll(like)
        const { cuts, distinct, recoveriesCrashed, recoveryPoints, recoveryCuts } = explorer.counts
        const seconds = ((performance.now() - start) / 1000).toFixed(1)
        console.log(
          `crash points: seed ${seed}, ${kind}: ${points} points, ${cuts} cuts, ${recoveryPoints} points in recovery, ` +
            `${recoveryCuts} cuts there; ${recoveriesCrashed} recoveries crashed, ${distinct} distinct contents; ${seconds} s`,
        )
        if (ONLY === undefined) expect(cutAt).toBeGreaterThan(100)
        expect(recoveryPoints).toBeGreaterThan(0)
      },
    )

    test.for(SEEDS)(
      `seed %i, ${kind}: the process killed at every operation, the power cut at every one of the recovery`,
      {
        timeout: 1_800_000,
      },
      async (seed) => {
        const like = make()
        const explorer = new CrashExplorer(like)
        let points = 0
        for (let cutAt = ONLY ?? 1; await killAt(explorer, seed, like, cutAt); cutAt += DEEP ? 1 : 23) {
          points++
          if (ONLY !== undefined) break
        }
        await closeAll(like)
        const { cuts, distinct, recoveryPoints } = explorer.counts
        console.log(
          `kill points: seed ${seed}, ${kind}: ${points} points, ${recoveryPoints} points in recovery, ${cuts} cuts there; ` +
            `${distinct} distinct contents`,
        )
        expect(recoveryPoints).toBeGreaterThan(0)
      },
    )
  }
})
