/**
 * An LSM-tree database behind the abstract-level interface.
 *
 * @packageDocumentation
 */

export type { Compression } from './block/compression.ts'
export type { BlockCacheStats } from './cache/block-cache.ts'
export type { CompactionStats } from './compaction/stats.ts'
export type { CheckpointReport } from './db/checkpoint.ts'
export type { ValuePlace } from './db/locate.ts'
export type { Durability } from './db/options.ts'
export { type RepairOptions, type RepairReport, repairDatabase as repair } from './db/repair-database.ts'
export type { SpaceStats } from './db/space.ts'
export type { DbStats, LevelStats } from './db/stats.ts'
export { isLevelError, LevelError, type LevelErrorCode } from './error.ts'
export {
  type AbortOptions,
  LsmLevel,
  type LsmLevelOptions,
  type SyncRangeOptions,
  type WriteOptions,
} from './level/level.ts'
export type { Operation } from './level/operations.ts'
export type { LsmSnapshot } from './level/snapshot.ts'
export type { SyncIterator } from './level/sync-iterator.ts'
export { cellOf as mapCell, type MapCell, type MapRow, rowsOf as mapRows } from './media-map/grid.ts'
export type { FileView, MediaMap, MediumView } from './media-map/media-map.ts'
export { mapPage } from './media-map/page.ts'
export type { MergeOperator, MergeOperatorReference } from './merge-operator.ts'
export { type ArchiveOptions, archive } from './policy/archive.ts'
export { ladder } from './policy/ladder.ts'
export type {
  MediaPolicy,
  MediaPolicyReference,
  MediumStatus,
  Placement,
  PlacementRequest,
} from './policy/media-policy.ts'
export type { RelocationOptions } from './policy/relocation.ts'
export type { RelocationReport } from './policy/relocator.ts'
export { single } from './policy/single.ts'
export { type MediaFile, type OpenMediaFile, openMediaFile } from './storage/media-file.ts'
export type { TrafficBytes, TrafficReason } from './storage/traffic.ts'
