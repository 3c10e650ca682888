/**
 * Bytes on their way to a tape, and when to start the drive. Below its lowest rate a drive stops, winds back and
 * starts again ("shoe-shining"), which costs seconds and wears the tape. So it starts when the buffer holds so much
 * that it will not run dry before the zone ends, or when the buffer is full:
 *
 *   buffered + left arrive in left / p; the drive takes (buffered + left) / s; it never waits if
 *   buffered >= left * (s / p - 1)           p: rate of arrival, s: the drive's lowest rate, left: room in the zone
 */
import type { Bytes } from '../medium.ts'

export class StreamBuffer {
  readonly bufferBytes: number
  readonly #streamBytesPerMs: number
  readonly #now: () => number
  #parts: Bytes[] = []
  /** Bytes consumed of the first part. */
  #consumed = 0
  #bytes = 0
  #arrived = 0
  #since: number | undefined

  /** @param streamMBpsMin the lowest rate (10^6 bytes a second) at which the drive runs on */
  constructor(bufferBytes: number, streamMBpsMin: number, now: () => number = () => performance.now()) {
    this.bufferBytes = bufferBytes
    this.#streamBytesPerMs = streamMBpsMin * 1000
    this.#now = now
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** Copies `parts` behind what waits. */
  push(parts: readonly Bytes[]): void {
    // A rate needs a beginning: what comes first only starts the clock.
    const first = this.#since === undefined
    this.#since ??= this.#now()
    for (const part of parts) {
      if (part.length === 0) continue
      this.#parts.push(part.slice())
      this.#bytes += part.length
      if (!first) this.#arrived += part.length
    }
  }

  /** Whether the drive should start now; `left`: bytes that the zone may still take. */
  shouldStart(left: number): boolean {
    if (this.#bytes >= this.bufferBytes) return true
    const elapsed = this.#now() - (this.#since ?? this.#now())
    // Too early to know a rate.
    if (elapsed < 1) return false
    const rate = this.#arrived / elapsed
    return this.#bytes >= left * (this.#streamBytesPerMs / rate - 1)
  }

  /** Takes up to `into.length` bytes from the front; returns how many. */
  take(into: Bytes): number {
    let done = 0
    while (done < into.length && this.#parts.length > 0) {
      const part = this.#parts[0]!
      const piece = part.subarray(this.#consumed, this.#consumed + into.length - done)
      into.set(piece, done)
      done += piece.length
      this.#consumed += piece.length
      if (this.#consumed === part.length) {
        this.#parts.shift()
        this.#consumed = 0
      }
    }
    this.#bytes -= done
    return done
  }

  /** Copies bytes from `offset` behind the front without taking them; returns how many. */
  peek(offset: number, into: Bytes): number {
    let skip = offset + this.#consumed
    let done = 0
    for (const part of this.#parts) {
      if (skip >= part.length) {
        skip -= part.length
        continue
      }
      const piece = part.subarray(skip, skip + into.length - done)
      into.set(piece, done)
      done += piece.length
      skip = 0
      if (done === into.length) break
    }
    return done
  }

  /** Drops everything; the next zone's rate is measured anew. */
  clear(): void {
    this.#parts = []
    this.#consumed = 0
    this.#bytes = 0
    this.#arrived = 0
    this.#since = undefined
  }
}
