/**
 * Makes room in an inode's list of data epochs: moves the visible extents of the oldest epoch into the next one, in
 * bounded transactions. Content is the same before, between and after them.
 *
 * It relies on I2 and on cuts applying to all epochs at once: an older epoch's `end` is never above a newer one's.
 */
import { FilesystemError } from '../errors.ts'
import { decodeExtent, encodeExtent } from '../format/extent.ts'
import { EPOCHS_MAX, type Inode } from '../format/inode.ts'
import { decodeJob } from '../format/job.ts'
import { extentKey, extentRange, jobRange, parseExtentKey } from '../format/keys.ts'
import { type Op, pending } from '../op.ts'
import type { Call } from './call.ts'
import type { Core } from './core.ts'
import { corruption } from './corruption.ts'
import { superuser } from './mode.ts'

const ROWS_PER_STEP = 64
/** How often a merge waits for trims before it gives up. */
const WAITS_MAX = 16

export const needsConsolidation = (inode: Inode): boolean => inode.epochs.length >= EPOCHS_MAX

export function* consolidate(core: Core, ino: number): Op<void> {
  let from = 0
  let oldest = -1
  let waits = 0
  for (let isDone = false; !isDone; ) {
    const next = yield* core.run(
      superuser,
      function* (call) {
        const inode = yield* call.find(ino)
        if (inode === undefined || !needsConsolidation(inode)) return undefined
        const source = inode.epochs[inode.epochs.length - 1]
        const into = inode.epochs[inode.epochs.length - 2]
        const start = source.epoch === oldest ? from : 0
        const rows = yield* call.tx.range(extentRange(ino, source.epoch, start, ROWS_PER_STEP))
        let reached = start
        for (const { key, value } of rows) {
          const parts = parseExtentKey(key)
          const verdict = decodeExtent(key, value)
          if (parts === undefined || !verdict.ok) throw corruption(`extent of inode ${ino}`, 'shape')
          // Its further rows may come with the next step; those that were moved are gone by then.
          reached = parts.index
          // Rows at or beyond the cut belong to a trim.
          if (parts.index >= source.end) continue
          const moved = extentKey(ino, into.epoch, parts.index, parts.part)
          call.tx.put(moved, encodeExtent(moved, verdict.value))
          call.tx.del(key)
        }
        const isLast = rows.length < ROWS_PER_STEP || reached >= source.end
        if (!isLast) return { epoch: source.epoch, from: reached, isLast, mustWait: false }
        // A trim that counts takes its bytes from the inode only while the inode lists the epoch.
        const mustWait = yield* isBeingCounted(call, ino, source.epoch)
        if (!mustWait) call.edit(inode).epochs = inode.epochs.slice(0, -1)
        return { epoch: source.epoch, from: reached, isLast: !mustWait, mustWait }
      },
      { reclaims: true },
    )
    if (next?.mustWait) {
      // A volume whose jobs stand still (closing, or mounted for salvage) would never get there.
      if (++waits > WAITS_MAX) throw new FilesystemError('EBUSY')
      yield* pending(core.jobs.idle())
    }
    isDone = next === undefined || next.isLast
    oldest = next?.epoch ?? -1
    from = next?.from ?? 0
  }
}

function* isBeingCounted(call: Call, ino: number, epoch: number): Op<boolean> {
  for (const { key, value } of yield* call.tx.range(jobRange)) {
    const job = decodeJob(key, value)
    if (!job.ok) throw corruption('job', job.fault)
    const { value: what } = job
    if (what.kind === 'trim' && what.ino === ino && what.epoch === epoch && what.dataBytes < 0) return true
  }
  return false
}
