/** What a tape drive does, below the medium: the seam between `TapeDriveMedium` and the kernel's st driver. */
import type { Bytes } from '../medium.ts'

/**
 * Tape files are numbered from 0 and end with a filemark; blocks are as long as they were written. One caller at a
 * time. Failures are the system's errors or MediumErrors.
 */
export interface TapeTransport {
  /** The drive knows block addresses (mt tell and seek). */
  readonly locates: boolean
  readonly writeProtected: boolean
  /** Most bytes of one block. */
  readonly blockBytesMax: number
  /** Positions at the first block of a tape file; `address` is the block address that it is known to have. */
  toFile(file: number, address?: number): Promise<void>
  /** Positions at a block address, where the drive `locates`. */
  toAddress(address: number): Promise<void>
  /** Skips blocks of the file that it is in. */
  skipBlocks(count: number): Promise<void>
  /** Winds to the end of data; the number of tape files there, where the drive can tell. */
  toEnd(): Promise<number | undefined>
  /** The block address where it stands, where the drive can tell. */
  tell(): Promise<number | undefined>
  /** The number of the tape file where it stands, where the system can tell. */
  fileNumber(): Promise<number | undefined>
  /** Fills `into` with the next block; its length, 0 at a filemark (then it stands behind it). */
  readBlock(into: Bytes): Promise<number>
  /** ENOSPC: the end of the medium is near; the block was not written, and the next try may be. */
  writeBlock(block: Bytes): Promise<void>
  /** Writes a filemark and waits until everything before is on tape: the durability point. */
  endFile(): Promise<void>
  close(): Promise<void>
}
