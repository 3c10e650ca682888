/**
 * A volume on media that the caller opened, on `@vivefs/lsm`: a policy says where each file of the database lies. The package is loaded only
 * when such a volume is opened.
 */
import type { LsmLevel, LsmLevelOptions } from '@vivefs/lsm'
import { ViveError } from '../errors.ts'
import { DATA_FORK, DATA_HISTORY, EXTENT } from '../format/key-types.ts'
import { assertNotFollowed, type Engine, type EngineOptions } from './engine.ts'
import { freeBytesForNew } from './free-space.ts'

const MEMTABLE_BYTES = 8 * 1024 * 1024
const MEMORY_BYTES = 64 * 1024 * 1024

/** Media by name, and where what goes (docs/tiers.md). The media stay the caller's to close, after the volume. */
export interface Tiers {
  readonly media: NonNullable<LsmLevelOptions<Buffer, Buffer>['media']>
  /** Default: the media in the order in which they were given; a full one falls to the next. It may be another at every opening. */
  readonly policy?: LsmLevelOptions<Buffer, Buffer>['policy']
  /** Names of the media that keep the table of files; default the first that can. */
  readonly home?: LsmLevelOptions<Buffer, Buffer>['home']
  /** How idle files move to where the policy wants them; false: they do not. */
  readonly relocation?: LsmLevelOptions<Buffer, Buffer>['relocation']
  /** The clock by which content ages, milliseconds since 1970; default `Date.now`. For tests, and for showing in a minute what takes a year. */
  readonly now?: () => number
}

/** Keys below this one are metadata, keys from it on are content: for `archive({ metadataBelow })`, or the `partition` of a policy. */
export const METADATA_BELOW: Uint8Array = Uint8Array.of(EXTENT)

/** Content from this size on is written once, in the log (decision 9). Metadata stays with its keys, whatever its size: content ages, it does not. */
const SEPARATE_BYTES = 4096
const SEPARATION = [EXTENT, DATA_HISTORY, DATA_FORK].map((type) => ({
  prefix: Uint8Array.of(type),
  bytes: SEPARATE_BYTES,
}))

export const isTiers = (where: unknown): where is Tiers =>
  typeof where === 'object' && where !== null && 'media' in where && !('batch' in where)

/** ERR_VIVEFS_LOCKED, ERR_VIVEFS_NOT_A_VOLUME, ERR_VIVEFS_ENGINE, ERR_VIVEFS_OPTION. */
export async function openTiersEngine(tiers: Tiers, options: EngineOptions): Promise<Engine> {
  assertNotFollowed('media of your own', options)
  const { media, policy, home, relocation, now } = tiers
  if (Object.keys(media).length === 0) throw new ViveError('ERR_VIVEFS_OPTION', 'media: at least one')
  const { LsmLevel } = await import('@vivefs/lsm')
  const database: LsmLevel<Buffer, Buffer> = new LsmLevel<Buffer, Buffer>('media', {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    memoryBytes: MEMORY_BYTES,
    reserveBytes: 0, // what may grow is the store's to say
    flushOnClose: true, // an open is waited for more often than a close
    memtableBytes: MEMTABLE_BYTES,
    createIfMissing: options.create,
    readOnly: options.readOnly,
    separateBytes: Number.POSITIVE_INFINITY,
    separation: SEPARATION,
    media,
    ...(now === undefined ? {} : { now }),
    ...(policy === undefined ? {} : { policy }),
    ...(home === undefined ? {} : { home }),
    ...(relocation === undefined ? {} : { relocation }),
  })
  try {
    await database.open()
  } catch (error) {
    throw openFailure(error)
  }
  const map = () => database.map()
  return {
    name: 'lsm',
    database,
    ownsDatabase: true,
    volumeId: undefined,
    freeBytes: () => freeBytesForNew(policy, map()),
    map,
    relocate: (force) => database.relocate({ force }),
    emptyMedium: (name) => database.emptyMedium(name),
    places: { locate: (key) => database.locate(Buffer.from(key)) },
    release: async () => {},
  }
}

const CODES = {
  LEVEL_LOCKED: ['ERR_VIVEFS_LOCKED', 'another writer has the media'],
  LEVEL_MISSING: ['ERR_VIVEFS_NOT_A_VOLUME', 'no volume on these media'],
  LEVEL_ARGUMENT: ['ERR_VIVEFS_OPTION', 'the media or the policy do not fit'],
} as const

/** abstract-level wraps the reason. */
function openFailure(cause: unknown): ViveError {
  const reason = (cause as Error).cause as (Error & { code?: string }) | undefined
  const [code, what] = CODES[reason?.code as keyof typeof CODES] ?? ['ERR_VIVEFS_ENGINE', 'the media cannot be opened']
  return new ViveError(code, `${what}: ${reason?.message ?? String(cause)}`, { cause })
}
