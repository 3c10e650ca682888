/** Makes what a stream holds: a new volume, or a later snapshot of one that was received before. */
import type { Core } from '../core/core.ts'
import { changeFeatures } from '../core/features.ts'
import { superuser } from '../core/mode.ts'
import { ViveError } from '../errors.ts'
import { countersKey, inodeLeaseKey } from '../format/keys.ts'
import {
  decodeInodeLease,
  encodeCounters,
  encodeInodeLease,
  FEATURES_KNOWN,
  type Features,
  FORMAT_VERSION,
  Incompat,
} from '../format/superblock.ts'
import { runAsync } from '../op.ts'
import { createSnapshot } from '../snapshot/create.ts'
import { registryOf } from '../snapshot/registry.ts'
import { rollback } from '../snapshot/rollback.ts'
import {
  damagedStream,
  decodeBegin,
  decodeEnd,
  decodeRows,
  RecordType,
  readRecords,
  type StreamBegin,
  type StreamRow,
  type StreamSnapshot,
} from './stream-format.ts'

export interface ReceiveOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly rows: number; readonly bytes: number }) => void
}

export interface ReceiveReport {
  /** The snapshot that is there now. */
  readonly snapshot: string
  /** The one that the stream stood on. */
  readonly from: string | undefined
  readonly rows: number
  readonly bytes: number
}

/** The beginning of a stream and what follows. */
export interface OpenStream {
  readonly begin: StreamBegin
  readonly records: AsyncGenerator<{ readonly type: number; readonly body: Buffer }, void>
}

/** ERR_VIVEFS_CORRUPTION, ERR_VIVEFS_FORMAT. */
export async function openStream(source: AsyncIterable<Uint8Array>): Promise<OpenStream> {
  const records = readRecords(source)
  const first = await records.next()
  if (first.done || first.value.type !== RecordType.begin) throw damagedStream('its beginning is missing')
  const begin = decodeBegin(first.value.body)
  const unknown =
    (begin.features.incompat & ~FEATURES_KNOWN.incompat) | (begin.features.roCompat & ~FEATURES_KNOWN.roCompat)
  if (begin.format !== FORMAT_VERSION || unknown !== 0) {
    throw new ViveError('ERR_VIVEFS_FORMAT', 'the stream is of a newer format than this version knows')
  }
  return { begin, records }
}

const isSame = (ours: StreamSnapshot, theirs: StreamSnapshot): boolean =>
  ours.inodes === theirs.inodes && ours.dataBytes === theirs.dataBytes && ours.name === theirs.name

/** Features that rows need which were sent. The feed and quotas are not: they stay the receiver's own. */
const joined = (ours: Features, theirs: Features): Features => ({
  ...ours,
  incompat: ours.incompat | (theirs.incompat & ~Incompat.snapshots),
})

/** Into an open volume: a new one, or one that has the snapshot that the stream stands on. */
export async function receiveInto(
  core: Core,
  stream: OpenStream,
  options: ReceiveOptions = {},
): Promise<ReceiveReport> {
  const { begin } = stream
  if (begin.volumeId !== core.superblock.volumeId) {
    throw new ViveError('ERR_VIVEFS_OPTION', 'the stream is of another volume than the one that was received before')
  }
  if (begin.from !== undefined) {
    const base = registryOf(core).find(begin.from.name)
    if (base === undefined || !isSame(base, begin.from)) {
      throw new ViveError(
        'ERR_VIVEFS_OPTION',
        `the stream stands on the snapshot ${begin.from.name}, which is not here`,
      )
    }
    // Whatever was done since, or is left of a stream that was cut off.
    await rollback(core, begin.from.name)
  }
  // Nothing is left that would delete what comes under the same keys.
  await core.jobs.idle()
  const received = await applyAll(core, stream, options)
  await runAsync(core.run(superuser, (call) => changeFeatures(call, (ours) => joined(ours, begin.features))))
  await finish(core, begin.to)
  await core.quotas.recount()
  await runAsync(createSnapshot(core, begin.to.name))
  return { snapshot: begin.to.name, from: begin.from?.name, ...received }
}

async function applyAll(
  core: Core,
  { records }: OpenStream,
  { signal, onProgress }: ReceiveOptions,
): Promise<{ rows: number; bytes: number }> {
  const received = { rows: 0, bytes: 0 }
  for await (const { type, body } of records) {
    signal?.throwIfAborted()
    if (type === RecordType.end) {
      const end = decodeEnd(body)
      if (end.rows !== received.rows || end.bytes !== received.bytes) throw damagedStream('rows are missing')
      return received
    }
    if (type !== RecordType.rows) throw damagedStream('a record of no known type')
    const rows = decodeRows(body)
    await apply(core, rows)
    received.rows += rows.length
    for (const { key, value } of rows) received.bytes += key.length + (value?.length ?? 0)
    onProgress?.({ ...received })
  }
  throw damagedStream('it is cut off')
}

async function apply(core: Core, rows: readonly StreamRow[]): Promise<void> {
  await runAsync(
    core.run(superuser, function* (call) {
      for (const { key, value } of rows) {
        if (value === undefined) call.tx.del(key)
        else call.tx.put(key, value)
      }
    }),
  )
}

/** Counters and lease as the snapshot has them. */
async function finish(core: Core, to: StreamSnapshot): Promise<void> {
  core.extents.clear()
  await runAsync(
    core.run(superuser, function* (call) {
      const row = yield* call.tx.get(inodeLeaseKey)
      const lease = row === undefined ? undefined : decodeInodeLease(row)
      const next = Math.max(lease?.ok ? lease.value.next : 0, to.nextIno)
      call.tx.put(inodeLeaseKey, encodeInodeLease({ next }))
      call.tx.onCommit(() => {
        core.forgetLease()
        core.counters.inodes = to.inodes
        core.counters.dataBytes = to.dataBytes
      })
      call.tx.putAtCommit(countersKey, () => encodeCounters(core.counters))
    }),
  )
}
