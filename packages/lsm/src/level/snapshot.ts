import { AbstractSnapshot } from 'abstract-level'
import type { LsmDb } from '../db/db.ts'
import { LevelError } from '../error.ts'

/** What the database held when the snapshot was taken. Taken and let go of without any work. */
export class LsmSnapshot extends AbstractSnapshot {
  /** Entries with a greater number are not seen. */
  readonly sequence: number
  readonly #db: LsmDb

  constructor(db: LsmDb, sequence: number, options: object) {
    // The options carry the owner, which the type does not tell.
    super(...([options] as unknown as []))
    this.sequence = sequence
    this.#db = db
    db.snapshots.take(sequence)
  }

  async _close(): Promise<void> {
    this.#db.snapshots.release(this.sequence)
  }
}

/** The sequence number of an option `snapshot`. LEVEL_ARGUMENT: it is a snapshot of something else. */
export function sequenceOf(snapshot: object | null | undefined): number | undefined {
  if (snapshot === undefined || snapshot === null) return undefined
  const { sequence } = snapshot as { sequence?: unknown }
  if (typeof sequence !== 'number') throw new LevelError('LEVEL_ARGUMENT', 'the snapshot is not of this database')
  return sequence
}
