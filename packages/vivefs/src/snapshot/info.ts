/** Snapshots as they are known in memory. */
import type { SnapshotRecord } from '../format/snapshot.ts'

export interface SnapshotInfo extends SnapshotRecord {
  readonly tag: number
}
