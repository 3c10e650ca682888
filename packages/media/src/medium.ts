/**
 * The contract that every medium honours: append-only zones with a write pointer.
 *
 * Laws (the conformance suite cites them by number):
 *
 * - L1  `append` writes all its bytes at the zone's write pointer, contiguously, or fails. A short append is an error.
 * - L2  The offset that `append` returns is where the first byte lies; the pointer is then offset + length.
 * - L3  After a failed append the zone refuses appends with MEDIA_POINTER_STALE until `report()` was called; the
 *       caller then rescans the tail, since any prefix (or, where `overwrite` is 'any', any part) may have landed.
 * - L4  What was appended before `flush` was called survives loss of power when `flush` has returned. What was
 *       appended later may or may not. Exceptions by `caps.durability`: 'volatile' keeps nothing; 'seal' keeps a
 *       zone once `finish(zone)` has returned, and flush promises nothing for unfinished zones.
 * - L5  After a failed `flush` every further append, flush, finish and reset fails with MEDIA_POISONED until the
 *       medium is opened anew: a second fsync can lie. Reads go on.
 * - L6  The caller owns `parts` again when append settles; `into` is filled, never kept.
 * - L7  A read returns the bytes below the pointer; at or past a known pointer it is short, at last 0. Where the
 *       pointer is 'unknown' it reads up to the zone's capacity and may return zeros or stale bytes.
 * - L8  A read sees every append that settled before it, flushed or not.
 * - L9  `reset` makes a zone empty; `finish` makes it full: no append until reset. Both are ordered after the
 *       zone's earlier appends. Neither is a flush of other zones. After `finish` the reported pointer is either
 *       the end of the data or the capacity; bytes between the two read as zeros (stale where overwrite is 'any').
 *       A reset may survive loss of power at once, before any flush: flush what supersedes the zone first.
 * - L10 Refusals (bad arguments, limits, full, wrong state) write nothing, do not poison, and do not make a
 *       pointer stale.
 * - L11 Every operation after `close` fails with MEDIA_CLOSED; `close` itself is idempotent and never flushes.
 * - L12 Appends to one zone are done in the order of their calls. One writer per zone.
 *
 * Sources: the kernel's zonefs, ZenFS `zbd_zenfs.h`, SPDK `bdev_zone.h`; fsync laws from "Can Applications Recover
 * from fsync Failures?" (ATC'20).
 */

export type Bytes = Uint8Array

/** Zone states of NVMe ZNS. 'open' and 'closed' are active: they hold data and can take more. */
export type ZoneState = 'empty' | 'open' | 'closed' | 'full' | 'read-only' | 'offline'

/** How long the writer expects data to live; a hint, as NVMe write life times are. */
export type Lifetime = 'short' | 'medium' | 'long' | 'extreme'

/** The truth about one zone. */
export interface ZoneReport {
  /** 0 .. zoneCount-1. */
  readonly zone: number
  readonly state: ZoneState
  /** Bytes from the zone's start to where the next append goes; 'unknown' when the store cannot tell. */
  readonly pointer: number | 'unknown'
  /** Bytes that can be written into this zone, at most `zoneBytes`. */
  readonly capacityBytes: number
  /**
   * Absent means sequential. A conventional zone has no write pointer of its own (SMR, preallocated files): while the
   * medium is open it remembers where it wrote; after reopening it says 'unknown', and stale bytes may show through.
   */
  readonly type?: 'sequential' | 'conventional'
}

/**
 * What a medium can do, wants and costs: data only, so that nobody asks "which driver are you?". 0 = no limit. Where
 * zones differ (`ZoneReport.type`) the caps give the weaker promise.
 */
export interface MediumCaps {
  /** The length of every append is a multiple of this. Reads may start and end anywhere. */
  readonly blockBytes: number
  /** Alignment of the caller's memory for which the driver need not copy; 1 = any. Never demanded, only cheaper. */
  readonly memoryAlign: number
  /** Smallest append, in bytes (at least blockBytes). */
  readonly appendBytesMin: number
  /** Largest single append, in bytes; 0 = as much as the zone takes. */
  readonly appendBytesMax: number
  /** The size from which appends run at full speed. */
  readonly appendBytesOptimal: number
  readonly zoneCount: number
  /** Distance between the starts of zones. */
  readonly zoneBytes: number
  /** Writable bytes of an ordinary zone, at most zoneBytes; each zone's own is in its report. */
  readonly zoneCapacityBytes: number
  /** Most zones in state 'open'; 0 = no limit. */
  readonly openZonesMax: number
  /** Most zones in state 'open' or 'closed'; 0 = no limit. */
  readonly activeZonesMax: number
  /** How many zones one would write at a time for speed; 0 = does not matter. */
  readonly openZonesOptimal: number
  /** 'stream': only the newest zone takes data. 'whole-object': one append per zone, which fills it. */
  readonly append: 'positional' | 'device-assigned' | 'stream' | 'whole-object'
  /** What becomes of old bytes when a zone is written again. 'any': they may show through (stale bytes). */
  readonly overwrite: 'any' | 'reset-zone' | 'truncates-rest' | 'never'
  /** How space returns: by `reset` of a zone ('discard', 'reset', 'delete') or by `erase` only ('whole-medium'). */
  readonly reclaim: 'discard' | 'reset' | 'whole-medium' | 'delete'
  /** When appended bytes survive loss of power: never, after flush, when the zone is finished, at once. */
  readonly durability: 'volatile' | 'flush' | 'seal' | 'immediate'
  /** After reopening, do zones report where they end? false: expect 'unknown' for written conventional zones. */
  readonly pointerSurvives: boolean
  /** appendSync, readSync and flushSync exist. */
  readonly sync: boolean
  /** May be taken out of the machine or of reach. */
  readonly removable: boolean
  /** Who may have it open at one time. */
  readonly sharing: 'exclusive' | 'processes' | 'hosts'
  /** May `spec` be opened a second time (by a worker thread) while this instance is open? */
  readonly reopenable: boolean
  /** How a second writer is kept out. */
  readonly fencing: 'lock' | 'create-once' | 'none'
  readonly cost: MediumCost
}

/** Estimates for placement and ordering; milliseconds and MB/s (10^6 bytes). */
export interface MediumCost {
  readonly seekMs: number
  readonly readMBps: number
  readonly writeMBps: number
  /** Below this rate a stream medium stops and backs up; 0 = does not matter. */
  readonly streamMBpsMin: number
  readonly mountMs: number
}

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined }

/** Describes a medium as JSON; `openMedium(spec)` opens it, in a worker too. `kind` chooses the driver. */
export interface MediumSpec {
  readonly kind: string
  readonly [key: string]: Json | undefined
}

/** One read of a batch. `into` belongs to the medium until its result was yielded. */
export interface ReadRequest {
  readonly zone: number
  readonly offset: number
  readonly into: Bytes
}

/** Outcome of one read of a batch; exactly one of `bytes` and `error` is meaningful. */
export interface ReadResult {
  readonly request: ReadRequest
  /** The index of the request in the batch. */
  readonly index: number
  /** Bytes filled, 0 when `error` is set. */
  readonly bytes: number
  readonly error?: Error
}

/** Counters of one kind of operation since open. */
export interface OperationStats {
  readonly count: number
  readonly errors: number
  readonly bytes: number
  /** Sum and maximum of wall-clock latency. One synchronous read in eight is timed and stands for those after it. */
  readonly totalMs: number
  readonly maxMs: number
  /** latencyCounts[i]: operations that took less than 2^i microseconds and not less than 2^(i-1). */
  readonly latencyCounts: readonly number[]
}

export type OperationName = 'append' | 'read' | 'flush' | 'finish' | 'reset' | 'report' | 'key'

/** Everything counted on a medium since it was opened. */
export interface MediumStats {
  readonly operations: Readonly<Record<OperationName, OperationStats>>
  /** Accesses that did not start where the one before ended. */
  readonly seeks: number
  /** Time that the modelled device would have taken, 0 for real media. */
  readonly modelMs: number
}

/** See the laws at the top of the file. Every method rejects with (or throws) a `MediumError`. */
export interface Medium {
  /** JSON from which a worker reopens it. */
  readonly spec: MediumSpec
  readonly caps: MediumCaps
  /** Identity, given at creation and kept for ever (UUID text): tells the wrong disk at the right path. */
  readonly id: string

  /** All zones in order of number, as the store itself knows them; clears MEDIA_POINTER_STALE. */
  report(): Promise<readonly ZoneReport[]>

  /** Appends the concatenation of `parts`; resolves to the offset of its first byte (L1, L2, L6). */
  append(zone: number, parts: readonly Bytes[]): Promise<number>
  /** As `append`; MEDIA_BUSY while an asynchronous append to the same zone is under way. */
  appendSync?(zone: number, parts: readonly Bytes[]): number

  /** Fills `into` from `offset`; resolves to the bytes filled (L7, L8). */
  read(zone: number, offset: number, into: Bytes): Promise<number>
  readSync?(zone: number, offset: number, into: Bytes): number
  /** Reads a batch in the driver's own best order (elevator, tape position) and yields results as they come. */
  readMany(requests: readonly ReadRequest[]): AsyncIterable<ReadResult>

  /** Durability barrier (L4, L5). */
  flush(): Promise<void>
  /** As `flush`, for what has settled; MEDIA_BUSY while asynchronous appends are under way. An asynchronous flush may be. */
  flushSync?(): void

  /** Makes the zone full; returns what is unused of it to nobody. A full zone stays as it is. */
  finish(zone: number): Promise<void>
  /** As `finish`; MEDIA_BUSY while the zone has asynchronous work. Exists only beside `appendSync`, where it never waits. */
  finishSync?(zone: number): void
  /** Makes the zone empty. MEDIA_NOT_SUPPORTED where reclaim is 'whole-medium' and the zone holds data. */
  reset(zone: number): Promise<void>
  /** As `reset`, under the conditions of `finishSync`. */
  resetSync?(zone: number): void
  /** Open becomes closed: frees an open slot and keeps an active one. Exists where `openZonesMax` is not 0. */
  closeZone?(zone: number): Promise<void>
  /**
   * Tells a medium whose pointer is 'unknown' where the tail lies: the zone is then closed with that pointer.
   * Exists where a pointer can be unknown. Bytes above `pointer` are stale and will be written over.
   */
  resume?(zone: number, pointer: number): Promise<void>
  /** Erases everything, the only way back to empty where reclaim is 'whole-medium'. */
  erase?(): Promise<void>

  /**
   * After MEDIA_NO_SPACE: gives a reserve of space back to the store below, so that deletes and compaction can go on.
   * False when it was spent before. Exists where a reserve does.
   */
  spendReserve?(): Promise<boolean>
  /** Makes the reserve whole again; false while there is no space for it. */
  refillReserve?(): Promise<boolean>

  /** Durable whole-object put that refuses an existing key by resolving to false; where fencing is 'create-once'. */
  createOnce?(key: string, bytes: Bytes): Promise<boolean>
  /** The bytes of a key, or of [offset, offset + length) of it; undefined when there is none. */
  readKey?(key: string, range?: { readonly offset: number; readonly length: number }): Promise<Bytes | undefined>
  /** Keys that start with `prefix`, sorted by code unit. */
  listKeys?(prefix: string): Promise<readonly string[]>
  /** Resolves to whether there was one. */
  deleteKey?(key: string): Promise<boolean>

  /** A copy; the caller may keep it. */
  stats(): MediumStats
  /** Releases handles and locks (L11). */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
