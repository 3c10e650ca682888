/** Rows of the change feed (FORMAT.md, "Change feed"). */
import type { Bytes } from '../store/store.ts'
import { feedStateKey } from './keys.ts'
import { decodeRecord, encodeRecord, isCount, isMap } from './record.ts'
import { RowKind, type Verdict } from './row.ts'

/** Kinds of changes. On disk: never renumber. */
export const FeedKind = { create: 1, delete: 2, rename: 3, modify: 4, attrib: 5, gone: 6, rollback: 7 } as const

export type FeedKindName = keyof typeof FeedKind

const KIND_NAMES = Object.fromEntries(Object.entries(FeedKind).map(([name, kind]) => [kind, name as FeedKindName]))

/** The name of a kind on disk; undefined for none of ours. */
export const feedKindName = (kind: number): FeedKindName | undefined => KIND_NAMES[kind]

/** What to hold at most; 0: no bound. */
export interface FeedKeep {
  /** Entries. */
  readonly count: number
  /** Bytes of keys and values. */
  readonly bytes: number
  readonly ageMs: number
}

export interface FeedState {
  readonly isOn: boolean
  readonly keep: FeedKeep
  /** Entries below were trimmed. */
  readonly first: number
  /** Entries that are there. */
  readonly rows: number
  /** Their keys and values. */
  readonly bytes: number
}

/** One change; `directory` 0 and an empty `name`: reached by no name. The last two are there for renames only. */
export type FeedChange = readonly [
  kind: number,
  isDirectory: boolean,
  ino: number,
  directory: number,
  name: Bytes,
  toDirectory?: number,
  toName?: Bytes,
]

/** What one batch changed. */
export interface FeedEntry {
  /** Milliseconds since 1970. */
  readonly timeMs: number
  readonly uid: number
  readonly gid: number
  readonly changes: readonly FeedChange[]
}

/** Bytes of an entry's key. */
export const FEED_KEY_BYTES = 9

const isKeep = (value: unknown): value is FeedKeep =>
  isMap(value) && isCount(value.count) && isCount(value.bytes) && isCount(value.ageMs)

const isState = (value: unknown): value is FeedState =>
  isMap(value) &&
  typeof value.isOn === 'boolean' &&
  isKeep(value.keep) &&
  isCount(value.first) &&
  isCount(value.rows) &&
  isCount(value.bytes)

const isBytes = (value: unknown): value is Bytes => value instanceof Uint8Array

const isChange = (value: unknown): value is FeedChange =>
  Array.isArray(value) &&
  (value.length === 5 || value.length === 7) &&
  feedKindName(value[0]) !== undefined &&
  (value[0] === FeedKind.rename) === (value.length === 7) &&
  typeof value[1] === 'boolean' &&
  isCount(value[2]) &&
  isCount(value[3]) &&
  isBytes(value[4]) &&
  (value.length === 5 || (isCount(value[5]) && isBytes(value[6])))

const isEntry = (value: unknown): value is FeedEntry =>
  isMap(value) &&
  isCount(value.timeMs) &&
  isCount(value.uid) &&
  isCount(value.gid) &&
  Array.isArray(value.changes) &&
  value.changes.every(isChange)

export const encodeFeedState = (state: FeedState): Buffer => encodeRecord(RowKind.feedState, 1, feedStateKey, state)

/** Never throws. */
export const decodeFeedState = (bytes: Bytes): Verdict<FeedState> =>
  decodeRecord(RowKind.feedState, 1, feedStateKey, bytes, isState)

export const encodeFeedEntry = (key: Bytes, entry: FeedEntry): Buffer => encodeRecord(RowKind.feedEntry, 1, key, entry)

/** Never throws. */
export const decodeFeedEntry = (key: Bytes, bytes: Bytes): Verdict<FeedEntry> =>
  decodeRecord(RowKind.feedEntry, 1, key, bytes, isEntry)
