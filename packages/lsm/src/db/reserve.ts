import { statfsSync } from 'node:fs'
import { DirectoryMedium } from '@vivefs/media'
import { LevelError } from '../error.ts'
import type { VolumeStorage } from '../storage/volume-storage.ts'

/** Of what is left, how much may be written before the next look: what else takes space goes unseen so long. */
const UNSEEN_SHARE = 1 / 8
const UNSEEN_BYTES_MAX = 64 << 20
/** At most so much of all there is. */
const SHARE_MAX = 1 / 16
/** A byte that is written takes space in the log, and in a table before the log goes. */
const COPIES = 2

interface Space {
  readonly freeBytes: number
  readonly capacityBytes: number
}

/**
 * Space that batches which add something leave free, so that on full media there is room for what gives space back: deletions in the log,
 * flushes, and compaction, which writes before it removes.
 *
 * How others do it: ZFS keeps 1/32 of a pool ("slop space") from everything but what frees; RocksDB's `SstFileManager` stops writes before
 * compaction runs out of room; SurrealDB puts its RocksDB into a mode for reads and deletions only.
 */
export class SpaceReserve {
  readonly #storage: VolumeStorage
  readonly #bytes: number
  /** Bytes that are admitted without another look. */
  #budget = 0

  /** @param bytes 0: nothing is kept */
  constructor(storage: VolumeStorage, bytes: number) {
    this.#storage = storage
    this.#bytes = bytes
    if (bytes === 0) this.#budget = Number.POSITIVE_INFINITY
  }

  /** A batch of that size that adds something may be written. */
  admits(bytes: number): boolean {
    this.#budget -= bytes
    return this.#budget >= 0 || this.#look(bytes)
  }

  #look(bytes: number): boolean {
    const { freeBytes, capacityBytes } = this.#space()
    const left = freeBytes - Math.min(this.#bytes, capacityBytes * SHARE_MAX) - COPIES * bytes
    this.#budget = left < 0 ? 0 : Math.min(UNSEEN_BYTES_MAX, (left * UNSEEN_SHARE) / COPIES)
    return left >= 0
  }

  /** LEVEL_NO_SPACE, for whoever was not admitted. */
  refusal(): LevelError {
    const { freeBytes, capacityBytes } = this.#space()
    const kept = Math.floor(Math.min(this.#bytes, capacityBytes * SHARE_MAX))
    const what = `the media are full: ${freeBytes} bytes are free, and ${kept} are kept for deletions, flushes and compaction`
    return new LevelError('LEVEL_NO_SPACE', `${what}; delete something, add space, or a medium`)
  }

  /** Of the media whose space can be used again, and that keep what is written. */
  #space(): Space {
    let freeBytes = 0
    let capacityBytes = 0
    for (const [name, status] of this.#storage.status()) {
      const medium = this.#storage.media[name]!
      if (medium.caps.reclaim === 'whole-medium' || this.#storage.placer.forgets(name)) continue
      const disk = diskOf(medium)
      freeBytes += Math.min(status.availableBytes, disk.freeBytes)
      capacityBytes += Math.min(status.zones * status.zoneCapacityBytes, disk.capacityBytes)
    }
    return { freeBytes, capacityBytes }
  }
}

/** What the filesystem below a directory has. */
function diskOf(medium: unknown): Space {
  const unlimited = { freeBytes: Number.POSITIVE_INFINITY, capacityBytes: Number.POSITIVE_INFINITY }
  if (!(medium instanceof DirectoryMedium)) return unlimited
  const { path } = medium.spec as { path?: string }
  if (path === undefined) return unlimited
  const { bsize, bavail, blocks } = statfsSync(path)
  return { freeBytes: bavail * bsize, capacityBytes: blocks * bsize }
}
