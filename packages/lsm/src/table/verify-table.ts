import { compareRanges } from '../bytes.ts'
import { isLevelError } from '../error.ts'
import { hashKey } from '../filter/hash.ts'
import { DELETE } from '../kind.ts'
import { Lookup, SEARCHING } from '../lookup.ts'
import type { Op } from '../op.ts'
import { encodeHeader, HEADER_BYTES } from './layout.ts'
import { openTable } from './open-table.ts'
import { TableCursor } from './table-cursor.ts'
import type { TableReader } from './table-reader.ts'

/** Something in a table that is not as it was written. */
export interface TableFault {
  readonly table: number
  readonly what: string
}

const READ_AHEAD_BYTES = 1024 * 1024

/** Reads all blocks with their CRCs and checks T1, T2, T3 and the counts in the properties. Errors of the medium pass. */
export function* verifyTable(reader: TableReader): Op<TableFault | undefined> {
  const check = new TableCheck(reader)
  const cursor = new TableCursor(reader, { fillCache: false, readAheadBytes: READ_AHEAD_BYTES, verify: true })
  try {
    const header = Buffer.alloc(HEADER_BYTES)
    yield* reader.file.read(0, header)
    if (!header.equals(encodeHeader(reader.number))) return { table: reader.number, what: 'the header is damaged' }
    yield* openTable(reader.file, reader.meta)
    for (yield* cursor.first(); cursor.valid; ) {
      const what = check.entry(cursor)
      if (what !== undefined) return { table: reader.number, what }
      if (!cursor.nextNow()) yield* cursor.next()
    }
  } catch (error) {
    if (!isLevelError(error) || error.code !== 'LEVEL_CORRUPTION') throw error
    return { table: reader.number, what: error.message }
  } finally {
    cursor.close()
  }
  const what = check.end()
  return what === undefined ? undefined : { table: reader.number, what }
}

class TableCheck {
  readonly #reader: TableReader
  #entries = 0
  #deletions = 0
  #rawBytes = 0
  #last: Buffer | undefined
  #lastSequence = 0
  readonly #lookup: Lookup = new Lookup()

  constructor(reader: TableReader) {
    this.#reader = reader
  }

  entry(cursor: TableCursor): string | undefined {
    const key = cursor.keyBytes.subarray(cursor.keyStart, cursor.keyEnd)
    const { sequence, blockNumber } = cursor
    const { properties, filter } = this.#reader
    this.#entries++
    if (cursor.kind === DELETE) this.#deletions++
    this.#rawBytes += key.length + cursor.valueEnd - cursor.valueStart
    const place = `entry ${this.#entries} in block ${blockNumber}`
    const last = this.#last
    if (last !== undefined && !before(last, this.#lastSequence, key, sequence)) return `${place}: T1, out of order`
    if (this.#reader.index.find(key, sequence) !== blockNumber) return `${place}: T2, not where the index says`
    if (sequence < properties.smallestSequence || sequence > properties.largestSequence)
      return `${place}: sequence ${sequence} is outside the properties`
    const hash = hashKey(key, 0, key.length)
    if (filter !== undefined && !filter.mayContain(hash)) return `${place}: T3, not in the filter`
    if (!this.#reader.mayHavePrefix(key)) return `${place}: T3, not in the prefix filter`
    const lookup = this.#lookup.start(sequence)
    cursor.block.lookup(key, hash, lookup)
    if (lookup.state === SEARCHING && lookup.operands === undefined) return `${place}: a point read does not find it`
    this.#last = Buffer.from(key)
    this.#lastSequence = sequence
    return undefined
  }

  end(): string | undefined {
    const { entries, deletions, rawBytes, largest, largestIncluded } = this.#reader.properties
    if (this.#entries !== entries) return `${this.#entries} entries where ${entries} were written`
    if (this.#deletions !== deletions) return `${this.#deletions} deletions where ${deletions} were written`
    if (this.#rawBytes !== rawBytes) return `${this.#rawBytes} raw bytes where ${rawBytes} were written`
    if (largestIncluded && this.#last?.equals(largest) !== true)
      return 'the largest key is not the one in the properties'
    return undefined
  }
}

function before(a: Buffer, aSequence: number, b: Buffer, bSequence: number): boolean {
  const order = compareRanges(a, 0, a.length, b, 0, b.length)
  return order < 0 || (order === 0 && aSequence > bSequence)
}
