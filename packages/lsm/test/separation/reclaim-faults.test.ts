/**
 * A medium that fails, or is full, at the nth operation of a phase in which values are overwritten, flushed, moved and their files removed: a sample
 * of points by default (about 3 s), every point with VIVEFS_DEEP=1. Nothing acknowledged is lost, and errors have codes.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type FaultEffect, type FaultMedium, type Medium, openFault, openMemory } from '@vivefs/media'
import { expect, test } from 'vitest'
import { isLevelError, LsmLevel } from '../../src/index.ts'

const DEEP = process.env.VIVEFS_DEEP === '1'
const POINTS = 12
const KEYS = 60
const ROUNDS = 4
const FAR = 1_000_000

const options = {
  keyEncoding: 'utf8',
  valueEncoding: 'utf8',
  worker: false,
  separateBytes: 100,
  logBytes: 16 << 10,
  memtableBytes: 8 << 10,
  memoryBytes: 1 << 20,
} as const

type Level = LsmLevel<string, string>

const textOf = (key: number, round: number) => `${key}/${round}:${'v'.repeat(300 + ((key * 37) % 900))}`

async function opened(medium: Medium): Promise<Level> {
  const level = new LsmLevel<string, string>('faults', { ...options, media: { main: medium } })
  await level.open()
  return level
}

/** What every key may hold: the last acknowledged value, or one that was begun after it. */
type Allowed = Map<string, string[]>

/** Overwrites, flushes and compacts; the errors that came up. */
async function work(level: Level, allowed: Allowed): Promise<unknown[]> {
  const errors: unknown[] = []
  const attempt = async (what: () => Promise<unknown>): Promise<boolean> => {
    try {
      await what()
      return true
    } catch (error) {
      errors.push(error)
      return false
    }
  }
  for (let round = 1; round <= ROUNDS; round++) {
    for (let i = 0; i < KEYS; i++) {
      if ((i + round) % 3 === 0) continue // so that every file keeps something
      const key = `k${(i * 7) % KEYS}`
      const value = textOf((i * 7) % KEYS, round)
      const done = await attempt(() => level.put(key, value))
      allowed.set(key, done ? [value] : [...allowed.get(key)!, value])
    }
    await attempt(() => level.compactRange())
  }
  while (level.stats().compaction!.running > 0) await delay(1)
  return errors
}

async function filled(): Promise<{ inner: Medium; allowed: Allowed }> {
  const inner = openMemory({ zoneBytes: 64 << 10, zoneCount: 64 })
  const allowed: Allowed = new Map()
  const level = await opened(inner)
  for (let i = 0; i < KEYS; i++) {
    await level.put(`k${i}`, textOf(i, 0))
    allowed.set(`k${i}`, [textOf(i, 0)])
  }
  await level.flush()
  await level.close()
  return { inner, allowed }
}

async function check(medium: Medium, allowed: Allowed, where: string): Promise<void> {
  const level = await opened(medium)
  for (const [key, values] of allowed) {
    expect(values.includes((await level.get(key)) ?? 'nothing'), `${where}: ${key}`).toBe(true)
  }
  await level.close()
}

/** One run with a fault at the nth operation, opening included; answers with how many operations there were. */
async function run(nth: number, on: 'any' | 'write', effect: FaultEffect): Promise<number> {
  const where = `${effect.kind} at operation ${nth}`
  const { inner, allowed } = await filled()
  const medium = openFault(inner, { seed: 1, rules: [{ on, nth, effect }] }) as FaultMedium
  const level = await opened(medium).catch((error) => {
    expect(isLevelError(error.cause), `${where}: ${String(error.cause)}`).toBe(true)
    return undefined
  })
  if (level !== undefined) {
    const errors = await work(level, allowed)
    for (const error of errors) expect(isLevelError(error), `${where}: ${String(error)}`).toBe(true)
    const { blobs, compaction } = level.stats()
    expect(blobs.liveBytes).toBeLessThanOrEqual(blobs.bytes)
    if (nth === FAR) expect(compaction!.bytesRewritten).toBeGreaterThan(0)
    await level.close().catch(() => {})
  }
  const operations = medium.count(on)
  await check(inner, allowed, where)
  return operations
}

test.each([
  ['any', { kind: 'error' }],
  ['write', { kind: 'no-space' }],
] as const)(
  'a fault at %s operation: %j',
  async (on, effect) => {
    const operations = await run(FAR, on, effect)
    expect(operations).toBeGreaterThan(100)
    const stride = DEEP ? 1 : Math.floor(operations / POINTS)
    for (let nth = 1; nth < operations; nth += stride) await run(nth, on, effect)
  },
  3_600_000,
)
