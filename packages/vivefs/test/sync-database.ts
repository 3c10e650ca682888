/**
 * A database for tests that does everything on the spot: an abstract-level database in memory that announces `batchSync`
 * and `iteratorSync`, as an engine with a synchronous log does.
 */
import { AbstractIterator, AbstractLevel } from 'abstract-level'

type Bytes = Uint8Array
type Entry = readonly [text: string, key: Bytes, value: Bytes]
interface Write {
  readonly type: string
  readonly key: Bytes
  readonly value?: Bytes | undefined
}
interface Range {
  readonly gt?: Bytes
  readonly gte?: Bytes
  readonly lt?: Bytes
  readonly lte?: Bytes
  readonly reverse?: boolean
  readonly limit?: number
}

const textOf = (key: Bytes): string => Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
const RUN_ENTRIES = 256

/** Sorted runs of entries. Runs are replaced, never changed: a list of runs is a snapshot. */
class SortedRuns {
  runs: readonly (readonly Entry[])[] = []

  #runOf(text: string): number {
    let [from, to] = [0, this.runs.length]
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.runs[middle].at(-1)![0] < text) from = middle + 1
      else to = middle
    }
    return from
  }

  get(text: string): Bytes | undefined {
    const run = this.runs[this.#runOf(text)]
    if (run === undefined) return undefined
    const at = firstAt(run, text)
    return run[at]?.[0] === text ? run[at][2] : undefined
  }

  set(text: string, entry: Entry | undefined): void {
    const index = Math.min(this.#runOf(text), Math.max(0, this.runs.length - 1))
    const run = [...(this.runs[index] ?? [])]
    const at = firstAt(run, text)
    const isThere = run[at]?.[0] === text
    if (entry === undefined && !isThere) return
    run.splice(at, isThere ? 1 : 0, ...(entry === undefined ? [] : [entry]))
    const halves = run.length > RUN_ENTRIES ? [run.slice(0, RUN_ENTRIES / 2), run.slice(RUN_ENTRIES / 2)] : [run]
    const runs = [...this.runs]
    runs.splice(index, 1, ...halves.filter((half) => half.length > 0))
    this.runs = runs
  }
}

function firstAt(run: readonly Entry[], text: string): number {
  let [from, to] = [0, run.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    if (run[middle][0] < text) from = middle + 1
    else to = middle
  }
  return from
}

/** The entries of a range of a snapshot, one after the other. */
function* select(runs: readonly (readonly Entry[])[], { gt, gte, lt, lte, reverse }: Range): Generator<Entry> {
  const [above, from, below, to] = [gt, gte, lt, lte].map((bound) => (bound === undefined ? undefined : textOf(bound)))
  const isIn = (text: string): boolean =>
    !(above !== undefined && text <= above) &&
    !(from !== undefined && text < from) &&
    !(below !== undefined && text >= below) &&
    !(to !== undefined && text > to)
  for (let i = 0; i < runs.length; i++) {
    const run = runs[reverse ? runs.length - 1 - i : i]
    const [low, high] = [run[0][0], run[run.length - 1][0]]
    if ((above ?? from ?? '') > high || (below ?? to ?? '\uffff') < low) continue
    for (let j = 0; j < run.length; j++) {
      const entry = run[reverse ? run.length - 1 - j : j]
      if (isIn(entry[0])) yield entry
    }
  }
}

class Iterator extends AbstractIterator<SyncDatabase, Bytes, Bytes> {
  readonly #entries: Generator<Entry>

  // biome-ignore lint/suspicious/noExplicitAny: the options of abstract-level's own constructor
  constructor(db: SyncDatabase, options: any, runs: readonly (readonly Entry[])[]) {
    super(db, options)
    this.#entries = select(runs, options)
  }

  async _next(): Promise<[Bytes, Bytes] | undefined> {
    const { value, done } = this.#entries.next()
    return done ? undefined : [value[1], value[2]]
  }
}

export class SyncDatabase extends AbstractLevel<Bytes, Bytes, Bytes> {
  readonly #runs = new SortedRuns()
  /** Synced batches. */
  syncs = 0

  constructor() {
    super(
      {
        encodings: { view: true },
        getSync: true,
        seek: false,
        has: true,
        additionalMethods: { batchSync: true, iteratorSync: true },
      } as never,
      { keyEncoding: 'view', valueEncoding: 'view' },
    )
  }

  #apply(rows: readonly Write[]): void {
    for (const { type, key, value } of rows) {
      const text = textOf(key)
      // The caller's buffers stay the caller's.
      const entry = type === 'put' ? ([text, Buffer.from(key), Buffer.from(value!)] as const) : undefined
      this.#runs.set(text, entry)
    }
  }

  async _get(key: Bytes): Promise<Bytes | undefined> {
    return this.#runs.get(textOf(key))
  }

  _getSync(key: Bytes): Bytes | undefined {
    return this.#runs.get(textOf(key))
  }

  async _has(key: Bytes): Promise<boolean> {
    return this.#runs.get(textOf(key)) !== undefined
  }

  async _put(key: Bytes, value: Bytes): Promise<void> {
    this.#apply([{ type: 'put', key, value }])
  }

  async _del(key: Bytes): Promise<void> {
    this.#apply([{ type: 'del', key }])
  }

  async _batch(rows: readonly Write[], options: { sync?: boolean } = {}): Promise<void> {
    await undefined
    this.#apply(rows)
    if (options.sync) this.syncs++
  }

  async _clear(options: Range): Promise<void> {
    for (const [text] of [...select(this.#runs.runs, options)]) this.#runs.set(text, undefined)
  }

  _iterator(options: unknown): Iterator {
    return new Iterator(this, options, this.#runs.runs)
  }

  /** Lands before it returns. */
  batchSync(rows: readonly Write[], options: { sync?: boolean } = {}): void {
    this.#apply(rows)
    if (options.sync) this.syncs++
  }

  /** A snapshot of this instant. */
  iteratorSync(options: Range): {
    nextv(size: number): [Bytes, Bytes][]
    next(): [Bytes, Bytes] | undefined
    close(): void
  } {
    const entries = select(this.#runs.runs, options)
    const next = (): [Bytes, Bytes] | undefined => {
      const { value, done } = entries.next()
      return done ? undefined : [value[1], value[2]]
    }
    return {
      next,
      nextv(size) {
        const rows: [Bytes, Bytes][] = []
        for (let row = next(); row !== undefined; row = rows.length < size ? next() : undefined) rows.push(row)
        return rows
      },
      close() {},
    }
  }
}
