import {
  type ChunkHeader,
  encodeChunk,
  encodeChunkHead,
  headBytes,
  isImageFit,
  payloadThatFits,
  spanBytes,
} from './chunk.ts'
import { assert, PfaofError } from './error.ts'
import type { Op } from './op.ts'
import { Turn } from './turn.ts'
import type { HeldZone, VolumeMedium } from './volume-medium.ts'

/** Most bytes held back for a zone that is written as a whole. */
const HELD_BYTES_MAX = 8 << 20
const ZEROS = Buffer.alloc(4096)
const NOTHING = Buffer.alloc(0)

/** What the file says of a chunk; the writer adds the rest of the header. */
export type ChunkFields = Omit<ChunkHeader, 'epoch' | 'use' | 'keyId'>

function zeros(bytes: number): Buffer {
  return bytes <= ZEROS.length ? ZEROS.subarray(0, bytes) : Buffer.alloc(bytes)
}

/**
 * Writes chunks into one zone, one writer per zone. The offset of a chunk is known before it is appended, because its
 * checksum depends on it (I1); when the medium answers another one, somebody else has written there, and the zone is left.
 */
export class ZoneWriter implements HeldZone {
  readonly medium: VolumeMedium
  readonly zone: number
  readonly epoch: number
  readonly use: number
  readonly turn: Turn = new Turn()
  /** Where the next chunk goes. */
  at = 0
  /** No further chunk goes here: full, failed, or finished. */
  ended = false
  readonly #capacityBytes: number
  readonly #salted: boolean
  /** Filled anew for every chunk. */
  readonly #header: ChunkHeader
  /** Of a chunk that goes to the medium on the spot. */
  readonly #pieces: [Uint8Array] = [NOTHING]
  #held: Buffer[] | undefined
  /** Starts with the head of the chunk appended last; may be gone as soon as anything else computes a CRC. */
  lastHead: Buffer = NOTHING

  /** `salted` false: superblocks and labels, which are read before the volume is known. */
  constructor(medium: VolumeMedium, zone: number, epoch: number, use: number, capacityBytes: number, salted = true) {
    this.medium = medium
    this.zone = zone
    this.epoch = epoch
    this.use = use
    this.#salted = salted
    this.#header = {
      flags: 0,
      keyId: 0,
      payloadBytes: 0,
      fileId: 0,
      epoch,
      ordinal: 0,
      fileOffset: 0,
      syncedOffset: 0,
      use,
    }
    this.#capacityBytes = medium.wholeObjects ? Math.min(capacityBytes, HELD_BYTES_MAX) : capacityBytes
    if (medium.wholeObjects) {
      this.#held = []
      medium.held.set(zone, this)
    }
  }

  /** Most payload that the next chunk can have; below 1: the zone is full. */
  get payloadMax(): number {
    if (this.ended) return -1
    const room = this.#capacityBytes - this.at
    return payloadThatFits(Math.min(room, this.medium.appendBytesMax), this.medium.alignBytes)
  }

  /** Space that the next chunk cannot use is not counted. */
  get roomBytes(): number {
    return this.ended ? 0 : this.#capacityBytes - this.at
  }

  /** `appendNow` may be called. */
  get appendsNow(): boolean {
    return this.medium.appendsNow && this.#held === undefined
  }

  /** The chunk as it goes to the medium, in pieces; all but the head are the caller's. `lastHead` is its head. */
  #encode(chunk: ChunkFields, parts: readonly Uint8Array[], salted: boolean): readonly Uint8Array[] {
    const { medium, zone, at } = this
    const header = this.#header
    header.flags = chunk.flags
    header.payloadBytes = chunk.payloadBytes
    header.fileId = chunk.fileId
    header.ordinal = chunk.ordinal
    header.fileOffset = chunk.fileOffset
    header.syncedOffset = chunk.syncedOffset
    const seed = salted ? medium.seed(zone, at) : labelSeed(zone, at)
    const span = spanBytes(chunk.payloadBytes, medium.alignBytes)
    if (this.appendsNow && isImageFit(chunk.payloadBytes, span)) {
      const image = encodeChunk(header, parts, seed, span)
      this.lastHead = image
      this.#pieces[0] = image
      return this.#pieces
    }
    const head = Buffer.allocUnsafe(headBytes(chunk.payloadBytes))
    encodeChunkHead(head, header, parts, seed)
    this.lastHead = head
    const padding = span - head.length - chunk.payloadBytes
    return padding > 0 ? [head, ...parts, zeros(padding)] : [head, ...parts]
  }

  /** As {@link append} on the spot, where `appendsNow`. */
  appendNow(chunk: ChunkFields, parts: readonly Uint8Array[], salted = this.#salted): number {
    const { medium, zone, at } = this
    assert(!this.ended && chunk.payloadBytes <= this.payloadMax, 'a chunk fits into its zone')
    const pieces = this.#encode(chunk, parts, salted)
    try {
      this.#landed(medium.appendNow(zone, pieces), chunk.payloadBytes)
    } catch (error) {
      this.ended = true
      throw error
    }
    return at
  }

  /**
   * Writes one chunk and returns its offset. `parts` are the payload, at most `payloadMax`; they are the caller's again
   * when it returns. The caller holds the turn. After an error the zone is ended (I14).
   */
  *append(chunk: ChunkFields, parts: readonly Uint8Array[], salted = this.#salted): Op<number> {
    if (this.appendsNow) return this.appendNow(chunk, parts, salted)
    const { medium, zone, at } = this
    assert(!this.ended && chunk.payloadBytes <= this.payloadMax, 'a chunk fits into its zone')
    const pieces = this.#encode(chunk, parts, salted)
    if (this.#held !== undefined) {
      this.#held.push(Buffer.concat(pieces))
      this.#landed(at, chunk.payloadBytes)
      return at
    }
    try {
      this.#landed(yield* medium.append(zone, pieces), chunk.payloadBytes)
    } catch (error) {
      this.ended = true
      throw error
    }
    return at
  }

  #landed(offset: number, payloadBytes: number): void {
    const { medium, zone, at } = this
    if (offset !== at) {
      throw new PfaofError('PFAOF_IO', `zone ${zone} of ${medium.name} was written by somebody else at ${at}`)
    }
    this.at = at + spanBytes(payloadBytes, medium.alignBytes)
  }

  /** Bytes held back go to the medium, as one append that fills the zone. */
  *commitHeld(): Op<void> {
    const held = this.#held
    if (held === undefined) return
    this.ended = true
    if (held.length > 0) {
      const offset = yield* this.medium.append(this.zone, held)
      if (offset !== 0) throw new PfaofError('PFAOF_IO', `zone ${this.zone} of ${this.medium.name} was not empty`)
    }
    this.#held = undefined
    this.medium.held.delete(this.zone)
  }

  copy(offset: number, into: Uint8Array): number {
    let at = 0
    let done = 0
    for (const part of this.#held ?? []) {
      const from = Math.max(0, offset + done - at)
      if (from < part.length && done < into.length) {
        const take = Math.min(part.length - from, into.length - done)
        into.set(part.subarray(from, from + take), done)
        done += take
      }
      at += part.length
    }
    return done
  }
}

/** The location seed of superblocks and labels: salt and medium count as 0. */
export function labelSeed(zone: number, offset: number): number {
  return (Math.imul(zone | 0, 0x85ebca6b) + Math.imul((offset / 8) | 0, 0xc2b2ae35)) >>> 0
}
