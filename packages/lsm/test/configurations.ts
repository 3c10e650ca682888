/**
 * The databases that the suites are run over, in ONE place: abstract-level's own suite, the model test, power cuts and kills. A new
 * one is a row of {@link CONFIGURATIONS}.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Medium, type MemoryOptions, openDirectory } from '@vivefs/media'
import { type LsmLevelOptions, ladder, type MediaPolicy, type Placement, type PlacementRequest } from '../src/index.ts'
import { type MediumShape, openShaped } from './media-shape.ts'

// biome-ignore lint/suspicious/noExplicitAny: keys and values are what each suite makes them
export type Options = LsmLevelOptions<any, any>

/** `default`: in every run; `deep`: with VIVEFS_DEEP=1 only; absent: not in that suite. */
export type When = 'default' | 'deep'

export interface Configuration {
  readonly options: Options
  /** Media by name, for a database on several of them, or of a special shape; `main` alone where absent. In directories they are directories. */
  readonly media?: Readonly<Record<string, MediumShape>>
  /** Lies in memory where the suite leaves the choice; otherwise in a directory. */
  readonly inMemory?: true
  /** Some of its media answer by promises only: a call on the spot may say LEVEL_SYNC_UNAVAILABLE, or LEVEL_BUSY where it would write. */
  readonly waits?: true
  /** Compaction in workers, in the suites that can (abstract, model, kill). */
  readonly threaded?: true
  /** abstract-level's own suite. */
  readonly abstract?: When
  /** One trace in all of these, and random lives. */
  readonly model?: When
  /** Power cuts; always in memory and on one thread. */
  readonly crash?: When
  /** kill -9; always in a directory. */
  readonly kill?: When
}

/** A few thousand entries flush and compact all the time. */
export const SMALL: Options = {
  memtableBytes: 16_384,
  memoryBytes: 1 << 20,
  tableBytes: 8192,
  baseBytes: 32_768,
  blockBytes: 256,
  level0Trigger: 2,
}

/** A few dozen entries do; for power cuts. */
export const TINY: Options = {
  memtableBytes: 4096,
  tableBytes: 4096,
  baseBytes: 8192,
  blockBytes: 256,
  level0Trigger: 2,
  cacheBytes: 65_536,
}

/** Whatever the policy wants to be elsewhere goes there at once. */
const RESTLESS: Options = { relocation: { everyMs: 10, restHours: 0, holdMs: 0 } }

/** Tables below level 0 and values: as much as can be lies where nothing answers on the spot. */
function allTo(medium: string): MediaPolicy {
  const place = ({ file, level }: Pick<PlacementRequest, 'file' | 'level'>): Placement => ({
    media: file === 'blob' || level > 0 ? [medium, 'ssd'] : ['ssd'],
  })
  return { name: `all to ${medium}`, place, relocate: place }
}

export const CONFIGURATIONS: Readonly<Record<string, Configuration>> = {
  default: { options: {}, threaded: true, abstract: 'default', model: 'default', crash: 'default', kill: 'default' },
  small: { options: SMALL, threaded: true, abstract: 'default', model: 'default', kill: 'deep' },
  inline: { options: {}, abstract: 'default' },
  'small in memory': { options: SMALL, inMemory: true, abstract: 'deep', model: 'default' },
  uncached: { options: { ...SMALL, cacheBytes: 0 }, inMemory: true, abstract: 'default', model: 'default' },
  'prefix filters': { options: { ...SMALL, filterBitsPerKey: 0, prefixBytes: 2 }, inMemory: true, model: 'default' },
  deflate: { options: { ...SMALL, compression: 'deflate', restartInterval: 1 }, inMemory: true, model: 'default' },
  relaxed: {
    options: { ...SMALL, durability: 'relaxed' },
    abstract: 'deep',
    model: 'default',
    crash: 'deep',
    kill: 'deep',
  },
  strict: {
    options: { ...SMALL, durability: 'strict', paranoid: true, blockBytes: 64 },
    inMemory: true,
    abstract: 'deep',
    model: 'default',
    crash: 'deep',
    kill: 'deep',
  },
  'everything separated': {
    options: { ...SMALL, separateBytes: 1, logBytes: 8192 },
    threaded: true,
    abstract: 'default',
    model: 'default',
    crash: 'default',
    kill: 'default',
  },
  'some separated': {
    options: {
      ...SMALL,
      separateBytes: 200,
      separation: [{ prefix: 'k', bytes: 40 }],
      logBytes: 16_384,
      spaceSoft: 1.2,
    },
    abstract: 'deep',
    model: 'default',
    crash: 'deep',
    kill: 'deep',
  },
  'two media': {
    options: SMALL,
    media: { first: {}, second: {} },
    abstract: 'deep',
    model: 'deep',
    crash: 'deep',
    kill: 'deep',
  },
  // Files move all the time, and values with them. In directories: a level for each of four.
  ladder: {
    options: { ...SMALL, ...RESTLESS, home: ['ssd'], policy: ladder(['dram', 'ssd', 'smr', 'tape']) },
    media: { dram: { durability: 'volatile' }, ssd: {}, smr: { kind: 'smr' }, tape: { kind: 'tape' } },
    inMemory: true,
    waits: true,
    abstract: 'deep',
    model: 'default',
    crash: 'default',
    kill: 'default',
  },
  'everything on tape': {
    options: { ...SMALL, ...RESTLESS, separateBytes: 100, logBytes: 8192, home: ['ssd'], policy: allTo('tape') },
    media: { ssd: {}, tape: { kind: 'tape' } },
    inMemory: true,
    waits: true,
    abstract: 'default',
    model: 'default',
    crash: 'default',
  },
  'everything in an object store': {
    options: { ...SMALL, ...RESTLESS, separateBytes: 100, logBytes: 8192, home: ['ssd'], policy: allTo('store') },
    media: { ssd: {}, store: { kind: 'object' } },
    inMemory: true,
    waits: true,
    abstract: 'deep',
    model: 'default',
    crash: 'default',
  },
}

const DEEP = process.env.VIVEFS_DEEP === '1'

/** The configurations that a suite is run over now. */
export function configurationsOf(suite: 'abstract' | 'model' | 'crash' | 'kill'): [string, Configuration][] {
  return Object.entries(CONFIGURATIONS).filter(
    ([, { [suite]: when }]) => when === 'default' || (DEEP && when === 'deep'),
  )
}

export function configuration(name: string): Configuration {
  const found = CONFIGURATIONS[name]
  if (found === undefined) throw new Error(`no configuration ${name}`)
  return found
}

/** What the media of a configuration have in common in memory. */
const IN_MEMORY: MemoryOptions = { zoneCount: 256, zoneBytes: 1 << 18, durability: 'flush' }

/** The media of a configuration, in memory. */
export function memoryMedia({ media }: Configuration, shape: MemoryOptions = IN_MEMORY): Record<string, Medium> {
  const opened: Record<string, Medium> = {}
  for (const [name, special] of Object.entries(media ?? { main: {} })) opened[name] = openShaped(special, shape)
  return opened
}

/** The media of a configuration that has several, below a directory; undefined: the directory itself is the database. */
export function directoryMedia(
  { media }: Configuration,
  directory: string,
  readOnly = false,
): Record<string, Medium> | undefined {
  if (media === undefined) return undefined
  const opened: Record<string, Medium> = {}
  mkdirSync(directory, { recursive: true })
  for (const name of Object.keys(media)) opened[name] = openDirectory({ path: join(directory, name), readOnly })
  return opened
}
