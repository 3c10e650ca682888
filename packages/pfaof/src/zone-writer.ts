import { CHUNK_HEAD_BYTES_MAX, type ChunkHeader, encodeChunkHead, payloadThatFits, spanBytes } from './chunk.ts'
import { assert, PfaofError } from './error.ts'
import type { Op } from './op.ts'
import { Turn } from './turn.ts'
import type { HeldZone, VolumeMedium } from './volume-medium.ts'

/** Most bytes held back for a zone that is written as a whole. */
const HELD_BYTES_MAX = 8 << 20
const ZEROS = Buffer.alloc(4096)

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
  readonly #head: Buffer = Buffer.allocUnsafe(CHUNK_HEAD_BYTES_MAX)
  #held: Buffer[] | undefined

  /** `salted` false: superblocks and labels, which are read before the volume is known. */
  constructor(medium: VolumeMedium, zone: number, epoch: number, use: number, capacityBytes: number, salted = true) {
    this.medium = medium
    this.zone = zone
    this.epoch = epoch
    this.use = use
    this.#salted = salted
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

  /**
   * Writes one chunk and returns its offset. `parts` are the payload, at most `payloadMax`; they are the caller's again
   * when it returns. The caller holds the turn. After an error the zone is ended (I14).
   */
  *append(
    header: Omit<ChunkHeader, 'epoch' | 'use' | 'keyId'>,
    parts: readonly Uint8Array[],
    salted = this.#salted,
  ): Op<number> {
    const { medium, zone, at } = this
    assert(!this.ended && header.payloadBytes <= this.payloadMax, 'a chunk fits into its zone')
    const seed = salted ? medium.seed(zone, at) : labelSeed(zone, at)
    const { epoch, use } = this
    const head = encodeChunkHead(this.#head, { ...header, epoch, use, keyId: 0 }, parts, seed)
    const span = spanBytes(header.payloadBytes, medium.alignBytes)
    const all = [this.#head.subarray(0, head), ...parts]
    const padding = span - head - header.payloadBytes
    if (padding > 0) all.push(zeros(padding))
    if (this.#held !== undefined) {
      this.#held.push(Buffer.concat(all))
      this.at += span
      return at
    }
    try {
      const offset = yield* medium.append(zone, all)
      if (offset !== at) {
        throw new PfaofError('PFAOF_IO', `zone ${zone} of ${medium.name} was written by somebody else at ${at}`)
      }
    } catch (error) {
      this.ended = true
      throw error
    }
    this.at += span
    return at
  }

  /** The page CRCs of the chunk appended last, until the next append. */
  get lastHead(): Buffer {
    return this.#head
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
