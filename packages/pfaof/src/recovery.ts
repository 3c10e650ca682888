import { EpochClaim } from './epoch.ts'
import { isPfaofError, PfaofError } from './error.ts'
import { FileScan } from './extent-scan.ts'
import type { FileTable } from './file-table.ts'
import { Journal } from './journal.ts'
import { KeyTableLog, KeyTableReplay } from './key-table.ts'
import { completeSet, type IdentifiedSet, isVolatile, labelOf, putLabel, recordsOf } from './medium-set.ts'
import type { Op } from './op.ts'
import type { Superblock } from './superblock.ts'
import { type TableLog, ZoneTableLog } from './table-log.ts'
import { findGenerations, type TableReplay, ZoneTableReplay } from './table-replay.ts'
import { VolumeCore } from './volume-core.ts'
import type { VolumeMedium } from './volume-medium.ts'

/**
 * Opening a volume.
 *
 * 1. The labels say which volume and which medium each is (`medium-set.ts`).
 * 2. The file table is replayed from every home medium; the newest sound one counts.
 * 3. A writer claims the next epoch, and replays what came in meanwhile (I11).
 * 4. Files with bytes on a volatile medium that came back empty are lost, and leave the table.
 * 5. Files that were being written are scanned to their last whole record (I2 .. I5).
 * 6. What was found, the table itself included, is flushed (I10), then sealed in the table (I6), which is written as a new generation.
 *

 *    Then the empty media get their labels again: not before, or a crash in between would pass them for sound.
 *
 * 1 to 5 only read. 6 changes nothing that 1 to 5 would see differently until the generation is whole, so a crash anywhere in recovery
 * leaves what it found.
 */

/** The replay of one home medium, with what its log needs to go on. */
export interface HomeReplay {
  readonly medium: VolumeMedium
  readonly replay: TableReplay
  readonly log: (core: VolumeCore) => TableLog
}

/** Replays the table of one home medium; undefined when no generation on it is complete. */
export function* replayHome(medium: VolumeMedium): Op<HomeReplay | undefined> {
  if (medium.keyed) {
    const replay = new KeyTableReplay(medium)
    yield* replay.advance()
    return replay.complete
      ? { medium, replay, log: (core) => new KeyTableLog(medium, replay.next, core.housekeeping) }
      : undefined
  }
  for (const label of yield* findGenerations(medium)) {
    const replay = new ZoneTableReplay(medium, label)
    yield* replay.advance(true)
    if (!replay.complete) continue
    const log = (core: VolumeCore) =>
      new ZoneTableLog(medium, core.allocators[medium.number]!, label.zone, replay.overflow)
    return { medium, replay, log }
  }
  return undefined
}

/** The highest generation that a home medium has seen, complete or not. */
function* generationSeen(medium: VolumeMedium, replay: HomeReplay | undefined): Op<number> {
  if (medium.keyed) return replay?.replay.table.generation ?? 0
  return (yield* findGenerations(medium))[0]?.superblock.generation ?? 0
}

/** Replays all home media and chooses the newest sound table. */
export function* replayTable(media: readonly VolumeMedium[]): Op<{ best: HomeReplay; homes: HomeReplay[] }> {
  const homes: HomeReplay[] = []
  let failure: unknown
  let generation = 0
  for (const medium of media) {
    if (!medium.home) continue
    try {
      const home = yield* replayHome(medium)
      if (home !== undefined) homes.push(home)
      generation = Math.max(generation, yield* generationSeen(medium, home))
    } catch (error) {
      // Every home medium has all that was acknowledged, so a sound one answers for a damaged one.
      if (!isPfaofError(error, 'PFAOF_CORRUPTION')) throw error
      failure ??= error
    }
  }
  const best = homes.reduce<HomeReplay | undefined>((a, b) => (a === undefined || isNewer(b, a) ? b : a), undefined)
  if (best !== undefined) return { best, homes }
  if (failure !== undefined) throw failure
  if (generation > 1) throw new PfaofError('PFAOF_CORRUPTION', 'no generation of the file table is complete')
  throw new PfaofError('PFAOF_NO_VOLUME', 'the creation of the volume did not come to its end')
}

function isNewer(a: HomeReplay, b: HomeReplay): boolean {
  const [left, right] = [a.replay.table.generation, b.replay.table.generation]
  return left > right || (left === right && a.replay.records > b.replay.records)
}

/** Steps 2 to 5 of a writer. */
export function* recover(
  set: IdentifiedSet,
  o: { now: () => number; cacheBytes: number; holder: string },
): Op<VolumeCore> {
  const { media, superblock } = set
  const homeMedia = media.filter(({ home }) => home)
  let seen = superblock.epoch
  let generation = superblock.generation
  const first = yield* replayTable(media)
  seen = Math.max(seen, first.best.replay.table.epoch)
  const claim = yield* EpochClaim.claim(homeMedia, seen, o.holder)
  const shared = homeMedia.some(({ keyed }) => keyed)
  if (shared) for (const medium of media) yield* medium.report()
  const { best, homes } = shared ? yield* replayTable(media) : first
  const { table } = best.replay
  completeSet(set, table.addedMedia)
  for (const medium of homeMedia) {
    const home = homes.find((one) => one.medium === medium)
    generation = Math.max(generation, yield* generationSeen(medium, home))
  }
  dropLost(table, media, set.forgotten)
  yield* sealUnsealed(table, media)
  const { now, cacheBytes } = o
  const core = new VolumeCore({ media, table, volumeId: superblock.volumeId, now, cacheBytes })
  const epochFault = table.apply({ tag: 'epoch', epoch: claim.epoch, holder: o.holder })
  if (epochFault !== undefined) throw new PfaofError('PFAOF_FENCED', epochFault)
  yield* serve(core, claim, generation, superblock.media, (medium) => homes.find((one) => one.medium === medium))
  for (const medium of media) {
    if (set.forgotten.has(medium.name))
      yield* putLabel(medium, labelOf(recordsOf(media), medium.number, superblock.volumeId))
  }
  return core
}

/** Connects the parts, writes a generation, and makes the volume writable. */
export function* serve(
  core: VolumeCore,
  claim: EpochClaim,
  generation: number,
  records: Superblock['media'],
  homeOf: (medium: VolumeMedium) => HomeReplay | undefined,
): Op<void> {
  for (const file of core.table.files.values()) {
    for (const extent of file.extents) core.allocators[extent.medium]!.retain(extent.zone)
  }
  const logs: TableLog[] = []
  for (const medium of core.media) {
    if (!medium.home) continue
    const home = homeOf(medium)
    if (home !== undefined) logs.push(home.log(core))
    else if (medium.keyed) logs.push(new KeyTableLog(medium, 0, core.housekeeping))
    else logs.push(new ZoneTableLog(medium, core.allocators[medium.number]!, undefined, []))
  }
  for (const medium of core.media) core.allocators[medium.number]!.load(claim.epoch, medium.ownZones)
  for (const medium of core.media) yield* endOldZones(core, medium)
  const identity = { volumeId: core.volumeId, media: records, epoch: claim.epoch }
  const journal = new Journal(core.table, logs, identity, generation)
  core.write(journal, claim)
  yield* core.rotate()
  yield* claim.verify()
  for (const allocator of core.allocators) allocator.cleanQuarantine()
}

/** Files with bytes on media that forgot them. What a snapshot of the volume holds of them stays, unreadable. */
function dropLost(table: FileTable, media: readonly VolumeMedium[], forgotten: ReadonlySet<string>): void {
  if (forgotten.size === 0) return
  for (const file of [...table.files.values()]) {
    const lost = file.extents.find(({ medium }) => forgotten.has(media[medium]!.name))
    if (lost === undefined) continue
    const { name, medium } = media[lost.medium]!
    if (!isVolatile(medium))
      throw new PfaofError('PFAOF_WRONG_MEDIUM', `${name} was erased, and ${file.name ?? `file ${file.id}`} lay there`)
    if (file.name === undefined) continue
    const fault = table.apply({ tag: 'delete', id: file.id })
    if (fault !== undefined) throw new PfaofError('PFAOF_CORRUPTION', fault)
  }
}

/** Seals every file that its writer left unsealed, with what is whole of it. */
function* sealUnsealed(table: FileTable, media: readonly VolumeMedium[]): Op<void> {
  // The table too may have been read from a cache; the generation before it is emptied next.
  const touched = new Set(media.filter(({ home }) => home).map(({ number }) => number))
  for (const file of table.files.values()) {
    if (file.sealed) continue
    const { size, ends } = yield* new FileScan(file, (number) => media[number]!).advance(true)
    for (const extent of file.extents) touched.add(extent.medium)
    const fault = table.apply({ tag: 'seal', id: file.id, size, ends })
    if (fault !== undefined) throw new PfaofError('PFAOF_CORRUPTION', fault)
  }
  // Bytes that were read from a cache must not be promised before they are durable (I10).
  for (const number of touched) {
    const { gate } = media[number]!
    gate.written++
    yield* gate.through(gate.written)
  }
}

/**
 * Zones that the last writer left open are finished where open zones are limited: nothing is appended to them again (I6). That of a stream's label too:
 * nothing can be written behind it before.
 */
export function* endOldZones(core: VolumeCore, medium: VolumeMedium): Op<void> {
  const { openZonesMax, activeZonesMax, append } = medium.medium.caps
  if (openZonesMax === 0 && activeZonesMax === 0 && append !== 'stream') return
  const allocator = core.allocators[medium.number]!
  for (const { zone, state, pointer } of medium.reports) {
    if (state !== 'open' && state !== 'closed') continue
    if (allocator.isUsed(zone)) {
      if (pointer !== 'unknown') yield* medium.finish(zone)
    } else if (append === 'stream' || !medium.ownZones.has(zone)) yield* medium.finish(zone)
  }
}
