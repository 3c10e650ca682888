/** The memory of one memtable: its records, and the words of its tree. */
export interface Arena {
  readonly records: Buffer
  readonly words: Int32Array
}

const ARENA_BYTES_MIN = 4096
/** Memory of the tree to start with, as a part of that of the records: enough for entries of about 150 bytes. */
const WORDS_PART = 8

/** Memory of its own kind: `shared` can be read by workers. All zeros; pages that are not touched cost nothing. */
export function arenaMemory(bytes: number, shared: boolean): ArrayBuffer | SharedArrayBuffer {
  const aligned = Math.ceil(bytes / 8) * 8
  return shared ? new SharedArrayBuffer(aligned) : new ArrayBuffer(aligned)
}

export function newArena(bytes: number, shared: boolean): Arena {
  const records = Buffer.from(arenaMemory(Math.max(ARENA_BYTES_MIN, bytes), shared))
  return { records, words: new Int32Array(arenaMemory(Math.max(ARENA_BYTES_MIN, bytes / WORDS_PART), shared)) }
}

/**
 * Arenas of one size that go from memtable to memtable. Garbage collection counts shared memory for next to nothing, so memtables that
 * were simply dropped would stay in memory until something else fills the heap. At most `sparesMax` wait for their next use.
 */
export class ArenaPool {
  /** Of the records of each arena. */
  readonly bytes: number
  readonly shared: boolean
  readonly #sparesMax: number
  #spares: Arena[] = []

  constructor(bytes: number, shared: boolean, sparesMax: number) {
    this.bytes = Math.max(ARENA_BYTES_MIN, Math.ceil(bytes / 8) * 8)
    this.shared = shared
    this.#sparesMax = sparesMax
  }

  /** Arenas that wait. */
  get spares(): number {
    return this.#spares.length
  }

  /** An arena that nobody else has; its words are zeros. */
  take(): Arena {
    const spare = this.#spares.pop()
    if (spare !== undefined) return spare
    return newArena(this.bytes, this.shared)
  }

  /** Takes an arena back that nobody reads any more; `wordsUsed` of its words are not zeros. One of another size is dropped. */
  give({ records, words }: Arena, wordsUsed: number): void {
    if (records.length !== this.bytes || this.#spares.length >= this.#sparesMax) return
    words.fill(0, 0, wordsUsed)
    this.#spares.push({ records, words })
  }
}
