/** How often each inode is open. An inode without a name lives as long as it is here. */
export class OpenFiles {
  readonly #counts = new Map<number, number>()

  has(ino: number): boolean {
    return this.#counts.has(ino)
  }

  add(ino: number): void {
    this.#counts.set(ino, (this.#counts.get(ino) ?? 0) + 1)
  }

  /** Whether this was the last one. */
  remove(ino: number): boolean {
    const count = (this.#counts.get(ino) ?? 0) - 1
    if (count > 0) {
      this.#counts.set(ino, count)
      return false
    }
    this.#counts.delete(ino)
    return true
  }

  /** Inodes that are open now. */
  get size(): number {
    return this.#counts.size
  }
}
