/** What a program may do beyond its caller, and how it loses that. */
import type { Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import type { Call } from './call.ts'
import type { NamedPlace } from './changes.ts'
import { withoutSetId } from './mode.ts'
import { dropCapability } from './xattr.ts'

/** Whether `dropPowers` has anything to look at. */
export const mayHavePowers = ({ mode, xattrs }: Inode): boolean => xattrs > 0 || withoutSetId(mode) !== mode

/** Who changes a program takes its powers: set-id bits (but the superuser leaves them) and capabilities. */
export function* dropPowers(call: Call, edited: Inode, place?: NamedPlace): Op<void> {
  const { mode, xattrs } = edited
  if (call.who.uid !== 0) edited.mode = withoutSetId(mode)
  if (xattrs > 0) yield* dropCapability(call, edited)
  if (edited.mode !== mode || edited.xattrs !== xattrs) call.tellOf(edited, 'attrib', place)
}
