import { type Edit, encodeEdits } from './edit.ts'
import { assert, isPfaofError, PfaofError } from './error.ts'
import type { FileTable } from './file-table.ts'
import { type Op, runSync } from './op.ts'
import type { MediumRecord, Superblock } from './superblock.ts'
import { COMPAT, FORMAT_VERSION, INCOMPAT, RO_COMPAT } from './superblock.ts'
import type { TableLog } from './table-log.ts'
import { Turn } from './turn.ts'

/** File ids leased at a time. */
const LEASE_IDS = 1 << 20

export interface JournalIdentity {
  readonly volumeId: Uint8Array
  readonly media: readonly MediumRecord[]
  readonly epoch: number
}

/**
 * Changes of the file table: written to the log of every home medium, then applied in memory. When a log fails or grows too long, all
 * start a new generation; until that is durable nothing is acknowledged (I15).
 *
 * Where all logs lie on media that answer on the spot, a generation is written without suspending, whoever drives: a synchronous caller
 * never meets a table that somebody asynchronous is half-way through writing. That blocks for a flush, once in some thousand edits.
 */
export class Journal {
  readonly table: FileTable
  readonly #logs: readonly TableLog[]
  readonly #identity: JournalIdentity
  readonly #turn = new Turn()
  #generation: number
  #suspect = true
  /** Serial number of the last edit applied. */
  serial = 0
  /** Edits up to this serial number are durable. */
  durableSerial = 0
  #nextId: number
  /** Generations are written without suspending. */
  readonly blocks: boolean

  /** `generation` is the highest that any home medium has seen. The first commit or sync starts the next one. */
  constructor(table: FileTable, logs: readonly TableLog[], identity: JournalIdentity, generation: number) {
    this.table = table
    this.#logs = logs
    this.#identity = identity
    this.#generation = generation
    this.#nextId = table.idLimit
    this.blocks = logs.every(({ medium }) => medium.answersNow)
  }

  /** A file id that was never given out (I9); the lease is durable before. */
  *nextId(): Op<number> {
    if (this.#nextId >= this.table.idLimit) yield* this.rotate()
    return this.#nextId++
  }

  /** Writes and applies the edits that `make` answers with; it runs when its turn has come, and may throw. */
  *commit(make: () => readonly Edit[]): Op<void> {
    yield* this.#turn.take()
    try {
      const edits = make()
      if (edits.length === 0) return
      if (this.#suspect || this.#logs.some((log) => log.full)) yield* this.#rotate()
      const record = encodeEdits(edits)
      try {
        yield* this.#append(record)
      } catch (error) {
        // A full log may still fit after a new generation, which leaves out what is dead.
        if (!isPfaofError(error, 'PFAOF_NO_SPACE')) throw error
        yield* this.#rotate()
        yield* this.#append(record)
      }
      this.serial++
      for (const edit of edits) {
        const fault = this.table.apply(edit)
        assert(fault === undefined, `an edit was checked before it was written: ${fault}`)
      }
    } finally {
      this.#turn.release()
    }
  }

  *#append(record: Buffer): Op<void> {
    for (const log of this.#logs) {
      try {
        yield* log.append(record)
      } catch (error) {
        // The edit may be in a log, but is not in the table: a generation without it must be durable first (I15).
        this.#suspect = true
        throw error
      }
    }
  }

  /** Makes the edits up to `serial` durable. */
  *sync(serial: number = this.serial): Op<void> {
    if (this.#suspect) {
      yield* this.#turn.take()
      try {
        if (this.#suspect) yield* this.#rotate()
      } finally {
        this.#turn.release()
      }
    }
    if (this.durableSerial >= serial) return
    const covers = this.serial
    for (const log of this.#logs) {
      try {
        yield* log.sync()
      } catch (error) {
        this.#suspect = true
        throw error
      }
    }
    // A commit that failed meanwhile made its log suspect: then only a new generation tells the truth.
    if (this.#suspect) return yield* this.sync(serial)
    this.durableSerial = Math.max(this.durableSerial, covers)
  }

  /** Starts a new generation with the table as it is. */
  *rotate(): Op<void> {
    yield* this.#turn.take()
    try {
      yield* this.#rotate()
    } finally {
      this.#turn.release()
    }
  }

  *#rotate(): Op<void> {
    const { table } = this
    const generation = this.#generation + 1
    if (generation > 0xffff_ffff) throw new PfaofError('PFAOF_FORMAT', 'the generations of the file table are used up')
    this.#suspect = true
    this.#generation = generation
    const idLimit = this.#nextId + LEASE_IDS
    const fault = table.apply({ tag: 'lease', idLimit })
    assert(fault === undefined, `I9 ${fault}`)
    const serial = this.serial
    for (const [i, log] of this.#logs.entries()) {
      const block: Superblock = {
        version: FORMAT_VERSION,
        compat: COMPAT,
        roCompat: RO_COMPAT,
        incompat: INCOMPAT,
        volumeId: this.#identity.volumeId,
        generation,
        epoch: this.#identity.epoch,
        medium: this.#logs[i]!.medium.number,
        media: this.#identity.media,
      }
      if (this.blocks) runSync(log.start(block, table))
      else yield* log.start(block, table)
    }
    table.apply({ tag: 'generation', generation, epoch: this.#identity.epoch, createdMs: table.createdMs })
    this.#suspect = false
    this.durableSerial = Math.max(this.durableSerial, serial)
  }
}
