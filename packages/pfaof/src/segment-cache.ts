import type { ChunkMap } from './chunk-map.ts'

/** Bounds the memory of decoded chunk places over all files of a volume: first in, first out, with a second chance. */
export class SegmentCache {
  readonly #budgetBytes: number
  #bytes = 0
  #queue: { map: ChunkMap; index: number }[] = []
  #head = 0

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  freed(costBytes: number): void {
    this.#bytes -= costBytes
  }

  kept(map: ChunkMap, index: number, costBytes: number): void {
    this.#bytes += costBytes
    this.#queue.push({ map, index })
    let chances = this.#queue.length - this.#head
    while (
      (this.#bytes > this.#budgetBytes || this.#queue.length - this.#head > 65_536) &&
      this.#head < this.#queue.length - 1
    ) {
      const oldest = this.#queue[this.#head++]!
      const segment = oldest.map.segmentAt(oldest.index)
      if (segment?.used && chances-- > 0) {
        segment.used = false
        this.#queue.push(oldest)
      } else oldest.map.drop(oldest.index)
    }
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
  }
}
