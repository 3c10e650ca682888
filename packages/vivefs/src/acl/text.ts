/** Lists as text, as getfacl(1) and setfacl(1) write them: `user::rwx`, `u:1000:r-x`, `g::r--`, `mask::rw-`, `o::---`. */
import { type Acl, type AclEntry, sorted } from './acl.ts'

/** What names are called by in the place of numbers. */
export interface AclNames {
  readonly user?: (name: string) => number | undefined
  readonly group?: (name: string) => number | undefined
}

const TAGS: Readonly<Record<string, AclEntry['tag']>> = {
  u: 'user',
  user: 'user',
  g: 'group',
  group: 'group',
  m: 'mask',
  mask: 'mask',
  o: 'other',
  other: 'other',
}

export const permText = (perm: number): string =>
  `${(perm & 4) !== 0 ? 'r' : '-'}${(perm & 2) !== 0 ? 'w' : '-'}${(perm & 1) !== 0 ? 'x' : '-'}`

/** Permissions from `rwx`, `r-x`, `r`, `-` or an octal digit; undefined for anything else. */
export function parsePerm(text: string): number | undefined {
  if (/^[0-7]$/.test(text)) return Number(text)
  if (!/^[rwx-]{1,3}$/.test(text)) return undefined
  let perm = 0
  for (const [letter, bit] of [
    ['r', 4],
    ['w', 2],
    ['x', 1],
  ] as const) {
    const count = text.split(letter).length - 1
    if (count > 1) return undefined
    if (count === 1) perm |= bit
  }
  return perm
}

const numberOf = (text: string): number | undefined => (/^\d{1,10}$/.test(text) ? Number(text) : undefined)

/**
 * One entry; `perm` is undefined where the text has none (to remove an entry). Throws a TypeError that says what is wrong.
 */
export function parseEntry(text: string, names: AclNames = {}): Omit<AclEntry, 'perm'> & { readonly perm?: number } {
  const parts = text.trim().split(':')
  const tag = TAGS[parts[0]]
  if (tag === undefined || parts.length > 3) throw new TypeError(`not an entry of an access control list: ${text}`)
  const isNamed = tag === 'user' || tag === 'group'
  // `o:r` and `m:rw` are short for `o::r` and `m::rw`.
  const [who, how] = parts.length === 2 && !isNamed ? ['', parts[1]] : [parts[1] ?? '', parts[2]]
  const perm = how === undefined ? undefined : parsePerm(how)
  if (how !== undefined && perm === undefined) throw new TypeError(`not permissions: ${how}`)
  if (who === '') return { tag, perm }
  if (!isNamed) throw new TypeError(`nobody can be named here: ${text}`)
  const id = numberOf(who) ?? names[tag]?.(who)
  if (id === undefined) throw new TypeError(`no such ${tag}: ${who}`)
  return { tag, id, perm }
}

/** A whole list: entries parted by commas or lines, `#` begins a remark. In the order of A1. */
export function parseAcl(text: string, names?: AclNames): Acl {
  const entries: AclEntry[] = []
  for (const line of text.split(/[\n,]/)) {
    const bare = line.replace(/#.*$/, '').trim()
    if (bare === '') continue
    const { perm, ...entry } = parseEntry(bare, names)
    if (perm === undefined) throw new TypeError(`no permissions: ${bare}`)
    entries.push({ ...entry, perm })
  }
  return sorted(entries)
}

/** `user::rwx`, one entry a line unless `separator` says otherwise. */
export const formatAcl = (
  acl: Acl,
  separator = '\n',
  nameOf: (entry: AclEntry) => string = ({ id }) => `${id ?? ''}`,
): string => acl.map((entry) => `${entry.tag}:${nameOf(entry)}:${permText(entry.perm)}`).join(separator)
