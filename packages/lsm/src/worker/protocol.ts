import type { MessagePort } from 'node:worker_threads'
import type { ValueItem } from '../blob/value-sink.ts'
import type { Bytes } from '../bytes.ts'
import type { JobResult, MergeJob } from '../compaction/job.ts'
import type { FileKind } from '../storage/storage.ts'
import type { TableMeta } from '../table-meta.ts'

/**
 * What the owner of the database and a worker say to each other. The worker reads and writes no file: it asks the owner for the bytes of
 * its inputs and sends those of its outputs, in buffers that are transferred. While it runs a job it waits by `Atomics.wait`, so its code
 * is the synchronous form of what runs inline. Each message is followed by a ring of the other side's bell, for whoever blocks.
 */

/** What a worker is started with. */
export interface WorkerSetup {
  readonly port: MessagePort
  readonly shared: SharedArrayBuffer
  /** Rung by all workers of a database. */
  readonly ownerBell: SharedArrayBuffer
}

/** Words of `WorkerSetup.shared`. */
export const WORKER_BELL = 0
/** Bytes of outputs that the owner has not appended yet. */
export const OUTSTANDING_BYTES = 1
/** 1: the job's result is not wanted any more. */
export const STOP = 2
export const SHARED_WORDS = 4

/** A worker that is so far ahead of its owner waits. */
export const OUTSTANDING_BYTES_MAX: number = 1 << 20

/** Most bytes of an input that are asked for at once while it is read in order: the length of the memory that they travel in. */
export const PIECE_BYTES: number = 128 * 1024

export type ToWorker =
  | { readonly kind: 'job'; readonly job: MergeJob }
  | { readonly kind: 'bytes'; readonly id: number; readonly bytes: Uint8Array }
  /** The bytes asked for cannot be read. The owner keeps the error. */
  | { readonly kind: 'unreadable'; readonly id: number }
  /** Bytes of outputs that were appended: their memory is used again. */
  | { readonly kind: 'taken'; readonly parts: readonly Bytes[] }

/** Answered in the order of asking. */
export interface ReadRequest {
  readonly kind: 'read'
  /** Never used twice by a worker. */
  readonly id: number
  /** Of a table, or of a file with values. */
  readonly file: FileKind
  readonly number: number
  readonly offset: number
  readonly bytes: number
  /** Memory of PIECE_BYTES for the answer, which is used again; undefined: the owner takes its own. */
  readonly into: ArrayBuffer | undefined
}

export type FromWorker =
  | { readonly kind: 'ready' }
  | ReadRequest
  | { readonly kind: 'write'; readonly table: number; readonly parts: readonly Bytes[] }
  | { readonly kind: 'end'; readonly meta: TableMeta }
  /** Values that lie elsewhere are copied by the owner: it reads them and it writes them, so they do not come here. */
  | { readonly kind: 'values'; readonly file: number; readonly items: readonly ValueItem[]; readonly bytes: number }
  | { readonly kind: 'done'; readonly result: JobResult }
  | { readonly kind: 'failed'; readonly error: JobError }

/** An error on its way between threads. */
export interface JobError {
  readonly code: string | undefined
  readonly message: string
  readonly stack: string | undefined
}

/** Wakes who waits on a bell. */
export function ring(bell: Int32Array): void {
  Atomics.add(bell, WORKER_BELL, 1)
  Atomics.notify(bell, WORKER_BELL)
}
