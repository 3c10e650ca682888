/** Feature bits of the superblock, set in the batch that first uses the feature. */
import { superblockKey } from '../format/keys.ts'
import { decodeSuperblock, encodeSuperblock, type Features } from '../format/superblock.ts'
import type { Op } from '../op.ts'
import type { Call } from './call.ts'
import { corruption } from './corruption.ts'

/** Changes the feature bits as part of this operation. */
export function* changeFeatures(call: Call, change: (features: Features) => Features): Op<void> {
  const row = yield* call.tx.get(superblockKey)
  if (row === undefined) throw corruption('superblock', 'missing')
  const verdict = decodeSuperblock(row)
  if (!verdict.ok) throw corruption('superblock', verdict.fault)
  const superblock = { ...verdict.value, features: change(verdict.value.features) }
  call.tx.put(superblockKey, encodeSuperblock(superblock))
  call.tx.onCommit(() => {
    call.core.superblock = superblock
  })
}
