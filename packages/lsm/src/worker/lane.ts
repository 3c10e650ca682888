import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads'
import type { AppendFile } from '@vivefs/pfaof'
import type { JobResult, MergeJob } from '../compaction/job.ts'
import type { TableFiles } from '../compaction/table-files.ts'
import { PolledWait } from '../compaction/task.ts'
import { LevelError, type LevelErrorCode } from '../error.ts'
import type { Op } from '../op.ts'
import type { Storage } from '../storage/storage.ts'
import type { TrafficReason } from '../storage/traffic.ts'
import {
  type FromWorker,
  type JobError,
  OUTSTANDING_BYTES,
  type ReadRequest,
  ring,
  SHARED_WORDS,
  STOP,
  type ToWorker,
  type WorkerSetup,
} from './protocol.ts'
import { startWorker } from './start-worker.ts'

/** What a worker wants of its owner while it runs a job. */
type Request = Exclude<FromWorker, { kind: 'done' | 'failed' }>

/** A job makes little garbage of its own; the default would let each worker grow by tens of megabytes before it looks for any. */
const YOUNG_MIB = 2

/** Makes memory longer than any that is used again. */
const ONCE_BYTES = 8

/** The worker is gone, or never came: the job can be done elsewhere. */
export class WorkerLostError extends Error {}

/**
 * One worker and the line to it, one job at a time. Files stay with this thread: the lane reads inputs and appends outputs as the worker
 * asks. An idle lane does not keep the process alive.
 */
export class Lane {
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #shared: Int32Array
  readonly #storage: Storage
  /** Received and not yet looked at. */
  readonly #inbox: FromWorker[] = []
  #wake: (() => void) | undefined
  #lost: WorkerLostError | undefined
  busy = false
  /** What the bytes that the job at hand reads are counted for. */
  #reason: TrafficReason = 'user'

  /** Throws what starting a thread throws. */
  constructor(where: string | URL | undefined, storage: Storage, ownerBell: Int32Array) {
    const { port1, port2 } = new MessageChannel()
    const shared = new SharedArrayBuffer(4 * SHARED_WORDS)
    const setup: WorkerSetup = { port: port2, shared, ownerBell: ownerBell.buffer as SharedArrayBuffer }
    this.#storage = storage
    this.#shared = new Int32Array(shared)
    this.#port = port1
    this.#worker = startWorker(where, {
      workerData: setup,
      transferList: [port2],
      name: 'lsm compaction',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    })
    this.#worker.on('error', (error) => this.lose(`a worker failed: ${error.message}`, error))
    this.#worker.on('exit', (code) => this.lose(`a worker ended with code ${code}`))
    this.#port.on('message', (message: FromWorker) => {
      this.#inbox.push(message)
      this.#awake()
    })
    this.#port.unref()
    this.#worker.unref()
  }

  get lost(): WorkerLostError | undefined {
    return this.#lost
  }

  /** The worker is not to be counted on any more. */
  lose(message: string, cause?: unknown): void {
    if (this.#lost !== undefined) return
    this.#lost = new WorkerLostError(message, { cause })
    void this.#worker.terminate()
    this.#awake()
  }

  #awake(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** Does a job; tables that were begun stay in `files` when it fails. WorkerLostError: it may be done again elsewhere. */
  *run(job: MergeJob, files: TableFiles, o: { reason: TrafficReason; stopped: () => boolean }): Op<JobResult> {
    const { reason, stopped } = o
    this.#reason = reason
    this.busy = true
    this.#port.ref()
    Atomics.store(this.#shared, OUTSTANDING_BYTES, 0)
    const inputs = new Map<number, AppendFile>()
    try {
      this.#post({ kind: 'job', job })
      for (;;) {
        const message = yield* this.#receive()
        if (message.kind === 'done') return message.result
        if (message.kind === 'failed') throw thrown(message.error)
        if (stopped()) Atomics.store(this.#shared, STOP, 1)
        try {
          yield* this.#answer(message, files, inputs)
        } catch (error) {
          yield* this.#abandon(message)
          throw error
        }
      }
    } finally {
      Atomics.store(this.#shared, STOP, 0)
      this.#port.unref()
      this.busy = false
    }
  }

  *#answer(message: Request, files: TableFiles, inputs: Map<number, AppendFile>): Op<void> {
    switch (message.kind) {
      case 'read': {
        const bytes = yield* this.#read(message, inputs)
        this.#post({ kind: 'bytes', id: message.id, bytes }, [bytes.buffer])
        return
      }
      case 'write':
        yield* files.write(message.table, message.parts)
        this.#taken(message.parts)
        return
      case 'values':
        yield* files.values(message.file, message.items)
        this.#released(message.bytes)
        return
      case 'end':
        yield* files.end(message.meta)
        return
      case 'ready':
        return
    }
  }

  /** The bytes asked for; fewer where the file ends. */
  *#read(request: ReadRequest, inputs: Map<number, AppendFile>): Op<Uint8Array<ArrayBuffer>> {
    const { number, bytes } = request
    let file = inputs.get(number)
    if (file === undefined) {
      file = yield* this.#storage.open(request.file, number, this.#reason)
      inputs.set(number, file)
    }
    if (request.into !== undefined) {
      const piece = new Uint8Array(request.into, 0, bytes)
      const got = file.readNow(request.offset, piece)
      if (got !== undefined) return piece.subarray(0, got)
    }
    // Who takes over while a read is under way reads again, and the first may end later: its memory is not used for anything else.
    const into = new Uint8Array(new ArrayBuffer(bytes + ONCE_BYTES), 0, bytes)
    return into.subarray(0, yield* file.read(request.offset, into))
  }

  #taken(parts: readonly Uint8Array[]): void {
    this.#released(parts.reduce((sum, part) => sum + part.length, 0))
    this.#post(
      { kind: 'taken', parts },
      parts.map((part) => part.buffer as ArrayBuffer),
    )
  }

  #released(bytes: number): void {
    Atomics.sub(this.#shared, OUTSTANDING_BYTES, bytes)
    Atomics.notify(this.#shared, OUTSTANDING_BYTES)
  }

  /** This side failed in answering `first`: waits until the worker has given up its job, so that the line is free for the next. */
  *#abandon(first: FromWorker): Op<void> {
    Atomics.store(this.#shared, STOP, 1)
    for (let message = first; message.kind !== 'done' && message.kind !== 'failed'; message = yield* this.#receive()) {
      if (message.kind === 'read') this.#post({ kind: 'unreadable', id: message.id })
      else if (message.kind === 'write') this.#taken(message.parts)
      else if (message.kind === 'values') this.#released(message.bytes)
    }
  }

  #post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer)
    ring(this.#shared)
  }

  *#receive(): Op<FromWorker> {
    for (;;) {
      const message = this.#inbox.shift()
      if (message !== undefined) return message
      if (this.#lost !== undefined) throw this.#lost
      yield new PolledWait(
        () => new Promise<void>((resolve) => (this.#wake = resolve)),
        () => {},
        () => this.#poll(),
      )
    }
  }

  /** Something can be received, or never will. */
  #poll(): boolean {
    if (this.#inbox.length > 0 || this.#lost !== undefined) return true
    const received = receiveMessageOnPort(this.#port)
    if (received === undefined) return false
    this.#inbox.push(received.message)
    return true
  }

  /** Ends the worker. */
  async close(): Promise<void> {
    this.#lost ??= new WorkerLostError('the worker was ended')
    this.#port.close()
    await this.#worker.terminate()
  }
}

function thrown({ code, message, stack }: JobError): Error {
  const cause = new Error(message)
  if (stack !== undefined) cause.stack = stack
  if (code?.startsWith('LEVEL_') !== true) return new Error(`a compaction worker failed: ${message}`, { cause })
  return new LevelError(code as LevelErrorCode, message.replace(`${code}: `, ''), cause)
}
