import { CHUNK_HEADER_BYTES, type ChunkHeader, headBytes, PAGE_BYTES, pageCount, spanBytes } from './chunk.ts'
import { ChunkCursor } from './chunk-cursor.ts'
import type { Extent } from './edit.ts'
import { PfaofError } from './error.ts'
import type { Op } from './op.ts'
import type { SegmentCache } from './segment-cache.ts'
import type { VolumeMedium } from './volume-medium.ts'

/** Where one chunk's payload lies, its page CRCs, and which pages were found sound since open (I13). */
export interface ChunkPlace {
  readonly fileOffset: number
  readonly bytes: number
  readonly payloadAt: number
  readonly crcs: Uint32Array
  /** One byte per page: 1 = verified. */
  readonly verified: Uint8Array
  /** Every page is verified. */
  sound: boolean
}

export interface Segment {
  readonly chunks: readonly ChunkPlace[]
  readonly costBytes: number
  used: boolean
}

/** Small chunks share a waypoint until the zone has moved on by this much. */
const SEGMENT_BYTES = 16 << 10
const WALK_BYTES = 8 << 10

/** The place of a chunk whose head starts at the beginning of `head` and lies at `zoneAt`. */
export function placeOf(fileOffset: number, bytes: number, head: Buffer, zoneAt: number): ChunkPlace {
  const pages = pageCount(bytes)
  const crcs = new Uint32Array(pages)
  for (let page = 0; page < pages; page++) crcs[page] = head.readUInt32LE(CHUNK_HEADER_BYTES + 4 * page)
  const payloadAt = zoneAt + headBytes(bytes)
  return { fileOffset, bytes, payloadAt, crcs, verified: new Uint8Array(pages), sound: pages === 0 }
}

/**
 * Finds the chunk of a file offset in one extent. Waypoints (one per large chunk, one per 16 KiB of small ones) are kept; what lies
 * between is decoded when it is read and held in a bounded cache. An extent written earlier is walked as far as it is needed, by its
 * chunk headers; one being written grows by `add`.
 */
export class ChunkMap {
  readonly extent: Extent
  readonly medium: VolumeMedium
  readonly #fileId: number
  readonly #cache: SegmentCache
  /** File offsets and zone offsets of the waypoints, ascending. */
  readonly #offsets: number[] = []
  readonly #ats: number[] = []
  readonly #larges: boolean[] = []
  readonly #segments: (Segment | undefined)[] = []
  #lastLarge = false
  /** Walked up to here. */
  #frontier: { at: number; fileOffset: number; ordinal: number }
  /** Where the walk ends: the end of the extent, or of what a follower has seen of it. */
  end: number

  constructor(fileId: number, extent: Extent, medium: VolumeMedium, cache: SegmentCache) {
    this.extent = extent
    this.medium = medium
    this.#fileId = fileId
    this.#cache = cache
    this.end = extent.end
    this.#frontier = { at: extent.start, fileOffset: extent.fileOffset, ordinal: extent.ordinal }
  }

  /** A chunk was found or written behind all others. `place` spares reading its header again. */
  add(at: number, payloadBytes: number, place?: ChunkPlace): void {
    const { alignBytes } = this.medium
    const large = payloadBytes >= PAGE_BYTES
    const count = this.#ats.length
    if (large || this.#lastLarge || count === 0 || at - this.#ats[count - 1]! >= SEGMENT_BYTES) {
      this.#ats.push(at)
      this.#larges.push(large)
      this.#offsets.push(this.#frontier.fileOffset)
      this.#segments.push(undefined)
      if (large && place !== undefined) this.#keep(count, [place])
    } else if (this.#segments[count - 1] !== undefined) this.drop(count - 1)
    this.#lastLarge = large
    const { fileOffset, ordinal } = this.#frontier
    const end = at + spanBytes(payloadBytes, alignBytes)
    this.#frontier = { at: end, fileOffset: fileOffset + payloadBytes, ordinal: ordinal + 1 }
  }

  /** The chunk that holds `offset`, if it is in memory. */
  peek(offset: number): ChunkPlace | undefined {
    if (offset >= this.#frontier.fileOffset) return undefined
    const segment = this.#segments[this.#waypoint(offset)]
    if (segment === undefined) return undefined
    segment.used = true
    return find(segment.chunks, offset)
  }

  /** The chunk that holds `offset`. PFAOF_CORRUPTION when the headers on the way are not what was written. */
  *find(offset: number): Op<ChunkPlace> {
    if (offset >= this.#frontier.fileOffset) yield* this.#walk(offset)
    const at = this.#waypoint(offset)
    let chunks = this.#segments[at]?.chunks
    if (chunks === undefined) {
      chunks = yield* this.#load(at)
      this.#keep(at, chunks)
    }
    const place = find(chunks, offset)
    if (place === undefined) throw this.#damaged(this.#ats[at]!)
    return place
  }

  /** Called by the cache. */
  drop(index: number): void {
    const segment = this.#segments[index]
    if (segment === undefined) return
    this.#segments[index] = undefined
    this.#cache.freed(segment.costBytes)
  }

  segmentAt(index: number): Segment | undefined {
    return this.#segments[index]
  }

  /** Gives back what the cache holds of it. */
  close(): void {
    for (let i = 0; i < this.#segments.length; i++) this.drop(i)
  }

  #keep(index: number, chunks: readonly ChunkPlace[]): void {
    let costBytes = 64
    for (const { crcs } of chunks) costBytes += 160 + crcs.length * 5
    this.drop(index)
    this.#segments[index] = { chunks, costBytes, used: false }
    this.#cache.kept(this, index, costBytes)
  }

  #waypoint(offset: number): number {
    const offsets = this.#offsets
    let low = 0
    let high = offsets.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (offsets[middle]! <= offset) low = middle
      else high = middle
    }
    return low
  }

  /** Reads headers from `at` on. Damage between chunks of this file is another file's that a crash left there. */
  #cursor(at: number, limit: number, windowBytes: number): ChunkCursor {
    const { medium } = this
    const { zone } = this.extent
    const source = {
      alignBytes: medium.alignBytes,
      read: (offset: number, into: Uint8Array) => medium.read(zone, offset, into),
      seed: (offset: number) => medium.seed(zone, offset),
    }
    return new ChunkCursor(source, at, limit, windowBytes)
  }

  /** The next chunk of this file: PFAOF_CORRUPTION unless it is the one that continues at `fileOffset` (I2). */
  *#continue(cursor: ChunkCursor, fileOffset: number): Op<{ at: number; header: ChunkHeader; head: Buffer }> {
    const { epoch, use } = this.extent
    for (;;) {
      const verdict = yield* cursor.next(() => false)
      if (verdict.kind === 'end') throw this.#damaged(verdict.at)
      if (verdict.kind === 'bad') {
        if (!(yield* cursor.resync())) throw this.#damaged(verdict.at)
        continue
      }
      const { header, at, head } = verdict
      if (header.fileId !== this.#fileId || header.epoch !== epoch || header.use !== use) continue
      if (header.fileOffset !== fileOffset) throw this.#damaged(at)
      return { at, header, head }
    }
  }

  *#walk(offset: number): Op<void> {
    const cursor = this.#cursor(this.#frontier.at, this.end, WALK_BYTES)
    while (offset >= this.#frontier.fileOffset) {
      const { at, header } = yield* this.#continue(cursor, this.#frontier.fileOffset)
      if (header.ordinal !== this.#frontier.ordinal) throw this.#damaged(at)
      this.add(at, header.payloadBytes)
    }
  }

  *#load(index: number): Op<ChunkPlace[]> {
    const from = this.#ats[index]!
    let fileOffset = this.#offsets[index]!
    const end = this.#offsets[index + 1] ?? this.#frontier.fileOffset
    // A large chunk is alone in its segment, and only its head is needed; small ones come with all their bytes.
    const next = this.#ats[index + 1] ?? this.#frontier.at
    const cursor = this.#cursor(from, next, this.#larges[index] ? headBytes(end - fileOffset) : next - from)
    const chunks: ChunkPlace[] = []
    while (fileOffset < end) {
      const { at, header, head } = yield* this.#continue(cursor, fileOffset)
      chunks.push(placeOf(fileOffset, header.payloadBytes, head, at))
      fileOffset += header.payloadBytes
    }
    return chunks
  }

  #damaged(at: number): PfaofError {
    const where = `zone ${this.extent.zone} of ${this.medium.name} at ${at}`
    return new PfaofError('PFAOF_CORRUPTION', `no sound chunk of file ${this.#fileId} in ${where} (I1, I2)`)
  }
}

function find(chunks: readonly ChunkPlace[], offset: number): ChunkPlace | undefined {
  let low = 0
  let high = chunks.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const place = chunks[middle]!
    if (offset < place.fileOffset) high = middle - 1
    else if (offset >= place.fileOffset + place.bytes) low = middle + 1
    else return place
  }
  return undefined
}
