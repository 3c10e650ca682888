import type { Tree } from '../db/tree.ts'
import type { MediumStatus } from '../policy/media-policy.ts'
import { heatOf } from '../storage/heat.ts'
import type { FileKind } from '../storage/storage.ts'
import type { TrafficBytes, TrafficReason } from '../storage/traffic.ts'
import { LEVELS } from '../version/version.ts'

/** One medium of the database, and the bytes that went there and came from there since it was opened. */
export interface MediumView extends MediumStatus {
  readonly name: string
  readonly traffic: Partial<Record<TrafficReason, TrafficBytes>>
}

/** One file of the database. */
export interface FileView {
  readonly kind: FileKind
  readonly number: number
  /** Level of the tree; -1: logs, the manifest, files with values. */
  readonly level: number
  /** Values that lie apart from their keys: a blob file, or a log that has stayed for them. */
  readonly holdsValues: boolean
  /** Where its bytes lie; several where a medium was full before its end. Empty: it has none. */
  readonly media: readonly string[]
  readonly bytes: number
  /** Bytes that nobody needs any more: values without pointers; of tables the share of tombstones, about. */
  readonly garbageBytes: number
  /** Since its data was flushed: of a table the oldest, of a file with values the youngest. */
  readonly ageMs: number
  /** Reads per MiB and hour since the database was opened, decayed. */
  readonly heat: number
  /** Loss of power takes it, and the log still has its entries. */
  readonly volatile: boolean
}

/** Where everything is: levels by media. */
export interface MediaMap {
  /** Undefined: several media, opened read only and without a policy: which one places files is its writer's to say. */
  readonly policy: string | undefined
  readonly levels: number
  readonly media: readonly MediumView[]
  readonly files: readonly FileView[]
}

/** The media, each with what was counted on it. */
export function mediaOf({ storage }: Tree): MediumView[] {
  return [...storage.placer.media()].map(([name, status]) => ({ name, ...status, traffic: storage.traffic.of(name) }))
}

/** A picture of the moment; the caller owns it. */
export function mapOf(tree: Tree, nowMs: number): MediaMap {
  const { storage, versions } = tree
  const tables = new Map<number, { level: number; garbage: number; createdMs: number }>()
  for (const { level, meta } of versions.current.tables()) {
    const { number, bytes, deletions, entries, createdMs } = meta
    tables.set(number, { level, garbage: Math.round((bytes * deletions) / Math.max(1, entries)), createdMs })
  }
  const files = storage.list().map(({ kind, number, bytes }): FileView => {
    const info = storage.stat(kind, number)
    const table = kind === 'table' || kind === 'index' ? tables.get(number) : undefined
    const values = kind === 'log' || kind === 'blob' ? versions.blobs.get(number) : undefined
    const reads = kind === 'table' || values !== undefined ? storage.heatOf(number).readsPerHour(nowMs) : 0
    return {
      kind,
      number,
      level: table?.level ?? -1,
      holdsValues: values !== undefined,
      media: [...new Set((info?.extents ?? []).map(({ medium }) => medium))],
      bytes,
      garbageBytes:
        values === undefined ? (kind === 'table' ? (table?.garbage ?? bytes) : 0) : bytes - values.liveBytes,
      ageMs: Math.max(0, nowMs - ((table ?? values ?? info)?.createdMs ?? nowMs)),
      heat: heatOf(reads, bytes),
      volatile: storage.forgets(kind, number),
    }
  })
  const media = mediaOf(tree)
  const { policy, hasPolicy } = storage.placer
  const isKnown = hasPolicy || !storage.readOnly || media.length === 1
  return { policy: isKnown ? policy.name : undefined, levels: LEVELS, media, files }
}
