import type { CompactionOptions } from '../compaction/engine.ts'
import type { Storage } from '../storage/storage.ts'
import type { TableMeta } from '../table-meta.ts'
import type { Version } from '../version/version.ts'
import type { BlobFile, BlobMap } from './next-blobs.ts'

/** Files with less garbage than this are not worth emptying: moving what is alive costs more than it frees. */
const GARBAGE_SHARE_MIN = 0.2
/** Emptying begins at this part of what `spaceSoft` allows, so that it is kept to. */
const START = 0.65
/** Emptying goes on until there is so little garbage, as a part of what `spaceSoft` allows, so that it does not begin anew at once. */
const AIM = 0.4
/** A part of a blob file; so much garbage is never looked at. */
const SLACK_PART = 1 / 64

/** A small database has smaller logs, down to these. */
const UNIT_BYTES_MIN = 8 << 20
/** Of what is alive. */
const UNIT_SHARE = 1 / 16
/** Of what is alive, and of what `spaceHard` allows beside: what may be on the way from one file to another. */
const MOVED_SHARE = 1 / 8
const MOVED_PART = 1 / 4
/** A small database may take so many of the smallest units beyond `spaceHard`: two logs, what level 0 hides, and what is on its way. */
const ALLOWANCE_UNITS = 4

/** The smallest unit, where files end at `fileBytes`. */
export function unitBytesMin(fileBytes: number): number {
  return Math.min(fileBytes, UNIT_BYTES_MIN)
}

/**
 * How much may be written before anybody looks what of it was overwritten: a part of what is alive, and not more than a file. Otherwise the
 * logs of a small database would be most of it.
 */
export function unitBytes(liveBytes: number, fileBytes: number): number {
  return Math.min(fileBytes, Math.max(UNIT_BYTES_MIN, liveBytes * UNIT_SHARE))
}

/** What values may take beyond `spaceHard` times what is alive. */
export function allowanceBytes(fileBytes: number): number {
  return ALLOWANCE_UNITS * unitBytesMin(fileBytes)
}

/** How much of the files with values is alive. */
export interface ValueSpace {
  readonly files: number
  readonly bytes: number
  readonly liveValues: number
  readonly liveBytes: number
}

/**
 * Which files with values are to be emptied: computed once for every state of the tree. Those on media that give no space back for it (tape) are left
 * alone, and do not count: their garbage goes when the whole medium is emptied.
 *
 * While files take more than `spaceSoft` times what is alive in them, those with the most garbage for their size are emptied, of
 * equals the oldest; every compaction moves the values that it meets in them, and tables that refer to them are picked for it. A few at a time,
 * and the next ones when these are gone, so that only a part of what is alive ever lies in two files. Greedy choice by garbage: Rosenblum and
 * Ousterhout, "The Design and Implementation of a Log-Structured File System".
 *
 * S1: values take at most `spaceHard` times what is alive, and {@link allowanceBytes}; writers wait before that, with room for what reclaim moves.
 * S2: logs that are not in tables count, and whatever could be garbage counts as garbage: what level 0 and the logs may have overwritten is known
 *     when it is compacted. So who is held up is never held up by something that nobody looks for.
 */
export class Reclaim {
  readonly #soft: number
  readonly #hard: number
  readonly #fileBytes: number
  readonly #storage: Pick<Storage, 'isSunk' | 'moves'>
  #of: BlobMap | undefined
  #moves = 0
  /** Numbers of the files that count; undefined: all. */
  #counted: ReadonlySet<number> | undefined
  #limits: Limits = { slowBytes: 0, stopBytes: Number.POSITIVE_INFINITY }
  #limitsOf: Version | undefined
  #space: ValueSpace = { files: 0, bytes: 0, liveValues: 0, liveBytes: 0 }
  #targets: ReadonlySet<number> = new Set()

  constructor({ spaceSoft, spaceHard, blobBytes }: CompactionOptions, storage: Pick<Storage, 'isSunk' | 'moves'>) {
    this.#storage = storage
    this.#soft = spaceSoft
    this.#hard = spaceHard
    this.#fileBytes = blobBytes
  }

  space(blobs: BlobMap): ValueSpace {
    this.#look(blobs)
    return this.#space
  }

  /** Numbers of the files to empty. */
  targets(blobs: BlobMap): ReadonlySet<number> {
    this.#look(blobs)
    return this.#targets
  }

  /** How much there is beyond what may be: 1 and more: no more may come. `logged`: bytes of values in logs that are not in tables. */
  pressure(version: Version, blobs: BlobMap, logged: number): number {
    if (blobs.size === 0 && logged === 0) return 0
    this.#look(blobs)
    if (this.#limitsOf !== version) {
      this.#limits = this.#limitsAt(version)
      this.#limitsOf = version
    }
    const { slowBytes, stopBytes } = this.#limits
    return (logged - slowBytes) / (stopBytes - slowBytes)
  }

  /** How many bytes of values in logs make the pressure 0, and 1. */
  #limitsAt(version: Version): Limits {
    const { below, largest } = this.#counted === undefined ? referredOf(version) : sumReferred(version, this.#counted)
    const live = Math.max(below, largest)
    const allowance = allowanceBytes(this.#fileBytes)
    const moved = movedBytesMax(live, this.#hard, this.#fileBytes)
    const stop = this.#hard * live + allowance - moved
    const slow = Math.min(this.#soft * live + allowance / 2, stop - moved)
    const { bytes } = this.#space
    return { slowBytes: slow - bytes, stopBytes: stop - bytes }
  }

  #look(blobs: BlobMap): void {
    const { moves } = this.#storage
    if (this.#of === blobs && this.#moves === moves) return
    this.#of = blobs
    this.#moves = moves
    const files = new Map([...blobs].filter(([number, { kind }]) => !this.#storage.isSunk(kind, number)))
    this.#counted = files.size === blobs.size ? undefined : new Set(files.keys())
    this.#limitsOf = undefined
    this.#space = spaceOf(files)
    const left = new Set([...this.#targets].filter((number) => files.has(number)))
    this.#targets = left.size > 0 ? left : this.#targetsOf(files)
  }

  #targetsOf(files: BlobMap): ReadonlySet<number> {
    const { bytes, liveBytes } = this.#space
    const garbage = (part: number) => bytes - liveBytes * (1 + (this.#soft - 1) * part)
    const targets = new Set<number>()
    if (garbage(START) <= this.#fileBytes * SLACK_PART) return targets
    let excess = garbage(AIM)
    let moved = movedBytesMax(liveBytes, this.#hard, this.#fileBytes)
    const share = (file: BlobFile) => 1 - file.liveBytes / file.bytes
    const worst = [...files.values()].sort((a, b) => share(b) - share(a) || a.createdMs - b.createdMs)
    for (const file of worst) {
      if (excess <= 0 || share(file) < GARBAGE_SHARE_MIN) break
      moved -= file.liveBytes
      if (moved < 0 && targets.size > 0) break
      targets.add(file.number)
      excess -= file.bytes - file.liveBytes
    }
    return targets
  }
}

/** Bytes of values in logs. */
interface Limits {
  readonly slowBytes: number
  readonly stopBytes: number
}

/** Bytes that are moved out of files before some of them go. */
function movedBytesMax(live: number, hard: number, fileBytes: number): number {
  return Math.max(unitBytesMin(fileBytes), live * Math.min(MOVED_SHARE, (hard - 1) * MOVED_PART))
}

export function spaceOf(blobs: BlobMap): ValueSpace {
  let bytes = 0
  let liveValues = 0
  let liveBytes = 0
  for (const file of blobs.values()) {
    bytes += file.bytes
    liveValues += file.liveValues
    liveBytes += file.liveBytes
  }
  return { files: blobs.size, bytes, liveValues, liveBytes }
}

/** Bytes of entries in the files that the table refers to. */
export function referredBytes(meta: TableMeta, files?: ReadonlySet<number>): number {
  let sum = 0
  for (const { file, bytes } of meta.blobs ?? []) if (files === undefined || files.has(file)) sum += bytes
  return sum
}

/** Bytes of entries that tables refer to. */
export interface Referred {
  /** All tables of level 0 together, and the largest of them: its keys are different ones. */
  readonly above: number
  readonly largest: number
  /** All other levels: no key twice, but for those that have sunk only half way. */
  readonly below: number
}

const referred = new WeakMap<Version, Referred>()

/** Computed once for each version. */
export function referredOf(version: Version): Referred {
  const known = referred.get(version)
  if (known !== undefined) return known
  const sums = sumReferred(version)
  referred.set(version, sums)
  return sums
}

function sumReferred(version: Version, files?: ReadonlySet<number>): Referred {
  let above = 0
  let largest = 0
  let below = 0
  for (const { level, meta } of version.tables()) {
    const bytes = referredBytes(meta, files)
    if (level > 0) below += bytes
    else {
      above += bytes
      largest = Math.max(largest, bytes)
    }
  }
  return { above, largest, below }
}
