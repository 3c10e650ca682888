import type { Medium } from '@vivefs/media'
import { PfaofError } from './error.ts'
import { checkName, dropLabel, findLabel, labelOf, putLabel, recordsOf } from './medium-set.ts'
import type { Op } from './op.ts'
import { endOldZones } from './recovery.ts'
import { encodeSuperblock, MEDIA_MAX, type Superblock, volumeIdText } from './superblock.ts'
import type { VolumeCore } from './volume-core.ts'
import { VolumeMedium } from './volume-medium.ts'

/**
 * Taking a medium into a volume that exists: the label first, durable, then the edit of the file table (FORMAT.md, "Why each crash is
 * safe"). Only the edit makes it a member.
 */
export function* addMedium(core: VolumeCore, name: string, medium: Medium): Op<void> {
  core.checkWritable()
  checkName(name, 'medium')
  yield* core.adding.take()
  try {
    const { media, volumeId } = core
    const number = media.length
    if (number >= MEDIA_MAX) throw new PfaofError('PFAOF_ARGUMENT', `a volume has at most ${MEDIA_MAX} media`)
    checkFree(media, name, medium.id)
    const one = new VolumeMedium({ number, name, medium, home: false, volumeId })
    yield* one.report()
    const left = yield* leftLabel(one, volumeId)
    const label = labelOf(recordsOf([...media, one]), number, volumeId)
    if (left === undefined || !encodeSuperblock(left).equals(encodeSuperblock(label))) {
      if (left !== undefined) yield* dropLabel(one)
      yield* putLabel(one, label)
      yield* one.report()
    }
    core.checkWritable()
    const { id } = medium
    yield* core.commit(() => [{ tag: 'medium', number, name, id, alignBytes: one.alignBytes }])
    media.push(one)
    core.adopt()
    core.allocators[number]!.load(core.epoch, one.ownZones)
    yield* endOldZones(core, one)
    yield* core.syncTable(core.serial)
  } finally {
    core.adding.release()
  }
}

function checkFree(media: readonly VolumeMedium[], name: string, id: string): void {
  for (const one of media) {
    if (one.name === name) throw new PfaofError('PFAOF_EXISTS', `the volume has a medium ${name}`)
    if (one.medium.id === id) throw new PfaofError('PFAOF_EXISTS', `the medium is ${one.name} of this volume`)
  }
}

/** The label of this very volume that an addition left which did not come to its end. PFAOF_EXISTS for another volume's. */
function* leftLabel(one: VolumeMedium, volumeId: Uint8Array): Op<Superblock | undefined> {
  const label = yield* findLabel(one)
  if (label === undefined || Buffer.from(label.volumeId).equals(volumeId)) return label
  throw new PfaofError('PFAOF_EXISTS', `${one.name} belongs to volume ${volumeIdText(label.volumeId)}`)
}
