import type { CompactionOptions } from '../compaction/engine.ts'
import type { Storage } from '../storage/storage.ts'
import type { TableMeta } from '../table-meta.ts'
import type { Version } from '../version/version.ts'
import type { BlobFile, BlobMap } from './next-blobs.ts'

/** Files with less garbage than this are not worth emptying: moving what is alive costs more than it frees. */
const GARBAGE_SHARE_MIN = 0.2
/** Emptying begins at this part of what `spaceSoft` allows, so that it is kept to. */
const START = 0.8
/** Emptying goes on until there is so little garbage, as a part of what `spaceSoft` allows, so that it does not begin anew at once. */
const AIM = 0.5
/** A part of a blob file; so much garbage is never looked at. */
const SLACK_PART = 1 / 64

/** A small database has smaller logs, down to these. */
export const UNIT_BYTES_MIN = 8 << 20
/** Of what is alive. */
const UNIT_SHARE = 1 / 8

/**
 * How much may be written before anybody looks what of it was overwritten: a part of what is alive, and not more than a file. Otherwise the
 * logs of a small database would be most of it.
 */
export function unitBytes(liveBytes: number, fileBytes: number): number {
  return Math.min(fileBytes, Math.max(UNIT_BYTES_MIN, liveBytes * UNIT_SHARE))
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
 * equals the oldest; every compaction moves the values that it meets in them, and tables that refer to them are picked for it. On the way
 * to `spaceHard` writers are slowed down, and there they wait. Greedy choice by garbage: Rosenblum and Ousterhout, "The Design and Implementation of a
 * Log-Structured File System".
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
  #referred: Referred = { above: 0, below: 0 }
  #referredIn: Version | undefined
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

  /**
   * How much there is beyond what may be: 1 and more: no more may come. What level 0 hides counts as garbage, since it may be: compacting
   * it, which moves pointers only, tells.
   */
  pressure(version: Version, blobs: BlobMap): number {
    if (blobs.size === 0) return 0
    this.#look(blobs)
    const { above, below } = this.#referredOf(version)
    const { bytes, liveBytes } = this.#space
    const live = liveBytes - Math.min(above, below)
    const unit = unitBytes(live, this.#fileBytes)
    const excess = bytes - this.#soft * live - unit
    return excess <= 0 ? 0 : excess / ((this.#hard - this.#soft) * live + unit)
  }

  /** In the files that count. */
  #referredOf(version: Version): Referred {
    if (this.#counted === undefined) return referredOf(version)
    if (this.#referredIn !== version) {
      this.#referred = sumReferred(version, this.#counted)
      this.#referredIn = version
    }
    return this.#referred
  }

  #look(blobs: BlobMap): void {
    const { moves } = this.#storage
    if (this.#of === blobs && this.#moves === moves) return
    this.#of = blobs
    this.#moves = moves
    const files = new Map([...blobs].filter(([number, { kind }]) => !this.#storage.isSunk(kind, number)))
    this.#counted = files.size === blobs.size ? undefined : new Set(files.keys())
    this.#referredIn = undefined
    this.#space = spaceOf(files)
    this.#targets = targetsOf(files, this.#space, this.#soft, this.#fileBytes * SLACK_PART)
  }
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

function targetsOf(blobs: BlobMap, space: ValueSpace, soft: number, slackBytes: number): ReadonlySet<number> {
  const { bytes, liveBytes } = space
  const targets = new Set<number>()
  if (bytes <= liveBytes * (1 + (soft - 1) * START) + slackBytes) return targets
  let excess = bytes - liveBytes * (1 + (soft - 1) * AIM)
  const share = (file: BlobFile) => 1 - file.liveBytes / file.bytes
  const worst = [...blobs.values()].sort((a, b) => share(b) - share(a) || a.createdMs - b.createdMs)
  for (const file of worst) {
    if (excess <= 0 || share(file) < GARBAGE_SHARE_MIN) break
    targets.add(file.number)
    excess -= file.bytes - file.liveBytes
  }
  return targets
}

/** Bytes of entries in the files that the table refers to. */
export function referredBytes(meta: TableMeta, files?: ReadonlySet<number>): number {
  let sum = 0
  for (const { file, bytes } of meta.blobs ?? []) if (files === undefined || files.has(file)) sum += bytes
  return sum
}

/** Bytes of entries that tables of level 0 refer to, and those of all other levels. */
export interface Referred {
  readonly above: number
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
  let below = 0
  for (const { level, meta } of version.tables()) {
    if (level === 0) above += referredBytes(meta, files)
    else below += referredBytes(meta, files)
  }
  return { above, below }
}
