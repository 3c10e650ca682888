/** A snapshot as a stream of bytes: whole, or what differs from an earlier one that the receiver has. */
import type { Core } from '../core/core.ts'
import { FilesystemError } from '../errors.ts'
import { NODE } from '../format/key-types.ts'
import { accountRange, orphanRange } from '../format/keys.ts'
import { dataHistoryRange, inoOfVersioned, parseHistoryKey } from '../format/snapshot-keys.ts'
import type { SnapshotInfo } from '../snapshot/info.ts'
import { openView } from '../snapshot/mount.ts'
import { registryOf } from '../snapshot/registry.ts'
import type { KeyRange, Row } from '../store/store.ts'
import { inodesFrom, lentRows, loanRows, rowsOf, rowsOfInode } from './snapshot-rows.ts'
import {
  encodeRow,
  RecordType,
  RecordWriter,
  type StreamBegin,
  type StreamRow,
  type StreamSnapshot,
} from './stream-format.ts'

/** Rows of a record, about. */
const RECORD_BYTES = 1 << 20

export interface SendOptions {
  /** Name of an earlier snapshot that the receiver has: only what differs is sent. */
  readonly from?: string
  /** Ends with its reason. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly rows: number; readonly bytes: number }) => void
}

const describe = ({ tag, name, createdMs, nextIno, inodes, dataBytes }: SnapshotInfo): StreamSnapshot => ({
  tag,
  name,
  createdMs,
  nextIno,
  inodes,
  dataBytes,
})

function find(core: Core, name: string): SnapshotInfo {
  const info = registryOf(core).find(name)
  if (info === undefined) throw new FilesystemError('ENOENT')
  return info
}

/** See `ViveFS.send`. */
export async function* send(core: Core, name: string, options: SendOptions = {}): AsyncGenerator<Buffer, void> {
  const to = find(core, name)
  const from = options.from === undefined ? undefined : find(core, options.from)
  if (from !== undefined && from.tag >= to.tag) throw new FilesystemError('EINVAL')
  const writer = new RecordWriter()
  yield writer.magic()
  const { format, volumeId, extentBytes, nameSeedHigh, nameSeedLow, label, features } = core.superblock
  const begin: StreamBegin = {
    ...{ format, volumeId, extentBytes, nameSeedHigh, nameSeedLow, label, features },
    ...(from === undefined ? {} : { from: describe(from) }),
    to: describe(to),
  }
  yield writer.map(RecordType.begin, begin)
  const sent = { rows: 0, bytes: 0 }
  let pending: Buffer[] = []
  let pendingBytes = 0
  const rows = from === undefined ? allRows(core, to) : differences(core, from, to)
  for await (const row of rows) {
    options.signal?.throwIfAborted()
    sent.rows++
    sent.bytes += row.key.length + (row.value?.length ?? 0)
    const encoded = encodeRow(row)
    pending.push(encoded)
    pendingBytes += encoded.length
    if (pendingBytes < RECORD_BYTES) continue
    yield writer.record(RecordType.rows, Buffer.concat(pending))
    pending = []
    pendingBytes = 0
    options.onProgress?.({ ...sent })
  }
  if (pendingBytes > 0) yield writer.record(RecordType.rows, Buffer.concat(pending))
  yield writer.map(RecordType.end, sent)
  options.onProgress?.({ ...sent })
}

/** Users and groups have no versions: they are sent as they are now. */
async function* accounts(core: Core): AsyncGenerator<Row, void> {
  const [users, groups] = [accountRange('user'), accountRange('group')]
  // The names behind them have the next two types.
  yield* rowsOf(core, { gte: users.gte!, lt: Buffer.of(groups.lt[0]! + 2) })
}

async function* allRows(core: Core, to: SnapshotInfo): AsyncGenerator<StreamRow, void> {
  const view = openView(core, to)
  yield* accounts(core)
  yield* rowsOf(view, orphanRange)
  const { rootIno } = core.superblock
  for await (const ino of inodesFrom(view, 1)) if (ino !== rootIno) yield* rowsOfInode(view, ino)
  yield* loanRows(view)
  yield* lentRows(view)
  // Last: before it nothing of what was received has a name.
  yield* rowsOfInode(view, rootIno)
}

async function* differences(core: Core, from: SnapshotInfo, to: SnapshotInfo): AsyncGenerator<StreamRow, void> {
  const [before, after] = [openView(core, from), openView(core, to)]
  yield* accounts(core)
  yield* merge(rowsOf(before, orphanRange), rowsOf(after, orphanRange))
  for await (const ino of changed(core, from, to)) yield* merge(rowsOfInode(before, ino), rowsOfInode(after, ino))
  for await (const ino of inodesFrom(after, from.nextIno)) yield* rowsOfInode(after, ino)
  // Behind the inodes: what one of them lets go of goes with it, and comes here as what others read.
  yield* merge(loanRows(before), loanRows(after))
  yield* merge(lentRows(before), lentRows(after))
}

/** Numbers of inodes that `from` knows and of which something has changed between both, ascending. */
async function* changed(core: Core, from: SnapshotInfo, to: SnapshotInfo): AsyncGenerator<number, void> {
  const meta = { gte: Buffer.of(0x18, NODE), lt: Buffer.of(0x18, NODE + 1) }
  const streams = [meta, dataHistoryRange].map((range) => inosOf(core, range, from, to))
  const heads = await Promise.all(streams.map((stream) => stream.next()))
  for (;;) {
    const numbers = heads.flatMap((head) => (head.done ? [] : [head.value]))
    if (numbers.length === 0) return
    const ino = Math.min(...numbers)
    yield ino
    for (const [n, stream] of streams.entries()) {
      while (!heads[n]!.done && heads[n]!.value === ino) heads[n] = await stream.next()
    }
  }
}

async function* inosOf(
  core: Core,
  range: KeyRange,
  from: SnapshotInfo,
  to: SnapshotInfo,
): AsyncGenerator<number, undefined> {
  let last = 0
  for await (const { key } of rowsOf(core, { ...range, keysOnly: true })) {
    const parts = parseHistoryKey(key)
    if (parts === undefined || parts.tag < from.tag || parts.tag >= to.tag) continue
    const ino = inoOfVersioned(parts.key)
    if (ino === last || ino >= from.nextIno) continue
    last = ino
    yield ino
  }
  return undefined
}

/** What has to be done to the first rows to make them the second ones. Both in the order of keys. */
async function* merge(
  before: AsyncGenerator<Row, void>,
  after: AsyncGenerator<Row, void>,
): AsyncGenerator<StreamRow, void> {
  let old = await before.next()
  for await (const row of after) {
    while (!old.done && Buffer.compare(old.value.key, row.key) < 0) {
      yield { key: old.value.key, value: undefined }
      old = await before.next()
    }
    const isThere = !old.done && Buffer.compare(old.value!.key, row.key) === 0
    if (!isThere || Buffer.compare(old.value!.value, row.value) !== 0) yield row
    if (isThere) old = await before.next()
  }
  for (; !old.done; old = await before.next()) yield { key: old.value.key, value: undefined }
}
