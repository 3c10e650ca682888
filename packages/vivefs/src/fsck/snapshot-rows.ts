/** Snapshots, forks and the history (FORMAT.md, "Snapshots", S1-S5). History rows come in key order, before the extents. */
import { decodeDirent } from '../format/dirent.ts'
import { decodeExtent } from '../format/extent.ts'
import { type DataEpoch, decodeInode } from '../format/inode.ts'
import { LOAN } from '../format/key-types.ts'
import { parseExtentKey, parseNodeKey } from '../format/keys.ts'
import { decodeLoan, decodeReference, placeOfKey } from '../format/loan.ts'
import { check, RowKind } from '../format/row.ts'
import { checkAbsent, decodeFork, decodeSnapshot, decodeSnapshotState, isAbsent } from '../format/snapshot.ts'
import { inoOfVersioned, parseForkedKey, parseHistoryKey, tagOfKey } from '../format/snapshot-keys.ts'
import { ForkRows } from '../snapshot/fork-store.ts'
import type { SnapshotInfo } from '../snapshot/info.ts'
import type { ForkInfo } from '../snapshot/registry.ts'
import { isNeeded } from '../snapshot/sweep.ts'
import type { Bytes, Row } from '../store/store.ts'
import type { Census } from './census.ts'
import { dropRow } from './drop-row.ts'
import { hexOf } from './system-rows.ts'

/** What is visible of an inode whose old version cannot be read: anything. */
const ANY: readonly DataEpoch[] = []

export class SnapshotRows {
  readonly #census: Census
  readonly #snapshots: SnapshotInfo[] = []
  readonly #forks: ForkInfo[] = []
  #next: number | undefined
  #previous: { readonly key: Buffer; readonly tag: number } | undefined
  /** Data epochs of the old versions of inodes that snapshots see. */
  readonly #seen = new Map<number, (readonly DataEpoch[])[]>()

  constructor(census: Census) {
    this.#census = census
  }

  visitState(row: Row): void {
    const state = decodeSnapshotState(row.value)
    if (state.ok) this.#next = state.value.next
  }

  visitSnapshot({ key, value }: Row): void {
    const row = decodeSnapshot(key, value)
    if (row.ok) this.#snapshots.push({ tag: tagOfKey(key), ...row.value })
    else this.#damaged(`the row of snapshot ${tagOfKey(key)} is damaged (${row.fault})`)
  }

  visitFork({ key, value }: Row): void {
    const row = decodeFork(key, value)
    if (row.ok) this.#forks.push({ tag: tagOfKey(key), ...row.value })
    else this.#damaged(`the row of fork ${tagOfKey(key)} is damaged (${row.fault})`)
  }

  /** After the rows of the volume as a whole: S5. */
  finishSystem(): void {
    const { findings } = this.#census
    const snapshots = this.#snapshots
    if (snapshots.length > 0 || this.#forks.length > 0) {
      const highest = snapshots.reduce((tag, each) => Math.max(tag, each.tag), 0)
      if (this.#next === undefined || this.#next <= highest) {
        const message = `the snapshot state is missing, damaged or behind: snapshot ${highest} is there`
        findings.add('SNAPSHOT', undefined, message)
      }
    }
    for (const [what, all] of [
      ['snapshots', snapshots.filter(({ isHidden }) => !isHidden)],
      ['forks', this.#forks],
    ] as const) {
      const names = new Set(all.map(({ name }) => name))
      if (names.size < all.length) findings.add('SNAPSHOT', undefined, `two ${what} have one name`)
    }
    for (const { name, base } of this.#forks) {
      if (snapshots.some(({ tag }) => tag === base)) continue
      findings.add(
        'SNAPSHOT',
        undefined,
        `the base of fork ${JSON.stringify(name)} is missing: what it did not change is lost`,
      )
    }
  }

  /** A row between the metadata and the extents, or behind the extents. */
  visit(row: Row): void {
    const history = parseHistoryKey(row.key)
    const forked = parseForkedKey(row.key)
    if (history !== undefined) this.#visitHistory(history, row)
    else if (forked !== undefined) this.#visitForked(forked.tag, row)
    else this.#census.findings.add('ROW_UNKNOWN', undefined, `a row of no known kind, key ${hexOf(row.key)}`)
  }

  #visitHistory({ key, tag }: { key: Buffer; tag: number }, row: Row): void {
    const { findings } = this.#census
    const previous = this.#previous?.key.equals(key) ? this.#previous.tag : 0
    this.#previous = { key: Buffer.from(key), tag }
    const ino = inoOfVersioned(key)
    const name = `history ${tag} of row ${hexOf(key)}`
    if (this.#next !== undefined && tag >= this.#next) {
      findings.add('HISTORY', ino, `${name}: no such snapshot was made yet`, 'rows', dropRow(row))
      return
    }
    const isUsed = isNeeded(this.#snapshots, key, previous, tag)
    if (!isUsed && this.#census.sweeps === 0) {
      findings.add('HISTORY_STRAY', ino, `${name}: no snapshot needs it, and no job deletes it`, 'rows', dropRow(row))
    }
    const isSound = isAbsent(row.value) ? checkAbsent(row.key, row.value) : isSoundRow(key, row.value)
    if (!isSound) findings.add('ROW_DAMAGED', ino, `${name} is damaged: what a snapshot saw there is lost`)
    if (isUsed && !isAbsent(row.value) && parseNodeKey(key)?.sub === 'inode') this.#remember(ino, key, row.value)
  }

  #remember(ino: number, key: Bytes, value: Bytes): void {
    const inode = decodeInode(key, value)
    const lists = this.#seen.get(ino) ?? []
    lists.push(inode.ok ? inode.value.epochs : ANY)
    this.#seen.set(ino, lists)
  }

  #visitForked(tag: number, row: Row): void {
    if (this.#forks.some((fork) => fork.tag === tag) || this.#census.unforks.has(tag)) return
    const message = `a row of fork ${tag}, which does not exist, and no job deletes it`
    this.#census.findings.add('HISTORY_STRAY', undefined, message, 'rows', dropRow(row))
  }

  /** Whether some snapshot may see an extent that the volume does not (S4). */
  sees(key: Bytes): boolean {
    const at = parseExtentKey(key)
    if (at === undefined) return false
    // What a fork does not see any more of its base stays where it is.
    const { shared } = this.#census.core.options
    if (shared instanceof ForkRows && shared.shares(at.ino)) return true
    // A pending sweep has not looked at what is left in place yet.
    if (this.#census.sweeps > 0) return true
    const lists = this.#seen.get(at.ino)
    return (
      lists?.some(
        (epochs) => epochs === ANY || epochs.some(({ epoch, end }) => epoch === at.epoch && at.index < end),
      ) === true
    )
  }

  #damaged(message: string): void {
    this.#census.findings.add('SNAPSHOT', undefined, message)
  }
}

/** Whether a row is sound under the key that it had. */
function isSoundRow(key: Bytes, value: Bytes): boolean {
  if (parseExtentKey(key) !== undefined) return decodeExtent(key, value).ok
  if (placeOfKey(key) !== undefined) return (key[0] === LOAN ? decodeLoan : decodeReference)(key, value).ok
  switch (parseNodeKey(key)?.sub) {
    case 'inode':
      return decodeInode(key, value).ok
    case 'dirent':
      return decodeDirent(key, value).ok
    case 'xattr':
      return check(key, value, RowKind.xattr, 1) === undefined
    default:
      return check(key, value, RowKind.orphan, 1) === undefined
  }
}
