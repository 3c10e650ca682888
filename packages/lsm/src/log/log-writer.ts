import type { AppendFile } from '@vivefs/pfaof'
import type { Bytes } from '../bytes.ts'
import type { Op } from '../op.ts'
import { encodeLogHeader } from './log-header.ts'

/**
 * Appends batches to a log file. The file header travels with the first append, so that a log is empty or sound. Appends are whole or
 * missing after a crash, and in the order of the calls; after an error the log is as before.
 */
export class LogWriter {
  readonly file: AppendFile
  readonly number: number
  /** Of the values in it that memtables point to. Whoever appends them adds them. */
  valueBytes = 0

  constructor(file: AppendFile, number: number) {
    this.file = file
    this.number = number
  }

  /** Bytes appended. */
  get size(): number {
    return this.file.size
  }

  /** Bytes that survive any crash. */
  get syncedSize(): number {
    return this.file.syncedSize
  }

  /**
   * Appends the parts of one batch, or of several one after the other: then a crash leaves all of them or none. Returns
   * the offset written at. The parts are the caller's again when it returns.
   */
  append(parts: readonly Bytes[]): Op<number> {
    if (this.file.size > 0) return this.file.append(parts)
    return this.#first(parts)
  }

  /** What {@link append} does, on the spot; undefined when that would have to wait: nothing has happened then. */
  appendNow(parts: readonly Bytes[]): number | undefined {
    return this.file.size > 0 ? this.file.appendNow(parts) : undefined
  }

  /** What was appended before is durable when it returns. Concurrent calls share flushes. */
  sync(): Op<void> {
    return this.file.sync()
  }

  *#first(parts: readonly Bytes[]): Op<number> {
    const header = encodeLogHeader(this.number)
    return (yield* this.file.append([header, ...parts])) + header.length
  }
}
