/**
 * What a pass over the rows knows of the volume: one small record for each inode, nothing for each entry or extent.
 */
import type { Core } from '../core/core.ts'
import { isPaged } from '../core/extent-rows.ts'
import { isSharer } from '../core/loans.ts'
import type { DataEpoch, Inode, Tail } from '../format/inode.ts'
import type { ContentJob } from '../format/job.ts'
import { AclRows } from './acl-rows.ts'
import type { Findings } from './finding.ts'
import { QuotaRows } from './quota-rows.ts'
import { type FsckCounts, noCounts } from './report.ts'
import { SharingRows } from './sharing-rows.ts'
import { SnapshotRows } from './snapshot-rows.ts'

/** An inode as its own row tells it, beside what other rows say about it. */
export interface Node {
  readonly ino: number
  /** Its row: there, there but unreadable, or only spoken of by others. */
  row: 'sound' | 'damaged' | 'missing'
  /** S_IFMT bits of its mode; without a sound row those that an entry gives it. */
  type: number
  nlink: number
  parent: number
  size: number
  allocatedBytes: number
  entriesClaimed: number
  xattrsClaimed: number
  extentBytes: number
  nextEpoch: number
  epochs: readonly DataEpoch[]
  tails: readonly Tail[]
  isPaged: boolean
  isSharer: boolean
  /** Entries in it. */
  entries: number
  /** Entries in it that lead to directories. */
  subdirectories: number
  xattrs: number
  /** Entries that lead to it. */
  names: number
  /** The directory with the last such entry that was seen. */
  namedIn: number
  /** Some entry calls it another type than its mode does. */
  isMistyped: boolean
  isOrphan: boolean
  /** A directory with several names: the one that stays was seen. */
  isNamed: boolean
  /** Bytes of content, those that wait for a counting trim included. */
  bytes: number
}

export interface PendingJob {
  readonly id: number
  readonly job: ContentJob
}

const NONE: readonly never[] = []

export class Census {
  readonly core: Core
  readonly findings: Findings
  readonly counts: FsckCounts = noCounts()
  readonly nodes = new Map<number, Node>()
  /** By inode, in the order in which they will run. */
  readonly jobs = new Map<number, PendingJob[]>()
  /** Entries that need a second look once all inodes are known. */
  suspectEntries = 0
  highestIno = 0
  /** Sweeps that are not done yet, and forks whose rows are being deleted. */
  sweeps = 0
  readonly unforks = new Set<number>()
  readonly snapshots: SnapshotRows
  readonly acls: AclRows
  readonly quotas: QuotaRows
  readonly sharing: SharingRows
  /** Bytes that jobs give back to the volume's counter at their end. */
  jobBytes = 0

  constructor(core: Core, findings: Findings) {
    this.core = core
    this.findings = findings
    this.acls = new AclRows(findings)
    this.quotas = new QuotaRows(core, findings)
    this.snapshots = new SnapshotRows(this)
    this.sharing = new SharingRows(this)
  }

  node(ino: number): Node {
    let node = this.nodes.get(ino)
    if (node === undefined) {
      node = {
        ino,
        row: 'missing',
        type: 0,
        nlink: 0,
        parent: 0,
        size: 0,
        allocatedBytes: 0,
        entriesClaimed: 0,
        xattrsClaimed: 0,
        extentBytes: this.core.superblock.extentBytes,
        nextEpoch: 0,
        epochs: NONE,
        tails: NONE,
        isPaged: false,
        isSharer: false,
        entries: 0,
        subdirectories: 0,
        xattrs: 0,
        names: 0,
        namedIn: 0,
        isMistyped: false,
        isOrphan: false,
        isNamed: false,
        bytes: 0,
      }
      this.nodes.set(ino, node)
    }
    return node
  }

  /** Takes over what the inode's own row says. */
  describe(node: Node, inode: Inode, type: number): void {
    node.row = 'sound'
    node.type = type
    node.nlink = inode.nlink
    node.parent = inode.parent
    node.size = inode.size
    node.allocatedBytes = inode.allocatedBytes
    node.entriesClaimed = inode.entries
    node.xattrsClaimed = inode.xattrs
    node.extentBytes = inode.extentBytes
    node.nextEpoch = inode.nextEpoch
    node.epochs = inode.epochs.length === 0 ? NONE : inode.epochs
    node.tails = inode.tails.length === 0 ? NONE : inode.tails
    node.isPaged = isPaged(inode)
    node.isSharer = isSharer(inode)
  }

  jobsOf(ino: number): readonly PendingJob[] {
    return this.jobs.get(ino) ?? NONE
  }
}
