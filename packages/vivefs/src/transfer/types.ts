/** What import, export and verify share: options, progress, findings. */
import type { Credentials } from '../core/mode.ts'

export type TransferPhase = 'scan' | 'import' | 'export' | 'verify'

/** How far a transfer is. */
export interface TransferProgress {
  readonly phase: TransferPhase
  /** Bytes of content done. */
  readonly loaded: number
  /** Bytes of content in all, or undefined when nobody counted them. */
  readonly total: number | undefined
  /** Entries done: files, directories and the rest. */
  readonly files: number
}

export interface TransferOptions {
  /** Called at most every 50 ms, and at the end. With it the source is counted first, for `total`. */
  readonly onProgress?: (progress: TransferProgress) => void
  /** Stops between two entries or pieces of a file; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** The most findings that the report lists; all are counted. Default 1000. */
  readonly findingsMax?: number
}

/** What an import or export could not carry, or what a verification found different. */
export interface TransferFinding {
  /**
   * Import, export: `changed` (while it was read; what was read is there), `vanished`, `failed` (with `code`), `skipped`
   * (with the reason). Verify: `missing` (in the volume), `extra` (only in the volume), `type`, `bytes`, `size`, `mode`,
   * `owner`, `mtime`, `target`, `links`, `device`, `failed`.
   */
  readonly kind: string
  /** Below the tree, `.` for the tree itself. Bytes that are not UTF-8, and control characters, as `\xNN`. */
  readonly path: string
  readonly message: string
  readonly code?: string
}

/** What was done. Counts are entries; `bytes` is content carried (holes count as content, hard links once). */
export interface TransferReport {
  readonly directories: number
  readonly files: number
  readonly symlinks: number
  /** Further names of files already counted. */
  readonly hardLinks: number
  /** FIFOs, sockets and devices. */
  readonly specials: number
  readonly bytes: number
  /** Wall time. */
  readonly seconds: number
  /** How many findings there are of each kind. */
  readonly findingCounts: Readonly<Record<string, number>>
  /** All findings, listed or not. */
  readonly findingCount: number
  /** At most `findingsMax` of them. */
  readonly findings: readonly TransferFinding[]
}

/** Mode with the type bits of stat(2), and owner. */
export interface EntryAttributes {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

export interface ImportOptions extends TransferOptions {
  /** Who imports. Default: the superuser. */
  readonly credentials?: Credentials
  /** Keep the owners of the host. Default: true for the superuser, false for others. */
  readonly owners?: boolean
  /** Merge into what is there and replace what is not a directory. Default false: the target must be new or empty. */
  readonly overwrite?: boolean
  /** Transactions on their way to the store at once. Default 32. */
  readonly concurrency?: number
  /**
   * Whether the bytes of files come along. Default true. `false`: a file is a hole of its length with its attributes, and is not even
   * opened: for who brings the bytes later, when somebody asks for them.
   */
  readonly contents?: boolean
  /** What an entry gets instead of its mode and, where owners are kept, its owner on the host; type bits stay. A pure function. */
  readonly attributes?: (host: EntryAttributes) => Partial<EntryAttributes>
  /** Host paths that are left out, beside the volume's own directory. */
  readonly exclude?: readonly string[]
}

export interface ExportOptions extends TransferOptions {
  /** Give the files to the owners they have in the volume. Default: true when the process is the superuser. */
  readonly owners?: boolean
  /** Merge into what is there and replace what is not a directory. Default false: the target must be new or empty. */
  readonly overwrite?: boolean
  /** The volume as it was at this snapshot. ENOENT. */
  readonly snapshot?: string
}

export interface VerifyOptions extends TransferOptions {
  /** Compare owners. Default true. */
  readonly owners?: boolean
  /** Differences of mtime up to this many nanoseconds are no findings. Default 0. */
  readonly mtimeToleranceNs?: number
}
