/** vivefs: a crash-safe, POSIX-true filesystem inside your process, behind the node:fs API. */

export type { Groups, Users } from './accounts.ts'
export type { Acl, AclEntry, AclTag } from './acl/acl.ts'
export { formatAcl, parseAcl } from './acl/text.ts'
export {
  type ConvertOptions,
  type ConvertProgress,
  type ConvertReport,
  convertVolume,
} from './convert/convert.ts'
export type { AtimePolicy } from './core/core.ts'
export type { Credentials } from './core/mode.ts'
export type { SpaceReport } from './core/space.ts'
export type { MediaMap, RelocationReport } from './engine/engine.ts'
export type { Holder } from './engine/holder.ts'
export type { Where } from './engine/open.ts'
export type { ContentPlace } from './engine/places.ts'
export { METADATA_BELOW, type Tiers } from './engine/tiers.ts'
export { FilesystemError, ViveError, type ViveErrorCode } from './errors.ts'
export type { ViveFileSystem } from './face/index.ts'
export type { ChangeFeedStatus, ChangesKeep } from './feed/options.ts'
export type { ChangedFile, ChangeEntry, ChangesOptions } from './feed/read.ts'
export type { FollowStatus } from './follow/follower.ts'
export type { Group, User } from './format/account.ts'
export type { QuotaGrace, QuotaLimits } from './format/quota.ts'
export type { QuotaKind } from './format/quota-kind.ts'
export type { Finding, FsckCode } from './fsck/finding.ts'
export type { FsckCounts, FsckOptions, FsckProgress, FsckReport } from './fsck/report.ts'
export type { Lease, LeaseBreak, LeaseLoss, LeaseType } from './lock/lease.ts'
export type { HeldLock, LockOwner, LockRange, LockType, LockWait } from './lock/types.ts'
export { SyncUnavailableError } from './op.ts'
export type { QuotaReport, VolumeQuotas } from './quota/volume-quotas.ts'
export type { Runtime } from './runtime.ts'
export { receive } from './send/open.ts'
export type { ReceiveOptions, ReceiveReport } from './send/receive.ts'
export type { SendOptions } from './send/send.ts'
export type { SnapshotChange } from './snapshot/diff.ts'
export type { SnapshotDirectory } from './snapshot/directory-store.ts'
export type { Fork, ForkDescription, Forks, Snapshot, Snapshots, TreeView } from './snapshot/snapshots.ts'
export type { Durability, StoreStatistics } from './store/store.ts'
export type { Bulk, BulkEntry, BulkOptions } from './transaction/bulk.ts'
export type { SyncTransaction, Transaction, TransactionOptions } from './transaction/transaction.ts'
export {
  type EntryAttributes,
  type ExportOptions,
  exportTree,
  type ImportOptions,
  importTree,
  type TransferFinding,
  type TransferOptions,
  type TransferPhase,
  type TransferProgress,
  type TransferReport,
  type VerifyOptions,
  verifyTree,
} from './transfer/index.ts'
export type { View } from './view.ts'
export { type OpenOptions, ViveFS } from './vivefs.ts'
