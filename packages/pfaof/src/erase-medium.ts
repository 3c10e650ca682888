import { PfaofError } from './error.ts'
import { labelOf, putLabel, recordsOf } from './medium-set.ts'
import type { Op } from './op.ts'
import type { VolumeCore } from './volume-core.ts'

/**
 * Gives the space of a medium back where it returns only as a whole (tape), and nothing on it is needed any more. The label goes too and is
 * written again; a crash in between leaves a medium of the identity that the volume knows, empty, which no file needs: opening gives it its
 * label (`medium-set.ts`).
 */
export function* eraseMedium(core: VolumeCore, number: number): Op<void> {
  core.checkWritable()
  const medium = core.media[number]!
  if (!medium.erasable) throw new PfaofError('PFAOF_ARGUMENT', `${medium.name} gives its space back zone by zone`)
  yield* core.adding.take()
  try {
    yield* core.pool.settle(number, true)
    // Only when it is durable that no file lies there.
    yield* core.syncTable(core.serial)
    yield* core.allocators[number]!.erase(() => putLabel(medium, labelOf(recordsOf(core.media), number, core.volumeId)))
  } finally {
    core.adding.release()
  }
}
