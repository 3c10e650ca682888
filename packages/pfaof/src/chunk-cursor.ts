import {
  CHUNK_HEAD_BYTES_MAX,
  type ChunkFault,
  type ChunkHeader,
  checkPayload,
  decodeChunkHead,
  headBytes,
  MAGIC_BYTES,
  spanBytes,
} from './chunk.ts'
import type { Op } from './op.ts'

/** What lies at a position of a zone. `head` and `payload` are views, valid until the next call. */
export type ChunkVerdict =
  | { kind: 'chunk'; at: number; header: ChunkHeader; payloadOk: boolean; head: Buffer; payload: Buffer }
  | { kind: 'bad'; at: number; fault: ChunkFault }
  | { kind: 'end'; at: number }

/** Where a cursor reads: a zone of a medium, or an object in memory. */
export interface ChunkSource {
  readonly alignBytes: number
  /** Fills `into` as far as there are bytes. */
  read(offset: number, into: Uint8Array): Op<number>
  seed(offset: number): number
}

const WINDOW_BYTES = 128 << 10

/** Walks the chunks of a zone, whoever they belong to, and finds the next one after damage. Never throws on what it reads. */
export class ChunkCursor {
  readonly #source: ChunkSource
  readonly #limit: number
  readonly #windowBytes: number
  #window: Buffer = Buffer.alloc(0)
  #windowAt = 0
  at: number

  /** `windowBytes`: how much is read at a time, beyond what a chunk needs. */
  constructor(source: ChunkSource, at: number, limit: number, windowBytes: number = WINDOW_BYTES) {
    this.#source = source
    this.#windowBytes = windowBytes
    this.#limit = limit
    this.at = at
  }

  /** Makes [at, at + bytes) of the zone available, as far as it reaches; returns a view from `at`. */
  *#fill(at: number, bytes: number): Op<Buffer> {
    const want = Math.min(bytes, this.#limit - at)
    if (want <= 0) return Buffer.alloc(0)
    const have = this.#windowAt + this.#window.length
    if (at < this.#windowAt || at + want > have) {
      const size = Math.min(Math.max(want, this.#windowBytes), this.#limit - at)
      const window = Buffer.allocUnsafe(size)
      let filled = 0
      while (filled < size) {
        const got = yield* this.#source.read(at + filled, window.subarray(filled))
        if (got <= 0) break
        filled += got
      }
      this.#window = window.subarray(0, filled)
      this.#windowAt = at
    }
    return this.#window.subarray(at - this.#windowAt)
  }

  /** The verdict at the position; moves behind a chunk, stays at damage. `verify` tells whose payload is checked. */
  *next(verify: (header: ChunkHeader) => boolean): Op<ChunkVerdict> {
    const at = this.at
    let view = yield* this.#fill(at, Math.min(this.#windowBytes, CHUNK_HEAD_BYTES_MAX))
    if (view.length === 0) return { kind: 'end', at }
    let header = decodeChunkHead(view, 0, this.#source.seed(at))
    if (header === 'short') {
      view = yield* this.#fill(at, CHUNK_HEAD_BYTES_MAX)
      header = decodeChunkHead(view, 0, this.#source.seed(at))
    }
    if (typeof header === 'string') return { kind: 'bad', at, fault: header }
    const head = headBytes(header.payloadBytes)
    let payloadOk = true
    let payload: Buffer = Buffer.alloc(0)
    if (verify(header)) {
      view = yield* this.#fill(at, head + header.payloadBytes)
      payload = view.subarray(head, head + header.payloadBytes)
      payloadOk = payload.length === header.payloadBytes && checkPayload(view, 0, payload)
    }
    this.at = at + spanBytes(header.payloadBytes, this.#source.alignBytes)
    return { kind: 'chunk', at, header, payloadOk, head: view.subarray(0, head), payload }
  }

  /** Moves from damage to the next chunk whose header checks; false when there is none up to the limit. */
  *resync(): Op<boolean> {
    const align = this.#source.alignBytes
    let at = this.at + align
    while (at < this.#limit) {
      const view = yield* this.#fill(at, CHUNK_HEAD_BYTES_MAX)
      if (view.length < 4) return false
      const found = view.indexOf(MAGIC_BYTES)
      if (found < 0) {
        // The last three bytes may begin a magic, but none at an aligned place before the next one.
        at += Math.max(align, Math.floor(view.length / align) * align)
        continue
      }
      const place = at + Math.ceil(found / align) * align
      if (place !== at + found) {
        at = place
        continue
      }
      const head = yield* this.#fill(place, CHUNK_HEAD_BYTES_MAX)
      if (typeof decodeChunkHead(head, 0, this.#source.seed(place)) !== 'string') {
        this.at = place
        return true
      }
      at = place + align
    }
    return false
  }
}
