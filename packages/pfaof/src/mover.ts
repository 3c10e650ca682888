import { FIRST, LAST } from './chunk.ts'
import type { Extent } from './edit.ts'
import { isPfaofError, PfaofError } from './error.ts'
import type { FileLayout } from './file-layout.ts'
import type { FileRecord } from './file-table.ts'
import type { Op } from './op.ts'
import { liveBytesOf } from './status.ts'
import type { VolumeCore } from './volume-core.ts'
import type { ZoneWriter } from './zone-writer.ts'

/** Copies sealed files, whole to another medium or by the extent out of a zone that is mostly dead. */

export interface MoveOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { phase: 'copy'; loaded: number; total: number }) => void
}

export interface ReclaimOptions {
  /** Most zones to empty; default 1. */
  readonly zones?: number
  /** A zone is worth it while at most this share of it is alive; default 0.5. */
  readonly liveShareMax?: number
  /**
   * Share of what: of the bytes of a zone ('zone', the default: zones come free, as many as can), or of those it takes ('taken': bytes come free,
   * as many as can; the same but where a finished zone takes only what was written to it).
   */
  readonly shareOf?: 'zone' | 'taken'
  readonly signal?: AbortSignal
}

const BUFFER_BYTES = 1 << 20

interface Copy {
  core: VolumeCore
  record: FileRecord
  layout: FileLayout
  to: number
  reclaim: boolean
  retained: number[]
  progress: (bytes: number) => void
}

/** Copies the bytes of one extent; the result are the extents that hold them now. Not yet in the table. */
function* copyExtent(copy: Copy, from: Extent): Op<Extent[]> {
  const { core, record, to } = copy
  const made: Extent[] = []
  let writer: ZoneWriter | undefined
  let current: Extent | undefined
  let ordinal = 0
  const buffer = Buffer.allocUnsafe(Math.min(BUFFER_BYTES, from.bytes))
  for (let done = 0; done < from.bytes; ) {
    const piece = buffer.subarray(0, Math.min(buffer.length, from.bytes - done))
    const fileOffset = from.fileOffset + done
    yield* copy.layout.read(fileOffset, piece)
    for (let at = 0; at < piece.length; ) {
      const left = piece.length - at
      const file = { id: record.id, media: [to], lifetime: record.lifetime, own: false }
      const next = yield* core.pool.writerFor(file, left, copy.reclaim)
      yield* next.turn.take()
      try {
        const room = next.payloadMax
        if (room < 1) continue
        if (next !== writer || current === undefined) {
          core.allocators[to]!.retain(next.zone)
          copy.retained.push(next.zone)
          const { zone, epoch, use, at: start } = next
          const offset = fileOffset + at
          current = { medium: to, zone, epoch, use, start, end: 0, fileOffset: offset, bytes: 0, ordinal, liveBytes: 0 }
          made.push(current)
          writer = next
        }
        const bytes = Math.min(left, room)
        const header = {
          flags: FIRST | LAST,
          payloadBytes: bytes,
          fileId: record.id,
          ordinal,
          fileOffset: fileOffset + at,
        }
        const start = next.at
        yield* next.append({ ...header, syncedOffset: fileOffset + at }, [piece.subarray(at, at + bytes)])
        ordinal++
        current.end = next.at
        current.bytes += bytes
        current.liveBytes += next.at - start
        at += bytes
      } catch (error) {
        core.pool.failed(next)
        throw error
      } finally {
        next.turn.release()
      }
    }
    done += piece.length
    copy.progress(done)
  }
  return made
}

/** Replaces the extents of a sealed file for which `chosen` says so by copies on medium `to`, then commits. */
function* relocate(
  core: VolumeCore,
  record: FileRecord,
  to: number,
  chosen: (extent: Extent) => boolean,
  o: MoveOptions & { reclaim: boolean },
): Op<void> {
  const { layout } = core.file(record.id)
  const retained: number[] = []
  const total = record.extents.filter(chosen).reduce((sum, { bytes }) => sum + bytes, 0)
  let before = 0
  layout.acquire()
  try {
    const extents: Extent[] = []
    for (const extent of record.extents) {
      if (!chosen(extent)) {
        extents.push(extent)
        continue
      }
      const progress = (bytes: number) => {
        o.signal?.throwIfAborted()
        o.onProgress?.({ phase: 'copy', loaded: before + bytes, total })
      }
      progress(0)
      extents.push(...(yield* copyExtent({ core, record, layout, to, reclaim: o.reclaim, retained, progress }, extent)))
      before += extent.bytes
    }
    // The copy is durable before the table says that it is the file.
    yield* core.pool.settle(to)
    yield* core.media[to]!.flush()
    yield* core.commit(() => {
      if (!core.table.files.has(record.id))
        throw new PfaofError('PFAOF_NOT_FOUND', `file ${record.id} was deleted meanwhile`)
      if (core.file(record.id).layout !== layout)
        throw new PfaofError('PFAOF_BUSY', `file ${record.id} was moved meanwhile`)
      return [{ tag: 'move', id: record.id, extents }]
    })
    retained.length = 0
  } finally {
    for (const zone of retained) core.allocators[to]!.release(zone, core.serial)
    layout.release()
  }
  yield* core.syncTable(core.serial)
}

/** Moves a sealed file to another medium. A crash leaves it whole on one of the two. */
export function* moveFile(core: VolumeCore, id: number, to: number, o: MoveOptions): Op<void> {
  core.checkWritable()
  const record = core.table.files.get(id)!
  if (!record.sealed) throw new PfaofError('PFAOF_NOT_SEALED', `${record.name ?? id} is still being written`)
  yield* relocate(core, record, to, (extent) => extent.medium !== to, { ...o, reclaim: false })
}

/** Empties the zones of a medium that are least alive; may use the reserve. Returns how many. */
export function* reclaimZones(core: VolumeCore, medium: number, o: ReclaimOptions): Op<number> {
  core.checkWritable()
  const { zoneCapacityBytes, reclaim } = core.media[medium]!.medium.caps
  if (reclaim === 'whole-medium') return 0
  const shareMax = o.liveShareMax ?? 0.5
  const allocator = core.allocators[medium]!
  const share = (zone: number, liveBytes: number) =>
    liveBytes / (o.shareOf === 'taken' ? allocator.takenBytes(zone) : zoneCapacityBytes)
  let emptied = 0
  const tried = new Set<number>()
  while (emptied < (o.zones ?? 1)) {
    o.signal?.throwIfAborted()
    const candidates = [...liveBytesOf(core, medium)].filter(([zone, { liveBytes, unsealed }]) => {
      return share(zone, liveBytes) <= shareMax && !unsealed && !tried.has(zone) && !allocator.isWritten(zone)
    })
    candidates.sort((a, b) => share(a[0], a[1].liveBytes) - share(b[0], b[1].liveBytes))
    const victim = candidates[0]
    if (victim === undefined) return emptied
    const [zone, { files }] = victim
    tried.add(zone)
    for (const id of files) {
      const record = core.table.files.get(id)
      if (record === undefined) continue
      const signal = o.signal === undefined ? {} : { signal: o.signal }
      try {
        yield* relocate(core, record, medium, (extent) => extent.medium === medium && extent.zone === zone, {
          ...signal,
          reclaim: true,
        })
      } catch (error) {
        // Deleted while it was copied: what it had in the zone is dead as well.
        if (core.table.files.has(id) || !isPfaofError(error, 'PFAOF_NOT_FOUND')) throw error
      }
    }
    emptied++
  }
  return emptied
}
