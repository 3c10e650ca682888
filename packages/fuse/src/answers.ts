/** What goes back to the kernel: a header, and a body that may lie in memory lent for it. */
import { errnoOf } from './errno.ts'
import { ANSWER_HEADER_BYTES, writeU64 } from './protocol/wire.ts'

/** Takes one answer whole: the first `headBytes` of `head`, then `body`. They may be overwritten when it returns. */
export type Answer = (head: Buffer, headBytes: number, body?: Buffer) => void

/** The body of an answer; undefined: none. */
export type Body = Buffer | undefined

/** Answers up to this size go out as one piece of memory, bytes. */
const JOINED_BYTES_MAX = 16 * 1024

/** The longest record that is written where it goes out, bytes. */
const SCRATCH_BYTES_MAX = 512

/** Memory for big answers that is kept for the next ones: pieces of at least this size, bytes, and how many. */
const ROOM_BYTES = 128 * 1024
const ROOMS_MAX = 8

/** Sends answers, one at a time. */
export class Answers {
  readonly #answer: Answer
  readonly #out = Buffer.alloc(ANSWER_HEADER_BYTES + JOINED_BYTES_MAX)
  /** Views of `#out` behind the header, by their length. */
  readonly #scratch: (Buffer | undefined)[] = Array.from({ length: SCRATCH_BYTES_MAX + 1 })
  readonly #rooms: ArrayBufferLike[] = []
  readonly #lent = new WeakSet<ArrayBufferLike>()

  constructor(answer: Answer) {
    this.#answer = answer
  }

  /**
   * Zeros for an answer of up to 512 bytes. All answers use this memory: it has to be sent before anything else is, so it is asked for when there is
   * nothing left to wait for.
   */
  scratch(bytes: number): Buffer {
    let view = this.#scratch[bytes]
    if (view === undefined) {
      view = this.#out.subarray(ANSWER_HEADER_BYTES, ANSWER_HEADER_BYTES + bytes)
      this.#scratch[bytes] = view
    }
    return view.fill(0)
  }

  /** Memory for an answer of up to `bytes`. It is taken back when an answer that lies in it has been sent. */
  room(bytes: number): Buffer {
    if (bytes <= JOINED_BYTES_MAX) return Buffer.allocUnsafe(bytes)
    const spare = this.#rooms.pop()
    const room =
      spare !== undefined && spare.byteLength >= bytes
        ? spare
        : Buffer.allocUnsafeSlow(Math.ceil(bytes / ROOM_BYTES) * ROOM_BYTES).buffer
    this.#lent.add(room)
    return Buffer.from(room, 0, bytes)
  }

  reply(unique: number, body: Body): void {
    this.#send(unique, 0, body)
  }

  refuse(unique: number, error: unknown): void {
    this.#send(unique, -errnoOf(error), undefined)
  }

  #send(unique: number, error: number, body: Body): void {
    const out = this.#out
    const bytes = body === undefined ? 0 : body.length
    out.writeUInt32LE(ANSWER_HEADER_BYTES + bytes, 0)
    out.writeInt32LE(error, 4)
    writeU64(out, unique, 8)
    if (body === undefined || body.buffer === out.buffer) this.#answer(out, ANSWER_HEADER_BYTES + bytes)
    else if (bytes > JOINED_BYTES_MAX) this.#answer(out, ANSWER_HEADER_BYTES, body)
    else {
      body.copy(out, ANSWER_HEADER_BYTES)
      this.#answer(out, ANSWER_HEADER_BYTES + bytes)
    }
    if (body !== undefined && this.#lent.delete(body.buffer) && this.#rooms.length < ROOMS_MAX) {
      this.#rooms.push(body.buffer)
    }
  }
}
