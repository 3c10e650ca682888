import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { ValueItem } from '../blob/value-sink.ts'
import type { FileKind } from '../storage/storage.ts'
import { ChunkMemory } from '../table/chunk-memory.ts'
import {
  type FromWorker,
  OUTSTANDING_BYTES,
  OUTSTANDING_BYTES_MAX,
  PIECE_BYTES,
  ring,
  STOP,
  type ToWorker,
  WORKER_BELL,
  type WorkerSetup,
} from './protocol.ts'

/** Nobody answers any more. The owner stops a worker that it gave up. */
const SILENCE_MS = 600_000

/** Memory for reading ahead that waits for its next use. */
const PIECES_MAX = 16

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
  /** Of tables: travels to the owner and comes back. */
  readonly chunks: ChunkMemory = new ChunkMemory()
  /** Of inputs: travels with the question and comes back with the answer. */
  readonly #pieces: ArrayBuffer[] = []

  constructor(setup: WorkerSetup) {
    this.port = setup.port
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
    this.post({ kind: 'read', id, file, number, offset, bytes, into: undefined })
    return id
  }

  /** As {@link ask}, up to PIECE_BYTES of a table; the answer is to be given back: {@link done}. */
  askPiece(number: number, offset: number, bytes: number): number {
    const id = ++this.#lastId
    this.#asked.set(id, undefined)
    const into = this.#pieces.pop() ?? new ArrayBuffer(PIECE_BYTES)
    this.post({ kind: 'read', id, file: 'table', number, offset, bytes, into }, [into])
    return id
  }

  /** A piece is not needed any more. */
  done(piece: Uint8Array): void {
    const memory = piece.buffer as ArrayBuffer
    if (memory.byteLength === PIECE_BYTES && this.#pieces.length < PIECES_MAX) this.#pieces.push(memory)
  }

  /** The answer of {@link askPiece} is not wanted any more. */
  forget(id: number): void {
    const answer = this.#asked.get(id)
    this.#asked.delete(id)
    if (answer?.kind === 'bytes') this.done(answer.bytes)
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
    if (message.kind === 'taken') this.chunks.give(message.parts)
    else if (message.kind === 'job') return
    else if (this.#asked.has(message.id)) this.#asked.set(message.id, message)
    else if (message.kind === 'bytes') this.done(message.bytes)
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
