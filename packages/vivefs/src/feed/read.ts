/** Reading the change feed: in order, from any place that is still there, without an end if wanted. */
import { setTimeout as later } from 'node:timers/promises'
import type { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import { corruption } from '../core/corruption.ts'
import { superuser } from '../core/mode.ts'
import { ViveError } from '../errors.ts'
import { decodeFeedEntry, type FeedChange, type FeedEntry, type FeedKindName, feedKindName } from '../format/feed.ts'
import { feedRange, numberOfKey } from '../format/keys.ts'
import { type Op, runAsync } from '../op.ts'
import { readFeedState } from './feed.ts'
import { PathFinder } from './path-finder.ts'

const PAGE_ENTRIES = 256
/** As a place: before whatever is the oldest entry when it is read. */
const OLDEST = -1
/** How often a volume that only reads looks for more. */
const POLL_MS = 200

/** One name or file that changed. */
export interface ChangedFile {
  /**
   * `create`, `delete`: a name came or went. `rename`: it became another one. `modify`: content or size. `attrib`: mode,
   * owner, times, extended attributes, number of names. `gone`: no name and nobody left, the inode is deleted. `rollback`:
   * the volume is what it was at a snapshot; everything may be other than it was.
   */
  readonly kind: FeedKindName
  readonly ino: number
  readonly isDirectory: boolean
  /** The inode number of the directory, and the name in it, by which it was reached; undefined if by none. */
  readonly directory: number | undefined
  readonly name: string | undefined
  /** The name's bytes. */
  readonly nameBytes: Buffer | undefined
  /** The path of that name, by where its directory is when this is read; undefined when that cannot be found out. */
  readonly path: string | undefined
  /** Of a rename: the new name. */
  readonly to:
    | {
        readonly directory: number
        readonly name: string
        readonly nameBytes: Buffer
        readonly path: string | undefined
      }
    | undefined
}

/** What one operation, or one transaction, changed. */
export interface ChangeEntry {
  /** Give it as `since` to go on behind this entry, now or after a restart. Numbers rise; they are not consecutive. */
  readonly seq: number
  /** When. */
  readonly time: Date
  /** In whose name. */
  readonly uid: number
  readonly gid: number
  readonly changes: readonly ChangedFile[]
}

export interface ChangesOptions {
  /** Behind which entry to begin; 0: with the oldest one. Default: what happens from now on. */
  readonly since?: number
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal
  /** Wait for more at the end. Default true. */
  readonly follow?: boolean
}

const gone = (seq: number, first: number): ViveError =>
  new ViveError('ERR_VIVEFS_CHANGES_GONE', `changes behind ${seq} were trimmed; the oldest is ${first}`, { first })

/** See `ViveFS.changes`. */
export async function* readChanges(core: Core, options: ChangesOptions = {}): AsyncGenerator<ChangeEntry, void> {
  const { signal, follow = true } = options
  const { feed } = core
  const finder = new PathFinder(core)
  let at = await begin(core, options)
  while (signal?.aborted !== true) {
    const { landed } = feed
    const page = await runAsync(core.read(superuser, (call) => readPage(call, at, feed.isOn ? landed : undefined)))
    for (const { seq, entry } of page) {
      if (signal?.aborted) return
      at = seq
      yield await entryOf(finder, seq, entry)
    }
    if (page.length === PAGE_ENTRIES) continue
    if (!follow || feed.isStopped) return
    if (feed.isOn) await feed.more(at, signal)
    else if (core.options.readOnly)
      await later(POLL_MS, undefined, signal === undefined ? {} : { signal }).catch(() => {})
    else throw off()
  }
}

const off = (): ViveError =>
  new ViveError('ERR_VIVEFS_CHANGES_OFF', 'the volume keeps no change feed: open it with `changes: true`')

async function begin(core: Core, { since }: ChangesOptions): Promise<number> {
  const state = await runAsync(core.read(superuser, (call) => readFeedState(call)))
  if (state?.isOn !== true) throw off()
  const { landed } = core.feed
  if (since === undefined) return landed
  if (!Number.isSafeInteger(since) || since < 0) throw new ViveError('ERR_VIVEFS_OPTION', 'since: the seq of an entry')
  if (since === 0) return OLDEST
  if (core.feed.isOn && since > landed) throw gone(since, state.first)
  return since
}

/** Entries behind `after`, up to what may be told. */
function* readPage(
  call: Call,
  after: number,
  landed: number | undefined,
): Op<{ readonly seq: number; readonly entry: FeedEntry }[]> {
  const state = yield* readFeedState(call)
  if (state === undefined) throw off()
  if (after !== OLDEST && after + 1 < state.first) throw gone(after, state.first)
  const page: { seq: number; entry: FeedEntry }[] = []
  for (const { key, value } of yield* call.tx.range(feedRange(Math.max(0, after), PAGE_ENTRIES))) {
    const seq = numberOfKey(key)
    if (landed !== undefined && seq > landed) break
    const verdict = decodeFeedEntry(key, value)
    if (!verdict.ok) throw corruption(`entry ${seq} of the change feed`, verdict.fault)
    page.push({ seq, entry: verdict.value })
  }
  return page
}

async function entryOf(finder: PathFinder, seq: number, entry: FeedEntry): Promise<ChangeEntry> {
  const changes: ChangedFile[] = []
  for (const change of entry.changes) changes.push(await fileOf(finder, change))
  const { uid, gid } = entry
  return { seq, time: new Date(entry.timeMs), uid, gid, changes }
}

async function fileOf(finder: PathFinder, change: FeedChange): Promise<ChangedFile> {
  const [kind, isDirectory, ino, directory, name, toDirectory, toName] = change
  const nameBytes = name.length === 0 ? undefined : Buffer.from(name)
  const path = nameBytes === undefined ? undefined : await finder.path(directory, nameBytes)
  let to: ChangedFile['to']
  if (toDirectory !== undefined && toName !== undefined) {
    const bytes = Buffer.from(toName)
    to = {
      directory: toDirectory,
      name: bytes.toString(),
      nameBytes: bytes,
      path: await finder.path(toDirectory, bytes),
    }
  }
  finder.note(change)
  return {
    kind: feedKindName(kind)!,
    ino,
    isDirectory,
    directory: nameBytes === undefined ? undefined : directory,
    name: nameBytes?.toString(),
    nameBytes,
    path,
    to,
  }
}
