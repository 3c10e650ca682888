import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { ValueItem } from '../blob/value-sink.ts'
import type { FileKind } from '../storage/storage.ts'
import {
  type FromWorker,
  OUTSTANDING_BYTES,
  OUTSTANDING_BYTES_MAX,
  ring,
  STOP,
  type ToWorker,
  WORKER_BELL,
  type WorkerSetup,
} from './protocol.ts'

/** Nobody answers any more. The owner stops a worker that it gave up. */
const SILENCE_MS = 600_000

/** Bytes of buffers between two collections. */
const COLLECT_BYTES = 16 << 20

/** Thrown through a job when an input cannot be read: the owner knows why. */
export class UnreadableError extends Error {}

/** The worker's end of the line to its owner. */
export class Mailbox {
  readonly port: MessagePort
  readonly #shared: Int32Array
  readonly #ownerBell: Int32Array
  /** What was asked for and not taken yet, answered or not. */
  readonly #asked = new Map<number, Exclude<ToWorker, { kind: 'job' }> | undefined>()
  #lastId = 0
  readonly #collect: () => void
  #passedBytes = 0

  constructor(setup: WorkerSetup, collect: () => void) {
    this.port = setup.port
    this.#collect = collect
    this.#shared = new Int32Array(setup.shared)
    this.#ownerBell = new Int32Array(setup.ownerBell)
  }

  /** The owner does not want the job any more. */
  get stopped(): boolean {
    return Atomics.load(this.#shared, STOP) !== 0
  }

  post(message: FromWorker, transfer: ArrayBuffer[] = []): void {
    this.port.postMessage(message, transfer)
    ring(this.#ownerBell)
  }

  /** A job begins: answers that an earlier one did not wait for are nobody's. */
  begin(): void {
    this.#asked.clear()
  }

  /** Asks for bytes of a file; {@link answer} has them. */
  ask(file: FileKind, number: number, offset: number, bytes: number): number {
    const id = ++this.#lastId
    this.#asked.set(id, undefined)
    this.post({ kind: 'read', id, file, number, offset, bytes })
    return id
  }

  /** Waits for what was asked for. UnreadableError. */
  answer(id: number): Uint8Array {
    for (;;) {
      const answer = this.#asked.get(id)
      if (answer !== undefined) {
        this.#asked.delete(id)
        if (answer.kind === 'bytes') return answer.bytes
        throw new UnreadableError('an input cannot be read')
      }
      this.#route(this.#receive())
    }
  }

  #route(message: ToWorker): void {
    if (message.kind === 'taken') this.#passed(message.parts)
    else if (message.kind !== 'job' && this.#asked.has(message.id)) this.#asked.set(message.id, message)
    if (message.kind === 'bytes') this.#passed([message.bytes])
  }

  /**
   * Buffers that came from the owner become garbage soon, and V8 lets tens of megabytes of such pass before it looks: the heap of a
   * worker is small, so looking more often costs next to nothing.
   */
  #passed(parts: readonly Uint8Array[]): void {
    for (const part of parts) this.#passedBytes += part.buffer.byteLength
    if (this.#passedBytes < COLLECT_BYTES) return
    this.#passedBytes = 0
    this.#collect()
  }

  #receive(): ToWorker {
    for (;;) {
      const bell = Atomics.load(this.#shared, WORKER_BELL)
      const received = receiveMessageOnPort(this.port)
      if (received !== undefined) return received.message as ToWorker
      this.#wait(WORKER_BELL, bell)
    }
  }

  /** Sends finished bytes; waits while the owner has too many of them. */
  write(table: number, parts: readonly Uint8Array[]): void {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    for (let back = receiveMessageOnPort(this.port); back !== undefined; back = receiveMessageOnPort(this.port)) {
      this.#route(back.message as ToWorker)
    }
    this.#charge(bytes)
    this.post(
      { kind: 'write', table, parts },
      parts.map((part) => part.buffer as ArrayBuffer),
    )
  }

  /** Sends values, or says where they lie; waits while the owner has too many of them. */
  values(file: number, items: readonly ValueItem[]): void {
    let bytes = 0
    const transferred: ArrayBuffer[] = []
    for (const { value } of items) {
      bytes += value.length
      if (value instanceof Uint8Array) transferred.push(value.buffer as ArrayBuffer)
    }
    this.#charge(bytes)
    this.post({ kind: 'values', file, items, bytes }, transferred)
  }

  /** Waits while the owner has too much to write. */
  #charge(bytes: number): void {
    for (;;) {
      const outstanding = Atomics.load(this.#shared, OUTSTANDING_BYTES)
      if (outstanding <= OUTSTANDING_BYTES_MAX || this.stopped) break
      this.#wait(OUTSTANDING_BYTES, outstanding)
    }
    Atomics.add(this.#shared, OUTSTANDING_BYTES, bytes)
  }

  #wait(word: number, value: number): void {
    if (Atomics.wait(this.#shared, word, value, SILENCE_MS) === 'timed-out') throw new Error('the owner is silent')
  }
}
