/** Runs the same calls on node:fs in a temporary directory and on a volume, and compares every outcome. */
import nodeFs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { inspect, isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { ViveFS } from 'vivefs'
import { SyncDatabase } from '../sync-database.ts'
import { differ } from './values.ts'

type AnyFs = typeof nodeFs

/** Three ways to call the same function. */
export type Form = 'promises' | 'callback' | 'sync'
export const forms: readonly Form[] = ['promises', 'callback', 'sync']

type Anything = (...args: unknown[]) => unknown
const functionsOf = (of: object): Record<string, Anything> => of as Record<string, Anything>

/** One side of a comparison. */
export interface Side {
  readonly fs: AnyFs
  readonly root: string
  readonly isReal: boolean
}

export function plain(value: unknown, root: string): unknown {
  if (typeof value === 'string') return value.split(root).join('<root>')
  if (Buffer.isBuffer(value)) return `bytes:${value.toString('latin1').split(root).join('<root>')}`
  if (Array.isArray(value)) return value.map((each) => plain(each, root))
  if (value instanceof Error) {
    const error = value as NodeJS.ErrnoException & { dest?: string }
    const fields: Record<string, unknown> = {}
    for (const key of ['name', 'code', 'errno', 'syscall', 'path', 'dest', 'message'] as const) {
      if (error[key] !== undefined) fields[key] = plain(error[key], root)
    }
    return { thrown: fields }
  }
  if (value instanceof nodeFs.Dirent) {
    return { dirent: plain(value.name, root), type: typeOf(value), parent: plain(value.parentPath, root) }
  }
  if (value !== null && typeof value === 'object' && 'mtimeNs' in value) {
    // Dates are the object's own up to Node 20, its prototype's since.
    const {
      mode,
      nlink,
      uid,
      gid,
      atime: _a,
      mtime: _m,
      ctime: _c,
      birthtime: _b,
      ...rest
    } = value as nodeFs.BigIntStats
    const types = Object.entries(rest).map(([key, each]) => `${key} ${typeof each}`)
    return {
      mode: `${mode}`,
      nlink: `${nlink}`,
      uid: `${uid}`,
      gid: `${gid}`,
      types,
      is: value instanceof nodeFs.Stats,
    }
  }
  if (value instanceof nodeFs.Stats) {
    const { mode, nlink, uid, gid, size } = value
    return { mode, nlink, uid, gid, size: value.isFile() ? size : 'any', type: typeOf(value) }
  }
  if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each, root)]))
  }
  return value
}

function typeOf(of: nodeFs.Dirent | nodeFs.Stats): string {
  const names = ['isDirectory', 'isFile', 'isSymbolicLink', 'isFIFO', 'isSocket', 'isBlockDevice'] as const
  return names.filter((name) => of[name]()).join()
}

/** Calls a function in one form; answers what came, errors included, without the names of this machine. */
export async function outcome(side: Side, form: Form, name: string, args: readonly unknown[]): Promise<unknown> {
  const { fs, root } = side
  try {
    if (form === 'promises') return plain(await functionsOf(fs.promises)[name](...args), root)
    if (form === 'sync') return plain(functionsOf(fs)[`${name}Sync`](...args), root)
    return await new Promise((resolve, reject) => {
      functionsOf(fs)[name](...args, (error: unknown, value: unknown) => {
        if (error) reject(error)
        else resolve(plain(value, root))
      })
    })
  } catch (error) {
    return plain(error, root)
  }
}

/** A call: the function, and its arguments made from the root of a side. */
export type Step = readonly [name: string, args: (at: (name: string) => string, side: Side) => readonly unknown[]]

/** Both sides, empty. */
export async function openSides(): Promise<{ real: Side; ours: Side; close: () => Promise<void> }> {
  const real = await nodeFs.promises.mkdtemp(path.join(nodeFs.realpathSync(os.tmpdir()), 'vivefs-face-'))
  await nodeFs.promises.chmod(real, 0o755)
  const vive = await ViveFS.open(new SyncDatabase())
  // The same path on both sides.
  const root = real
  await vive.fs.promises.mkdir(root, { recursive: true })
  return {
    real: { fs: nodeFs, root: real, isReal: true },
    ours: { fs: vive.fs as unknown as AnyFs, root, isReal: false },
    close: async () => {
      await vive.settle()
      const { findings } = await vive.fsck()
      await vive.close()
      expect(findings).toEqual([])
      await nodeFs.promises.rm(real, { recursive: true, force: true })
    },
  }
}

const brief = (value: unknown): string =>
  inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY })
    .replace(/x{20,}/g, 'x..x')
    .replace(/(x\/){20,}/g, 'x/..')

/** Runs the steps on both sides and compares them one by one. */
export async function compare(form: Form, steps: readonly Step[], isSkipped: (step: Step) => boolean = () => false) {
  const { real, ours, close } = await openSides()
  try {
    const differences: string[] = []
    for (const [index, step] of steps.entries()) {
      if (isSkipped(step)) continue
      const [name, args] = step
      const results: unknown[] = []
      for (const side of [real, ours]) {
        results.push(
          await outcome(
            side,
            form,
            name,
            args((below) => side.root + (below && `/${below}`), side),
          ),
        )
      }
      if (!isDeepStrictEqual(results[0], results[1])) {
        const shown = args((below) => `<root>/${below}`, ours)
        differ(differences, `${index} ${name}(${brief(shown)}): node ${brief(results[0])}, ours ${brief(results[1])}`)
      }
    }
    expect(differences).toEqual([])
  } finally {
    await close()
  }
}

/**
 * Runs each case on the tree that `tree` makes, and compares its outcome and what it left. The tree is made anew, in
 * another directory, after a case that succeeded on either side.
 */
export async function compareCases(form: Form, tree: readonly Step[], cases: readonly Step[], left: readonly Step[]) {
  const { real, ours, close } = await openSides()
  try {
    const differences: string[] = []
    let number = 0
    let isFresh = false
    const inCase = (side: Side): Side => ({ ...side, root: `${side.root}/${number}` })
    const run = (side: Side, [name, args]: Step, how: Form = form): Promise<unknown> =>
      outcome(
        side,
        how,
        name,
        args((below) => side.root + (below && `/${below}`), side),
      )
    for (const step of cases) {
      if (!isFresh) {
        number++
        for (const side of [inCase(real), inCase(ours)]) {
          for (const each of [['mkdir', (at: (name: string) => string) => [at('')]] as Step, ...tree]) {
            await run(side, each, side.isReal ? 'sync' : 'promises')
          }
        }
      }
      const results = [await run(inCase(real), step), await run(inCase(ours), step)]
      // Node 24's rmSync has no name for some of its own refusals, and has removed something by then: nothing to compare with.
      if ((results[0] as { thrown?: { code?: unknown } } | undefined)?.thrown?.code === '') {
        isFresh = false
        continue
      }
      isFresh = results.every((result) => typeof result === 'object' && result !== null && 'thrown' in result)
      for (const look of left) {
        for (const [index, side] of [inCase(real), inCase(ours)].entries()) {
          results[index] = [results[index], await run(side, look)]
        }
      }
      if (isDeepStrictEqual(results[0], results[1])) continue
      isFresh = false
      const shown = step[1]((below) => `<root>/${below}`, ours)
      differ(differences, `${step[0]}(${brief(shown)}): node ${brief(results[0])}, ours ${brief(results[1])}`)
    }
    expect(differences).toEqual([])
  } finally {
    await close()
  }
}
