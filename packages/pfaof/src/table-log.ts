import { FIRST, headBytes, LAST, payloadThatFits, spanBytes } from './chunk.ts'
import { type Edit, encodeEdits } from './edit.ts'
import { PfaofError } from './error.ts'
import type { FileTable } from './file-table.ts'
import { ANCHORS, SUPERBLOCK_FILE, TABLE_FILE, writeLabel } from './label.ts'
import type { Op } from './op.ts'
import type { Superblock } from './superblock.ts'
import type { VolumeMedium } from './volume-medium.ts'
import type { ZoneAllocator } from './zone-allocator.ts'
import { ZoneWriter } from './zone-writer.ts'

/** The journal's view of one place that keeps the file table. */
export interface TableLog {
  readonly medium: VolumeMedium
  /** A new generation would be cheaper than going on, or the log cannot go on. */
  readonly full: boolean
  /** Writes a whole generation and makes it durable; the one before stays whole until then (I8). */
  start(block: Superblock, table: FileTable): Op<void>
  /** Appends one record. After an error only `start` may follow (I15). */
  append(record: Buffer): Op<void>
  /** Makes every record appended so far durable. */
  sync(): Op<void>
}

/** Edits of a checkpoint are gathered into records of about this size. */
const RECORD_BYTES = 32 << 10
/** A log is not worth a new generation before it has grown by this. */
const LOG_BYTES_MIN = 256 << 10
/** Room for the record that names the next zone. */
const NEXT_PAYLOAD_BYTES = 16

/** Cuts a checkpoint into records. */
export function* checkpointRecords(table: FileTable, generation: number): Generator<Buffer> {
  let batch: Buffer[] = []
  let bytes = 0
  for (const edit of table.checkpoint(generation)) {
    const encoded = encodeEdits([edit])
    if (bytes > 0 && bytes + encoded.length > RECORD_BYTES) {
      yield Buffer.concat(batch)
      batch = []
      bytes = 0
    }
    batch.push(encoded)
    bytes += encoded.length
  }
  if (bytes > 0) yield Buffer.concat(batch)
}

/** The table's log in zones: two anchors in turn, and overflow zones (FORMAT.md, "File table"). */
export class ZoneTableLog implements TableLog {
  readonly medium: VolumeMedium
  readonly #allocator: ZoneAllocator
  /** The anchor that holds the current generation; undefined on a new volume. */
  #anchor: number | undefined
  /** The other anchor is known to be empty. */
  #spareEmpty = false
  #writer: ZoneWriter | undefined
  /** Overflow zones of the current generation, and those that a failed start left. */
  #overflow: ZoneWriter[] = []
  #replayed: number[]
  #ordinal = 0
  #offset = 0
  /** Zone space that this generation has taken. */
  #zoneBytes = 0
  #synced = 0
  #checkpointBytes = 0
  /** The one that was started last, whole or not. */
  #generation = 0
  #appended = 0

  /** `anchor` and `replayed`: where recovery found the current generation, and its overflow zones. */
  constructor(medium: VolumeMedium, allocator: ZoneAllocator, anchor: number | undefined, replayed: number[]) {
    this.medium = medium
    this.#allocator = allocator
    this.#anchor = anchor
    this.#replayed = replayed
    for (const zone of replayed) allocator.retain(zone)
  }

  get full(): boolean {
    const writer = this.#writer
    if (writer === undefined) return true
    const grown = this.#zoneBytes - this.#checkpointBytes
    const { zoneCapacityBytes } = this.medium.medium.caps
    return grown > Math.max(this.#checkpointBytes * 4, Math.min(LOG_BYTES_MIN, zoneCapacityBytes / 2))
  }

  *start(block: Superblock, table: FileTable): Op<void> {
    const { medium } = this
    this.#generation = block.generation
    const target = this.#anchor === ANCHORS[0] ? ANCHORS[1] : ANCHORS[0]
    if (!this.#spareEmpty) yield* medium.reset(target)
    this.#spareEmpty = false
    const before = this.#overflow
    this.#overflow = []
    const capacityBytes = medium.reports[target]?.capacityBytes ?? medium.medium.caps.zoneCapacityBytes
    const writer = new ZoneWriter(medium, target, block.epoch, block.generation, capacityBytes)
    try {
      yield* writeLabel(writer, block, SUPERBLOCK_FILE)
      this.#writer = writer
      this.#ordinal = 0
      this.#offset = 0
      this.#zoneBytes = 0
      this.#synced = 0
      for (const record of checkpointRecords(table, block.generation)) yield* this.#put(record)
      yield* medium.flush()
    } catch (error) {
      const failed = this.#overflow
      this.#overflow = before
      this.#writer = undefined
      for (const overflow of failed) this.#allocator.retire(overflow, 0)
      throw error
    }
    this.#synced = this.#offset
    this.#checkpointBytes = this.#zoneBytes
    this.#anchor = target
    // Only now is the generation before without use (I8).
    for (const overflow of before) this.#allocator.retire(overflow, 0)
    for (const zone of this.#replayed) this.#allocator.release(zone, 0)
    this.#replayed = []
  }

  /** Empties the other anchor ahead of need, so that a synchronous commit can start a generation. */
  *prepare(): Op<void> {
    if (this.#spareEmpty || this.#anchor === undefined) return
    yield* this.medium.reset(this.#anchor === ANCHORS[0] ? ANCHORS[1] : ANCHORS[0])
    this.#spareEmpty = true
  }

  *append(record: Buffer): Op<void> {
    yield* this.#put(record)
    this.#appended = this.medium.gate.written
  }

  *sync(): Op<void> {
    const upTo = this.#offset
    const generation = this.#generation
    yield* this.medium.gate.through(this.#appended)
    // Offsets of a generation that was superseded meanwhile say nothing of this one (I5).
    if (generation === this.#generation) this.#synced = Math.max(this.#synced, upTo)
  }

  *#put(record: Buffer): Op<void> {
    let writer = this.#writer
    if (writer === undefined) throw new PfaofError('PFAOF_IO', 'the table log needs a new generation (I15)')
    try {
      if (!this.#fits(writer, record.length)) writer = yield* this.#next(writer)
      yield* this.#chunks(writer, record)
    } catch (error) {
      this.#writer = undefined
      throw error
    }
  }

  #reserveBytes(): number {
    return spanBytes(NEXT_PAYLOAD_BYTES, this.medium.alignBytes)
  }

  #fits(writer: ZoneWriter, bytes: number): boolean {
    if (writer.ended) return false
    const { alignBytes, appendBytesMax } = this.medium
    const each = payloadThatFits(appendBytesMax, alignBytes)
    const whole = Math.floor(bytes / each)
    const rest = bytes - whole * each
    const need = whole * spanBytes(each, alignBytes) + (rest > 0 ? spanBytes(rest, alignBytes) : 0)
    return need + this.#reserveBytes() <= writer.roomBytes
  }

  *#next(writer: ZoneWriter): Op<ZoneWriter> {
    // What the next zone starts with promises everything in this one.
    yield* this.medium.flush()
    this.#synced = this.#offset
    const next = yield* this.#allocator.open(true)
    this.#overflow.push(next)
    // The zone belongs to the table: `use` is the generation, not the allocator's number.
    const follow = new ZoneWriter(this.medium, next.zone, writer.epoch, writer.use, next.roomBytes)
    yield* this.#chunks(writer, encodeEdits([{ tag: 'next', zone: next.zone }] satisfies Edit[]))
    writer.ended = true
    this.#writer = follow
    return follow
  }

  *#chunks(writer: ZoneWriter, record: Buffer): Op<void> {
    const each = payloadThatFits(this.medium.appendBytesMax, this.medium.alignBytes)
    for (let from = 0; from < record.length || from === 0; ) {
      const part = record.subarray(from, from + each)
      if (headBytes(part.length) + part.length > writer.roomBytes) {
        throw new PfaofError('PFAOF_NO_SPACE', `an edit of ${record.length} bytes does not fit into a zone`)
      }
      const flags = (from === 0 ? FIRST : 0) | (from + part.length === record.length ? LAST : 0)
      const place = { fileId: TABLE_FILE, ordinal: this.#ordinal, fileOffset: this.#offset, syncedOffset: this.#synced }
      yield* writer.append({ flags, payloadBytes: part.length, ...place }, [part])
      this.#zoneBytes += spanBytes(part.length, this.medium.alignBytes)
      this.#ordinal++
      this.#offset += part.length
      from += part.length
    }
  }
}
