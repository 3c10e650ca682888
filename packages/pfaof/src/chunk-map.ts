import {
  CHUNK_HEADER_BYTES,
  type ChunkHeader,
  decodeChunkHead,
  headBytes,
  PAGE_BYTES,
  pageCount,
  spanBytes,
} from './chunk.ts'
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

/** Turns a decoded head into a place. */
export function placeOf(header: Readonly<ChunkHeader>, head: Buffer, headAt: number, zoneAt: number): ChunkPlace {
  const pages = pageCount(header.payloadBytes)
  const crcs = new Uint32Array(pages)
  for (let page = 0; page < pages; page++) crcs[page] = head.readUInt32LE(headAt + CHUNK_HEADER_BYTES + 4 * page)
  const { fileOffset, payloadBytes: bytes } = header
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

  #matches(header: ChunkHeader, fileOffset: number): boolean {
    const { epoch, use } = this.extent
    return header.epoch === epoch && header.use === use && header.fileOffset === fileOffset
  }

  *#walk(offset: number): Op<void> {
    const limit = this.end
    const window = Buffer.allocUnsafe(WALK_BYTES)
    while (offset >= this.#frontier.fileOffset) {
      let { at } = this.#frontier
      if (at >= limit) throw this.#damaged(at)
      const view = window.subarray(0, yield* this.medium.read(this.extent.zone, at, window))
      const windowAt = at
      while (at < limit && offset >= this.#frontier.fileOffset) {
        const header = decodeChunkHead(view, at - windowAt, this.medium.seed(this.extent.zone, at))
        if (header === 'short' && at > windowAt) break
        if (typeof header === 'string') throw this.#damaged(at)
        if (header.fileId === this.#fileId) {
          if (!this.#matches(header, this.#frontier.fileOffset) || header.ordinal !== this.#frontier.ordinal)
            throw this.#damaged(at)
          this.add(at, header.payloadBytes)
        } else this.#frontier.at = at + spanBytes(header.payloadBytes, this.medium.alignBytes)
        at = this.#frontier.at
        if (at - windowAt > view.length) break
      }
    }
  }

  *#load(index: number): Op<ChunkPlace[]> {
    const from = this.#ats[index]!
    const to = Math.min(this.#ats[index + 1] ?? this.#frontier.at, from + SEGMENT_BYTES * 2)
    let fileOffset = this.#offsets[index]!
    const end = this.#offsets[index + 1] ?? this.#frontier.fileOffset
    const window = Buffer.allocUnsafe(this.#larges[index] ? headBytes(end - fileOffset) : to - from)
    const view = window.subarray(0, yield* this.medium.read(this.extent.zone, from, window))
    const chunks: ChunkPlace[] = []
    for (let at = from; fileOffset < end; ) {
      const header = decodeChunkHead(view, at - from, this.medium.seed(this.extent.zone, at))
      if (typeof header === 'string') throw this.#damaged(at)
      if (header.fileId === this.#fileId) {
        if (!this.#matches(header, fileOffset)) throw this.#damaged(at)
        chunks.push(placeOf(header, view, at - from, at))
        fileOffset += header.payloadBytes
        if (header.payloadBytes >= PAGE_BYTES) break
      }
      at += spanBytes(header.payloadBytes, this.medium.alignBytes)
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
