import type { Bytes } from '../bytes.ts'
import type { Op } from '../op.ts'
import type { RandomReader } from '../table/random-reader.ts'
import type { Mailbox } from './mailbox.ts'

/** Bytes that are asked for at once while a file is read in order. */
const AHEAD_BYTES = 256 * 1024

interface Piece {
  readonly offset: number
  readonly bytes: Uint8Array
}

/**
 * The file of a table, read through the owner. While it is read in order the next piece is under way: the owner answers when its event
 * loop comes to it, and until then there is work with the piece before.
 */
export class RemoteTable implements RandomReader {
  readonly size: number
  readonly readsAhead = true
  readonly #number: number
  readonly #mailbox: Mailbox
  #piece: Piece | undefined
  #ahead: { readonly id: number; readonly offset: number } | undefined
  /** Where the last read ended. */
  #end = -1

  constructor(number: number, size: number, mailbox: Mailbox) {
    this.#number = number
    this.size = size
    this.#mailbox = mailbox
  }

  *read(offset: number, into: Bytes): Op<number> {
    return this.readNow(offset, into)
  }

  readNow(offset: number, into: Bytes): number {
    const end = Math.min(this.size, offset + into.length)
    let at = offset
    while (at < end) {
      const { offset: from, bytes } = this.#pieceAt(at, end)
      const part = bytes.subarray(at - from, end - from)
      into.set(part, at - offset)
      at += part.length
      if (part.length === 0) break // the file is shorter than its size says
    }
    this.#end = at
    return at - offset
  }

  /** A piece that has the byte at `at`. */
  #pieceAt(at: number, end: number): Piece {
    const piece = this.#piece
    if (piece !== undefined && at >= piece.offset && at < piece.offset + piece.bytes.length) return piece
    const ahead = this.#ahead
    if (ahead?.offset === at) {
      this.#ahead = undefined
      return this.#goOn({ offset: at, bytes: this.#mailbox.answer(ahead.id) })
    }
    const ordered = at === this.#end
    const bytes = ordered ? Math.min(AHEAD_BYTES, this.size - at) : end - at
    const asked = { offset: at, bytes: this.#mailbox.answer(this.#mailbox.ask('table', this.#number, at, bytes)) }
    return ordered ? this.#goOn(asked) : asked
  }

  /** Keeps the piece, and asks for the next one. */
  #goOn(piece: Piece): Piece {
    this.#piece = piece
    const offset = piece.offset + piece.bytes.length
    if (offset < this.size && this.#ahead === undefined) {
      const bytes = Math.min(AHEAD_BYTES, this.size - offset)
      this.#ahead = { id: this.#mailbox.ask('table', this.#number, offset, bytes), offset }
    }
    return piece
  }
}
