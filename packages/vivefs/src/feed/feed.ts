/**
 * The change feed of a volume: what every commit did to names and files, as rows in the commit's own batch (FORMAT.md,
 * "Change feed"). Free while it is off.
 *
 * I1: numbers are given in the step in which a commit is ordered, so their order is that of the batches.
 * I2: `landed` is the newest number whose batch has been acknowledged: what is not in the database yet is told to nobody,
 *     as a crash could take it, and the number would be another change's.
 * I3: the state row is written with every entry, from memory, so that its counts are exact after a crash.
 */
import type { Call } from '../core/call.ts'
import type { Change } from '../core/changes.ts'
import type { Core } from '../core/core.ts'
import { corruption } from '../core/corruption.ts'
import { changeFeatures } from '../core/features.ts'
import { superuser } from '../core/mode.ts'
import { FilesystemError } from '../errors.ts'
import {
  decodeFeedEntry,
  decodeFeedState,
  encodeFeedEntry,
  encodeFeedState,
  FEED_KEY_BYTES,
  type FeedChange,
  type FeedKeep,
  FeedKind,
  type FeedState,
} from '../format/feed.ts'
import { feedKey, feedRange, feedStateKey, numberOfKey } from '../format/keys.ts'
import { RoCompat } from '../format/superblock.ts'
import { type Op, runAsync } from '../op.ts'

/** Each opening starts at a multiple of this (FORMAT.md). */
const SESSION_NUMBERS = 2 ** 24
/** Entries that one transaction trims. */
const TRIM_ROWS = 1024
/** A bound is exceeded by this part of it before it is trimmed, so that not every commit is followed by a trim. */
const SLACK = 1 / 16
/** How often age is looked at, at most. */
const AGE_LOOK_MS = 1000

/** What is held when nobody says. */
export const FEED_KEEP_DEFAULT: FeedKeep = { count: 0, bytes: 64 << 20, ageMs: 0 }

/** Where the number of a commit's entry is noted. */
export interface FeedSlot {
  seq: number
}

const NOTHING = Buffer.alloc(0)

export class Feed {
  /** Whether commits have entries. */
  isOn = false
  /** I2. */
  landed = 0
  readonly #core: Core
  #state: FeedState | undefined
  #next = 0
  readonly #waiting = new Set<() => void>()
  #trimming: Promise<void> | undefined
  #lookedAtMs = 0
  #isStopped = false

  constructor(core: Core) {
    this.#core = core
  }

  /** What is in the feed; undefined when it was never on. */
  get state(): FeedState | undefined {
    return this.#state
  }

  /** The number of the newest entry that can be read, or of the last one that could. */
  get last(): number {
    return this.landed
  }

  /** Takes up what earlier sessions left. For the mount of a volume. */
  *mount(): Op<void> {
    yield* this.#core.read(superuser, (call) => this.#load(call))
    this.#trimIfDue()
  }

  *#load(call: Call): Op<void> {
    const state = yield* readFeedState(call)
    if (state === undefined) return
    const [last] = yield* call.tx.range({ ...feedRange(0), limit: 1, reverse: true, keysOnly: true })
    const newest = Math.max(last === undefined ? 0 : numberOfKey(last.key), state.first - 1)
    this.#adopt(state)
    this.landed = newest
    this.#next = (Math.floor(newest / SESSION_NUMBERS) + 1) * SESSION_NUMBERS
  }

  /** What a check counted is the state from now on; the caller writes it. */
  recount(counted: Pick<FeedState, 'isOn' | 'rows' | 'bytes' | 'first'>): void {
    if (this.#next === 0) this.#next = SESSION_NUMBERS
    this.#adopt({ ...(this.#state ?? { keep: FEED_KEEP_DEFAULT }), ...counted })
  }

  /** The row of the state. */
  encoded(): Buffer {
    return encodeFeedState(this.#state!)
  }

  /** Turns the feed on, with these bounds, or off; off lets go of what it holds. Errors: EROFS. */
  async configure(keep: FeedKeep | false): Promise<void> {
    if (this.#core.options.readOnly) throw new FilesystemError('EROFS')
    const { isOn } = this
    const same = keep !== false && isOn && JSON.stringify(this.#state?.keep) === JSON.stringify(keep)
    if (same || (keep === false && !isOn)) return
    await runAsync(this.#core.run(superuser, (call) => this.#configure(call, keep)))
    await this.#trim()
  }

  *#configure(call: Call, keep: FeedKeep | false): Op<void> {
    if ((keep !== false) !== this.isOn) {
      yield* changeFeatures(call, (features) => ({
        ...features,
        roCompat: keep === false ? features.roCompat & ~RoCompat.changeFeed : features.roCompat | RoCompat.changeFeed,
      }))
    }
    // Nobody else may be turning it at the same time.
    yield* readFeedState(call)
    const next = this.#next === 0 ? SESSION_NUMBERS : this.#next
    call.tx.onCommit(() => {
      const before = this.#state ?? { isOn: false, keep: FEED_KEEP_DEFAULT, first: next, rows: 0, bytes: 0 }
      this.#next = next
      this.landed = Math.max(this.landed, next - 1)
      this.#adopt({ ...before, isOn: keep !== false, keep: keep === false ? before.keep : keep })
      // Whose body ran before this is ordered behind it, and has to tell what it does.
      this.#core.store.overtake()
    })
    call.tx.putAtCommit(feedStateKey, () => this.encoded())
  }

  #adopt(state: FeedState): void {
    this.#state = state
    this.isOn = state.isOn && !this.#core.options.readOnly
    this.#core.changes.isRecorded = this.isOn
  }

  /** Adds what an operation told to its batch. */
  record(call: Call, told: readonly Change[], slot: FeedSlot): void {
    const changes = feedChanges(told)
    if (changes.length > 0) this.#add(call, changes, slot)
  }

  /** Adds to the batch that begins a rollback that it does; nothing while the feed is off. */
  recordRollback(call: Call, slot: FeedSlot): void {
    const { rootIno } = this.#core.superblock
    if (this.isOn) this.#add(call, [[FeedKind.rollback, true, rootIno, 0, NOTHING]], slot)
  }

  #add(call: Call, changes: readonly FeedChange[], slot: FeedSlot): void {
    const { uid, gid } = call.who
    const timeMs = call.now.sec * 1000 + Math.floor(call.now.nsec / 1e6)
    let key: Buffer = NOTHING
    const makeKey = (): Buffer => {
      slot.seq = this.#next++
      key = feedKey(slot.seq)
      return key
    }
    call.tx.putAtCommit(makeKey, () => {
      const row = encodeFeedEntry(key, { timeMs, uid, gid, changes })
      const { rows, bytes } = this.#state!
      this.#state = { ...this.#state!, rows: rows + 1, bytes: bytes + FEED_KEY_BYTES + row.length }
      return row
    })
    call.tx.putAtCommit(feedStateKey, () => this.encoded())
  }

  /** I2: the batch of that entry, and so of all before it, has been acknowledged. */
  acknowledge(seq: number): void {
    if (seq <= this.landed) return
    this.landed = seq
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
    this.#trimIfDue()
  }

  /** Resolves when there may be more than up to `seq`, or `signal` says enough. */
  async more(seq: number, signal?: AbortSignal): Promise<void> {
    if (this.landed > seq || this.#isStopped) return
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', wake)
        this.#waiting.delete(wake)
        resolve()
      }
      this.#waiting.add(wake)
      signal?.addEventListener('abort', wake, { once: true })
    })
  }

  /** Resolves when what is beyond the bounds is trimmed. */
  async idle(): Promise<void> {
    await this.#trimming
  }

  /** Ends trimming between two transactions, and every wait. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const wake of [...this.#waiting]) wake()
    await this.#trimming
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  #trimIfDue(): void {
    const state = this.#state
    if (state === undefined || this.#core.options.readOnly || this.#trimming !== undefined) return
    const { keep, rows, bytes, isOn } = state
    const exceeds = (value: number, bound: number): boolean => bound > 0 && value > bound + bound * SLACK
    const now = Date.now()
    const isOld = keep.ageMs > 0 && rows > 0 && now - this.#lookedAtMs >= Math.max(AGE_LOOK_MS, keep.ageMs * SLACK)
    if (isOld) this.#lookedAtMs = now
    if (isOld || exceeds(rows, keep.count) || exceeds(bytes, keep.bytes) || (!isOn && rows > 0)) void this.#trim()
  }

  #trim(): Promise<void> {
    this.#trimming ??= this.#trimAll()
      // It poisons the store if it was the store's; the rows stay and the next trim meets them.
      .catch(() => {})
      .finally(() => {
        this.#trimming = undefined
      })
    return this.#trimming
  }

  async #trimAll(): Promise<void> {
    // Behind the operation that made it necessary.
    await Promise.resolve()
    for (let isMore = true; isMore && !this.#isStopped; ) {
      isMore = await runAsync(this.#core.run(superuser, (call) => this.#trimStep(call), { reclaims: true }))
    }
  }

  /** Deletes the oldest entries that are beyond the bounds; answers whether there may be more of them. */
  *#trimStep(call: Call): Op<boolean> {
    const state = this.#state!
    const { keep, isOn } = state
    const oldestMs = keep.ageMs > 0 ? call.now.sec * 1000 - keep.ageMs : Number.NEGATIVE_INFINITY
    let { rows, bytes, first } = state
    const isBeyond = (timeMs: number): boolean =>
      !isOn || (keep.count > 0 && rows > keep.count) || (keep.bytes > 0 && bytes > keep.bytes) || timeMs < oldestMs
    const found = yield* call.tx.range(feedRange(first - 1, TRIM_ROWS))
    let trimmed = 0
    for (const { key, value } of found) {
      const entry = decodeFeedEntry(key, value)
      if (entry.ok && !isBeyond(entry.value.timeMs)) break
      call.tx.del(key)
      rows--
      bytes -= key.length + value.length
      first = numberOfKey(key) + 1
      trimmed++
    }
    if (trimmed === 0) return false
    const gone = { rows: state.rows - rows, bytes: state.bytes - bytes }
    call.tx.onCommit(() => {
      const now = this.#state!
      this.#state = { ...now, first, rows: now.rows - gone.rows, bytes: now.bytes - gone.bytes }
    })
    call.tx.putAtCommit(feedStateKey, () => this.encoded())
    return trimmed === TRIM_ROWS
  }
}

/** The state as this transaction sees it. */
export function* readFeedState(call: Call): Op<FeedState | undefined> {
  const row = yield* call.tx.get(feedStateKey)
  if (row === undefined) return undefined
  const verdict = decodeFeedState(row)
  if (!verdict.ok) throw corruption('change feed state', verdict.fault)
  return verdict.value
}

const KINDS = { create: FeedKind.create, delete: FeedKind.delete, modify: FeedKind.modify, attrib: FeedKind.attrib }

/** What is told to watchers, as entries have it: both names of a rename in one, nothing twice in a row. */
function feedChanges(told: readonly Change[]): FeedChange[] {
  const changes: FeedChange[] = []
  let from: Change | undefined
  for (const change of told) {
    const { kind, ino, isDirectory, place } = change
    const directory = place?.directory ?? 0
    const name = place?.name ?? NOTHING
    if (kind === 'movedFrom') from = change
    else if (kind === 'movedTo') {
      const left = from?.place ?? { directory: 0, name: NOTHING }
      changes.push([FeedKind.rename, isDirectory, ino, left.directory, left.name, directory, name])
    } else if (kind === 'deleteSelf') changes.push([FeedKind.gone, isDirectory, ino, 0, NOTHING])
    else if (kind !== 'moveSelf') {
      const number = KINDS[kind]
      const last = changes.at(-1)
      const isRepeated = last?.[0] === number && last[2] === ino && number >= FeedKind.modify
      if (!isRepeated) changes.push([number, isDirectory, ino, directory, name])
    }
  }
  return changes
}
