/**
 * Inode numbers of snapshots that are shown in the volume's own tree (snapshot/directory-store.ts). They exist in memory only:
 *
 *     2^52 + tag * 2^36 + ino      inode `ino` as it was at the snapshot `tag`
 *     2^52 + 1                     the directory that holds the snapshots
 *
 * so such a number means the same after a restart. A volume's own numbers are below 2^52.
 */
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'

const BASE = 2 ** 52
const INO_END = 2 ** 36
const TAG_END = 2 ** 16

/** The directory that holds the snapshots. */
export const SNAPSHOTS_INO: number = BASE + 1

/** The number that an inode of a snapshot is shown by. */
export const shownIno = (tag: number, ino: number): number => BASE + tag * INO_END + ino

/** Whether there are such numbers for all inodes of a snapshot. */
export const isShowable = (tag: number, nextIno: number): boolean => tag < TAG_END && nextIno <= INO_END

/** Whether it is the number of something that a snapshot shows. */
export const isShown = (ino: number): boolean => ino >= BASE

/** The snapshot that such a number belongs to, 0 for the directory of them, and the number there. */
export function shownParts(ino: number): { readonly tag: number; readonly ino: number } {
  const rest = ino - BASE
  return { tag: Math.floor(rest / INO_END), ino: rest % INO_END }
}

/** Tells the trees apart: the volume's own, the directory's, each snapshot's. */
export const treeOf = (ino: number): number => (ino < BASE ? -1 : shownParts(ino).tag)

export const isOneTree = (a: Pick<Inode, 'ino'>, b: Pick<Inode, 'ino'>): boolean =>
  (a.ino < BASE && b.ino < BASE) || treeOf(a.ino) === treeOf(b.ino)

/** EXDEV: links and renames do not lead from one tree to another. */
export function assertOneTree(a: Inode, b: Inode): void {
  if (!isOneTree(a, b)) throw new FilesystemError('EXDEV')
}

/** EBUSY: a name at which another tree begins stays. */
export function assertNoBorder(directory: Inode, inode: Inode | undefined): void {
  if (inode !== undefined && !isOneTree(directory, inode)) throw new FilesystemError('EBUSY')
}

/** EROFS: it is something that a snapshot shows. */
export function assertChangeable({ ino }: Pick<Inode, 'ino'>): void {
  if (ino >= BASE) throw new FilesystemError('EROFS')
}
