/**
 * POSIX access control lists: entries and the rules that decide by them (POSIX 1003.1e draft 17, chapter 23; acl(5)).
 *
 *   A1  entries come in the order owner, named users, owning group, named groups, mask, others
 *   A2  owner, owning group and others are there once; the mask is there when anybody is named
 *   A3  the owner's, the mask's (without one: the owning group's) and the others' permissions of an access list are those of
 *       the file's mode: a chmod changes the list, and what is stored of them has no meaning
 */

export const READ = 4
export const WRITE = 2
export const EXECUTE = 1

/** Who an entry is about. `user` and `group` without an `id`: the file's owner and its group. */
export type AclTag = 'user' | 'group' | 'mask' | 'other'

export interface AclEntry {
  readonly tag: AclTag
  /** Of a named user or group. */
  readonly id?: number
  /** READ 4, WRITE 2, EXECUTE 1, added. */
  readonly perm: number
}

/** Entries in the order of A1. */
export type Acl = readonly AclEntry[]

const ID_MAX = 0xffff_fffe

/** Where an entry stands in the order of A1. */
export const rankOf = ({ tag, id }: AclEntry): number => {
  if (tag === 'user') return id === undefined ? 0 : 1
  if (tag === 'group') return id === undefined ? 2 : 3
  return tag === 'mask' ? 4 : 5
}

/** What is wrong with a list (A1, A2), or undefined. As the kernel: names may repeat and need no order among themselves. */
export function faultOf(acl: Acl): string | undefined {
  const counts = [0, 0, 0, 0, 0, 0]
  let last = 0
  for (const entry of acl) {
    const rank = rankOf(entry)
    if (rank < last) return 'entries are not in order'
    last = rank
    counts[rank]++
    if (!Number.isInteger(entry.perm) || entry.perm < 0 || entry.perm > 7) return `permissions ${entry.perm}`
    if (entry.id !== undefined && !(Number.isInteger(entry.id) && entry.id >= 0 && entry.id <= ID_MAX))
      return `id ${entry.id}`
  }
  const [owner, users, group, groups, mask, other] = counts
  if (owner !== 1 || group !== 1 || other !== 1) return 'owner, group and other are needed, once each'
  if (mask > 1 || (mask === 0 && users + groups > 0)) return 'one mask is needed where anybody is named'
  return undefined
}

const permOf = (acl: Acl, rank: number): number | undefined => acl.find((entry) => rankOf(entry) === rank)?.perm

/** Whether the list says no more than nine bits of a mode can. */
export const isMinimal = (acl: Acl): boolean => acl.length === 3

/** The nine bits of a mode that a list stands for: the group's are the mask's where there is one. */
export function modeBitsOf(acl: Acl): number {
  const group = permOf(acl, 4) ?? permOf(acl, 2) ?? 0
  return ((permOf(acl, 0) ?? 0) << 6) | (group << 3) | (permOf(acl, 5) ?? 0)
}

/** The list of a file without one. */
export const aclOfMode = (mode: number): Acl => [
  { tag: 'user', perm: (mode >>> 6) & 7 },
  { tag: 'group', perm: (mode >>> 3) & 7 },
  { tag: 'other', perm: mode & 7 },
]

/** The list as it is under `mode` (A3). */
export function withMode(acl: Acl, mode: number): Acl {
  const hasMask = acl.some(({ tag }) => tag === 'mask')
  return acl.map((entry) => {
    const rank = rankOf(entry)
    if (rank === 0) return { ...entry, perm: (mode >>> 6) & 7 }
    if (rank === (hasMask ? 4 : 2)) return { ...entry, perm: (mode >>> 3) & 7 }
    return rank === 5 ? { ...entry, perm: mode & 7 } : entry
  })
}

/** The mask that takes nothing from anybody whom it concerns, put where there is none and one is needed. */
export function withMask(acl: Acl): Acl {
  if (acl.length <= 3 || acl.some(({ tag }) => tag === 'mask')) return acl
  let perm = 0
  for (const entry of acl) if (rankOf(entry) >= 1 && rankOf(entry) <= 3) perm |= entry.perm
  return sorted([...acl, { tag: 'mask', perm }])
}

/** In the order of A1, names by their numbers. */
export const sorted = (acl: Acl): Acl => [...acl].sort((a, b) => rankOf(a) - rankOf(b) || (a.id ?? 0) - (b.id ?? 0))

interface Asker {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
}

/**
 * Whether whoever is not the owner (whose bits of the mode decide alone) may do all of `want`: the entry of his name decides; else
 * any one of his groups that grants it, masked; else, if none of his groups is there at all, the others' bits.
 */
export function permits(acl: Acl, mode: number, gid: number, who: Asker, want: number): boolean {
  const mask = (mode >>> 3) & 7
  let isMember = false
  let isGranted = false
  for (const { tag, id, perm } of acl) {
    if (tag === 'user' && id !== undefined) {
      if (id === who.uid) return (perm & mask & want) === want
    } else if (tag === 'group') {
      const group = id ?? gid
      if (group !== who.gid && !who.groups.includes(group)) continue
      isMember = true
      if ((perm & want) === want) isGranted = true
    }
  }
  if (isMember) return isGranted && (mask & want) === want
  return (mode & 7 & want) === want
}

/** What a new file gets from the default list of its directory: permissions, and the list where the mode cannot say it all. */
export function inherit(
  defaults: Acl,
  mode: number,
): { readonly permissions: number; readonly access: Acl | undefined } {
  const hasMask = defaults.some(({ tag }) => tag === 'mask')
  const access = defaults.map((entry) => {
    const rank = rankOf(entry)
    if (rank === 0) return { ...entry, perm: entry.perm & (mode >>> 6) & 7 }
    if (rank === (hasMask ? 4 : 2)) return { ...entry, perm: entry.perm & (mode >>> 3) & 7 }
    return rank === 5 ? { ...entry, perm: entry.perm & mode & 7 } : entry
  })
  const permissions = (mode & ~0o777) | modeBitsOf(access)
  return { permissions, access: isMinimal(access) ? undefined : access }
}
