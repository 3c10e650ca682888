import type { OpenCounts } from '../lock/lease-table.ts'

/** What one open for writing counts beside the open itself: both numbers are in one. */
const WRITER = 2 ** 26

/** How often each inode is open. An inode without a name lives as long as it is here. */
export class OpenFiles {
  readonly #counts = new Map<number, number>()
  readonly #orphans = new Set<number>()

  has(ino: number): boolean {
    return this.#counts.has(ino)
  }

  /** Answers, whenever it is called, whether the inode is open as it is now, or not open as now. */
  unchanged(ino: number): () => boolean {
    const isOpen = this.has(ino)
    return () => this.has(ino) === isOpen
  }

  add(ino: number, canWrite: boolean): void {
    this.#counts.set(ino, (this.#counts.get(ino) ?? 0) + (canWrite ? WRITER + 1 : 1))
  }

  /** How often it is open, and how often for writing. */
  counts(ino: number): OpenCounts {
    const count = this.#counts.get(ino) ?? 0
    return { opens: count % WRITER, writers: Math.floor(count / WRITER) }
  }

  /** The inode lost its last name while it is open, or never had one. */
  orphan(ino: number): void {
    this.#orphans.add(ino)
  }

  /** Whether it may be without a name. */
  isOrphan(ino: number): boolean {
    return this.#orphans.has(ino)
  }

  /** Whether this was the last one of an inode that may be without a name. */
  remove(ino: number, canWrite: boolean): boolean {
    const count = (this.#counts.get(ino) ?? 0) - (canWrite ? WRITER + 1 : 1)
    if (count > 0) {
      this.#counts.set(ino, count)
      return false
    }
    this.#counts.delete(ino)
    return this.#orphans.delete(ino)
  }

  /** Inodes that are open now. */
  get size(): number {
    return this.#counts.size
  }
}
