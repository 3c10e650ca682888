/** What the core asks of whoever keeps rows for others: snapshots of the volume, or the base of a fork. */
import type { Op } from '../op.ts'
import type { Bytes, Tx } from '../store/store.ts'

/**
 * What is to become of a row that this volume does not see any more: somebody sees it where it is (`leave`), may see it
 * and has to keep it aside (`delete`), or nobody does (`discard`).
 */
export type RowFate = 'leave' | 'delete' | 'discard'

export interface SharedRows {
  /**
   * Whether rows of an inode may be another's too: deleting one of them in place means a copy, leaving it where nobody
   * looks any more costs nothing.
   */
  shares(ino: number): boolean
  /** For jobs (`since`): who is made later does not see what they delete. */
  readonly stamp: number
  /** For some rows that this volume does not see any more. `keys`: ascending, of one type. */
  fatesOf(tx: Tx, keys: readonly Bytes[], since: number): Op<readonly RowFate[]>
}
