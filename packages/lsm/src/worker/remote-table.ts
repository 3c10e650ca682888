import type { Bytes } from '../bytes.ts'
import type { Op } from '../op.ts'
import type { RandomReader } from '../table/random-reader.ts'
import type { Mailbox } from './mailbox.ts'

/** Thrown through a job when an input cannot be read: the owner knows why. */
export class UnreadableError extends Error {}

/** The file of a table, read through the owner. */
export class RemoteTable implements RandomReader {
  readonly size: number
  readonly #number: number
  readonly #mailbox: Mailbox

  constructor(number: number, size: number, mailbox: Mailbox) {
    this.#number = number
    this.size = size
    this.#mailbox = mailbox
  }

  *read(offset: number, into: Bytes): Op<number> {
    return this.readNow(offset, into)
  }

  readNow(offset: number, into: Bytes): number {
    const bytes = Math.min(into.length, this.size - offset)
    if (bytes <= 0) return 0
    this.#mailbox.post({ kind: 'read', table: this.#number, offset, bytes })
    const answer = this.#mailbox.receive()
    if (answer.kind !== 'bytes') throw new UnreadableError(`table-${this.#number}`)
    into.set(answer.bytes)
    return answer.bytes.length
  }
}
