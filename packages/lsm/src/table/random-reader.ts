import type { Bytes } from '../bytes.ts'
import type { Op } from '../op.ts'

/** A finished file, read anywhere. An `AppendFile` of pfaof is one. */
export interface RandomReader {
  readonly size: number
  /** There where reads in order are answered from what was read ahead, so that the caller has no need to do it: nobody goes on in order. */
  forgetAhead?(): void
  /** Fills `into` from `offset`; returns the bytes, fewer at the end of the file. */
  read(offset: number, into: Bytes): Op<number>
  /** The same on the spot, or undefined when that would wait. */
  readNow?(offset: number, into: Bytes): number | undefined
}
