import { FIRST, LAST, PAGE_BYTES } from './chunk.ts'
import type { ChunkMap, ChunkPlace } from './chunk-map.ts'
import { placeOf } from './chunk-map.ts'
import type { Extent, ExtentEnd } from './edit.ts'
import { PfaofError } from './error.ts'
import type { FileLayout } from './file-layout.ts'
import { extentKey, type FileRecord } from './file-table.ts'
import type { Op } from './op.ts'
import { PartCursor } from './part-cursor.ts'
import { Turn } from './turn.ts'
import type { VolumeCore } from './volume-core.ts'
import { ZonePool } from './zone-pool.ts'
import type { ChunkFields, ZoneWriter } from './zone-writer.ts'

/** A file to which bytes are appended. Operations are driven by `runSync` or `runAsync`. */
export interface AppendFile {
  /** Never used twice in a volume. */
  readonly id: number
  readonly name: string | undefined
  /** Bytes appended. */
  readonly size: number
  /** Bytes that survive any crash. */
  readonly syncedSize: number
  readonly sealed: boolean
  /** Name of the medium that has the last of its bytes; undefined while it is empty. */
  readonly medium: string | undefined
  /**
   * Appends the concatenation of `parts` as one record, which a crash leaves whole or not at all; returns its offset. The parts are the
   * caller's again when it returns. PFAOF_SEALED, PFAOF_NO_SPACE, PFAOF_IO; after an error the file is as before.
   */
  append(parts: readonly Uint8Array[]): Op<number>
  /**
   * What `append` does, on the spot and without an operation; undefined when that would have to wait or to go on in another zone, and
   * nothing has happened then: drive `append`. The cheapest way to a short record.
   */
  appendNow(parts: readonly Uint8Array[]): number | undefined
  /** Fills `into` from `offset`; returns the bytes, fewer at the end of the file. PFAOF_CORRUPTION, PFAOF_IO. */
  read(offset: number, into: Uint8Array): Op<number>
  /**
   * What `read` does, on the spot and without an operation; undefined when that would have to wait or to look for where the bytes lie,
   * and `into` may then be partly filled: drive `read`. The cheapest way to a cached block.
   */
  readNow(offset: number, into: Uint8Array): number | undefined
  /** What was appended before is durable when it returns. Concurrent calls share flushes. PFAOF_POISONED, PFAOF_FENCED. */
  sync(): Op<void>
  /** Syncs, and ends appending for ever. */
  seal(): Op<void>
}

interface Written {
  map: ChunkMap
  end: ExtentEnd
  at: number
  span: number
  bytes: number
  place: ChunkPlace | undefined
}

/** One chunk of a record: `index` counts them, `fileOffset` is that of its first byte. */
interface Part {
  flags: number
  bytes: number
  index: number
  fileOffset: number
}

/** Most bytes of one append. */
export const RECORD_BYTES_MAX: number = 2 ** 32

export class VolumeFile implements AppendFile {
  record: FileRecord
  readonly #core: VolumeCore
  layout: FileLayout
  readonly #turn = new Turn()
  readonly #own: boolean
  #size: number
  syncedSize: number
  #ordinal = 0
  /** Of a record that is one chunk, and of the chunk that is written next: one object each, filled anew, since records come by the million. */
  readonly #whole: Part = { flags: FIRST | LAST, bytes: 0, index: 0, fileOffset: 0 }
  readonly #fields: ChunkFields = {
    flags: 0,
    payloadBytes: 0,
    fileId: 0,
    ordinal: 0,
    fileOffset: 0,
    syncedOffset: 0,
  }
  /** Ends of the record's extents while it is unsealed. */
  ends: ExtentEnd[] = []
  #writer: ZoneWriter | undefined
  /** Serial numbers of the last append to each medium, and of the last table edit. */
  readonly #dirty: Map<number, number> = new Map()
  editSerial: number
  /** Deleted, and not held by a snapshot. */
  gone = false

  constructor(core: VolumeCore, record: FileRecord, layout: FileLayout, own: boolean) {
    this.#core = core
    this.record = record
    this.layout = layout
    this.#own = own
    this.#size = record.size
    this.syncedSize = record.size
    this.editSerial = core.serial
  }

  get id(): number {
    return this.record.id
  }

  get name(): string | undefined {
    return this.record.name
  }

  get size(): number {
    return this.#size
  }

  get sealed(): boolean {
    return this.record.sealed
  }

  get medium(): string | undefined {
    const { extents } = this.record
    const last = extents[extents.length - 1]
    return last === undefined ? undefined : this.#core.media[last.medium]!.name
  }

  /** A follower read the table anew: what is known of the places stays while they are the same. */
  rebind(record: FileRecord): void {
    this.record = record
    const { maps } = this.layout
    const same = maps.every((map, i) => {
      const extent = record.extents[i]
      return extent !== undefined && extentKey(extent) === extentKey(map.extent)
    })
    if (!same) {
      const before = this.layout
      this.layout = before.replacedBy(record.extents)
      before.retire(() => {})
    } else for (const extent of record.extents.slice(maps.length)) this.layout.push(extent)
  }

  /** A follower saw the file grow, or its end. */
  grown(size: number): void {
    this.#size = size
    this.syncedSize = this.record.sealed ? size : 0
  }

  appendNow(parts: readonly Uint8Array[]): number | undefined {
    const bytes = this.#checkAppend(parts)
    const writer = this.#writer
    if (writer === undefined || this.#turn.held || !this.#takesNow(writer, bytes)) return undefined
    const offset = this.#size
    const part = this.#whole
    part.bytes = bytes
    part.fileOffset = offset
    let at: number
    try {
      at = writer.appendNow(this.#fieldsOf(part), parts)
    } catch (error) {
      this.#core.pool.failed(writer)
      this.#writer = undefined
      throw error
    }
    const { maps } = this.layout
    const end = this.ends[this.ends.length - 1]!
    this.#took(writer)
    grow(end, writer.at, writer.at - at, bytes)
    maps[maps.length - 1]!.add(at, bytes, placeIn(writer, part, at))
    this.#appended(1, bytes)
    return offset
  }

  /** Bytes of a record that may be appended. */
  #checkAppend(parts: readonly Uint8Array[]): number {
    const core = this.#core
    core.checkWritable()
    let bytes = 0
    for (let i = 0; i < parts.length; i++) bytes += parts[i]!.length
    if (bytes > RECORD_BYTES_MAX) throw new PfaofError('PFAOF_ARGUMENT', `${bytes} bytes in one append`)
    if (this.#size + bytes > Number.MAX_SAFE_INTEGER)
      throw new PfaofError('PFAOF_ARGUMENT', 'the file grows beyond 2^53 - 1')
    if (this.#writer !== undefined) core.checkSound(this.#writer.medium)
    return bytes
  }

  *append(parts: readonly Uint8Array[]): Op<number> {
    const now = this.appendNow(parts)
    if (now !== undefined) return now
    const bytes = this.#checkAppend(parts)
    yield* this.#turn.take()
    try {
      if (this.gone) throw new PfaofError('PFAOF_NOT_FOUND', `file ${this.id} was deleted`)
      if (this.record.sealed) throw new PfaofError('PFAOF_SEALED', `${this.record.name ?? this.id} is sealed`)
      const offset = this.#size
      if (bytes === 0) return offset
      const cursor = new PartCursor(parts)
      const written: Written[] = []
      try {
        while (cursor.left > 0) yield* this.#chunk(cursor, offset, written)
      } catch (error) {
        // Chunks of a record without its end may lie there: the next record starts in an extent of its own (I3, I14).
        this.#writer = undefined
        throw error
      }
      for (const chunk of written) this.#accept(chunk)
      this.#appended(written.length, bytes)
      return offset
    } finally {
      this.#turn.release()
    }
  }

  /** A record of `bytes` goes to the zone at hand as one chunk, and nobody has to be waited for. */
  #takesNow(writer: ZoneWriter, bytes: number): boolean {
    if (bytes === 0 || this.gone || this.record.sealed) return false
    return writer.appendsNow && !writer.turn.held && bytes <= writer.payloadMax
  }

  #appended(chunks: number, bytes: number): void {
    this.#ordinal += chunks
    this.#size += bytes
  }

  #accept(chunk: Written): void {
    grow(chunk.end, chunk.at + chunk.span, chunk.span, chunk.bytes)
    chunk.map.add(chunk.at, chunk.bytes, chunk.place)
  }

  /** Good until it is asked for again: it is the same object. */
  #fieldsOf(part: Part): ChunkFields {
    const fields = this.#fields
    fields.flags = part.flags
    fields.payloadBytes = part.bytes
    fields.fileId = this.record.id
    fields.ordinal = this.#ordinal + part.index
    fields.fileOffset = part.fileOffset
    fields.syncedOffset = this.syncedSize
    return fields
  }

  /** The writer's medium has to be flushed before the file is durable. */
  #took({ medium }: ZoneWriter): void {
    this.#dirty.set(medium.number, medium.gate.written)
  }

  /** What is known of a chunk that was just written, to be accepted when its whole record is. */
  #written(writer: ZoneWriter, part: Part, at: number): Written {
    this.#took(writer)
    const { maps } = this.layout
    const map = maps[maps.length - 1]!
    const end = this.ends[this.ends.length - 1]!
    return { map, end, at, span: writer.at - at, bytes: part.bytes, place: placeIn(writer, part, at) }
  }

  #putNow(writer: ZoneWriter, part: Part, parts: readonly Uint8Array[]): Written {
    let at: number
    try {
      at = writer.appendNow(this.#fieldsOf(part), parts)
    } catch (error) {
      this.#core.pool.failed(writer)
      throw error
    }
    return this.#written(writer, part, at)
  }

  *#chunk(cursor: PartCursor, recordOffset: number, written: Written[]): Op<void> {
    let writer = this.#writer
    const fileOffset = recordOffset + cursor.bytes - cursor.left
    if (writer === undefined || !ZonePool.accepts(writer, cursor.left)) {
      const { id, lifetime, media } = this.record
      const next = yield* this.#core.pool.writerFor({ id, lifetime, media, own: this.#own }, cursor.left)
      if (next !== writer) yield* this.#enter(next, this.#ordinal + written.length, fileOffset)
      writer = next
    }
    const { gate } = writer.medium
    gate.begin()
    let held = false
    try {
      yield* writer.turn.take()
      held = true
      if (!ZonePool.accepts(writer, cursor.left)) return // somebody else took the room; try again
      const bytes = Math.min(cursor.left, writer.payloadMax)
      const parts = cursor.take(bytes)
      const flags = (written.length === 0 ? FIRST : 0) | (cursor.left === 0 ? LAST : 0)
      const part = { flags, bytes, index: written.length, fileOffset }
      if (writer.appendsNow) written.push(this.#putNow(writer, part, parts))
      else written.push(yield* this.#put(writer, part, parts))
    } finally {
      if (held) writer.turn.release()
      gate.end()
    }
  }

  *#put(writer: ZoneWriter, part: Part, parts: readonly Uint8Array[]): Op<Written> {
    let at: number
    try {
      at = yield* writer.append(this.#fieldsOf(part), parts)
    } catch (error) {
      this.#core.pool.failed(writer)
      throw error
    }
    return this.#written(writer, part, at)
  }

  /** The file goes on in another zone: the table says so first. */
  *#enter(writer: ZoneWriter, ordinal: number, fileOffset: number): Op<void> {
    const core = this.#core
    const { medium, zone, epoch, use, at: start } = writer
    const extent: Extent = {
      medium: medium.number,
      zone,
      epoch,
      use,
      start,
      end: 0,
      fileOffset,
      bytes: 0,
      ordinal,
      liveBytes: 0,
    }
    // The extent's reference is taken before anything can retire the writer.
    core.allocators[medium.number]!.retain(zone)
    try {
      yield* core.commit(() => {
        if (this.gone) throw new PfaofError('PFAOF_NOT_FOUND', `file ${this.id} was deleted`)
        return [{ tag: 'extent', id: this.id, extent }]
      }, this)
    } catch (error) {
      core.allocators[medium.number]!.release(zone, core.journal.serial)
      throw error
    }
    this.ends.push({ end: 0, bytes: 0, liveBytes: 0 })
    this.layout.push(this.record.extents[this.record.extents.length - 1]!)
    this.#writer = writer
  }

  readNow(offset: number, into: Uint8Array): number | undefined {
    const bytes = this.#readable(offset, into.length)
    if (bytes === 0) return 0
    try {
      return this.layout.readNow(offset, into, bytes) ? bytes : undefined
    } catch (error) {
      throw this.#core.readError(error)
    }
  }

  /** How many of `bytes` there are from `offset`. */
  #readable(offset: number, bytes: number): number {
    if (!(offset >= 0) || !Number.isSafeInteger(offset)) throw new PfaofError('PFAOF_ARGUMENT', `offset ${offset}`)
    this.#core.checkReadable()
    if (this.gone) throw new PfaofError('PFAOF_NOT_FOUND', `file ${this.id} was deleted`)
    return Math.max(0, Math.min(bytes, this.#size - offset))
  }

  *read(offset: number, into: Uint8Array): Op<number> {
    const now = this.readNow(offset, into)
    if (now !== undefined) return now
    const bytes = this.#readable(offset, into.length)
    const { layout } = this
    layout.acquire()
    try {
      yield* layout.read(offset, bytes === into.length ? into : into.subarray(0, bytes))
    } catch (error) {
      throw this.#core.readError(error)
    } finally {
      layout.release()
    }
    return bytes
  }

  *sync(): Op<void> {
    const core = this.#core
    core.checkWritable()
    const size = this.#size
    const marks = [...this.#dirty]
    const serial = this.editSerial
    for (const [number, mark] of marks) {
      yield* core.pool.settle(number)
      const { gate, endsWithZone } = core.media[number]!
      // A zone that was ended for this sync was written after the mark was taken.
      yield* gate.through(endsWithZone ? gate.written : mark)
      if (this.#dirty.get(number) === mark) this.#dirty.delete(number)
    }
    yield* core.syncTable(serial)
    this.syncedSize = Math.max(this.syncedSize, size)
  }

  *seal(): Op<void> {
    const core = this.#core
    core.checkWritable()
    yield* this.#turn.take()
    try {
      if (this.gone) throw new PfaofError('PFAOF_NOT_FOUND', `file ${this.id} was deleted`)
      if (this.record.sealed) return
      yield* this.sync()
      const ends = this.ends.map((end) => ({ ...end }))
      yield* core.commit(() => (this.gone ? [] : [{ tag: 'seal', id: this.id, size: this.#size, ends }]), this)
      this.#writer = undefined
      core.pool.leave(this.record)
      for (const map of this.layout.maps) map.end = map.extent.end
      yield* core.syncTable(this.editSerial)
    } finally {
      this.#turn.release()
    }
  }
}

function grow(end: ExtentEnd, at: number, span: number, bytes: number): void {
  end.end = at
  end.bytes += bytes
  end.liveBytes += span
}

/** Where a chunk that was just written at `at` lies; undefined: its header is read again when somebody wants to know. */
function placeIn(writer: ZoneWriter, { bytes, fileOffset }: Part, at: number): ChunkPlace | undefined {
  return bytes >= PAGE_BYTES ? placeOf(fileOffset, bytes, writer.lastHead, at) : undefined
}
