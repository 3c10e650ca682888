/** A cell of the matrix: a scenario in which an operation must be refused with one errno, and nothing else happens. */
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { type Area, type Tree, tick } from '../area.ts'
import type { Case } from '../case.ts'
import type { Person } from '../people.ts'
import { assertSame, snapshot } from '../snapshot.ts'
import type { Capability, SuiteFs } from '../target.ts'
import { type Operation, type PathRole, syscallOf } from './operations.ts'

export type Errno = Extract<keyof typeof constants.errno, string>

/** What an error shows beside its code. */
export interface Shown {
  readonly syscall?: string
  readonly path?: string
  readonly dest?: string
}

export interface Cell {
  readonly operation: Operation
  readonly errno: Errno
  /** Why it is refused; unique within operation and errno. */
  readonly cause: string
  readonly as?: Person
  readonly needs?: readonly Capability[]
  readonly tree?: Tree
  /** On the read-only mount, whose tree is fixed. */
  readonly isReadOnly?: boolean
  /** What else must hold before it. */
  before?(area: Area): Promise<void>
  act(area: Area, fs: SuiteFs): Promise<unknown>
  /** What the error must show; `syscall` is the operation's unless said otherwise. */
  shows?(area: Area): Shown
}

/** A cell about one path of an operation. */
export function pathCell(
  role: PathRole,
  path: string | ((area: Area) => string),
  { needs = [], cause, ...rest }: Omit<Cell, 'operation' | 'act' | 'shows'>,
): Cell {
  const at = (area: Area): string => area.path(typeof path === 'string' ? path : path(area))
  return {
    operation: role.operation,
    cause: role.label === undefined ? cause : `${role.label}: ${cause}`,
    needs: [...(role.needs ?? []), ...needs],
    ...rest,
    act: (area, fs) => role.run(area, fs, at(area)),
    shows: (area) => role.shows?.(area, at(area)) ?? { path: at(area) },
  }
}

/** C libraries differ in whether the letters that were tried last are left in the template. */
const templateOf = (path: unknown): string => String(path).replace(/.{6}$/, 'XXXXXX')

/** Fails unless `action` is refused exactly as the cell says. */
async function assertRefused(cell: Cell, area: Area): Promise<void> {
  const { operation, errno } = cell
  const error = await cell.act(area, area.fs(cell.as)).then(
    () => undefined,
    (reason: NodeJS.ErrnoException & { dest?: unknown }) => reason,
  )
  assert.ok(error !== undefined, `${operation} succeeded, ${errno} expected`)
  assert.ok(error instanceof Error, 'an Error')
  assert.equal(error.code, errno, error.message)
  assert.equal(error.errno, -constants.errno[errno], 'errno')
  const shown = cell.shows?.(area) ?? {}
  assert.equal(error.syscall, shown.syscall ?? syscallOf(operation), 'syscall')
  assert.equal(operation === 'mkdtemp' ? templateOf(error.path) : error.path, shown.path, 'path')
  assert.equal(error.dest, shown.dest, 'dest')
  assert.ok(error.message.startsWith(`${errno}: `), `message: ${error.message}`)
}

/** The test of a cell: refused, and the tree as it was, times included. */
export function caseOf(cell: Cell): Case {
  const { operation, errno, cause, as = 'root', tree = {}, isReadOnly } = cell
  const identities: readonly Capability[] = as === 'root' ? [] : ['identities']
  return {
    name: `${operation} ${errno}: ${cause}${as === 'root' ? '' : ` (as ${as})`}`,
    needs: [...(cell.needs ?? []), ...identities, ...(isReadOnly ? (['readOnly'] as const) : [])],
    isReadOnly,
    cell: { operation, errno },
    async run(area) {
      if (isReadOnly) return assertRefused(cell, area)
      await area.plant(tree)
      await cell.before?.(area)
      const paths = ['.', ...Object.keys(tree).filter((path) => path !== '.')]
      const before = await snapshot(area, paths)
      await tick()
      await assertRefused(cell, area)
      assertSame(before, await snapshot(area, paths))
      assert.deepEqual((await area.paths()).sort(), paths.sort(), 'names afterwards')
      const contents = Object.entries(tree).map(async ([path, { kind, content }]) => {
        if (kind === 'file' && content !== undefined) assert.equal(await area.text(path), content.toString(), path)
      })
      await Promise.all(contents)
    },
  }
}
