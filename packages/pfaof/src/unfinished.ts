import type { Medium } from '@vivefs/media'
import { isPfaofError } from './error.ts'
import { ANCHORS } from './label.ts'
import { findLabel, type MediaByName } from './medium-set.ts'
import type { Op } from './op.ts'
import { replayHome } from './recovery.ts'
import type { Superblock } from './superblock.ts'
import { VolumeMedium } from './volume-medium.ts'

/** Generations of the file table that a creation writes. */
const CREATED_GENERATION = 1

/**
 * Whether what lies on the media is a creation that did not come to its end and nothing else: labels of one volume all of whose home media are
 * given, no complete generation of its file table, and on no medium a zone in use behind the table's own. Such a volume never held a file, so a new
 * creation may take its place. What cannot be proved is false; so is a store of keys, where another creator may be at work just now.
 * PFAOF_FORMAT, PFAOF_IO.
 */
export function* isUnfinishedCreation(given: MediaByName): Op<boolean> {
  const labels = new Map<string, Superblock>()
  for (const [name, medium] of Object.entries(given)) {
    const one = yield* probe(name, medium)
    if (one.reports.some(({ zone, state }) => state !== 'empty' && !ANCHORS.includes(zone))) return false
    const label = yield* findLabel(one)
    if (label !== undefined) labels.set(name, label)
  }
  const [first, ...others] = labels.values()
  if (first === undefined || !others.every(({ volumeId }) => Buffer.from(volumeId).equals(first.volumeId))) return false
  if ([...labels.values()].some(({ generation }) => generation > CREATED_GENERATION)) return false
  for (const record of first.media) {
    if (!record.home) continue
    const medium = given[record.name]
    if (medium === undefined || medium.id !== record.id) return false
    if (labels.has(record.name) && !(yield* holdsNothing(record.name, medium, first))) return false
  }
  return true
}

function* probe(name: string, medium: Medium): Op<VolumeMedium> {
  const one = new VolumeMedium({ number: 0, name, medium, home: false, volumeId: new Uint8Array(16) })
  yield* one.report()
  return one
}

/** Whether a home medium has no complete table, and only zones of the table in use. */
function* holdsNothing(name: string, medium: Medium, { media, volumeId }: Superblock): Op<boolean> {
  const number = media.findIndex((record) => record.name === name)
  const one = new VolumeMedium({ number, name, medium, home: true, volumeId })
  yield* one.report()
  if (one.keyed) return false
  try {
    return (yield* replayHome(one)) === undefined
  } catch (error) {
    if (isPfaofError(error, 'PFAOF_CORRUPTION')) return false
    throw error
  }
}
