import { type FaultEffect, type FaultMedium, type FaultRule, openFault } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { isLevelError, LsmLevel, ladder } from '../../src/index.ts'
import { RUNGS, type Rung, rungs } from './media.ts'

/*
 * A medium fails, fills up or goes away at an operation of a load, and comes back later. Whatever it was: what was acknowledged is there, what
 * was refused says why by a code, and writing goes on, at the latest when the database is opened anew.
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
} as const
const ENTRIES = 900
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

/** One life of a database: a load over media that fail, then a look at everything. */
async function live(given: Media): Promise<Outcome> {
  let media = given
  const acknowledged = new Map<string, string>()
  const outcome: Outcome = { refused: new Map(), operations: 0, reopened: 0 }
  let level = await openOver(media, outcome)
  for (let i = 0; i < ENTRIES; i++) {
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

describe('a medium of the ladder', () => {
  for (const rung of RUNGS) {
    for (const [what, on, effect, count] of EFFECTS) {
      test(
        `${rung} ${what}, at ${DEEP ? 'every operation' : 'some operations'} of a load`,
        async () => {
          const operations = (await countOperations())[rung](on)
          const step = DEEP ? 1 : Math.max(1, operations)
          let points = 0
          const refused = new Map<string, number>()
          for (let nth = DEEP ? 1 : Math.max(1, Math.floor(step / 2)); nth <= operations; nth += step, points++) {
            const media = await prepared({ [rung]: [{ on, nth, count, effect }] })
            try {
              const outcome = await live(media)
              for (const [code, times] of outcome.refused) refused.set(code, (refused.get(code) ?? 0) + times)
            } catch (error) {
              throw new Error(`${rung} ${what} at ${on} ${nth}: ${String(error)}`, { cause: error })
            }
          }
          const codes = [...refused].map(([code, times]) => `${code} ${times}`).join(', ')
          console.log(
            `tiers: ${rung} ${what}: ${points} points, refused: ${codes || 'nothing'}; 0 acknowledged and lost`,
          )
        },
        DEEP ? 3_600_000 : 120_000,
      )
    }
  }
})
