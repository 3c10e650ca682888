import { PfaofError } from './error.ts'
import { FileScan } from './extent-scan.ts'
import { KeyTableReplay } from './key-table.ts'
import { completeSet, type IdentifiedSet } from './medium-set.ts'
import type { Op } from './op.ts'
import { findGenerations, type TableReplay, ZoneTableReplay } from './table-replay.ts'
import type { VolumeCore } from './volume-core.ts'
import type { VolumeMedium } from './volume-medium.ts'

/**
 * Follows a writer: the recovery of `recovery.ts` without its last step, done again and again from where it stopped. It sees whole
 * records, flushed or not; what was not flushed may be gone after a crash of the writer.
 */
export class Follower {
  readonly #core: VolumeCore
  readonly #set: IdentifiedSet
  readonly #home: VolumeMedium
  #replay: TableReplay | undefined
  #scans: Map<number, FileScan> = new Map()

  constructor(core: VolumeCore, set: IdentifiedSet) {
    this.#core = core
    this.#set = set
    this.#home = core.media.find(({ home }) => home)!
  }

  /** Takes in what happened since. PFAOF_IO; PFAOF_MEDIUM_MISSING when the writer added one that was not given: open anew with it; PFAOF_CORRUPTION when the table does not decode. */
  *refresh(): Op<void> {
    const core = this.#core
    for (const medium of core.media) yield* medium.report()
    const replay = yield* this.#advance()
    completeSet(this.#set, replay.table.addedMedia)
    core.adopt()
    if (core.table !== replay.table) {
      core.table = replay.table
      this.#scans = new Map()
    }
    for (const id of this.#scans.keys()) if (core.table.files.get(id)?.sealed !== false) this.#scans.delete(id)
    for (const file of [...core.files.values()]) {
      const record = core.table.files.get(file.id)
      if (record === undefined) {
        file.gone = true
        core.files.delete(file.id)
      } else file.rebind(record)
    }
    for (const record of core.table.files.values()) {
      const file = core.files.get(record.id)
      if (record.sealed) {
        if (file === undefined) continue
        for (const map of file.layout.maps) map.end = map.extent.end
        file.grown(record.size)
        continue
      }
      const scan = this.#scans.get(record.id) ?? new FileScan(record, (number) => core.media[number]!)
      this.#scans.set(record.id, scan)
      const { size, ends } = yield* scan.advance(false)
      const open = file ?? core.file(record.id)
      open.rebind(record)
      open.ends = ends
      for (const [i, map] of open.layout.maps.entries()) map.end = ends[i]?.end ?? 0
      open.grown(size)
    }
  }

  *#advance(): Op<TableReplay> {
    if (this.#home.keyed) {
      const replay = (this.#replay as KeyTableReplay | undefined) ?? new KeyTableReplay(this.#home)
      yield* replay.advance()
      this.#replay = replay
      return replay
    }
    const current = this.#replay as ZoneTableReplay | undefined
    for (const label of yield* findGenerations(this.#home)) {
      if (current !== undefined && label.superblock.generation <= current.label.superblock.generation) break
      const replay = new ZoneTableReplay(this.#home, label)
      yield* replay.advance(false)
      if (!replay.complete) continue
      this.#replay = replay
      return replay
    }
    if (current === undefined) throw new PfaofError('PFAOF_NO_VOLUME', 'no generation of the file table is complete')
    yield* current.advance(false)
    return current
  }
}
