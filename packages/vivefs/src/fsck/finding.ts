/** What fsck finds: codes that never change their meaning (docs/fsck.md), and the bounded list of findings. */
import type { Call } from '../core/call.ts'
import type { Op } from '../op.ts'

/** How serious a finding of each code is. `error`: content or names are wrong or at risk; `warning`: space or a count is. */
export const SEVERITIES = {
  ROW_DAMAGED: 'error',
  ROW_UNKNOWN: 'warning',
  SUPERBLOCK: 'error',
  COUNTERS: 'warning',
  LEASE: 'error',
  ACCOUNT: 'error',
  JOB: 'error',
  FEED: 'warning',
  SNAPSHOT: 'error',
  HISTORY: 'error',
  HISTORY_STRAY: 'warning',
  ORPHAN_ROW: 'warning',
  ORPHAN_MISSING: 'warning',
  INODE_FIELDS: 'error',
  INODE_DAMAGED: 'error',
  NLINK: 'error',
  UNREACHABLE: 'error',
  DIRECTORY_LINKS: 'error',
  DIRECTORY_PARENT: 'error',
  DIRECTORY_CYCLE: 'error',
  ENTRIES: 'error',
  ENTRY_DANGLING: 'error',
  ENTRY_TYPE: 'error',
  ENTRY_NAME: 'error',
  ENTRY_HASH: 'error',
  XATTR_COUNT: 'error',
  XATTR_NAME: 'error',
  XATTR_STRAY: 'warning',
  ACL: 'error',
  QUOTA: 'warning',
  SYMLINK_TARGET: 'error',
  EPOCHS: 'error',
  TAIL: 'error',
  EXTENT_SHAPE: 'error',
  EXTENT_BEYOND_SIZE: 'error',
  EXTENT_SHADOWED: 'warning',
  EXTENT_STRAY: 'warning',
  PARTIAL_STRAY: 'error',
  LOAN: 'error',
  DATA_LOST: 'error',
  ALLOCATED: 'error',
} as const satisfies Record<string, 'error' | 'warning'>

export type FsckCode = keyof typeof SEVERITIES

export interface Finding {
  readonly code: FsckCode
  readonly severity: 'error' | 'warning'
  /** The inode it is about. */
  readonly ino?: number
  readonly message: string
  /** With `repair`: whether it was put right. */
  readonly repaired?: boolean
}

/**
 * The order in which repairs run: rows that go, then fields set to what was counted, then changes of the tree, which
 * adjust those fields.
 */
export type FixStage = 'rows' | 'fields' | 'tree'

/** Puts one finding right inside a bounded transaction; answers false when it cannot after all. */
// biome-ignore lint/suspicious/noConfusingVoidType: a repair that says nothing is done
export type Fix = (call: Call) => Op<boolean | void>

interface Repair {
  readonly stage: FixStage
  readonly fix: Fix
  readonly finding: { repaired?: boolean }
}

/** Findings of one pass: all counted, the first `kept` kept, each with its repair. */
export class Findings {
  readonly kept: (Finding & { repaired?: boolean })[] = []
  readonly repairs: Repair[] = []
  total = 0
  readonly #keepMax: number
  readonly #wantsRepair: boolean

  constructor(keepMax: number, wantsRepair: boolean) {
    this.#keepMax = keepMax
    this.#wantsRepair = wantsRepair
  }

  add(code: FsckCode, ino: number | undefined, message: string, stage?: FixStage, fix?: Fix): void {
    this.total++
    const finding: Finding & { repaired?: boolean } = {
      code,
      severity: SEVERITIES[code],
      ...(ino === undefined ? {} : { ino }),
      message,
      ...(this.#wantsRepair ? { repaired: false } : {}),
    }
    if (this.kept.length < this.#keepMax) this.kept.push(finding)
    if (this.#wantsRepair && stage !== undefined && fix !== undefined) this.repairs.push({ stage, fix, finding })
  }
}
