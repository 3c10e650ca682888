import type { Medium } from '@vivefs/media'
import { fromMedium, PfaofError } from './error.ts'
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
  if (medium.reports[0]?.state !== 'empty') yield* medium.reset(0)
  const writer = new ZoneWriter(medium, 0, block.epoch, 0, medium.reports[0]?.capacityBytes ?? 0)
  yield* writeLabel(writer, block, LABEL_FILE)
  if (medium.wholeObjects) yield* writer.commitHeld()
  else yield* medium.finish(0)
  yield* medium.flush()
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

/**
 * Recognises the media of a volume. PFAOF_NO_VOLUME, PFAOF_WRONG_MEDIUM, PFAOF_MEDIUM_MISSING, PFAOF_FORMAT.
 */
export function* identify(
  given: MediaByName,
  readOnly: boolean,
): Op<{ media: VolumeMedium[]; superblock: Superblock }> {
  const found: { name: string; medium: Medium; block: Superblock | undefined; probe: VolumeMedium }[] = []
  let newest: Superblock | undefined
  for (const [name, medium] of Object.entries(given)) {
    const probe = new VolumeMedium({ number: 0, name, medium, home: false, volumeId: NO_ID })
    yield* probe.report()
    const block = yield* findLabel(probe)
    found.push({ name, medium, block, probe })
    if (block === undefined) continue
    if (newest === undefined || block.generation > newest.generation) newest = block
  }
  if (newest === undefined)
    throw new PfaofError('PFAOF_NO_VOLUME', `no volume on ${Object.keys(given).join(', ') || 'no medium'}`)
  checkFeatures(newest, readOnly)
  const media: VolumeMedium[] = []
  for (const { name, medium, block, probe } of found) {
    if (block === undefined) throw new PfaofError('PFAOF_WRONG_MEDIUM', `${name} carries no volume`)
    const { volumeId } = newest
    if (!Buffer.from(block.volumeId).equals(volumeId)) {
      const ids = `${volumeIdText(block.volumeId)}, not ${volumeIdText(volumeId)}`
      throw new PfaofError('PFAOF_WRONG_MEDIUM', `${name} belongs to volume ${ids}`)
    }
    const record = newest.media[block.medium]
    if (record === undefined || record.name !== name) {
      throw new PfaofError(
        'PFAOF_WRONG_MEDIUM',
        `the medium given as ${name} is ${record?.name ?? `number ${block.medium}`}`,
      )
    }
    if (record.id !== medium.id) {
      throw new PfaofError('PFAOF_WRONG_MEDIUM', `${name} has the identity ${medium.id}, the volume knows ${record.id}`)
    }
    if (media[block.medium] !== undefined) throw new PfaofError('PFAOF_WRONG_MEDIUM', `${name} is given twice`)
    const one = new VolumeMedium({ number: block.medium, name, medium, home: record.home, volumeId })
    if (one.alignBytes !== record.alignBytes) {
      throw new PfaofError(
        'PFAOF_WRONG_MEDIUM',
        `${name} aligns to ${one.alignBytes}, the volume to ${record.alignBytes}`,
      )
    }
    one.reports = probe.reports
    media[block.medium] = one
  }
  for (const [i, record] of newest.media.entries()) {
    if (media[i] === undefined)
      throw new PfaofError('PFAOF_MEDIUM_MISSING', `the volume needs ${record.name} (${record.id})`)
  }
  return { media, superblock: newest }
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
