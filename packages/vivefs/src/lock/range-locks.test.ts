/** Byte ranges of several owners, against an oracle that keeps one cell for each byte. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FilesystemError } from '../errors.ts'
import { runSync } from '../op.ts'
import { LockTable } from './lock-table.ts'
import { LOCK_END } from './span.ts'
import type { LockOwner, LockType } from './types.ts'

/** Offsets of the model: the last cell stands for all that follows. */
const CELLS = 24
const OWNERS = 4
const RUNS = process.env.VIVEFS_DEEP === '1' ? 5000 : 200

type Cell = 'read' | 'write' | undefined

/** For each owner one cell for each byte. */
class Oracle {
  readonly cells: Cell[][] = Array.from({ length: OWNERS }, () => new Array<Cell>(CELLS + 1).fill(undefined))

  isFree(owner: number, type: LockType, from: number, to: number): boolean {
    return this.cells.every((row, other) =>
      other === owner
        ? true
        : row.every((cell, at) => at < from || at >= to || !cell || (cell === 'read' && type === 'read')),
    )
  }

  set(owner: number, from: number, to: number, value: Cell): void {
    this.cells[owner].fill(value, from, to)
  }

  /** What one owner holds as ranges: maximal runs of one type. */
  runs(owner: number): { type: string; start: number; length: number }[] {
    const found: { type: string; start: number; length: number }[] = []
    const row = this.cells[owner]
    for (let at = 0; at <= CELLS; at++) {
      const type = row[at]
      if (type === undefined) continue
      let end = at
      while (end <= CELLS && row[end] === type) end++
      found.push({ type, start: at, length: end > CELLS ? 0 : end - at })
      at = end - 1
    }
    return found
  }
}

interface Step {
  readonly owner: number
  readonly what: 'read' | 'write' | 'unlock' | 'test'
  readonly start: number
  readonly length: number
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    owner: fc.nat(OWNERS - 1),
    what: fc.constantFrom('read' as const, 'read' as const, 'write' as const, 'unlock' as const, 'test' as const),
    start: fc.nat(CELLS - 1),
    length: fc.nat(8),
  }),
  { maxLength: 60 },
)

const ownerOf = (n: number): LockOwner => ({ session: 's', id: `${n}` })

test('ranges split, merge, upgrade, downgrade and stand in each other’s way as single bytes do', () => {
  fc.assert(
    fc.property(steps, (program) => {
      const table = new LockTable()
      const oracle = new Oracle()
      for (const { owner, what, start, length } of program) {
        const to = length === 0 ? CELLS + 1 : Math.min(start + length, CELLS + 1)
        // A finite range must not reach the cell that stands for the rest.
        const bytes = to > CELLS ? 0 : length
        const range = { start, length: bytes }
        if (what === 'unlock') {
          oracle.set(owner, start, to, undefined)
          table.release(1, 'posix', ownerOf(owner), range)
        } else if (what === 'test') {
          const free = oracle.isFree(owner, 'write', start, to)
          expect(table.test(1, 'posix', { owner: ownerOf(owner), type: 'write', ...range }) === undefined).toBe(free)
        } else {
          const free = oracle.isFree(owner, what, start, to)
          let code: string | undefined
          try {
            runSync(table.acquire(1, 'posix', { owner: ownerOf(owner), type: what, ...range }))
          } catch (error) {
            if (!FilesystemError.is(error)) throw error
            code = error.code
          }
          expect(code).toBe(free ? undefined : 'EAGAIN')
          if (free) oracle.set(owner, start, to, what)
        }
        const held = table.list(1)
        let total = 0
        for (let n = 0; n < OWNERS; n++) {
          const mine = held
            .filter((each) => each.owner.id === `${n}`)
            .map(({ type, start, length }) => ({ type, start, length }))
          expect(mine).toEqual(oracle.runs(n))
          total += mine.length
        }
        expect(table.counts).toEqual({ held: total, waiting: 0, files: total === 0 ? 0 : 1 })
      }
    }),
    { numRuns: RUNS },
  )
}, 600_000)

test('what is no range of a file is refused', () => {
  const table = new LockTable()
  const take = (start: number, length: number) => () =>
    runSync(table.acquire(1, 'posix', { owner: ownerOf(0), type: 'write', start, length }))
  expect(take(-1, 0)).toThrow(/EINVAL/)
  expect(take(0, -1)).toThrow(/EINVAL/)
  expect(take(0.5, 1)).toThrow(/EINVAL/)
  expect(take(LOCK_END, 1)).toThrow(/EOVERFLOW/)
  expect(take(LOCK_END - 1, 2)).toThrow(/EOVERFLOW/)
  expect(table.counts).toEqual({ held: 0, waiting: 0, files: 0 })
  take(LOCK_END - 1, 1)()
  expect(table.list(1)).toMatchObject([{ start: LOCK_END - 1, length: 0 }])
})
