/** What fsck is asked and what it answers. */
import type { Finding } from './finding.ts'

export interface FsckProgress {
  /** `metadata`: inodes; `data`: bytes of content; `tree`: directories; `repair`: repairs. */
  readonly phase: 'metadata' | 'data' | 'tree' | 'repair'
  readonly loaded: number
  /** What is expected; `loaded` may end elsewhere in a damaged volume. */
  readonly total: number
}

export interface FsckOptions {
  /** Put right what is found. Nothing is deleted that could still be somebody's data (docs/fsck.md). */
  readonly repair?: boolean
  /** Check what snapshots and forks show as well. Default true; each takes as long as the volume. */
  readonly snapshots?: boolean
  readonly onProgress?: (progress: FsckProgress) => void
  /** Stops between two pages, or between two repairs; the volume is sound then as it was. */
  readonly signal?: AbortSignal
}

/** What there is. `dataBytes` is what files hold; `orphans` are inodes without a name that are still open. */
export interface FsckCounts {
  inodes: number
  directories: number
  files: number
  symlinks: number
  /** FIFOs, sockets, devices. */
  others: number
  dirents: number
  /** Rows of content, partial ones included. */
  extents: number
  dataBytes: number
  xattrs: number
  users: number
  groups: number
  /** Background work that is not done yet. */
  jobs: number
  orphans: number
}

export interface FsckReport {
  /** Nothing was found. After a repair: run it again to see. */
  readonly clean: boolean
  /** At most 10,000 of them. */
  readonly findings: readonly Finding[]
  readonly findingsTotal: number
  /** As found by the last pass over the rows. */
  readonly counts: FsckCounts
  readonly seconds: number
}

export const noCounts = (): FsckCounts => ({
  inodes: 0,
  directories: 0,
  files: 0,
  symlinks: 0,
  others: 0,
  dirents: 0,
  extents: 0,
  dataBytes: 0,
  xattrs: 0,
  users: 0,
  groups: 0,
  jobs: 0,
  orphans: 0,
})
