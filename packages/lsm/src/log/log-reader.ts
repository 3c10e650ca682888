import { type Batch, decodeBatch } from '../batch/batch-decoder.ts'
import { LevelError } from '../error.ts'
import type { Op } from '../op.ts'
import { checkLogHeader, LOG_HEADER_BYTES } from './log-header.ts'

/** Any file that can be read at an offset. */
export interface LogSource {
  readonly size: number
  read(offset: number, into: Uint8Array): Op<number>
}

/** What a replay has seen since the reader was made. */
export interface LogEnd {
  /** Where the log ends: after the last batch. */
  readonly offset: number
  readonly batches: number
  /** Entries, range tombstones included. */
  readonly entries: number
  /** 0 while there is none. */
  readonly lastSequence: number
}

const WINDOW_BYTES = 1 << 20

/**
 * Reads the batches of a log in order. A file of pfaof ends after a whole append, so whatever cannot be decoded is damage, at the end of
 * the file too. `replay` may be called again: it goes on where it stopped, which is how a follower reads.
 */
export class LogReader {
  readonly #file: LogSource
  readonly #number: number
  readonly #name: string
  #window: Buffer = Buffer.alloc(0)
  /** File offset of the window's first byte, and bytes of it that are true. */
  #windowAt = 0
  #filled = 0
  #offset = 0
  #batches = 0
  #entries = 0
  #lastSequence = 0

  /** `name` is for messages. */
  constructor(file: LogSource, number: number, name = `log-${number}`) {
    this.#file = file
    this.#number = number
    this.#name = name
  }

  get end(): LogEnd {
    return {
      offset: this.#offset,
      batches: this.#batches,
      entries: this.#entries,
      lastSequence: this.#lastSequence,
    }
  }

  /**
   * Gives every batch to `apply`, in order; its bytes are views that hold until `apply` returns. LEVEL_CORRUPTION and LEVEL_FORMAT name the
   * file and the offset; what came before has been applied then.
   */
  *replay(apply: (batch: Batch, offset: number) => void): Op<LogEnd> {
    const file = this.#file
    if (this.#offset === 0 && file.size > 0) yield* this.#header()
    while (this.#offset < file.size) {
      let verdict = decodeBatch(this.#window, this.#offset - this.#windowAt, this.#filled)
      if (!verdict.ok && 'needs' in verdict) {
        if (this.#offset + verdict.needs > file.size)
          throw this.#corrupt(`a batch is cut off by the end at ${file.size}`)
        yield* this.#fill(verdict.needs)
        verdict = decodeBatch(this.#window, 0, this.#filled)
      }
      if (!verdict.ok) {
        if ('needs' in verdict) continue
        throw this.#corrupt(verdict.fault)
      }
      const { batch } = verdict
      if (batch.firstSequence <= this.#lastSequence)
        throw this.#corrupt(`sequence number ${batch.firstSequence} after ${this.#lastSequence}`)
      apply(batch, this.#offset)
      this.#lastSequence = batch.firstSequence + batch.count - 1
      this.#entries += batch.count
      this.#batches++
      this.#offset = this.#windowAt + batch.end
    }
    this.#window = Buffer.alloc(0)
    this.#windowAt = this.#offset
    this.#filled = 0
    return this.end
  }

  *#header(): Op<void> {
    yield* this.#fill(Math.min(LOG_HEADER_BYTES, this.#file.size))
    const verdict = checkLogHeader(this.#window.subarray(0, Math.min(LOG_HEADER_BYTES, this.#filled)), this.#number)
    if (!verdict.ok && verdict.format) throw new LevelError('LEVEL_FORMAT', `${this.#name}: ${verdict.fault}`)
    if (!verdict.ok) throw this.#corrupt(verdict.fault)
    this.#offset = LOG_HEADER_BYTES
  }

  /** The window starts at the offset and has at least `bytes`. */
  *#fill(bytes: number): Op<void> {
    const kept = this.#window.subarray(this.#offset - this.#windowAt, this.#filled)
    const room = Math.max(bytes, Math.min(WINDOW_BYTES, this.#file.size - this.#offset))
    const window = room <= this.#window.length ? this.#window : Buffer.allocUnsafeSlow(room)
    window.set(kept)
    let filled = kept.length
    const wanted = Math.min(window.length, this.#file.size - this.#offset)
    while (filled < wanted) {
      const read = yield* this.#file.read(this.#offset + filled, window.subarray(filled, wanted))
      if (read === 0) throw this.#corrupt(`the file ends at ${this.#offset + filled} instead of ${this.#file.size}`)
      filled += read
    }
    this.#window = window
    this.#windowAt = this.#offset
    this.#filled = filled
  }

  #corrupt(fault: string): LevelError {
    return new LevelError('LEVEL_CORRUPTION', `${this.#name} at offset ${this.#offset}: ${fault}`)
  }
}
