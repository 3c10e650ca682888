import { CHUNK_HEAD_BYTES_MAX, decodeChunkHead, FIRST, LAST } from './chunk.ts'
import { ChunkCursor } from './chunk-cursor.ts'
import { decodeEdits, type Edit } from './edit.ts'
import { PfaofError } from './error.ts'
import { FileTable } from './file-table.ts'
import { ANCHORS, type FoundLabel, readLabel, TABLE_FILE } from './label.ts'
import type { Op } from './op.ts'
import type { VolumeMedium } from './volume-medium.ts'

/** Most bytes of one table record that replay holds. */
const RECORD_BYTES_MAX = 256 << 20

/** What recovery and followers need of a place that keeps the file table. */
export interface TableReplay {
  readonly table: FileTable
  /** The checkpoint has been read to its end. */
  readonly complete: boolean
  /** Records read. */
  readonly records: number
  /** Reads what was appended since; `final` tells a torn tail from corruption, otherwise the tail may still be growing. */
  advance(final: boolean): Op<void>
}

/** Replays one generation from zones, and can go on when the log has grown. */
export class ZoneTableReplay implements TableReplay {
  readonly medium: VolumeMedium
  readonly label: FoundLabel
  readonly table: FileTable = new FileTable()
  /** Overflow zones, in order. */
  readonly overflow: number[] = []
  complete = false
  records = 0
  #zone: number
  #at: number
  #ordinal = 0
  #offset = 0
  #parts: Buffer[] = []
  #held = 0
  /** Position behind the last whole record. */
  #wholeOffset = 0

  constructor(medium: VolumeMedium, label: FoundLabel) {
    this.medium = medium
    this.label = label
    this.#zone = label.zone
    this.#at = label.end
  }

  *advance(final: boolean): Op<void> {
    for (;;) {
      const zone = this.#zone
      yield* this.#zoneFrom(zone, final)
      if (zone === this.#zone) return
    }
  }

  *#zoneFrom(zone: number, final: boolean): Op<void> {
    const { medium } = this
    const { epoch, generation: use } = this.label.superblock
    const source = {
      alignBytes: medium.alignBytes,
      read: (offset: number, into: Uint8Array) => medium.read(zone, offset, into),
      seed: (offset: number) => medium.seed(zone, offset),
    }
    const cursor = new ChunkCursor(source, this.#at, medium.scanLimit(zone))
    let ended = false
    let promised = 0
    let damaged = false
    for (;;) {
      const verdict = yield* cursor.next((header) => header.fileId === TABLE_FILE && header.use === use)
      if (verdict.kind === 'end') break
      if (verdict.kind === 'bad') {
        if (!final) return
        ended = true
        damaged = true
        if (!(yield* cursor.resync())) break
        continue
      }
      const { header, payloadOk, payload } = verdict
      if (header.fileId !== TABLE_FILE || header.use !== use || header.epoch !== epoch) continue
      promised = Math.max(promised, header.syncedOffset)
      const continues = header.ordinal === this.#ordinal && header.fileOffset === this.#offset && payloadOk
      if (ended || !continues) {
        if (!final) return
        ended = true
        continue
      }
      this.#at = cursor.at
      this.#accept(header.flags, payload)
      if (this.#zone !== zone) return
    }
    if (damaged) promised = Math.max(promised, yield* this.#promisedElsewhere())
    if (promised > this.#wholeOffset) {
      const where = `zone ${zone} of ${medium.name}`
      throw new PfaofError(
        'PFAOF_CORRUPTION',
        `the file table ends at ${this.#wholeOffset}, synced to ${promised}, ${where} (I5)`,
      )
    }
  }

  /** The record that names the next zone may be the damaged one: looks whether any zone goes on with this generation. */
  *#promisedElsewhere(): Op<number> {
    const { medium } = this
    const { epoch, generation: use } = this.label.superblock
    const head = Buffer.allocUnsafe(CHUNK_HEAD_BYTES_MAX)
    let promised = 0
    for (const { zone } of medium.reports) {
      if (zone === this.label.zone || this.overflow.includes(zone) || medium.scanLimit(zone) === 0) continue
      const got = yield* medium.read(zone, 0, head)
      const header = decodeChunkHead(head.subarray(0, got), 0, medium.seed(zone, 0))
      if (typeof header === 'string' || header.fileId !== TABLE_FILE) continue
      if (header.use === use && header.epoch === epoch) promised = Math.max(promised, header.syncedOffset)
    }
    return promised
  }

  #accept(flags: number, payload: Buffer): void {
    this.#ordinal++
    this.#offset += payload.length
    if ((flags & FIRST) !== 0) {
      this.#parts = []
      this.#held = 0
    }
    this.#held += payload.length
    if (this.#held > RECORD_BYTES_MAX) throw new PfaofError('PFAOF_CORRUPTION', 'a table record is too large')
    this.#parts.push(Buffer.from(payload))
    if ((flags & LAST) === 0) return
    this.#wholeOffset = this.#offset
    this.records++
    const next = applyRecord(this.table, Buffer.concat(this.#parts), () => {
      this.complete = true
    })
    this.#parts = []
    if (next === undefined) return
    this.overflow.push(next)
    this.#zone = next
    this.#at = 0
  }
}

/** Applies a record; returns the zone of a `next` edit. PFAOF_CORRUPTION when it does not decode or apply. */
export function applyRecord(table: FileTable, record: Buffer, onCheckpoint: () => void): number | undefined {
  const edits: Edit[] | { fault: string } = decodeEdits(record)
  if (!Array.isArray(edits)) throw new PfaofError('PFAOF_CORRUPTION', `file table: ${edits.fault}`)
  let next: number | undefined
  for (const edit of edits) {
    const fault = table.apply(edit)
    if (fault !== undefined) throw new PfaofError('PFAOF_CORRUPTION', `file table: ${fault}`)
    if (edit.tag === 'checkpointEnd') onCheckpoint()
    if (edit.tag === 'next') next = edit.zone
  }
  return next
}

/** The labels of a home medium's anchors, newest generation first. */
export function* findGenerations(medium: VolumeMedium): Op<FoundLabel[]> {
  const found: FoundLabel[] = []
  for (const zone of ANCHORS) {
    const label = yield* readLabel(medium, zone)
    if (label !== undefined) found.push(label)
  }
  return found.sort((a, b) => b.superblock.generation - a.superblock.generation)
}
