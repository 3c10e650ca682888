import { CHUNK_PAYLOAD_BYTES_MAX, encodeChunkHead, FIRST, headBytes, LAST, locationSeed, spanBytes } from './chunk.ts'
import { ChunkCursor } from './chunk-cursor.ts'
import { decodeEdits } from './edit.ts'
import { fromMedium, PfaofError } from './error.ts'
import { FileTable } from './file-table.ts'
import type { Housekeeping } from './housekeeping.ts'
import { TABLE_FILE } from './label.ts'
import { type Op, runAsync, wait } from './op.ts'
import type { Superblock } from './superblock.ts'
import { checkpointRecords, type TableLog } from './table-log.ts'
import { applyRecord, type TableReplay } from './table-replay.ts'
import { Turn } from './turn.ts'
import type { VolumeMedium } from './volume-medium.ts'

/**
 * The file table on a medium with create-once keys: one object for each group of edits, numbered without gaps. Two writers cannot
 * both create a number, so the store itself tells who lost (I11). Source: SlateDB's manifest fencing.
 */

const PREFIX = 'table/'
const ALIGN_BYTES = 8
/** Records waiting for their object; beyond this a commit writes them itself. */
const WAITING_BYTES_MAX = 4 << 20

/** The key of a table object. */
export function tableKey(number: number): string {
  return PREFIX + String(number).padStart(16, '0')
}

function seedOf(salt: number, medium: number, number: number, at: number): number {
  return (locationSeed(salt, medium, 0xffff_ffff, 8 * number) + at) >>> 0
}

function encodeObject(
  medium: VolumeMedium,
  number: number,
  epoch: number,
  use: number,
  records: readonly Buffer[],
): Buffer {
  const pieces: Buffer[] = []
  let at = 0
  let ordinal = 0
  let fileOffset = 0
  for (const record of records) {
    for (let from = 0; from < record.length; ) {
      const part = record.subarray(from, from + CHUNK_PAYLOAD_BYTES_MAX)
      const flags = (from === 0 ? FIRST : 0) | (from + part.length === record.length ? LAST : 0)
      const head = Buffer.alloc(headBytes(part.length))
      const place = { fileId: TABLE_FILE, epoch, ordinal: ordinal++, fileOffset, syncedOffset: 0, use, keyId: 0 }
      encodeChunkHead(
        head,
        { flags, payloadBytes: part.length, ...place },
        [part],
        seedOf(medium.salt, medium.number, number, at),
      )
      const span = spanBytes(part.length, ALIGN_BYTES)
      pieces.push(head, part, Buffer.alloc(span - head.length - part.length))
      at += span
      from += part.length
      fileOffset += part.length
    }
  }
  return Buffer.concat(pieces)
}

/** Records of an object; a fault when it is not wholly sound: an object is never torn, so that is corruption. */
export function* decodeObject(medium: VolumeMedium, number: number, bytes: Buffer): Op<Buffer[] | { fault: string }> {
  const source = {
    alignBytes: ALIGN_BYTES,
    *read(offset: number, into: Uint8Array): Op<number> {
      return bytes.copy(into, 0, offset, offset + into.length)
    },
    seed: (at: number) => seedOf(medium.salt, medium.number, number, at),
  }
  const cursor = new ChunkCursor(source, 0, bytes.length)
  const records: Buffer[] = []
  let parts: Buffer[] = []
  for (let ordinal = 0; ; ordinal++) {
    const verdict = yield* cursor.next(() => true)
    if (verdict.kind === 'end') return parts.length > 0 ? { fault: 'a record is cut short' } : records
    if (verdict.kind === 'bad' || !verdict.payloadOk || verdict.header.ordinal !== ordinal)
      return { fault: 'a chunk is damaged' }
    parts.push(Buffer.from(verdict.payload))
    if ((verdict.header.flags & LAST) === 0) continue
    records.push(Buffer.concat(parts))
    parts = []
  }
}

function* listNumbers(medium: VolumeMedium): Op<number[]> {
  try {
    const keys = yield* wait(() => medium.medium.listKeys!(PREFIX))
    return keys.map((key) => Number(key.slice(PREFIX.length))).filter((number) => Number.isSafeInteger(number))
  } catch (error) {
    throw fromMedium(error, `list of ${medium.name}`)
  }
}

/** Replays table objects from the newest that starts a generation, and goes on as more appear. */
export class KeyTableReplay implements TableReplay {
  readonly medium: VolumeMedium
  table: FileTable = new FileTable()
  complete = false
  records = 0
  /** Number of the next object. */
  next = 0

  constructor(medium: VolumeMedium) {
    this.medium = medium
  }

  *advance(): Op<void> {
    const numbers = (yield* listNumbers(this.medium)).sort((a, b) => a - b)
    if (!this.complete) {
      for (let i = numbers.length - 1; i >= 0; i--) {
        const records = yield* this.#read(numbers[i]!)
        const edits = records?.[0] === undefined ? [] : decodeEdits(records[0])
        if (Array.isArray(edits) && edits[0]?.tag === 'generation') {
          this.next = numbers[i]!
          break
        }
        if (i === 0) throw new PfaofError('PFAOF_CORRUPTION', `no generation of the file table on ${this.medium.name}`)
      }
    }
    const followed = this.complete
    for (;;) {
      const records = yield* this.#read(this.next)
      if (records === undefined) break
      const first = decodeEdits(records[0] ?? Buffer.alloc(0))
      if (Array.isArray(first) && first[0]?.tag === 'generation') this.table = new FileTable()
      for (const record of records) {
        applyRecord(this.table, record, () => {
          this.complete = true
        })
        this.records++
      }
      this.next++
    }
    const newest = numbers[numbers.length - 1] ?? -1
    if (newest >= this.next) {
      if (followed) {
        // The writer has gone on so far that what came next was deleted: start again with its newest generation.
        this.complete = false
        this.table = new FileTable()
        yield* this.advance()
        return
      }
      throw new PfaofError('PFAOF_CORRUPTION', `${tableKey(this.next)} is missing, but ${tableKey(newest)} is there`)
    }
  }

  *#read(number: number): Op<Buffer[] | undefined> {
    const bytes = yield* readKey(this.medium, tableKey(number))
    if (bytes === undefined) return undefined
    const records = yield* decodeObject(this.medium, number, Buffer.from(bytes))
    if (Array.isArray(records)) return records
    throw new PfaofError('PFAOF_CORRUPTION', `${tableKey(number)}: ${records.fault}`)
  }
}

/** Writes table objects. Edits wait in memory until `sync`, which puts them as one object: group commit. */
export class KeyTableLog implements TableLog {
  readonly medium: VolumeMedium
  readonly #turn = new Turn()
  #next: number
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #epoch = 0
  #generation = 0
  #objects = 0
  #started = false
  /** What was put under the next number without an answer: it may be there. */
  #unanswered: Buffer[] = []

  readonly #housekeeping: Housekeeping
  /** Number of the object that starts the current generation. */
  #generationAt = 0

  /** `next`: the number of the first object to write. */
  constructor(medium: VolumeMedium, next: number, housekeeping: Housekeeping) {
    this.medium = medium
    this.#next = next
    this.#housekeeping = housekeeping
  }

  get full(): boolean {
    return !this.#started || this.#objects > 1000
  }

  *start(block: Superblock, table: FileTable): Op<void> {
    yield* this.#turn.take()
    try {
      this.#started = false
      this.#waiting = []
      this.#waitingBytes = 0
      this.#epoch = block.epoch
      this.#generation = block.generation
      yield* this.#put([...checkpointRecords(table, block.generation)])
      this.#objects = 0
      this.#started = true
      const before = this.#generationAt
      this.#generationAt = this.#next - 1
      if (before > 0) this.#housekeeping.run(() => runAsync(this.#trim(before)))
    } finally {
      this.#turn.release()
    }
  }

  *append(record: Buffer): Op<void> {
    this.#waiting.push(record)
    this.#waitingBytes += record.length
    if (this.#waitingBytes > WAITING_BYTES_MAX) yield* this.sync()
  }

  *sync(): Op<void> {
    if (this.#waiting.length === 0 && !this.#turn.held) return
    yield* this.#turn.take()
    try {
      const records = this.#waiting
      if (records.length === 0) return
      this.#waiting = []
      this.#waitingBytes = 0
      try {
        yield* this.#put(records)
      } catch (error) {
        // What did not arrive is in the table in memory; only a new generation can bring it.
        this.#started = false
        throw error
      }
      this.#objects++
    } finally {
      this.#turn.release()
    }
  }

  /** Deletes what lies before the generation before this one. A late writer of such a number still finds the newer claim (I11). */
  *#trim(below: number): Op<void> {
    for (const number of yield* listNumbers(this.medium)) {
      if (number >= below) continue
      try {
        yield* wait(() => this.medium.medium.deleteKey!(tableKey(number)))
      } catch (error) {
        throw fromMedium(error, `delete of ${tableKey(number)}`)
      }
    }
  }

  *#put(records: readonly Buffer[]): Op<void> {
    for (;;) {
      const number = this.#next
      const bytes = encodeObject(this.medium, number, this.#epoch, this.#generation, records)
      let created: boolean
      this.#unanswered.push(bytes)
      try {
        created = yield* wait(() => this.medium.medium.createOnce!(tableKey(number), bytes))
      } catch (error) {
        throw fromMedium(error, `create of ${tableKey(number)}`)
      }
      const earlier = this.#unanswered
      this.#unanswered = []
      this.#next = number + 1
      if (created) return
      const there = Buffer.from((yield* readKey(this.medium, tableKey(number))) ?? [])
      if (there.equals(bytes)) return
      // An attempt whose answer was lost did arrive; a generation after it says what is true.
      if (earlier.some((attempt) => there.equals(attempt))) continue
      this.#next = number
      throw new PfaofError('PFAOF_FENCED', `another writer created ${tableKey(number)} (I11)`)
    }
  }
}

function* readKey(medium: VolumeMedium, key: string): Op<Uint8Array | undefined> {
  try {
    return yield* wait(() => medium.medium.readKey!(key))
  } catch (error) {
    throw fromMedium(error, `read of ${key}`)
  }
}
