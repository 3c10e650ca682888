import type { Bytes } from '../bytes.ts'
import type { Op } from '../op.ts'
import type { RandomReader } from '../table/random-reader.ts'
import type { Mailbox } from './mailbox.ts'
import { PIECE_BYTES } from './protocol.ts'

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

  forgetAhead(): void {
    if (this.#piece !== undefined) this.#mailbox.done(this.#piece.bytes)
    if (this.#ahead !== undefined) this.#mailbox.forget(this.#ahead.id)
    this.#piece = undefined
    this.#ahead = undefined
  }

  /** A piece that has the byte at `at`. */
  #pieceAt(at: number, end: number): Piece {
    const piece = this.#piece
    if (piece !== undefined && at >= piece.offset && at < piece.offset + piece.bytes.length) return piece
    const ahead = this.#ahead
    if (ahead?.offset === at) {
      this.#ahead = undefined
      return this.#goOn({ offset: at, bytes: this.#answer(ahead.id) })
    }
    if (at !== this.#end)
      return { offset: at, bytes: this.#answer(this.#mailbox.ask('table', this.#number, at, end - at)) }
    return this.#goOn({ offset: at, bytes: this.#answer(this.#askPiece(at)) })
  }

  #askPiece(offset: number): number {
    return this.#mailbox.askPiece(this.#number, offset, Math.min(PIECE_BYTES, this.size - offset))
  }

  #answer(id: number): Uint8Array {
    return this.#mailbox.answer(id)
  }

  /** Keeps the piece, and asks for the next one. */
  #goOn(piece: Piece): Piece {
    if (this.#piece !== undefined) this.#mailbox.done(this.#piece.bytes)
    this.#piece = piece
    const offset = piece.offset + piece.bytes.length
    if (offset < this.size && this.#ahead === undefined) this.#ahead = { id: this.#askPiece(offset), offset }
    return piece
  }
}
