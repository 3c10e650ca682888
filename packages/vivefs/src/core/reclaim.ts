/** What the last session left: files that were deleted while they were open. */
import { FilesystemError } from '../errors.ts'
import { numberOfKey, orphanRange } from '../format/keys.ts'
import type { Op } from '../op.ts'
import type { Core } from './core.ts'
import { corruption } from './corruption.ts'
import { isDirectory, superuser } from './mode.ts'
import { reclaimOrphan } from './open-file.ts'

/** Deletes files without a name that are not open. EIO when the volume has no root. */
export function* reclaimOrphans(core: Core): Op<void> {
  const rows = yield* core.read(superuser, (call) => call.tx.range(orphanRange))
  for (const { key } of rows) yield* reclaimOrphan(core, numberOfKey(key))
  const root = yield* core.read(superuser, (call) => call.find(core.superblock.rootIno))
  if (root === undefined || !isDirectory(root))
    throw new FilesystemError('EIO', { cause: corruption('root', 'missing') })
}
