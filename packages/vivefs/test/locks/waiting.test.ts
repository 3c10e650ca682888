/** Waiting for locks: who gets in when, deadlocks, what ends a wait. Random programs run against a queue of the plain rules. */
import { describe, expect, test } from 'vitest'
import { LockTable } from '../../src/lock/lock-table.ts'
import type { LockOwner } from '../../src/lock/types.ts'
import { runAsync } from '../../src/op.ts'
import { isDeep, type Random, seedOf, withSeed } from '../seed.ts'

const owner = (id: string, session = 's'): LockOwner => ({ session, id })

/** The fate of a request: `granted`, the code of its refusal, or `waits`. */
function fateOf(promise: Promise<void>): { now: string } {
  const fate = { now: 'waits' }
  promise.then(
    () => (fate.now = 'granted'),
    (error) => (fate.now = error.code),
  )
  return fate
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const write = (table: LockTable, ino: number, id: string, more: object = {}) =>
  fateOf(runAsync(table.acquire(ino, 'posix', { owner: owner(id), type: 'write', wait: true, ...more })))

describe('deadlocks', () => {
  test.each([2, 3, 4, 5])('a cycle of %i owners: the last one is refused, the others go on', async (n) => {
    const table = new LockTable()
    for (let i = 0; i < n; i++)
      expect(await runAsync(table.acquire(i, 'posix', { owner: owner(`${i}`), type: 'write' }))).toBe(undefined)
    const fates = Array.from({ length: n }, (_, i) => write(table, (i + 1) % n, `${i}`))
    await turn()
    expect(fates.map(({ now }) => now)).toEqual([...new Array(n - 1).fill('waits'), 'EDEADLK'])
    // Its owner lets go: the chain unwinds backwards.
    for (let i = n - 1; i > 0; i--) {
      table.release(i, 'posix', owner(`${i}`))
      if (i < n - 1) table.release((i + 1) % n, 'posix', owner(`${i}`))
      await turn()
      expect(fates[i - 1].now).toBe('granted')
    }
  })

  test('through shared locks: whoever holds a part counts', async () => {
    const table = new LockTable()
    for (const id of ['a', 'b', 'c']) await runAsync(table.acquire(1, 'posix', { owner: owner(id), type: 'read' }))
    const first = write(table, 1, 'a')
    await turn()
    const second = write(table, 1, 'b')
    await turn()
    expect([first.now, second.now]).toEqual(['waits', 'EDEADLK'])
    for (const id of ['b', 'c']) table.release(1, 'posix', owner(id))
    await turn()
    expect(first.now).toBe('granted')
  })

  test('ranges that do not touch make no cycle', async () => {
    const table = new LockTable()
    await runAsync(table.acquire(1, 'posix', { owner: owner('a'), type: 'write', start: 0, length: 10 }))
    await runAsync(table.acquire(1, 'posix', { owner: owner('b'), type: 'write', start: 10, length: 10 }))
    const first = write(table, 1, 'a', { start: 15, length: 1 })
    await turn()
    expect(write(table, 1, 'b', { start: 20, length: 5 })).toBeDefined()
    await turn()
    table.release(1, 'posix', owner('b'), { start: 15, length: 1 })
    await turn()
    expect(first.now).toBe('granted')
  })

  test('a cycle that a grant closes (an owner with several threads)', async () => {
    const table = new LockTable()
    await runAsync(table.acquire(1, 'posix', { owner: owner('x'), type: 'write' }))
    await runAsync(table.acquire(2, 'posix', { owner: owner('b'), type: 'write' }))
    // Two threads of `a`: one waits for file 2, one for file 1; `b` waits for file 1 behind it.
    const onTwo = write(table, 2, 'a')
    const onOne = write(table, 1, 'a')
    const other = write(table, 1, 'b')
    await turn()
    expect([onTwo.now, onOne.now, other.now]).toEqual(['waits', 'waits', 'waits'])
    table.release(1, 'posix', owner('x'))
    await turn()
    expect([onTwo.now, onOne.now, other.now]).toEqual(['waits', 'granted', 'EDEADLK'])
  })

  test('flock knows no cycles, as flock(2)', async () => {
    const table = new LockTable()
    for (const [ino, id] of [
      [1, 'a'],
      [2, 'b'],
    ] as const) {
      await runAsync(table.acquire(ino, 'flock', { owner: owner(id), type: 'write' }))
    }
    const fates = [
      [2, 'a'],
      [1, 'b'],
    ].map(([ino, id]) =>
      fateOf(
        runAsync(table.acquire(ino as number, 'flock', { owner: owner(id as string), type: 'write', wait: true })),
      ),
    )
    await turn()
    expect(fates.map(({ now }) => now)).toEqual(['waits', 'waits'])
    table.shut()
    await turn()
    expect(fates.map(({ now }) => now)).toEqual(['ERR_VIVEFS_CLOSED', 'ERR_VIVEFS_CLOSED'])
  })
})

test('what ends a wait: a signal, a time, the end of the session, an abort before it began', async () => {
  const table = new LockTable()
  await runAsync(table.acquire(1, 'posix', { owner: owner('a'), type: 'write' }))
  const control = new AbortController()
  const fates = [
    write(table, 1, 'b', { signal: control.signal }),
    write(table, 1, 'c', { timeoutMs: 5 }),
    write(table, 1, 'd', { owner: owner('d', 'other') }),
    write(table, 1, 'e', { signal: AbortSignal.abort() }),
    write(table, 1, 'f'),
  ]
  await new Promise((resolve) => setTimeout(resolve, 30))
  control.abort()
  table.endSession('other')
  await turn()
  expect(fates.map(({ now }) => now)).toEqual(['EINTR', 'ETIMEDOUT', 'EINTR', 'EINTR', 'waits'])
  table.endSession('s')
  await turn()
  expect(fates[4].now).toBe('EINTR')
  expect(table.counts).toEqual({ held: 0, waiting: 0, files: 0 })
})

test('flock: the other kind lets go first, whether or not it is got', async () => {
  const table = new LockTable()
  const take = (id: string, type: 'read' | 'write', wait = false) =>
    runAsync(table.acquire(1, 'flock', { owner: owner(id), type, wait }))
  await take('a', 'read')
  await take('b', 'read')
  await expect(take('a', 'write')).rejects.toMatchObject({ code: 'EAGAIN' })
  expect(table.list(1).map((each) => each.owner.id)).toEqual(['b'])
  // b alone: at once, before whoever waits.
  const waiting = fateOf(take('a', 'write', true))
  await take('b', 'write')
  expect(table.list(1)).toMatchObject([{ type: 'write', owner: { id: 'b' } }])
  table.release(1, 'flock', owner('b'))
  await turn()
  expect(waiting.now).toBe('granted')
})

const SEEDS = isDeep ? 3000 : 60

/**
 * Random owners, files and waits: after every step no two owners hold what excludes each other (L1), nobody waits whom nobody is in
 * the way of (L2), and no cycle of waiting owners is left (L3), told by a search of its own over all that is held.
 */
test('random programs keep the rules', async () => {
  for (let run = 0; run < SEEDS; run++) await withSeed(seedOf(run), randomProgram)
}, 600_000)

interface Waiting {
  readonly id: string
  readonly ino: number
  readonly type: 'read' | 'write'
  readonly start: number
  readonly length: number
  readonly fate: { now: string }
}

async function randomProgram(random: Random): Promise<void> {
  const table = new LockTable()
  const waiting = new Set<Waiting>()
  const ids = ['a', 'b', 'c', 'd', 'e']
  const files = [1, 2, 3]
  for (let step = 0; step < 80; step++) {
    const id = ids[random.upTo(ids.length)]
    const ino = files[random.upTo(files.length)]
    const range = { start: random.upTo(6), length: random.upTo(4) }
    // As a process with one thread: who waits does nothing else.
    const isBusy = [...waiting].some((each) => each.id === id)
    if (isBusy && random.upTo(8) > 0) continue
    if (isBusy || random.upTo(3) === 0) {
      if (isBusy) {
        for (const file of files) table.release(file, 'posix', owner(id))
      } else table.release(ino, 'posix', owner(id), range)
    } else {
      const type = random.upTo(2) === 0 ? ('read' as const) : ('write' as const)
      const request = { owner: owner(id), type, wait: random.upTo(4) > 0, ...range }
      const fate = fateOf(runAsync(table.acquire(ino, 'posix', request)))
      waiting.add({ id, ino, type, ...range, fate })
    }
    await turn()
    for (const each of waiting) if (each.fate.now !== 'waits') waiting.delete(each)
    check(table, files, waiting, `step ${step}`)
  }
  table.endSession('s')
  expect(table.counts).toEqual({ held: 0, waiting: 0, files: 0 })
}

const endOf = (start: number, length: number): number => (length === 0 ? Number.POSITIVE_INFINITY : start + length)

function check(table: LockTable, files: readonly number[], waiting: ReadonlySet<Waiting>, where: string): void {
  const blocks = new Map<string, Set<string>>()
  for (const ino of files) {
    const held = table.list(ino)
    const clash = (a: { id: string; type: string; start: number; length: number }, b: (typeof held)[number]): boolean =>
      a.id !== b.owner.id &&
      (a.type === 'write' || b.type === 'write') &&
      a.start < endOf(b.start, b.length) &&
      b.start < endOf(a.start, a.length)
    for (const one of held) {
      for (const other of held) if (clash({ ...one, id: one.owner.id }, other)) throw new Error(`L1 ${where}`)
    }
    for (const each of waiting) {
      if (each.ino !== ino) continue
      const by = held.filter((other) => clash(each, other)).map((other) => other.owner.id)
      if (by.length === 0) throw new Error(`L2 ${where}`)
      blocks.set(each.id, new Set([...(blocks.get(each.id) ?? []), ...by]))
    }
  }
  for (const first of blocks.keys()) {
    const reached = new Set<string>()
    const open = [...(blocks.get(first) ?? [])]
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (reached.has(id)) continue
      reached.add(id)
      open.push(...(blocks.get(id) ?? []))
    }
    if (reached.has(first)) throw new Error(`L3 ${where}`)
  }
}
