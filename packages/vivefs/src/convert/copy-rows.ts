/**
 * Copies the rows of one ordered database into another, in key order and bounded batches, and proves that both are equal.
 *
 * I1: after `copyRows` was cut off, the target holds the source's rows up to some key, or older values of them: it goes on
 *     behind the target's last key, and `equalRows` finds and corrects what has changed in the source since.
 */
import type { AnyLevel } from '../store/database.ts'

const BATCH_BYTES = 4 << 20
const READ_ROWS = 256
const VIEWS = { keyEncoding: 'view', valueEncoding: 'view' } as const

type Row = readonly [key: Uint8Array, value: Uint8Array]

export interface RowProgress {
  /** Bytes of keys and values. */
  bytes: number
  rows: number
}

type Told = (progress: RowProgress) => void | Promise<void>

/** Writes of the target, in bounded batches. */
class Writer {
  readonly #database: AnyLevel
  #operations: object[] = []
  #bytes = 0

  constructor(database: AnyLevel) {
    this.#database = database
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<void> {
    this.#operations.push({ type: 'put', key, value, ...VIEWS })
    await this.#added(key.length + value.length)
  }

  async del(key: Uint8Array): Promise<void> {
    this.#operations.push({ type: 'del', key, ...VIEWS })
    await this.#added(key.length)
  }

  async #added(bytes: number): Promise<void> {
    this.#bytes += bytes
    if (this.#bytes >= BATCH_BYTES) await this.flush()
  }

  async flush(): Promise<void> {
    const operations = this.#operations
    this.#operations = []
    this.#bytes = 0
    if (operations.length > 0) await this.#database.batch(operations as never)
  }
}

async function* rowsOf(database: AnyLevel, after?: Uint8Array): AsyncGenerator<readonly Row[], void> {
  const iterator = database.iterator({ ...(after === undefined ? {} : { gt: after }), ...VIEWS })
  try {
    for (;;) {
      const rows = (await iterator.nextv(READ_ROWS)) as unknown as Row[]
      if (rows.length === 0) return
      yield rows
    }
  } finally {
    await iterator.close()
  }
}

/** Copies what is behind the last row of the target. The source must not change meanwhile. */
export async function copyRows(source: AnyLevel, target: AnyLevel, told: Told): Promise<void> {
  const last = (await target.keys({ reverse: true, limit: 1, keyEncoding: 'view' }).all())[0] as Uint8Array | undefined
  const writer = new Writer(target)
  const progress: RowProgress = { bytes: 0, rows: 0 }
  for await (const rows of rowsOf(source, last)) {
    for (const [key, value] of rows) {
      await writer.put(key, value)
      progress.bytes += key.length + value.length
      progress.rows++
    }
    await told(progress)
  }
  await writer.flush()
}

/** Compares row by row, and makes the target equal where it is not; answers how many rows were corrected. */
export async function equalRows(source: AnyLevel, target: AnyLevel, told: Told): Promise<number> {
  const writer = new Writer(target)
  const progress: RowProgress = { bytes: 0, rows: 0 }
  const copies = flat(rowsOf(target))
  let copy = await copies.next()
  let corrected = 0
  const dropUpTo = async (key: Uint8Array | undefined): Promise<void> => {
    while (!copy.done && (key === undefined || Buffer.compare(copy.value[0], key) < 0)) {
      await writer.del(copy.value[0])
      corrected++
      copy = await copies.next()
    }
  }
  for await (const rows of rowsOf(source)) {
    for (const [key, value] of rows) {
      await dropUpTo(key)
      const isThere = !copy.done && Buffer.compare(copy.value[0], key) === 0
      if (!isThere || Buffer.compare(copy.value![1], value) !== 0) {
        await writer.put(key, value)
        corrected++
      }
      if (isThere) copy = await copies.next()
      progress.bytes += key.length + value.length
      progress.rows++
    }
    await told(progress)
  }
  await dropUpTo(undefined)
  await writer.flush()
  return corrected
}

async function* flat(pages: AsyncGenerator<readonly Row[], void>): AsyncGenerator<Row, undefined> {
  for await (const rows of pages) yield* rows
  return undefined
}
