import { type Medium, openMemory } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { isPfaofError, Volume } from '../src/index.ts'
import { CUTS, type Cut, closeAll, images, recoverUntilCut, runUntilCut } from './crash.ts'

/**
 * Every media operation of a fixed trace is a crash point. After each: everything synced is there, each file is a prefix of what was appended that
 * ends with a record, the table is a state since the last durable one. VIVEFS_DEEP=1 takes every point; the default run a sample.
 * VIVEFS_SEED and VIVEFS_CUT replay one.
 */
const DEEP = process.env.VIVEFS_DEEP === '1'
const SEED = Number(process.env.VIVEFS_SEED ?? 11)
const ONLY = process.env.VIVEFS_CUT === undefined ? undefined : Number(process.env.VIVEFS_CUT)

const memory = (o: { pointerSurvives?: boolean; blockBytes?: number; zoneCount?: number }) => () =>
  openMemory({ zoneCount: 28, zoneBytes: 16 << 10, durability: 'flush', ...o })

const KINDS: Record<string, () => Record<string, Medium>> = {
  'one medium that knows its pointers': () => ({ a: memory({})() }),
  'one medium of preallocated space, nearly full': () => ({ a: memory({ pointerSurvives: false, zoneCount: 11 })() }),
  'two media in blocks': () => ({
    a: memory({ blockBytes: 512 })(),
    b: memory({ pointerSurvives: false, blockBytes: 512 })(),
  }),
}

async function check(
  run: Awaited<ReturnType<typeof runUntilCut>>,
  media: Record<string, Medium>,
  where: string,
): Promise<void> {
  let volume: Volume
  try {
    volume = await Volume.open({ media })
  } catch (error) {
    if (!run.created && isPfaofError(error) && ['PFAOF_NO_VOLUME', 'PFAOF_WRONG_MEDIUM'].includes(error.code)) {
      await closeAll(media)
      return
    }
    throw new Error(`${where}: does not open`, { cause: error })
  }
  try {
    await run.trace.oracle.checkRecovered(volume)
  } catch (error) {
    throw new Error(`${where}\n${run.trace.log.slice(-12).join('\n')}\n${(error as Error).message}`, { cause: error })
  }
  await volume.close()
  await closeAll(media)
}

async function crashAt(kind: string, cutAt: number, cuts: readonly Cut[], inRecovery: boolean): Promise<boolean> {
  const run = await runUntilCut(KINDS[kind]!, { seed: SEED, operations: 200, cutAt, appendBytesMax: 30 << 10 })
  if (run.operations < cutAt) {
    await closeAll(run.media)
    if (run.error !== undefined) throw run.error
    return false
  }
  for (const cut of cuts) {
    const where = `${kind}: VIVEFS_SEED=${SEED} VIVEFS_CUT=${cutAt} keep ${cut.keep} ${cut.order}`
    await check(run, await images(run.media, cut, cutAt), where)
    if (!inRecovery || !run.created) continue
    for (let second = 1; ; second++) {
      const left = await recoverUntilCut(await images(run.media, cut, cutAt), second)
      if (left === undefined) break
      for (const again of cuts)
        await check(
          run,
          await images(left, again, second),
          `${where}, recovery cut at ${second} keep ${again.keep} ${again.order}`,
        )
      await closeAll(left)
    }
  }
  await closeAll(run.media)
  return true
}

describe('crash points', () => {
  for (const kind of Object.keys(KINDS)) {
    test(`${kind}: every media operation of 200, six ways to lose power`, { timeout: 600_000 }, async () => {
      let cutAt = ONLY ?? 1
      for (; await crashAt(kind, cutAt, CUTS, false); cutAt += DEEP ? 1 : 7) if (ONLY !== undefined) return
      expect(cutAt).toBeGreaterThan(200)
    })

    test(`${kind}: again at every point of the recovery`, { timeout: 1_800_000 }, async () => {
      let cutAt = ONLY ?? 5
      const cuts = DEEP ? CUTS : [CUTS[0]!, CUTS[3]!]
      for (; await crashAt(kind, cutAt, cuts, true); cutAt += DEEP ? 1 : 53) if (ONLY !== undefined) return
    })
  }
})
