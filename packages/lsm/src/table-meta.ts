import type { BlobReference } from './blob/blob-references.ts'
import type { Bytes } from './bytes.ts'

/** What the manifest knows of a table. Immutable; shared by versions. */
export interface TableMeta {
  /** Never used twice in a database; the file's name follows from it. */
  readonly number: number
  /** Size of the file. */
  readonly bytes: number
  /** Smallest user key, range tombstones included. */
  readonly smallest: Bytes
  /** Greatest user key. Excluded when it is only the end of a range tombstone. */
  readonly largest: Bytes
  readonly largestIncluded: boolean
  readonly smallestSequence: number
  readonly largestSequence: number
  /** Point entries, tombstones and operands included. */
  readonly entries: number
  /** Point tombstones among them. */
  readonly deletions: number
  readonly rangeDeletions: number
  /** Sum of key and value bytes before compression. */
  readonly rawBytes: number
  /** Milliseconds since 1970: when the oldest data in it was flushed. */
  readonly createdMs: number
  /** What its entries of kind BLOB refer to, by number of the file. Absent: there are none. */
  readonly blobs?: readonly BlobReference[]
}
