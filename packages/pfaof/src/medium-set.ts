import type { Medium } from '@vivefs/media'
import { fromMedium, PfaofError } from './error.ts'
import type { AddedMedium } from './file-table.ts'
import { ANCHORS, LABEL_FILE, readLabel, writeLabel } from './label.ts'
import { type Op, wait } from './op.ts'
import {
  COMPAT,
  decodeSuperblock,
  encodeSuperblock,
  FORMAT_VERSION,
  INCOMPAT,
  type MediumRecord,
  NAME_BYTES_MAX,
  RO_COMPAT,
  type Superblock,
  volumeIdText,
} from './superblock.ts'
import { VolumeMedium } from './volume-medium.ts'
import { ZoneWriter } from './zone-writer.ts'

/** Media by the name that the volume knows them by. */
export type MediaByName = Readonly<Record<string, Medium>>

const LABEL_KEY = 'superblock/label'
const NO_ID = new Uint8Array(16)

/** A name of a file, medium or snapshot: 1 to 255 bytes of UTF-8 without NUL. PFAOF_ARGUMENT otherwise. */
export function checkName(name: string, what: string): void {
  const bytes = Buffer.byteLength(name, 'utf8')
  if (bytes >= 1 && bytes <= NAME_BYTES_MAX && !name.includes('\0') && !name.includes('\ufffd')) return
  throw new PfaofError('PFAOF_ARGUMENT', `the name of a ${what} has 1 to ${NAME_BYTES_MAX} bytes of UTF-8 and no NUL`)
}

/** Whether a medium can keep the file table. */
export function isHomeFit(medium: Medium): boolean {
  const { append, reclaim, overwrite, zoneCount, durability, fencing } = medium.caps
  if (fencing === 'create-once' && medium.createOnce !== undefined && medium.listKeys !== undefined) return true
  const zoned = append === 'positional' || append === 'device-assigned'
  return zoned && reclaim !== 'whole-medium' && overwrite !== 'never' && durability !== 'seal' && zoneCount >= 5
}

/** The newest superblock or label of a medium. */
export function* findLabel(medium: VolumeMedium): Op<Superblock | undefined> {
  if (medium.keyed) {
    let bytes: Uint8Array | undefined
    try {
      bytes = yield* wait(() => medium.medium.readKey!(LABEL_KEY))
    } catch (error) {
      throw fromMedium(error, `read of the label of ${medium.name}`)
    }
    if (bytes === undefined) return undefined
    const block = decodeSuperblock(Buffer.from(bytes))
    if (!('fault' in block)) return block
    if (block.fault === 'version')
      throw new PfaofError('PFAOF_FORMAT', `format version ${block.version}; this code knows ${FORMAT_VERSION}`)
    throw new PfaofError('PFAOF_CORRUPTION', `the label of ${medium.name} is damaged: ${block.fault}`)
  }
  let newest: Superblock | undefined
  for (const zone of ANCHORS) {
    if (zone >= medium.medium.caps.zoneCount) continue
    const found = (yield* readLabel(medium, zone))?.superblock
    if (found !== undefined && (newest === undefined || found.generation > newest.generation)) newest = found
  }
  return newest
}

/** Writes the label of a medium that keeps no table in zones. */
export function* putLabel(medium: VolumeMedium, block: Superblock): Op<void> {
  if (medium.keyed) {
    let created: boolean
    try {
      created = yield* wait(() => medium.medium.createOnce!(LABEL_KEY, encodeSuperblock(block)))
    } catch (error) {
      throw fromMedium(error, `label of ${medium.name}`)
    }
    if (!created) throw new PfaofError('PFAOF_EXISTS', `${medium.name} has a label`)
    return
  }
  yield* clearLabel(medium)
  const writer = new ZoneWriter(medium, 0, block.epoch, 0, medium.reports[0]?.capacityBytes ?? 0)
  yield* writeLabel(writer, block, LABEL_FILE)
  if (medium.wholeObjects) yield* writer.commitHeld()
  else yield* medium.finish(0)
  yield* medium.flush()
}

/** Makes the zone of the label empty; what a creation that was cut off has left of one goes. PFAOF_MEDIUM_UNFIT. */
function* clearLabel(medium: VolumeMedium): Op<void> {
  if (medium.reports[0]?.state === 'empty') return
  if (!medium.erasable) return yield* medium.reset(0)
  if (medium.reports.some(({ zone, state }) => zone > 0 && state !== 'empty')) {
    const what = `${medium.name} holds data that is no volume's, and its space returns only by erasing all of it`
    throw new PfaofError('PFAOF_MEDIUM_UNFIT', `${what}: erase it first`)
  }
  yield* medium.erase()
}

/** Removes a label that is a key; the others are written over. */
export function* dropLabel(medium: VolumeMedium): Op<void> {
  if (!medium.keyed) return
  try {
    yield* wait(() => medium.medium.deleteKey!(LABEL_KEY))
  } catch (error) {
    throw fromMedium(error, `label of ${medium.name}`)
  }
}

/** Numbers the media of a new volume and refuses those that carry one already (PFAOF_EXISTS). */
export function* newSet(
  given: MediaByName,
  home: readonly string[],
  volumeId: Uint8Array,
  force: boolean,
): Op<VolumeMedium[]> {
  const media: VolumeMedium[] = []
  for (const [name, medium] of Object.entries(given)) {
    checkName(name, 'medium')
    const one = new VolumeMedium({ number: media.length, name, medium, home: home.includes(name), volumeId })
    if (one.home && !isHomeFit(medium)) {
      throw new PfaofError(
        'PFAOF_MEDIUM_UNFIT',
        `${name} cannot keep the file table (${medium.caps.append}, ${medium.caps.reclaim})`,
      )
    }
    yield* one.report()
    if (!force && (yield* findLabel(one)) !== undefined)
      throw new PfaofError('PFAOF_EXISTS', `${name} belongs to a volume`)
    media.push(one)
  }
  return media
}

/** How the superblock of a volume lists its media. */
export function recordsOf(media: readonly VolumeMedium[]): MediumRecord[] {
  return media.map(({ name, medium, home, alignBytes }) => ({ name, id: medium.id, home, alignBytes }))
}

/** A superblock of generation 0: a label. */
export function labelOf(media: readonly MediumRecord[], medium: number, volumeId: Uint8Array): Superblock {
  const bits = { version: FORMAT_VERSION, compat: COMPAT, roCompat: RO_COMPAT, incompat: INCOMPAT }
  return { ...bits, volumeId, generation: 0, epoch: 0, medium, media }
}

/** Loss of power takes all that it holds. */
export function isVolatile(medium: Medium): boolean {
  return medium.caps.durability === 'volatile'
}

/** Nothing is left of it but perhaps a part of a label: a volume erased it, and did not come to label it again. */
function isErased({ erasable, reports }: VolumeMedium): boolean {
  return erasable && reports.every(({ zone, state }) => zone === 0 || state === 'empty')
}

/** The media that the superblock lists, and given ones of the same volume that may have been added later. */
export interface IdentifiedSet {
  /** In order of number; {@link completeSet} puts the added ones behind them. */
  readonly media: VolumeMedium[]
  readonly added: readonly GivenMedium[]
  /** Volatile or erased media without a label, which are no medium of the superblock; {@link completeSet} looks for them among the added ones. */
  readonly blank: readonly { readonly name: string; readonly medium: Medium; readonly probe: VolumeMedium }[]
  /** Names of media of the volume without a label: volatile ones that have forgotten all, whose files are lost, and erased ones. */
  readonly forgotten: Set<string>
  readonly superblock: Superblock
}

export interface GivenMedium {
  readonly name: string
  readonly medium: Medium
  readonly block: Superblock
  readonly probe: VolumeMedium
}

/** The newest of the labels; of several of one generation the one with the shortest list, which is that of the volume's creation. */
function isNewer(a: Superblock, b: Superblock): boolean {
  return a.generation > b.generation || (a.generation === b.generation && a.media.length < b.media.length)
}

/**
 * Recognises the media of a volume. PFAOF_NO_VOLUME, PFAOF_WRONG_MEDIUM, PFAOF_MEDIUM_MISSING, PFAOF_FORMAT.
 */
export function* identify(given: MediaByName, readOnly: boolean): Op<IdentifiedSet> {
  const found: GivenMedium[] = []
  const blank: { name: string; medium: Medium; probe: VolumeMedium }[] = []
  let newest: Superblock | undefined
  for (const [name, medium] of Object.entries(given)) {
    const probe = new VolumeMedium({ number: 0, name, medium, home: false, volumeId: NO_ID })
    yield* probe.report()
    const block = yield* findLabel(probe)
    if (block === undefined) {
      blank.push({ name, medium, probe })
      continue
    }
    found.push({ name, medium, block, probe })
    if (newest === undefined || isNewer(block, newest)) newest = block
  }
  if (newest === undefined)
    throw new PfaofError('PFAOF_NO_VOLUME', `no volume on ${Object.keys(given).join(', ') || 'no medium'}`)
  checkFeatures(newest, readOnly)
  const stranger = blank.find(({ medium, probe }) => !isVolatile(medium) && !isErased(probe))
  if (stranger !== undefined) throw new PfaofError('PFAOF_WRONG_MEDIUM', `${stranger.name} carries no volume`)
  const media: VolumeMedium[] = []
  const added: GivenMedium[] = []
  for (const one of found) {
    const { volumeId } = newest
    if (!Buffer.from(one.block.volumeId).equals(volumeId)) {
      const ids = `${volumeIdText(one.block.volumeId)}, not ${volumeIdText(volumeId)}`
      throw new PfaofError('PFAOF_WRONG_MEDIUM', `${one.name} belongs to volume ${ids}`)
    }
    const number = one.block.medium
    const record = newest.media[number]
    if (record === undefined) added.push(one)
    else if (media[number] !== undefined) throw new PfaofError('PFAOF_WRONG_MEDIUM', `${one.name} is given twice`)
    else media[number] = memberOf(one, record, number, volumeId)
  }
  const forgotten = new Set<string>()
  const left = blank.filter((one) => {
    const number = newest.media.findIndex(({ name }) => name === one.name)
    if (number < 0 || media[number] !== undefined) return true
    media[number] = memberOf({ ...one, block: newest }, newest.media[number]!, number, newest.volumeId)
    forgotten.add(one.name)
    return false
  })
  for (const [i, record] of newest.media.entries()) {
    if (media[i] === undefined)
      throw new PfaofError('PFAOF_MEDIUM_MISSING', `the volume needs ${record.name} (${record.id})`)
  }
  return { media, added, blank: left, forgotten, superblock: newest }
}

/** The medium as the volume knows it, or PFAOF_WRONG_MEDIUM. */
function memberOf(given: GivenMedium, record: MediumRecord, number: number, volumeId: Uint8Array): VolumeMedium {
  const { name, medium, probe } = given
  if (record.name !== name) throw new PfaofError('PFAOF_WRONG_MEDIUM', `the medium given as ${name} is ${record.name}`)
  // What a volatile medium was is gone with its power; another one of its name is as good.
  if (record.id !== medium.id && !isVolatile(medium)) {
    throw new PfaofError('PFAOF_WRONG_MEDIUM', `${name} has the identity ${medium.id}, the volume knows ${record.id}`)
  }
  const one = new VolumeMedium({ number, name, medium, home: record.home, volumeId })
  if (one.alignBytes !== record.alignBytes) {
    throw new PfaofError(
      'PFAOF_WRONG_MEDIUM',
      `${name} aligns to ${one.alignBytes}, the volume to ${record.alignBytes}`,
    )
  }
  one.reports = probe.reports
  return one
}

/**
 * Puts the media that the file table says were added behind those of the superblock. PFAOF_MEDIUM_MISSING; PFAOF_WRONG_MEDIUM, also for
 * one whose addition did not come to its end: it is left out, or added again.
 */
export function completeSet(set: IdentifiedSet, records: readonly AddedMedium[]): void {
  const { media, added, superblock } = set
  const base = superblock.media.length
  for (const record of records) {
    const { number } = record
    const given = added.find((one) => isAdded(one, record)) ?? forgottenOf(set, record.name)
    if (number !== base + records.indexOf(record))
      throw new PfaofError('PFAOF_CORRUPTION', `file table: ${record.name} is medium ${number} of ${media.length}`)
    if (media[number] !== undefined) continue
    if (given === undefined)
      throw new PfaofError(
        'PFAOF_MEDIUM_MISSING',
        `the volume needs ${record.name} (${record.id}), which was added to it`,
      )
    media.push(memberOf(given, { ...record, home: false }, number, superblock.volumeId))
  }
  const unknown = set.blank.find(({ name }) => !set.forgotten.has(name))
  if (unknown !== undefined) throw new PfaofError('PFAOF_WRONG_MEDIUM', `${unknown.name} carries no volume`)
  const stranger = added.find((one) => !records.some((record) => isAdded(one, record)))
  if (stranger !== undefined) {
    const why = 'it was given a label, but its addition did not come to its end'
    throw new PfaofError('PFAOF_WRONG_MEDIUM', `${stranger.name} is no medium of the volume: ${why}`)
  }
}

function isAdded({ name, medium }: GivenMedium, record: AddedMedium): boolean {
  return medium.id === record.id || (isVolatile(medium) && name === record.name)
}

function forgottenOf(set: IdentifiedSet, name: string): GivenMedium | undefined {
  const found = set.blank.find((one) => one.name === name)
  if (found === undefined) return undefined
  set.forgotten.add(name)
  return { ...found, block: set.superblock }
}

function checkFeatures(block: Superblock, readOnly: boolean): void {
  if ((block.incompat & ~INCOMPAT) !== 0) {
    throw new PfaofError(
      'PFAOF_FORMAT',
      `needs features ${block.incompat.toString(2)}, this code knows ${INCOMPAT.toString(2)}`,
    )
  }
  if (!readOnly && (block.roCompat & ~RO_COMPAT) !== 0) {
    throw new PfaofError(
      'PFAOF_FORMAT',
      `writing needs features ${block.roCompat.toString(2)}, this code knows ${RO_COMPAT.toString(2)}`,
    )
  }
}
