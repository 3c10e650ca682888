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
 * Whether what lies on the media are creations that did not come to their end and nothing else: labels of volumes all of whose home media are
 * given (a creation that took the place of another, and was cut off too, leaves some of both), no complete generation of a file table, and on no
 * medium a zone in use behind the table's own. Such volumes never held a file, so a new creation may take their place. What cannot be proved is
 * false; so is a store of keys, where another creator may be at work just now. PFAOF_FORMAT, PFAOF_IO.
 */
export function* isUnfinishedCreation(given: MediaByName): Op<boolean> {
  const labels = new Map<string, Superblock>()
  for (const [name, medium] of Object.entries(given)) {
    const one = yield* probe(name, medium)
    if (one.reports.some(({ zone, state }) => state !== 'empty' && !ANCHORS.includes(zone))) return false
    const label = yield* findLabel(one)
    if (label !== undefined) labels.set(name, label)
  }
  if (labels.size === 0) return false
  for (const { generation, media } of labels.values()) {
    if (generation > CREATED_GENERATION) return false
    for (const { name, id, home } of media) {
      if (!home) continue
      const medium = given[name]
      if (medium === undefined || medium.id !== id) return false
      const label = labels.get(name)
      if (label !== undefined && !(yield* holdsNothing(name, medium, label))) return false
    }
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
