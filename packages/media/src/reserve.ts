/**
 * A file of zeros that holds space on the filesystem, to be given up when it is full: deleting, truncating and
 * compacting need a little space before they return much.
 */
import { closeSync, fsyncSync, openSync, statSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { syncDirectory, writeFully } from './durable-file.ts'

const CHUNK = new Uint8Array(1 << 20)

export class SpaceReserve {
  readonly path: string
  readonly bytes: number

  constructor(path: string, bytes: number) {
    this.path = path
    this.bytes = bytes
  }

  /** Whether the reserve is whole. */
  held(): boolean {
    try {
      return statSync(this.path).size >= this.bytes
    } catch {
      return false
    }
  }

  /** Makes the reserve whole; false when there is no space for it, which leaves none behind. */
  fill(): boolean {
    if (this.bytes === 0 || this.held()) return true
    try {
      const fd = openSync(this.path, 'w')
      try {
        for (let at = 0; at < this.bytes; at += CHUNK.length) {
          writeFully(fd, CHUNK.subarray(0, Math.min(CHUNK.length, this.bytes - at)), at)
        }
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      return true
    } catch (error) {
      this.spend()
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOSPC' || code === 'EDQUOT') return false
      throw error
    }
  }

  /** Gives the space up; false when there was none. */
  spend(): boolean {
    try {
      unlinkSync(this.path)
    } catch {
      return false
    }
    syncDirectory(dirname(this.path))
    return true
  }
}
