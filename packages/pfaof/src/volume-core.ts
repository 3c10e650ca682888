import { VolumeFile } from './append-file.ts'
import type { Edit, Extent } from './edit.ts'
import type { EpochClaim } from './epoch.ts'
import { fromMedium, isPfaofError, PfaofError } from './error.ts'
import { FileLayout } from './file-layout.ts'
import type { FileTable } from './file-table.ts'
import { Housekeeping } from './housekeeping.ts'
import type { Journal } from './journal.ts'
import { type Op, runSync, wait } from './op.ts'
import { SegmentCache } from './segment-cache.ts'
import { Turn } from './turn.ts'
import type { VolumeMedium } from './volume-medium.ts'
import { ZoneAllocator } from './zone-allocator.ts'
import { ZonePool } from './zone-pool.ts'

/** What the parts of an open volume share. */
export class VolumeCore {
  /** In order of number; {@link adopt} follows every push. */
  readonly media: VolumeMedium[]
  readonly volumeId: Uint8Array
  readonly now: () => number
  readonly allocators: ZoneAllocator[] = []
  readonly housekeeping = new Housekeeping()
  readonly cache: SegmentCache
  readonly pool: ZonePool
  readonly files: Map<number, VolumeFile> = new Map()
  /** One medium is added, or erased, at a time. */
  readonly adding: Turn = new Turn()
  table: FileTable
  /** Absent in a volume opened read only. */
  #journal: Journal | undefined
  #claim: EpochClaim | undefined
  #closed = false
  #use = 0
  #reserveSpent = false

  constructor(o: {
    media: VolumeMedium[]
    table: FileTable
    volumeId: Uint8Array
    now: () => number
    cacheBytes: number
  }) {
    this.media = o.media
    this.table = o.table
    this.volumeId = o.volumeId
    this.now = o.now
    this.cache = new SegmentCache(o.cacheBytes)
    this.adopt()
    this.pool = new ZonePool(o.media, this.allocators, () => this.serial)
  }

  /** Media that were put behind the others get what belongs to one. */
  adopt(): void {
    for (const medium of this.media.slice(this.allocators.length)) {
      this.allocators.push(
        new ZoneAllocator({
          medium,
          housekeeping: this.housekeeping,
          durable: (serial) => this.#durable(serial),
          nextUse: () => ++this.#use,
          reserveZones: reserveOf(medium),
        }),
      )
    }
  }

  /** From here on the volume is written. */
  write(journal: Journal, claim: EpochClaim): void {
    this.#journal = journal
    this.#claim = claim
    this.table.onFreed = (extents, id) => this.#freed(extents, id)
  }

  get epoch(): number {
    return this.#claim?.epoch ?? 0
  }

  get journal(): Journal {
    if (this.#journal === undefined) throw new PfaofError('PFAOF_READ_ONLY', 'the volume was opened read only')
    return this.#journal
  }

  get serial(): number {
    return this.#journal?.serial ?? 0
  }

  get readOnly(): boolean {
    return this.#journal === undefined
  }

  get closed(): boolean {
    return this.#closed
  }

  close(): void {
    this.#closed = true
  }

  checkReadable(): void {
    if (this.#closed) throw new PfaofError('PFAOF_CLOSED', 'the volume was closed')
  }

  checkWritable(): void {
    this.checkReadable()
    if (this.#journal === undefined) throw new PfaofError('PFAOF_READ_ONLY', 'the volume was opened read only')
    for (const medium of this.media) if (medium.home) this.checkSound(medium)
  }

  /** No flush of the medium has failed (I12). */
  checkSound({ gate, name }: VolumeMedium): void {
    if (gate.failure === undefined) return
    const message = `a flush of ${name} failed: open the volume anew (I12)`
    throw new PfaofError('PFAOF_POISONED', message, gate.failure, name)
  }

  /** A zone is taken and a generation is written without suspending wherever the table's media answer on the spot (see `Journal`). */
  *#durable(serial: number): Op<void> {
    const { journal } = this
    if (journal.blocks) runSync(journal.sync(serial))
    else yield* journal.sync(serial)
  }

  /** In a follower, bytes that are not what the table says were reclaimed by the writer since. */
  readError(error: unknown): unknown {
    if (!this.readOnly || !(error instanceof PfaofError) || error.code !== 'PFAOF_CORRUPTION') return error
    return new PfaofError(
      'PFAOF_STALE',
      'the writer has changed what was read: refresh, and if it stays so it is damage',
      error,
    )
  }

  /** Writes edits to the table; a file's next sync covers its own. `freeing`: an edit that gives space back may use the reserve for it. */
  *commit(make: () => readonly Edit[], file?: VolumeFile, freeing = false): Op<void> {
    try {
      yield* this.journal.commit(make)
    } catch (error) {
      if (!freeing || !isPfaofError(error, 'PFAOF_NO_SPACE') || !(yield* this.#spendReserves())) throw error
      yield* this.journal.commit(make)
    }
    if (file !== undefined) file.editSerial = this.serial
  }

  /** Starts a generation of the table; on a full store in the reserve, since only an open volume can give space back. */
  *rotate(): Op<void> {
    try {
      yield* this.journal.rotate()
    } catch (error) {
      if (!isPfaofError(error, 'PFAOF_NO_SPACE') || !(yield* this.#spendReserves())) throw error
      yield* this.journal.rotate()
    }
  }

  /** Gives the space that home media keep back to the stores below; false when there is none left. */
  *#spendReserves(): Op<boolean> {
    let spent = false
    for (const { home, medium, name } of this.media) {
      if (!home || medium.spendReserve === undefined) continue
      try {
        if (yield* wait(() => medium.spendReserve!())) spent = true
      } catch (error) {
        throw fromMedium(error, `reserve of ${name}`)
      }
    }
    this.#reserveSpent ||= spent
    return spent
  }

  #refillReserves(): void {
    if (!this.#reserveSpent || this.housekeeping.running > 0) return
    this.#reserveSpent = false
    for (const { medium } of this.media) {
      if (medium.refillReserve === undefined) continue
      this.housekeeping.run(async () => {
        if (!(await medium.refillReserve!())) this.#reserveSpent = true
      })
    }
  }

  /** Makes table edits durable, and finds out whether this writer still has the volume (I11). */
  *syncTable(serial: number): Op<void> {
    const { journal } = this
    yield* journal.sync(serial)
    yield* this.#claim!.verify()
    for (const allocator of this.allocators) allocator.prepare(journal.durableSerial)
    this.#refillReserves()
  }

  /** The file with this id, opened once however often it is asked for. */
  file(id: number, own = false): VolumeFile {
    const open = this.files.get(id)
    if (open !== undefined) return open
    const record = this.table.files.get(id)!
    const file = new VolumeFile(this, record, new FileLayout(id, record.extents, this.media, this.cache), own)
    this.files.set(id, file)
    return file
  }

  #freed(extents: readonly Extent[], id: number): void {
    const serial = this.serial
    const free = () => {
      for (const { medium, zone } of extents) this.allocators[medium]!.release(zone, serial)
    }
    const file = this.files.get(id)
    if (file === undefined) {
      free()
      return
    }
    const record = this.table.files.get(id)
    if (record === undefined) {
      file.gone = true
      this.files.delete(id)
      this.pool.leave(file.record)
      file.layout.retire(free)
      return
    }
    // A seal drops empty extents, which nobody reads; a move replaces the layout.
    if (extents.every((extent) => extent.bytes === 0)) {
      free()
      return
    }
    const before = file.layout
    file.layout = new FileLayout(id, record.extents, this.media, this.cache)
    before.retire(free)
  }
}

/** Zones that ordinary writes leave alone: one to move live bytes into, and on a home medium one for the table. */
function reserveOf(medium: VolumeMedium): number {
  if (medium.medium.caps.reclaim === 'whole-medium') return 0
  return medium.home && !medium.keyed ? 2 : 1
}
