/** A side effect, as data: what one successful operation changes of every inode of a tree, and that nothing else does. */
import assert from 'node:assert/strict'
import type { BigIntStats } from 'node:fs'
import { type Area, type Tree, tick } from '../area.ts'
import type { Case } from '../case.ts'
import { type Person, people } from '../people.ts'
import { snapshot, type TimeLetter, timeFields, timeLetters } from '../snapshot.ts'
import type { Capability, SuiteFs } from '../target.ts'

/** What changes of an inode; what is not said stays. */
export interface Change {
  /** Which times move on, by letter: `a`, `m`, `c`, `b`. Of a new inode all four do. */
  readonly times?: string
  /** Difference of st_nlink. */
  readonly links?: number
  /** Permission bits afterwards. */
  readonly mode?: number
  readonly owner?: Person
  readonly gid?: number
  /** Bytes afterwards; of directories it is the implementation's own affair. */
  readonly size?: bigint
  /** It was not there before. */
  readonly isNew?: boolean
}

export interface Effect {
  readonly name: string
  readonly as?: Person
  readonly needs?: readonly Capability[]
  readonly tree: Tree
  /** Done before the clock is looked at. */
  before?(area: Area): Promise<void>
  act(area: Area, fs: SuiteFs): Promise<unknown>
  /** By path; `from => to` for what moves. What was in the tree and is not mentioned must not change at all. */
  readonly changes: Readonly<Record<string, Change>>
  /** Paths that are gone afterwards. */
  readonly gone?: readonly string[]
}

const PERMISSIONS = 0o7777n

function compare(path: string, was: BigIntStats | undefined, is: BigIntStats | undefined, change: Change): void {
  assert.ok(is !== undefined, `${path} is there`)
  const { times = '', links = 0, mode, owner, gid, size } = change
  if (owner !== undefined) assert.equal(is.uid, BigInt(people[owner].uid), `uid of ${path}`)
  if (gid !== undefined) assert.equal(is.gid, BigInt(gid), `gid of ${path}`)
  if (mode !== undefined) assert.equal((is.mode & PERMISSIONS).toString(8), mode.toString(8), `mode of ${path}`)
  if (size !== undefined) assert.equal(is.size, size, `size of ${path}`)
  if (was === undefined) {
    assert.equal(is.nlink, BigInt(links), `links of ${path}`)
    assertNewborn(path, is)
    return
  }
  assert.equal(is.ino, was.ino, `ino of ${path}`)
  assert.equal(is.nlink, was.nlink + BigInt(links), `links of ${path}`)
  if (owner === undefined) assert.equal(is.uid, was.uid, `uid of ${path}`)
  if (gid === undefined) assert.equal(is.gid, was.gid, `gid of ${path}`)
  if (mode === undefined) assert.equal(is.mode, was.mode, `mode of ${path}`)
  if (size === undefined && !is.isDirectory()) assert.equal(is.size, was.size, `size of ${path}`)
  for (const letter of timeLetters) compareTime(path, letter, was, is, times.includes(letter))
}

function compareTime(path: string, letter: TimeLetter, was: BigIntStats, is: BigIntStats, moves: boolean): void {
  const field = timeFields[letter]
  if (moves) {
    assert.ok(is[field] > was[field], `${field} of ${path} moves on`)
    return
  }
  // Resolving a path may mark the links that it crosses.
  if (letter === 'a' && was.isSymbolicLink()) return
  assert.equal(is[field], was[field], `${field} of ${path} stays`)
}

function assertNewborn(path: string, { atimeNs, mtimeNs, ctimeNs, birthtimeNs }: BigIntStats): void {
  assert.ok(atimeNs >= birthtimeNs && mtimeNs >= birthtimeNs, `times of ${path}: not older than itself`)
  assert.ok(ctimeNs >= mtimeNs, `times of ${path}: ctime is the latest`)
}

/** The test of an effect. */
export function caseOfEffect(effect: Effect): Case {
  const { name, as = 'root', tree, changes, gone = [] } = effect
  return {
    name: as === 'root' ? name : `${name} (as ${as})`,
    needs: [...(effect.needs ?? []), ...(as === 'root' ? [] : (['identities'] as const))],
    async run(area) {
      await area.plant(tree)
      await effect.before?.(area)
      const moves = Object.keys(changes).map((key) => key.split(' => '))
      const known = new Set(['.', ...Object.keys(tree), ...moves.map(([from = '']) => from)])
      const before = await snapshot(area, known)
      await tick()
      await effect.act(area, area.fs(as))
      const after = await snapshot(area, [...known, ...moves.map(([from = '', to = from]) => to)])
      for (const [key, change] of Object.entries(changes)) {
        const [from = '', to = from] = key.split(' => ')
        compare(key, change.isNew ? undefined : before.get(from), after.get(to), change)
      }
      const mentioned = new Set([...moves.flat(), ...gone])
      for (const [path, was] of before) if (!mentioned.has(path)) compare(path, was, after.get(path), {})
      for (const path of gone) assert.equal(after.get(path), undefined, `${path} is gone`)
    },
  }
}
