import { CHUNK_HEADER_BYTES, type ChunkHeader, headBytes, PAGE_BYTES, pageCount, spanBytes } from './chunk.ts'
import { ChunkCursor } from './chunk-cursor.ts'
import type { Extent } from './edit.ts'
import { PfaofError } from './error.ts'
import type { Op } from './op.ts'
import type { SegmentCache } from './segment-cache.ts'
import type { VolumeMedium } from './volume-medium.ts'

/**
 * Where one chunk's payload lies, its page CRCs, and which pages were found sound since open (I13). Flat, because a cached read looks at
 * little else: every object between costs a cache miss.
 */
export interface ChunkPlace {
  readonly fileOffset: number
  readonly bytes: number
  readonly payloadAt: number
  readonly crcs: Uint32Array
  /** Bit p: page p is verified. Pages from 32 on have theirs in `moreVerified`, 32 to a word. */
  verified: number
  readonly moreVerified: Uint32Array | undefined
  /** What the first chunk of a segment stands for, where there are more; in order, itself among them. */
  chunks: readonly ChunkPlace[] | undefined
  /** Memory of the segment that it stands for. */
  costBytes: number
  /** Read since the cache last looked. */
  used: boolean
}

/** Small chunks share a waypoint until the zone has moved on by this much. */
const SEGMENT_BYTES = 16 << 10
const WALK_BYTES = 8 << 10
const PAGE_SHIFT = 12

/** The place of a chunk whose head starts at the beginning of `head` and lies at `zoneAt`. */
export function placeOf(fileOffset: number, bytes: number, head: Buffer, zoneAt: number): ChunkPlace {
  const pages = pageCount(bytes)
  const crcs = new Uint32Array(pages)
  for (let page = 0; page < pages; page++) crcs[page] = head.readUInt32LE(CHUNK_HEADER_BYTES + 4 * page)
  const payloadAt = zoneAt + headBytes(bytes)
  const moreVerified = pages > 32 ? new Uint32Array(Math.ceil(pages / 32) - 1) : undefined
  return {
    fileOffset,
    bytes,
    payloadAt,
    crcs,
    verified: 0,
    moreVerified,
    chunks: undefined,
    costBytes: 0,
    used: false,
  }
}

/** Whether the pages of [from, to) of a chunk were all found sound (I13). */
export function isVerified(place: ChunkPlace, from: number, to: number): boolean {
  const first = from >>> PAGE_SHIFT
  const last = (to - 1) >>> PAGE_SHIFT
  if (last < 32) {
    const wanted = (2 ** (last - first + 1) - 1) << first
    return (place.verified & wanted) === wanted
  }
  for (let page = first; page <= last; page++) if (!isPageVerified(place, page)) return false
  return true
}

export function isPageVerified(place: ChunkPlace, page: number): boolean {
  const word = page < 32 ? place.verified : place.moreVerified![(page >>> 5) - 1]!
  return ((word >>> (page & 31)) & 1) === 1
}

export function setPageVerified(place: ChunkPlace, page: number): void {
  if (page < 32) place.verified |= 1 << page
  else place.moreVerified![(page >>> 5) - 1]! |= 1 << (page & 31)
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
  /** The first place of each segment that is in memory. */
  readonly #segments: (ChunkPlace | undefined)[] = []
  #lastLarge = false
  /** Walked up to here. */
  readonly #frontier: { at: number; fileOffset: number; ordinal: number }
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
      if (large && place !== undefined) this.#keep(count, place)
    } else if (this.#segments[count - 1] !== undefined) this.drop(count - 1)
    this.#lastLarge = large
    const frontier = this.#frontier
    frontier.at = at + spanBytes(payloadBytes, alignBytes)
    frontier.fileOffset += payloadBytes
    frontier.ordinal++
  }

  /** The chunk that holds `offset`, if it is in memory. */
  peek(offset: number): ChunkPlace | undefined {
    if (offset >= this.#frontier.fileOffset) return undefined
    const first = this.#segments[this.#waypoint(offset)]
    if (first === undefined) return undefined
    if (!first.used) first.used = true
    return find(first, offset)
  }

  /** The chunk that holds `offset`. PFAOF_CORRUPTION when the headers on the way are not what was written. */
  *find(offset: number): Op<ChunkPlace> {
    if (offset >= this.#frontier.fileOffset) yield* this.#walk(offset)
    const at = this.#waypoint(offset)
    let first = this.#segments[at]
    if (first === undefined) {
      const end = this.#endOf(at)
      const chunks = yield* this.#load(at)
      first = chunks[0]!
      if (chunks.length > 1) first.chunks = chunks
      // A chunk that the writer added while these were read belongs to the segment as well.
      if (this.#endOf(at) === end) this.#keep(at, first)
    }
    const place = find(first, offset)
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

  segmentAt(index: number): ChunkPlace | undefined {
    return this.#segments[index]
  }

  /** Gives back what the cache holds of it. */
  close(): void {
    for (let i = 0; i < this.#segments.length; i++) this.drop(i)
  }

  #keep(index: number, first: ChunkPlace): void {
    let costBytes = 64
    if (first.chunks === undefined) costBytes += costOf(first)
    else for (const place of first.chunks) costBytes += costOf(place)
    this.drop(index)
    first.costBytes = costBytes
    this.#segments[index] = first
    this.#cache.kept(this, index, costBytes)
  }

  /** The last waypoint at or below `offset`. Where chunks are alike it lies where a straight line says. */
  #waypoint(offset: number): number {
    const offsets = this.#offsets
    const count = offsets.length
    const base = this.extent.fileOffset
    const guess = Math.floor(((offset - base) * count) / (this.#frontier.fileOffset - base))
    if (guess < count && offsets[guess]! <= offset && (guess + 1 === count || offsets[guess + 1]! > offset))
      return guess
    let low = 0
    let high = count
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

  /** Adds the chunks up to the one that holds `offset`. Of several readers that walk at once, each adds what is next when it finds it. */
  *#walk(offset: number): Op<void> {
    let cursor = this.#cursor(this.#frontier.at, this.end, WALK_BYTES)
    while (offset >= this.#frontier.fileOffset) {
      const { fileOffset, ordinal } = this.#frontier
      const { at, header } = yield* this.#continue(cursor, fileOffset)
      if (header.ordinal !== ordinal) throw this.#damaged(at)
      if (this.#frontier.fileOffset === fileOffset) this.add(at, header.payloadBytes)
      else cursor = this.#cursor(this.#frontier.at, this.end, WALK_BYTES)
    }
  }

  /** File offset behind the last chunk of a segment. */
  #endOf(index: number): number {
    return this.#offsets[index + 1] ?? this.#frontier.fileOffset
  }

  *#load(index: number): Op<ChunkPlace[]> {
    const from = this.#ats[index]!
    let fileOffset = this.#offsets[index]!
    const end = this.#endOf(index)
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

function costOf(place: ChunkPlace): number {
  return 240 + place.crcs.length * 5
}

/** The chunk that holds `offset` in the segment that starts with `first`. */
function find(first: ChunkPlace, offset: number): ChunkPlace | undefined {
  const { chunks } = first
  if (chunks === undefined) return offset - first.fileOffset < first.bytes ? first : undefined
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
