/**
 * Inodes beside the rows that they were decoded from or encoded to: a row that is met again is neither checked nor decoded again.
 * An inode answers for its very row only, so whether that row was ever committed makes no difference.
 */
import type { Inode } from '../format/inode.ts'
import type { Bytes } from '../store/store.ts'

/** Beyond it all are forgotten. */
const INODES_MAX = 4096

interface Entry {
  readonly row: Bytes
  readonly inode: Inode
}

export class DecodedInodes {
  #entries = new Map<number, Entry>()

  /** The inode of a row; nobody changes it. */
  get(ino: number, row: Bytes): Inode | undefined {
    const entry = this.#entries.get(ino)
    return entry?.row === row ? entry.inode : undefined
  }

  set(row: Bytes, inode: Inode): void {
    if (this.#entries.size >= INODES_MAX) this.#entries = new Map()
    this.#entries.set(inode.ino, { row, inode })
  }

  delete(ino: number): void {
    this.#entries.delete(ino)
  }
}
