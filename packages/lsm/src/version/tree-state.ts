import { type BlobMap, NO_BLOBS, nextBlobs } from '../blob/next-blobs.ts'
import { SEQUENCE_MAX } from '../kind.ts'
import type { PersistentSnapshot, VersionEdit, VolatileTable } from '../manifest/version-edit.ts'
import { FILE_NUMBER_MAX } from '../storage/storage.ts'
import { type Levels, NO_TABLES, nextLevels } from './next-levels.ts'

/** Everything that the manifest says. Immutable: an edit makes the next one. */
export interface TreeState {
  readonly levels: Levels
  /** Files with values that tables refer to. */
  readonly blobs: BlobMap
  readonly lastSequence: number
  /** Every file number in use is below. */
  readonly nextNumber: number
  /** Logs with a smaller number are not needed. */
  readonly logNumber: number
  /** Tables of level 0 on volatile media, by number. */
  readonly volatile: ReadonlyMap<number, VolatileTable>
  /** Logs that are needed and known to be durable: bytes by number. */
  readonly logs: ReadonlyMap<number, number>
  /** Persistent snapshots by name. */
  readonly pinned: ReadonlyMap<string, PersistentSnapshot>
  readonly mergeOperator: string | undefined
}

export const EMPTY_TREE: TreeState = {
  levels: NO_TABLES,
  blobs: NO_BLOBS,
  lastSequence: 0,
  nextNumber: 1,
  logNumber: 0,
  volatile: new Map(),
  logs: new Map(),
  pinned: new Map(),
  mergeOperator: undefined,
}

/** The state after an edit, or which invariant of FORMAT.md, "Manifest", the edit breaks. */
export function nextState(state: TreeState, edit: VersionEdit): TreeState | { fault: string } {
  const { lastSequence = state.lastSequence, nextNumber = state.nextNumber, logNumber = state.logNumber } = edit
  if (lastSequence < state.lastSequence || nextNumber < state.nextNumber || logNumber < state.logNumber) {
    return { fault: 'M6 the last sequence number, the next file number or the log number goes back' }
  }
  if (lastSequence > SEQUENCE_MAX || nextNumber > FILE_NUMBER_MAX + 1 || logNumber >= nextNumber) {
    return { fault: `M1 sequence ${lastSequence}, log-${logNumber} or file number ${nextNumber} is out of range` }
  }
  const levels = nextLevels(state.levels, edit, lastSequence, nextNumber)
  if ('fault' in levels) return levels
  const blobs = nextBlobs(state.blobs, state.levels, edit)
  if ('fault' in blobs) return blobs
  const volatile = nextVolatile(state.volatile, edit, levels, logNumber)
  if ('fault' in volatile) return volatile
  const logs = nextLogs(state.logs, edit, { logNumber, volatile, nextNumber })
  if ('fault' in logs) return logs
  const pinned = nextPinned(state.pinned, edit, lastSequence)
  if ('fault' in pinned) return pinned
  const { mergeOperator = state.mergeOperator } = edit
  if (state.mergeOperator !== undefined && mergeOperator !== state.mergeOperator) {
    return { fault: `M9 the merge operator ${state.mergeOperator} becomes ${mergeOperator}` }
  }
  return { levels, blobs, lastSequence, nextNumber, logNumber, volatile, logs, pinned, mergeOperator }
}

/** A table that left level 0 needs its logs no more. */
function nextVolatile(
  before: ReadonlyMap<number, VolatileTable>,
  edit: VersionEdit,
  levels: Levels,
  logNumber: number,
): ReadonlyMap<number, VolatileTable> | { fault: string } {
  if (before.size === 0 && edit.volatile === undefined) return before
  const all = new Map(before)
  for (const one of edit.volatile ?? []) all.set(one.table, one)
  const there = new Set(levels[0]!.map(({ number }) => number))
  for (const { table } of edit.volatile ?? []) {
    if (!there.has(table)) return { fault: `M11 table-${table} is volatile, and not in level 0` }
  }
  for (const [table, { firstLog, endLog }] of all) {
    if (!there.has(table)) all.delete(table)
    else if (firstLog >= endLog || endLog > logNumber)
      return { fault: `M11 table-${table} has the entries of log-${firstLog} to before log-${endLog}` }
  }
  return all
}

/** What is known of logs; those that are not needed any more are forgotten. */
function nextLogs(
  before: ReadonlyMap<number, number>,
  edit: VersionEdit,
  now: Pick<TreeState, 'logNumber' | 'volatile' | 'nextNumber'>,
): ReadonlyMap<number, number> | { fault: string } {
  if (before.size === 0 && edit.logs === undefined) return before
  const all = new Map(before)
  for (const { number, bytes } of edit.logs ?? []) {
    const known = all.get(number) ?? 0
    if (number >= now.nextNumber || bytes === 0 || bytes < known)
      return { fault: `M12 log-${number} is durable to ${bytes} bytes, and was to ${known}` }
    all.set(number, bytes)
  }
  for (const number of all.keys()) if (!needsLog(now, number)) all.delete(number)
  return all
}

/** The log may be needed: its entries are not all in tables that survive loss of power. */
export function needsLog({ logNumber, volatile }: Pick<TreeState, 'logNumber' | 'volatile'>, log: number): boolean {
  if (log >= logNumber) return true
  for (const { firstLog, endLog } of volatile.values()) if (log >= firstLog && log < endLog) return true
  return false
}

function nextPinned(
  before: ReadonlyMap<string, PersistentSnapshot>,
  edit: VersionEdit,
  lastSequence: number,
): ReadonlyMap<string, PersistentSnapshot> | { fault: string } {
  if (edit.pinned === undefined && edit.unpinned === undefined) return before
  const pinned = new Map(before)
  for (const name of edit.unpinned ?? []) {
    if (!pinned.delete(name)) return { fault: `M9 there is no snapshot ${name} to drop` }
  }
  for (const snapshot of edit.pinned ?? []) {
    if (pinned.has(snapshot.name)) return { fault: `M9 there are two snapshots ${snapshot.name}` }
    if (snapshot.sequence > lastSequence) return { fault: `M5 the snapshot ${snapshot.name} is of the future` }
    pinned.set(snapshot.name, snapshot)
  }
  return pinned
}

/** The edit that makes this state of an empty tree. */
export function baseEdit(state: TreeState): VersionEdit {
  const added = state.levels.flatMap((tables, level) => tables.map((meta) => ({ level, meta })))
  const { lastSequence, nextNumber, logNumber, mergeOperator } = state
  return {
    base: true,
    lastSequence,
    nextNumber,
    logNumber,
    blobs: [...state.blobs.values()].map(({ number, kind, bytes, createdMs }) => ({ number, kind, bytes, createdMs })),
    added,
    volatile: [...state.volatile.values()],
    logs: [...state.logs].map(([number, bytes]) => ({ number, bytes })),
    pinned: [...state.pinned.values()],
    ...(mergeOperator === undefined ? {} : { mergeOperator }),
  }
}
