import type { Lifetime, MediumCost } from '@vivefs/media'
import type { Compression } from '../block/compression.ts'
import type { Bytes } from '../bytes.ts'

/** How a medium of the database stands when it is asked where a file goes. */
export interface MediumStatus {
  /** `full`: no zone is left for ordinary writes. `offline`: it failed a short while ago, and is left alone for some time. */
  readonly state: 'online' | 'full' | 'offline'
  readonly capacityBytes: number
  /** What a new file can still get. */
  readonly availableBytes: number
  /** What files use. */
  readonly liveBytes: number
  /** False: loss of power takes what lies there (DRAM, CXL memory). */
  readonly durable: boolean
  /** Its bytes can be read on the spot. False: tape, object store. */
  readonly sync: boolean
  /** Space returns only by erasing the whole medium: what is deleted there stays used (tape). */
  readonly writeOnce: boolean
  readonly cost: MediumCost
}

/** What a file will be, as far as it is known before it is written. */
export interface PlacementRequest {
  readonly file: 'log' | 'manifest' | 'table' | 'blob'
  /**
   * Level of the tree that the file belongs to, as `stats().levels` numbers them; -1: log and manifest. A file with values (`blob`) belongs
   * to the level whose tables refer to most of what is alive in it.
   */
  readonly level: number
  /**
   * The place of the level among those in use, from the top: 0 is level 0, 1 the level that it is compacted into, and so on; -1: log and
   * manifest. The tree grows from the last level back, so a small one has level 0 and level 6, whose depth is 1.
   */
  readonly depth: number
  /** Nothing lies below. */
  readonly lastLevel: boolean
  readonly reason: 'create' | 'flush' | 'compaction' | 'blob-rewrite' | 'move'
  readonly bytesExpected: number
  /** The keys of the file lie from here ... */
  readonly lowerKey: Bytes
  /** ... to here; where files are cut at a key of `partition`, this is that key, and it is not among them. Both are empty where nothing is known (log, manifest). */
  readonly upperKey: Bytes
  /** How long ago the youngest and the oldest data in it were flushed, as far as that is known: of one file only one of both is. */
  readonly ageMsMin: number
  readonly ageMsMax: number
  /**
   * Of tables: bytes of values in other files that the entries point to, for each byte of their own. From 1 on the table is rather an index
   * of those than data. 0 for a flush, and for files that are no tables.
   */
  readonly valuesPerByte: number
  /** Reads per MiB and hour of the data, decayed: half of it is from the last hour. */
  readonly heat: number
  readonly media: ReadonlyMap<string, MediumStatus>
}

/** Where a file goes, and how it is built. What is left out stays as the database's options say. */
export interface Placement {
  /** Names of media in order of preference: the first that is neither full nor offline takes the file. */
  readonly media: readonly [string, ...string[]]
  /**
   * Media for a copy of index and filters of a table, in order of preference. Default: the media of the file table where the data goes to a
   * medium that cannot be read on the spot; otherwise there is no copy.
   */
  readonly index?: readonly [string, ...string[]]
  readonly compression?: Compression
  readonly fileBytesTarget?: number
  readonly blockBytesTarget?: number
  readonly filterBitsPerKey?: number
  readonly lifetime?: Lifetime
}

/**
 * Decides which medium takes which file. Yours to write: pure and synchronous, asked once for each run of output files between two keys of
 * `partition`, before any of them is written. Changing it rewrites nothing by itself.
 *
 * An answer that is none, or names a medium that the database does not have, ends the job with LEVEL_ARGUMENT, which names the policy and the
 * request; nothing is lost, and the job is tried again. Idea: `DbPath` of RocksDB and the placement of GearDB (FAST'19), as user code.
 */
export interface MediaPolicy {
  readonly name: string
  /** Output files are cut at these keys, ascending: no file has keys on both sides. */
  readonly partition?: readonly Bytes[]
  place(request: PlacementRequest): Placement
  /**
   * Asked now and then for tables and files with values that nobody rewrites; undefined: it stays where it is. A file is moved when `current` is not among the
   * media of the answer that can take it, or a better one can.
   */
  relocate?(request: PlacementRequest & { readonly current: string }): Placement | undefined
}

/** Where the policy is found: a module and the name of its export (default `default`), which is the policy or a function that makes it. */
export interface MediaPolicyReference {
  readonly module: string | URL
  readonly export?: string | undefined
}
