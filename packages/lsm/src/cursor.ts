import type { Bytes } from './bytes.ts'
import type { Kind } from './kind.ts'
import type { Op } from './op.ts'

/**
 * A position in entries that are sorted in internal order: user key bytewise ascending, then sequence number descending
 * (the newest first). No two entries of one source share key and sequence. Range tombstones are not among the entries; see
 * `RangeTombstones`.
 *
 * While `valid`, the entry is `keyBytes[keyStart, keyEnd)`, `sequence`, `kind` and `valueBytes[valueStart, valueEnd)`. These
 * are views into blocks, arenas or the cursor's scratch memory: they hold until the cursor moves and must not be changed.
 *
 * Moving asks first: `nextNow` and `prevNow` answer true when the move is done (look at `valid` then), and false, without
 * having moved, when something has to be read: then drive `next` or `prev`. Not valid: only positioning is allowed.
 */
export interface Cursor {
  readonly valid: boolean
  readonly keyBytes: Buffer
  readonly keyStart: number
  readonly keyEnd: number
  readonly sequence: number
  readonly kind: Kind
  readonly valueBytes: Buffer
  readonly valueStart: number
  readonly valueEnd: number

  first(): Op<void>
  last(): Op<void>
  /** To the first entry at or after (key, sequence) in internal order: with SEQUENCE_MAX, the newest of the key. */
  seek(key: Bytes, sequence: number): Op<void>
  /**
   * The same on the spot. False: something has to be read, and the cursor is not positioned; drive `seek`. A cursor without it is
   * always to be driven.
   */
  seekNow?(key: Bytes, sequence: number): boolean
  /** To the last entry before (key, sequence) in internal order: with SEQUENCE_MAX, the last entry of a smaller key. */
  seekBefore(key: Bytes, sequence: number): Op<void>
  nextNow(): boolean
  next(): Op<void>
  prevNow(): boolean
  prev(): Op<void>
  /** Lets go of blocks and of what it stands on. Idempotent. */
  close(): void
}
