/** What takes long can be given up: LEVEL_ABORTED, and the database is as sound as before. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LsmLevel } from '../src/index.ts'
import { type Options, SMALL } from './configurations.ts'

const ABORTED = { code: 'LEVEL_ABORTED' }
const options: Options = { ...SMALL, worker: false }

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lsm-abort-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function filled(location: string, keys = 3000, more: Options = {}): Promise<LsmLevel> {
  const level = new LsmLevel(location, { ...options, ...more })
  for (let i = 0; i < keys; i += 100) {
    const rows = Array.from({ length: 100 }, (_, j) => ({
      type: 'put' as const,
      key: `k${10_000 + i + j}`,
      value: 'x',
    }))
    await level.batch(rows)
  }
  return level
}

/** A signal that is found to be aborted at the nth look, without an event. */
function atLook(n: number): { signal: AbortSignal; looks: () => number } {
  const { signal } = new AbortController()
  let looks = 0
  Object.defineProperty(signal, 'aborted', { get: () => ++looks >= n })
  return { signal, looks: () => looks }
}

test('compactRange', async () => {
  const level = await filled('memory:', 3000, { level0Trigger: 100, level0Slowdown: 200, level0Stop: 300 })
  await expect(level.compactRange(undefined, undefined, { signal: AbortSignal.abort('why') })).rejects.toMatchObject({
    ...ABORTED,
    cause: 'why',
  })
  const compactions = () => level.stats().compaction!.compactions
  expect(compactions()).toBe(0)
  // One waits behind the other: the second is given up before it began, the first after its first step.
  const [first, second] = [new AbortController(), new AbortController()]
  const running = level.compactRange(undefined, undefined, { signal: first.signal })
  const waiting = level.compactRange('k10000', 'k10500', { signal: second.signal })
  second.abort()
  await expect(waiting).rejects.toMatchObject(ABORTED)
  while (level.stats().compaction!.running === 0) await new Promise((resolve) => setImmediate(resolve))
  first.abort()
  await expect(running).rejects.toMatchObject(ABORTED)
  expect(level.stats().writes!.poisoned).toBeUndefined()
  await level.put('k2', 'after')
  await level.compactRange()
  const { levels } = level.stats()
  expect(levels.filter(({ tables }) => tables > 0)).toHaveLength(1)
  expect((await level.keys().all()).length).toBe(3001)
  await level.close()
})

test('checkpoint, at every look that copying takes: nothing is left', async () => {
  const level = await filled('memory:', 1000)
  const whole = atLook(1e9)
  await level.checkpoint(join(directory, 'whole'), { signal: whole.signal })
  expect(whole.looks()).toBeGreaterThan(4)
  const [absent, empty] = [join(directory, 'absent'), join(directory, 'empty')]
  mkdirSync(empty)
  for (let n = 1; n <= whole.looks(); n++) {
    await expect(level.checkpoint(absent, { signal: atLook(n).signal }), `look ${n}`).rejects.toMatchObject(ABORTED)
    expect(existsSync(absent)).toBe(false)
  }
  await expect(level.checkpoint(empty, { signal: atLook(whole.looks()).signal })).rejects.toMatchObject(ABORTED)
  expect(readdirSync(empty)).toEqual([])
  await level.checkpoint(empty)
  await expect(level.checkpoint(empty)).rejects.toMatchObject({ code: 'LEVEL_ARGUMENT' })
  await level.close()
  for (const name of ['whole', 'empty']) {
    const copy = new LsmLevel(join(directory, name), options)
    expect((await copy.keys().all()).length).toBe(1000)
    await copy.close()
  }
})

test('checkpoint of a directory', async () => {
  const level = await filled(join(directory, 'db'), 300)
  const there = join(directory, 'clone')
  await expect(level.checkpoint(there, { signal: AbortSignal.abort() })).rejects.toMatchObject(ABORTED)
  expect(existsSync(there)).toBe(false)
  await level.checkpoint(there, { signal: new AbortController().signal })
  await level.close()
})

test('clear: in one step nothing is gone, in batches those before', async () => {
  const level = await filled('memory:', 3000)
  const gone: unknown[] = []
  level.on('clear', (cleared) => gone.push(cleared))
  await expect(level.clear({ signal: AbortSignal.abort() })).rejects.toMatchObject(ABORTED)
  await expect(level.clear({ signal: atLook(2).signal })).rejects.toMatchObject(ABORTED)
  expect((await level.keys().all()).length).toBe(3000)
  await expect(level.clear({ limit: 2500, signal: atLook(3).signal })).rejects.toMatchObject(ABORTED)
  expect(await level.keys({ limit: 1 }).all()).toEqual(['k11000'])
  expect(gone).toEqual([])
  await level.clear({ signal: new AbortController().signal })
  expect(await level.keys().all()).toEqual([])
  expect(gone).toHaveLength(1)
  await level.close()
})

test('what waits for the database to open', async () => {
  const level = new LsmLevel('memory:', options)
  await expect(level.compactRange(undefined, undefined, { signal: AbortSignal.abort() })).rejects.toMatchObject(ABORTED)
  await expect(
    new LsmLevel('memory:', options).checkpoint(join(directory, 'never'), { signal: AbortSignal.abort() }),
  ).rejects.toMatchObject(ABORTED)
  await level.close()
})
