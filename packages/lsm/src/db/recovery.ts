import { separatedBytesOf } from '../blob/separated-batch.ts'
import type { Separation } from '../blob/separation.ts'
import { isLevelError, LevelError } from '../error.ts'
import { LogReader } from '../log/log-reader.ts'
import { Memtable } from '../memtable/memtable.ts'
import type { Op } from '../op.ts'
import { fileName, type Storage } from '../storage/storage.ts'
import type { VolumeStorage } from '../storage/volume-storage.ts'
import type { VersionSet } from '../version/version-set.ts'
import type { EndedLog } from './log-set.ts'
import type { MemtableSlot } from './memtable-list.ts'

/*
 * The order of recovery (a writer; a reader stops after 3 and writes nothing):
 *
 *   1. Lock the medium, recover the volume: every file ends after a whole append.
 *   2. Read the newest manifest that says anything: it is the tree, and the oldest log still needed.
 *   3. Replay the logs from that one on, in order of their numbers, each into a memtable of its own.
 *      Tables that a volatile medium has forgotten are written anew from their own logs: see `lost-tables.ts`.
 *   4. Remove what no version and no replay needs.
 *   5. Write the memtables to a table. Its edit says that the new log is the oldest one needed, so the old logs go. Where the media
 *      are full, memtables and logs stay, and the flush is tried again while the database serves: opening needs no space.
 *   6. Serve.
 *
 * R1: what is recovered is a prefix of the order of writing. Sequence numbers are consecutive from log to log, so a log whose
 *     first batch does not follow on the last one before lost its predecessor's end to a power cut: it was never
 *     acknowledged as synced (a sync goes through older logs first), and it is dropped with all after it.
 * R2: a log that is empty ended nothing: writers move on from a log only when it has entries. A log behind it, which nothing before it
 *     tells to follow on, is dropped likewise, durably before the next log is begun: a dropped one that came back would end that too soon.
 *     Neither may drop a log that the manifest knows to be durable, nor may one be missing or shorter (M12): that is damage.
 * R3: a crash in any step leaves what the step before left: files are only removed when a durable edit says so.
 */

export interface Replayed {
  /** One for each log that has entries, oldest first. */
  readonly slots: MemtableSlot[]
  /** The logs of the slots. */
  readonly logs: readonly EndedLog[]
  /** The newest sequence number; 0 when nothing was replayed. */
  readonly lastSequence: number
  /** Logs that do not count (R1, R2), or hold nothing. */
  readonly dropped: readonly number[]
  /** What was damaged and left out; only in a salvage. */
  readonly damage: readonly LevelError[]
}

/** A log with separated values leaves little of itself in memory. */
const SEPARATED_BYTES = 1 << 20

class Gap extends Error {}

export interface MissingLog {
  readonly number: number
  /** LEVEL_CORRUPTION, which names it. */
  readonly error: LevelError
}

/**
 * What is missing of the logs that the manifest knows to be durable, by number. One that it does not know may never have been written, or
 * not survived loss of power.
 */
export function missingLogs(storage: Storage, versions: VersionSet): MissingLog[] {
  const { knownLogs } = versions
  if (knownLogs.size === 0) return []
  const found = new Map<number, number>()
  for (const { kind, number, bytes } of storage.list()) if (kind === 'log') found.set(number, bytes)
  const missing: MissingLog[] = []
  for (const [number, durable] of knownLogs) {
    const bytes = found.get(number)
    if (bytes !== undefined && bytes >= durable) continue
    const what = bytes === undefined ? 'is missing' : `has ${bytes} bytes`
    const message = `${fileName('log', number)} ${what}: it is needed, and ${durable} bytes of it were durable`
    missing.push({ number, error: new LevelError('LEVEL_CORRUPTION', message) })
  }
  return missing
}

/**
 * As {@link missingLogs}, for a reader. Its writer may have made a log after the files were listed and before the manifest was read, and removed
 * one after that: what is still missing when both are looked at again in this order is missing.
 */
export function* missingBesideWriter(storage: VolumeStorage, versions: VersionSet): Op<MissingLog[]> {
  if (missingLogs(storage, versions).length === 0) return []
  yield* storage.refresh()
  const missing = new Set(missingLogs(storage, versions).map(({ number }) => number))
  if (missing.size === 0) return []
  yield* versions.refresh()
  return missingLogs(storage, versions).filter(({ number }) => missing.has(number))
}

/** Numbers of the logs that the tree needs, ascending. */
export function neededLogs(storage: Storage, versions: VersionSet): number[] {
  return storage
    .list()
    .filter(({ kind, number }) => kind === 'log' && number >= versions.logNumber)
    .map(({ number }) => number)
    .sort((a, b) => a - b)
}

/** Step 3. LEVEL_CORRUPTION and LEVEL_FORMAT name log and offset. */
export function* replayLogs(
  storage: Storage,
  versions: VersionSet,
  o: {
    salvage: boolean
    shared: boolean
    separation: Separation | undefined
    /** Numbers of logs, ascending; default those that no table has. */
    logs?: readonly number[]
  },
): Op<Replayed> {
  const { separation } = o
  const slots: MemtableSlot[] = []
  const logs: EndedLog[] = []
  const dropped: number[] = []
  const damage: LevelError[] = missingLogs(storage, versions).map(({ error }) => error)
  if (damage[0] !== undefined && !o.salvage) throw damage[0]
  let last = 0
  let ended = false
  let afterEmpty = false
  for (const number of o.logs ?? neededLogs(storage, versions)) {
    const file = yield* storage.open('log', number, 'log')
    if (file.size === 0) afterEmpty = true
    else if (last === 0 && afterEmpty && !versions.knownLogs.has(number)) ended = true
    if (ended || file.size === 0) {
      dropped.push(number)
      continue
    }
    const memtable = new Memtable({ bytesMax: replayBytes(file.size, separation), shared: o.shared })
    let valueBytes = 0
    try {
      const reader = new LogReader(file, number)
      yield* reader.replay((batch, offset) => {
        if (last !== 0 && batch.firstSequence !== last + 1) {
          if (memtable.empty) throw new Gap()
          const where = `${fileName('log', number)}: sequence number ${batch.firstSequence} after ${last}`
          throw new LevelError('LEVEL_CORRUPTION', where)
        }
        memtable.addBatch(batch, separation && { separation, place: { log: number, offset } })
        if (separation !== undefined) valueBytes += separatedBytesOf(batch, separation)
        last = batch.firstSequence + batch.count - 1
      })
    } catch (error) {
      ended = true
      if (error instanceof Gap) dropped.push(number)
      else if (o.salvage && isLevelError(error)) damage.push(error)
      else throw error
    }
    if (memtable.empty) continue
    slots.push({ memtable, logNumber: number })
    logs.push({ number, bytes: file.size, valueBytes })
  }
  damage.push(...unfollowed(dropped, versions))
  if (damage[0] !== undefined && !o.salvage) throw damage[0]
  return { slots, logs, lastSequence: last, dropped, damage }
}

/** Logs that were durable, and so everything before them was, and that do not follow on it. */
function unfollowed(dropped: readonly number[], { knownLogs }: VersionSet): LevelError[] {
  return dropped
    .filter((number) => knownLogs.has(number))
    .map((number) => {
      const what = 'it was durable, and does not follow on what is left of the logs before it'
      return new LevelError('LEVEL_CORRUPTION', `${fileName('log', number)}: ${what}`)
    })
}

/** Memory to begin with for the entries of a log. */
export function replayBytes(logBytes: number, separation: Separation | undefined): number {
  return separation === undefined ? logBytes : Math.min(logBytes, SEPARATED_BYTES)
}
