import { type BlobMap, NO_BLOBS, nextBlobs } from '../blob/next-blobs.ts'
import { SEQUENCE_MAX } from '../kind.ts'
import type { PersistentSnapshot, VersionEdit } from '../manifest/version-edit.ts'
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
  const pinned = nextPinned(state.pinned, edit, lastSequence)
  if ('fault' in pinned) return pinned
  const { mergeOperator = state.mergeOperator } = edit
  if (state.mergeOperator !== undefined && mergeOperator !== state.mergeOperator) {
    return { fault: `M9 the merge operator ${state.mergeOperator} becomes ${mergeOperator}` }
  }
  return { levels, blobs, lastSequence, nextNumber, logNumber, pinned, mergeOperator }
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
    pinned: [...state.pinned.values()],
    ...(mergeOperator === undefined ? {} : { mergeOperator }),
  }
}
