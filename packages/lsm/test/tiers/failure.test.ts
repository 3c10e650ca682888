import { type FaultEffect, type FaultMedium, type FaultRule, openFault } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { isLevelError, LsmLevel, ladder } from '../../src/index.ts'
import { RUNGS, type Rung, rungs } from './media.ts'

/*
 * A medium fails, fills up or goes away at an operation of a load, and comes back later. Whatever it was: what was acknowledged is there, what
 * was refused says why by a code, and everything goes on: where writing was not ended (LEVEL_POISONED) without opening the database anew.
 */

const DEEP = process.env.VIVEFS_DEEP === '1'
const OPTIONS = {
  memtableBytes: 8192,
  memoryBytes: 1 << 20,
  tableBytes: 4096,
  tableBytesMax: 4096,
  baseBytes: 8192,
  levelRatio: 3,
  blockBytes: 256,
  level0Trigger: 2,
  worker: false,
  home: ['ssd'],
  policy: ladder(RUNGS),
  now: () => nowMs,
} as const
const START_MS = 1e12
let nowMs = START_MS
const ENTRIES = 900
/** The entry at which a medium that went away is back. */
const BACK_AT = 700
/** Operations that are tried by default, of all of them. */
const POINTS = 2
/** How long it may take until everything goes on. */
const HEALING_MS = 10_000
const KEYS = 450
const REFUSALS = new Set([
  'LEVEL_NO_SPACE',
  'LEVEL_IO_ERROR',
  'LEVEL_POISONED',
  'LEVEL_BUSY',
  'LEVEL_DATABASE_NOT_OPEN',
])

type Media = Record<Rung, FaultMedium>

/** What a person would do: the medium is back, and the database is opened anew. */
function healed(media: Media): Media {
  return Object.fromEntries(Object.entries(media).map(([name, medium]) => [name, openFault(medium.inner)])) as Media
}

function codeOf(error: unknown): string {
  const own = isLevelError(error) ? error : (error as { cause?: unknown }).cause
  if (!isLevelError(own)) throw error
  expect(own.message.length).toBeGreaterThan(own.code.length + 2)
  return own.code
}

interface Outcome {
  readonly refused: Map<string, number>
  readonly operations: number
  reopened: number
}

/** One life of a database: a load over media that fail, then a look at everything. `comeBack`: brings back what went away. */
async function live(given: Media, comeBack = () => {}): Promise<Outcome> {
  let media = given
  const acknowledged = new Map<string, string>()
  const outcome: Outcome = { refused: new Map(), operations: 0, reopened: 0 }
  nowMs = START_MS
  let level = await openOver(media, outcome)
  for (let i = 0; i < ENTRIES; i++) {
    if (i === BACK_AT) {
      comeBack()
      // Longer than a medium that failed is left alone.
      nowMs += 60_000
    }
    const key = `key ${(i * 77) % KEYS}`
    const value = `${i} `.padEnd(120, '.')
    try {
      await level.batch([{ type: 'put', key, value }], { sync: i % 40 === 0 })
      acknowledged.set(key, value)
      if (i % 150 === 149) await level.flush()
    } catch (error) {
      const code = codeOf(error)
      expect(REFUSALS).toContain(code)
      outcome.refused.set(code, (outcome.refused.get(code) ?? 0) + 1)
      // A write that was refused may be there after all: the log has it, or a later sync.
      acknowledged.delete(key)
      if (code === 'LEVEL_POISONED') {
        await level.close().catch(() => {})
        media = healed(media)
        outcome.reopened++
        level = await openOver(media, outcome)
      }
    }
  }
  nowMs += 60_000
  for (const deadline = performance.now() + HEALING_MS; ; ) {
    try {
      await level.batch([{ type: 'put', key: 'back', value: 'again' }], { sync: true })
      await level.compactRange()
      break
    } catch (error) {
      const code = codeOf(error)
      expect(REFUSALS).toContain(code)
      if (performance.now() > deadline) throw new Error('it does not go on', { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (code !== 'LEVEL_POISONED') continue
      await level.close().catch(() => {})
      media = healed(media)
      outcome.reopened++
      level = await openOver(media, outcome)
    }
  }
  const { writes, compaction } = level.stats()
  expect({ full: writes?.full, heldUp: compaction?.heldUp }).toEqual({ full: undefined, heldUp: undefined })
  await expectAll(level, acknowledged)
  await level.close().catch(() => {})
  const again = await openOver(healed(media), outcome)
  await expectAll(again, acknowledged)
  await again.batch([{ type: 'put', key: 'last', value: 'word' }], { sync: true })
  await again.flush()
  await again.close()
  return outcome
}

async function openOver(media: Media, outcome: Outcome): Promise<LsmLevel> {
  const level = new LsmLevel('failing', { ...OPTIONS, media })
  try {
    await level.open()
    return level
  } catch (error) {
    const code = codeOf(error)
    outcome.refused.set(`open ${code}`, 1)
    await level.close()
    const again = new LsmLevel('failing', { ...OPTIONS, media: healed(media) })
    await again.open()
    return again
  }
}

async function expectAll(level: LsmLevel, acknowledged: ReadonlyMap<string, string>): Promise<void> {
  for (const [key, value] of acknowledged) expect(await patiently(() => level.get(key)), key).toBe(value)
}

/** A medium that is away cannot be read; it comes back with the operations that fail. */
async function patiently<T>(read: () => Promise<T>): Promise<T> {
  for (let turn = 0; ; turn++) {
    try {
      return await read()
    } catch (error) {
      if (turn === 50 || codeOf(error) !== 'LEVEL_IO_ERROR') throw error
    }
  }
}

const EFFECTS: readonly [string, FaultRule['on'], FaultEffect, number][] = [
  ['fails once', 'any', { kind: 'error' }, 1],
  ['is away for three operations', 'any', { kind: 'error' }, 3],
  ['is full for five writes', 'append', { kind: 'no-space' }, 5],
  ['writes short', 'append', { kind: 'short' }, 1],
  ['writes torn', 'append', { kind: 'torn' }, 1],
  ['goes away and comes back', 'any', { kind: 'error' }, Number.POSITIVE_INFINITY],
  ['fails a flush', 'flush', { kind: 'error' }, 1],
]

/** Media with an empty database, which fail by these rules from now on. */
async function prepared(rules: Partial<Record<Rung, readonly FaultRule[]>> = {}): Promise<Media> {
  const media = rungs()
  const level = new LsmLevel('failing', { ...OPTIONS, media })
  await level.open()
  await level.close()
  const faulty = Object.entries(media).map(([name, medium]) => {
    return [name, openFault(medium, { rules: rules[name as Rung] ?? [] })]
  })
  return Object.fromEntries(faulty)
}

/** How many operations of each kind a life without faults has. */
async function countOperations(): Promise<Record<Rung, (on: FaultRule['on']) => number>> {
  const media = await prepared()
  const outcome = await live(media)
  expect(outcome).toMatchObject({ refused: new Map(), reopened: 0 })
  return Object.fromEntries(
    Object.entries(media).map(([name, medium]) => [name, (on: FaultRule['on']) => medium.count(on)]),
  ) as Record<Rung, (on: FaultRule['on']) => number>
}

/** The same for all. */
let counted: ReturnType<typeof countOperations> | undefined

describe('a medium of the ladder', () => {
  for (const rung of RUNGS) {
    for (const [what, on, effect, count] of EFFECTS) {
      test(
        `${rung} ${what}, at ${DEEP ? 'every operation' : 'some operations'} of a load`,
        async () => {
          counted ??= countOperations()
          const operations = (await counted)[rung](on)
          const step = DEEP ? 1 : Math.max(1, Math.floor(operations / POINTS))
          let points = 0
          if (operations === 0) throw new Error(`the load has no ${on} on ${rung}: nothing would be tried`)
          const refused = new Map<string, number>()
          for (let nth = DEEP ? 1 : Math.max(1, Math.floor(step / 2)); nth <= operations; nth += step, points++) {
            const rule = { on, nth, count, effect }
            const media = await prepared({ [rung]: [rule] })
            const comeBack = () => {
              if (count === Number.POSITIVE_INFINITY) rule.count = 0
            }
            try {
              const outcome = await live(media, comeBack)
              for (const [code, times] of outcome.refused) refused.set(code, (refused.get(code) ?? 0) + times)
            } catch (error) {
              throw new Error(`${rung} ${what} at ${on} ${nth}: ${String(error)}`, { cause: error })
            }
          }
          const codes = [...refused].map(([code, times]) => `${code} ${times}`).join(', ')
          console.log(
            `tiers: ${rung} ${what}: ${points} points of ${operations} operations, refused: ${codes || 'nothing'}; 0 acknowledged and lost`,
          )
        },
        DEEP ? 3_600_000 : 120_000,
      )
    }
  }
})
