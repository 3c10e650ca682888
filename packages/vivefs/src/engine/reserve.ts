/**
 * Space that is kept for getting out of a full disk. Growing commits are refused with ENOSPC while the disk has less
 * than the margin left, so that deleting still has room to write; and a file of real blocks is given up when even that
 * room was taken by somebody else.
 */
import { statfsSync } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { FilesystemError } from '../errors.ts'
import type { SpaceGuard } from '../store/store.ts'

/**
 * A compaction of LevelDB writes its output before it deletes its input: up to twelve memtables' worth from level 0 and
 * the 10 MiB of level 1. Margin and reserve each hold one such step.
 */
const COMPACTION_TABLES = 12
/** A table of level 0 is as big as the transaction that overflowed the memtable. */
const TABLE_BYTES_MIN = 2 * 1024 * 1024
/** A smaller disk has no room for a reserve beside the margin. */
const RESERVED_DISK_BYTES_MIN = 256 * 1024 * 1024
const LEVEL_ONE_BYTES = 12 * 1024 * 1024
/** Gives up the reserve of a volume that does not open for want of space. Answers whether there was one. */
export async function spendReserve(path: string, error: unknown): Promise<boolean> {
  if (!isNoSpace(error)) return false
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > 0) await rm(path, { force: true })
  return size > 0
}

/** A disk with more than this free needs no reserve yet. */
const ROOMY_BYTES = 1024 * 1024 * 1024
const LOOK_AGAIN_MS = 1000

const COMPACT_AGAIN_MS = 2000

/** What the reserve needs of the database. */
export interface ReclaimableDatabase {
  /** Closes and opens it: after a failed write it takes no other until then. */
  reopen(): Promise<void>
  /** Rewrites what is live, so that what was deleted gives its space back. */
  compact(): Promise<void>
}

export class DiskReserve implements SpaceGuard {
  readonly #directory: string
  readonly #path: string
  readonly #database: ReclaimableDatabase
  readonly #marginBytes: number
  readonly #reserveBytes: number
  #budgetBytes = 0
  #lookedAtMs = 0
  /** Something was deleted since the last compaction. */
  #hasGarbage = false
  #compacting = false
  #compactedAtMs = 0

  constructor(directory: string, path: string, writeBufferBytes: number, database: ReclaimableDatabase) {
    this.#directory = directory
    this.#path = path
    this.#database = database
    this.#marginBytes = LEVEL_ONE_BYTES + COMPACTION_TABLES * Math.max(writeBufferBytes, TABLE_BYTES_MIN)
    const { blocks, bsize } = statfsSync(directory)
    this.#reserveBytes = blocks * bsize < RESERVED_DISK_BYTES_MIN ? 0 : this.#marginBytes
  }

  /** Bytes that growing commits may still take. */
  freeBytes(): number {
    return Math.max(0, this.#diskFreeBytes() - this.#marginBytes)
  }

  /**
   * Looks at the disk once in a while: an eighth of what is left, or a second, may pass unseen. What waits to land counts
   * twice, as a row of the log and as a row of the first table.
   */
  admit(bytes: number, pendingBytes: number): void {
    this.#budgetBytes -= bytes
    const now = Date.now()
    if (this.#budgetBytes >= 0 && now - this.#lookedAtMs < LOOK_AGAIN_MS) return
    const free = Math.max(0, this.freeBytes() - 2 * pendingBytes)
    this.#lookedAtMs = now
    this.#budgetBytes = Math.floor(free / 8) - bytes
    if (free < bytes + this.#marginBytes / 8) {
      this.#budgetBytes = 0
      this.#compact(now)
      throw new FilesystemError('ENOSPC')
    }
  }

  reclaimed(): void {
    this.#hasGarbage = true
  }

  /** After a batch failed for want of space: frees the reserve, reopens the database, lets the batch be tried again. */
  async recover(error: unknown): Promise<boolean> {
    if (!(await spendReserve(this.#path, error))) return false
    this.#budgetBytes = 0
    await this.#database.reopen()
    return true
  }

  /** Lays the reserve down when the disk is not roomy; quietly goes without it when there is no space for it. */
  async prepare(): Promise<void> {
    if (this.#reserveBytes === 0 || this.#diskFreeBytes() > ROOMY_BYTES) return
    const present = await stat(this.#path).catch(() => undefined)
    if (present?.size === this.#reserveBytes) return
    if (this.#diskFreeBytes() < this.#reserveBytes + this.#marginBytes) return
    const file = await open(this.#path, 'w')
    try {
      const filler = Buffer.alloc(Math.min(this.#reserveBytes, 1024 * 1024), 0x5a)
      for (let at = 0; at < this.#reserveBytes; at += filler.length) {
        await file.write(filler, 0, Math.min(filler.length, this.#reserveBytes - at), at)
      }
      await file.sync()
    } finally {
      await file.close()
    }
  }

  /** What was deleted takes space until the database compacts; on a full disk that is worth doing at once. */
  #compact(nowMs: number): void {
    if (!this.#hasGarbage || this.#compacting || nowMs - this.#compactedAtMs < COMPACT_AGAIN_MS) return
    this.#compacting = true
    this.#hasGarbage = false
    void this.#database
      .compact()
      // A compaction that fails leaves its mark in the database; the next batch meets it.
      .catch(() => {})
      .finally(() => {
        this.#compacting = false
        this.#compactedAtMs = Date.now()
      })
  }

  #diskFreeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#directory)
    return bavail * bsize
  }
}

function isNoSpace(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if ('code' in at && /^(ENOSPC|EDQUOT)$|_NO_SPACE$/.test(String(at.code))) return true
    if (/no space left|quota exceeded/i.test(at.message)) return true
  }
  return false
}
