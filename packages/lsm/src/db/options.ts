import type { Medium } from '@vivefs/media'
import type { SeparationOptions } from '../blob/separation.ts'
import { type Compression, compressionAvailable } from '../block/compression.ts'
import type { Bytes } from '../bytes.ts'
import { COMPACTION_DEFAULTS } from '../compaction/defaults.ts'
import type { CompactionOptions } from '../compaction/engine.ts'
import { LevelError } from '../error.ts'
import type { MergeOperator, MergeOperatorReference } from '../merge-operator.ts'
import type { MediaPolicy, MediaPolicyReference } from '../policy/media-policy.ts'
import { type RelocationOptions, type RelocationSettings, relocationOf } from '../policy/relocation.ts'

/**
 * When a write is safe. `group`: when it is acknowledged the operating system has it, so the death of the process loses nothing; `sync`
 * makes it survive loss of power. `strict`: every write is synced before it is acknowledged. `relaxed`: writes wait in the
 * process up to `relaxedBytes` or `relaxedMs`, whichever comes first; that much can be lost, never torn or out of order.
 */
export type Durability = 'group' | 'strict' | 'relaxed'

export interface DbOptions {
  /** Default true. */
  readonly createIfMissing?: boolean | undefined
  /** Default false. */
  readonly errorIfExists?: boolean | undefined
  /** Claims nothing and writes nothing; may stand beside a writer. */
  readonly readOnly?: boolean | undefined
  /** Read only: takes in what the writer does every so many milliseconds, without keeping the process alive; default 0, only on `refresh()`. */
  readonly followMs?: number | undefined
  /** Opens read only and leaves out what is damaged: logs are read up to the damage, tables that cannot be opened are skipped. */
  readonly salvage?: boolean | undefined
  /** Media of your own by name, instead of a directory at the location. They stay yours. */
  readonly media?: Readonly<Record<string, Medium>> | undefined
  /** Names of the media that keep the file table; default the first that can. */
  readonly home?: readonly string[] | undefined
  /** Where files go, or where such a policy is found. Default: the media in the order in which they were given. It may be another at every opening. */
  readonly policy?: MediaPolicy | MediaPolicyReference | undefined
  /** How idle files move to where the policy wants them; false: they do not. */
  readonly relocation?: RelocationOptions | false | undefined
  /** How far a new database in a directory can grow; default 256 GiB. It takes nothing by itself, but opening looks at every 32 MiB of it. */
  readonly capacityBytes?: number | undefined
  /** Default `group`. */
  readonly durability?: Durability | undefined
  /** Most bytes that wait in a process that is `relaxed`; default 1 MiB. */
  readonly relaxedBytes?: number | undefined
  /** Longest time that they wait; default 100. */
  readonly relaxedMs?: number | undefined
  /** One budget for memtables, blocks, filters and indexes; default 64 MiB, at least 1 MiB. */
  readonly memoryBytes?: number | undefined
  /** Bytes of a memtable; default a quarter of `memoryBytes`. */
  readonly memtableBytes?: number | undefined
  /** Bytes of the block cache, filters and indexes; default what two memtables, their flush and compaction leave of `memoryBytes`: 20 of 64 MiB. 0: blocks are not kept. */
  readonly cacheBytes?: number | undefined
  /**
   * Values of so many bytes and more are written once, in the log, and stay there: tables have pointers to them. Default 4096; Infinity: none.
   * It can be changed whenever the database is opened; compaction follows.
   */
  readonly separateBytes?: number | undefined
  /** Other sizes for keys that start with a prefix, the longest one counting. Text is taken as UTF-8. */
  readonly separation?: readonly { readonly prefix: string | Bytes; readonly bytes: number }[] | undefined
  /** A log goes on in another file when it is this long, and so does a file with values; default 64 MiB. */
  readonly logBytes?: number | undefined
  /** Files with values take at most so many times what is alive in them: beyond, compaction moves values to free some. Default 1.5. */
  readonly spaceSoft?: number | undefined
  /** Before values take so many times what is alive, logs included, writers wait; default 2. Small databases may take 32 MiB more. */
  readonly spaceHard?: number | undefined
  /**
   * Space that only deletions, flushes and compaction may use, so that full media can be emptied; 0: none. Default two memtables and two
   * tables, at most 1/16 of the media.
   */
  readonly reserveBytes?: number | undefined
  /** A clean close flushes what is in memory, if that is 1 MiB and more: it takes longer, and the next open does not read the log. Default false. */
  readonly flushOnClose?: boolean | undefined
  /** The operator of the database's merge operands, or where workers find it. */
  readonly mergeOperator?: MergeOperator | MergeOperatorReference | undefined
  /** Where the worker's code is; false: compaction runs on this thread. */
  readonly worker?: string | URL | false | undefined
  readonly compression?: Compression | undefined
  readonly blockBytes?: number | undefined
  readonly restartInterval?: number | undefined
  readonly filterBitsPerKey?: number | undefined
  readonly prefixBytes?: number | undefined
  readonly tableBytes?: number | undefined
  readonly tableBytesMax?: number | undefined
  readonly baseBytes?: number | undefined
  readonly levelRatio?: number | undefined
  readonly level0Trigger?: number | undefined
  readonly level0Slowdown?: number | undefined
  readonly level0Stop?: number | undefined
  /** Check each block's own CRC and the order of keys when compaction reads. Default false. */
  readonly paranoid?: boolean | undefined
  /** Milliseconds since 1970; default `Date.now`. */
  readonly now?: (() => number) | undefined
}

/** Options with every default filled in. */
export interface DbSettings {
  readonly createIfMissing: boolean
  readonly errorIfExists: boolean
  readonly readOnly: boolean
  readonly followMs: number
  readonly salvage: boolean
  readonly media: Readonly<Record<string, Medium>> | undefined
  readonly home: readonly string[] | undefined
  readonly capacityBytes: number
  readonly durability: Durability
  readonly relaxedBytes: number
  readonly relaxedMs: number
  readonly memoryBytes: number
  readonly memtableBytes: number
  readonly cacheBytes: number
  readonly logBytes: number
  readonly reserveBytes: number
  readonly flushOnClose: boolean
  readonly mergeOperator: MergeOperator | MergeOperatorReference | undefined
  readonly compaction: CompactionOptions
  readonly relocation: RelocationSettings | undefined
  readonly now: () => number
}

const MIB = 1 << 20
/** Where a value is cheaper to point to than to copy, see docs/decisions/0009. */
const SEPARATE_BYTES = 4096
const MEMORY_BYTES = 64 * MIB
const DURABILITIES: readonly Durability[] = ['group', 'strict', 'relaxed']
/** Memory for the places of chunks in the volume, as a part of `memoryBytes`. */
export const PLACES_PART = 16
/** What flush and compaction have in hands: buffers of the workers, and of what is on its way between the threads. */
const WORK_PART = 8
const WORK_BYTES_MAX: number = 8 * MIB
/** Immutable memtables that may wait for their flush: one is flushed while the next one fills. */
export const IMMUTABLE_MAX = 1

function whole(value: unknown, name: string, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most)
    throw new LevelError('LEVEL_ARGUMENT', `${name} must be a whole number in ${least}..${most}, not ${String(value)}`)
  return value
}

/** Checks the options. LEVEL_ARGUMENT names the one that is wrong. */
export function settingsOf(o: DbOptions): DbSettings {
  const durability = o.durability ?? 'group'
  if (!DURABILITIES.includes(durability))
    throw new LevelError('LEVEL_ARGUMENT', `durability must be group, strict or relaxed, not ${String(durability)}`)
  const memoryBytes = whole(o.memoryBytes ?? MEMORY_BYTES, 'memoryBytes', MIB, 2 ** 40)
  const memtableBytes = whole(o.memtableBytes ?? memoryBytes >>> 2, 'memtableBytes', 4096, 2 ** 30)
  const work = Math.min(WORK_BYTES_MAX, memoryBytes / WORK_PART)
  const others = Math.ceil((1 + IMMUTABLE_MAX) * memtableBytes + memoryBytes / PLACES_PART + work)
  const readOnly = o.readOnly === true || o.salvage === true
  const compaction = compactionOf(o)
  const reserveBytes = o.reserveBytes ?? 2 * (memtableBytes + compaction.tableBytesMax)
  return {
    createIfMissing: o.createIfMissing !== false && !readOnly,
    errorIfExists: o.errorIfExists === true,
    readOnly,
    followMs: followMsOf(o, readOnly),
    salvage: o.salvage === true,
    media: o.media,
    home: o.home,
    capacityBytes: whole(o.capacityBytes ?? 2 ** 38, 'capacityBytes', MIB, 2 ** 45),
    durability,
    relaxedBytes: whole(o.relaxedBytes ?? MIB, 'relaxedBytes', 0, 2 ** 30),
    relaxedMs: whole(o.relaxedMs ?? 100, 'relaxedMs', 0, 3_600_000),
    memoryBytes,
    memtableBytes,
    cacheBytes: whole(o.cacheBytes ?? Math.max(0, memoryBytes - others), 'cacheBytes', 0, 2 ** 40),
    logBytes: logBytesOf(o),
    reserveBytes: whole(reserveBytes, 'reserveBytes', 0, 2 ** 45),
    flushOnClose: o.flushOnClose === true,
    mergeOperator: o.mergeOperator,
    compaction,
    relocation: o.relocation === false ? undefined : relocationOf(o.relocation),
    now: o.now ?? Date.now,
  }
}

function logBytesOf(o: DbOptions): number {
  return whole(o.logBytes ?? 64 * MIB, 'logBytes', 4096, 2 ** 31)
}

/** A size from which on values are separated. */
function threshold(value: unknown, name: string): number {
  return value === Number.POSITIVE_INFINITY ? value : whole(value, name, 1, 2 ** 31)
}

function separationOptions({ separateBytes = SEPARATE_BYTES, separation = [] }: DbOptions): SeparationOptions {
  const rules = separation.map(({ prefix, bytes }) => ({
    prefix: Buffer.from(prefix as Uint8Array),
    bytes: threshold(bytes, 'separation: bytes'),
  }))
  return { bytes: threshold(separateBytes, 'separateBytes'), rules }
}

function ratio(value: number, name: string, least: number): number {
  if (typeof value === 'number' && value >= least && value <= 1000) return value
  throw new LevelError('LEVEL_ARGUMENT', `${name} must be in ${least}..1000, not ${String(value)}`)
}

function followMsOf({ followMs = 0, salvage }: DbOptions, readOnly: boolean): number {
  if (followMs !== 0 && (!readOnly || salvage === true))
    throw new LevelError('LEVEL_ARGUMENT', 'followMs is for databases opened readOnly')
  return whole(followMs, 'followMs', 0, 3_600_000)
}

function compactionOf(o: DbOptions): CompactionOptions {
  const d = COMPACTION_DEFAULTS
  const compression = o.compression ?? d.compression
  if (!compressionAvailable(compression))
    throw new LevelError('LEVEL_ARGUMENT', `this runtime cannot compress with ${compression}`)
  return {
    ...d,
    compression,
    tableBytes: whole(o.tableBytes ?? d.tableBytes, 'tableBytes', 1024, 2 ** 31),
    tableBytesMax: whole(
      o.tableBytesMax ?? Math.max(d.tableBytesMax, o.tableBytes ?? 0),
      'tableBytesMax',
      1024,
      2 ** 31,
    ),
    baseBytes: whole(o.baseBytes ?? d.baseBytes, 'baseBytes', 1024, 2 ** 40),
    levelRatio: whole(o.levelRatio ?? d.levelRatio, 'levelRatio', 2, 100),
    level0Trigger: whole(o.level0Trigger ?? d.level0Trigger, 'level0Trigger', 1, 1000),
    level0Slowdown: whole(o.level0Slowdown ?? d.level0Slowdown, 'level0Slowdown', 1, 1000),
    level0Stop: whole(o.level0Stop ?? d.level0Stop, 'level0Stop', 1, 1000),
    blockBytes: whole(o.blockBytes ?? d.blockBytes, 'blockBytes', 64, MIB),
    restartInterval: whole(o.restartInterval ?? d.restartInterval, 'restartInterval', 1, 1024),
    filterBitsPerKey: whole(o.filterBitsPerKey ?? d.filterBitsPerKey, 'filterBitsPerKey', 0, 64),
    prefixBytes: whole(o.prefixBytes ?? d.prefixBytes, 'prefixBytes', 0, 65_536),
    separation: separationOptions(o),
    blobBytes: logBytesOf(o),
    spaceSoft: ratio(o.spaceSoft ?? d.spaceSoft, 'spaceSoft', 1.1),
    spaceHard: ratio(o.spaceHard ?? Math.max(d.spaceHard, o.spaceSoft ?? 0), 'spaceHard', o.spaceSoft ?? d.spaceSoft),
    worker: o.worker,
    paranoid: o.paranoid === true,
  }
}
