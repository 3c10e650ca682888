/**
 * What a tree looked like at an instant. Taking one only calls lstat, so it marks no access time; contents and names are
 * compared afterwards.
 */
import assert from 'node:assert/strict'
import type { BigIntStats } from 'node:fs'
import type { Area } from './area.ts'

export type Snapshot = ReadonlyMap<string, BigIntStats>

/** lstat of every path that exists. */
export async function snapshot(area: Area, paths: Iterable<string>): Promise<Snapshot> {
  const lookups = [...paths].map(
    async (path): Promise<[string, BigIntStats | undefined]> => [
      path,
      await area.lstat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
        throw error
      }),
    ],
  )
  const found = new Map<string, BigIntStats>()
  for (const [path, stats] of await Promise.all(lookups)) if (stats !== undefined) found.set(path, stats)
  return found
}

/** The times, by the letters that tests use. */
export const timeFields = { a: 'atimeNs', m: 'mtimeNs', c: 'ctimeNs', b: 'birthtimeNs' } as const
export type TimeLetter = keyof typeof timeFields

export const timeLetters = Object.keys(timeFields) as TimeLetter[]

const plainFields = ['ino', 'mode', 'nlink', 'uid', 'gid', 'rdev', 'size', 'blocks'] as const

/** Fails unless both snapshots show the same, times included (but atime of links: resolving a path may mark them). */
export function assertSame(before: Snapshot, after: Snapshot): void {
  assert.deepEqual([...after.keys()], [...before.keys()], 'the paths that exist')
  for (const [path, was] of before) {
    const is = after.get(path)
    assert.ok(is !== undefined)
    for (const field of plainFields) assert.equal(is[field], was[field], `${field} of ${path}`)
    for (const letter of timeLetters) {
      if (letter === 'a' && was.isSymbolicLink()) continue
      assert.equal(is[timeFields[letter]], was[timeFields[letter]], `${timeFields[letter]} of ${path}`)
    }
  }
}
