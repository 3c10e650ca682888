/** Access control lists as Linux has them in attributes: written from the layout, not by the code under test. */
import type { Area } from './area.ts'
import type { Person } from './people.ts'
import { people } from './people.ts'

export const ACCESS = 'system.posix_acl_access'
export const DEFAULT = 'system.posix_acl_default'

const tags = { user: 1, namedUser: 2, group: 4, namedGroup: 8, mask: 16, other: 32 } as const
export type Tag = keyof typeof tags

export interface Entry {
  readonly tag: Tag
  /** Read 4, write 2, execute 1. */
  readonly bits: number
  /** Of the named. */
  readonly id?: number
}

const NO_ID = 0xffff_ffff

/** Version 2, then an entry of 8 bytes each: tag and bits (16 bits), number (32 bits); little endian. */
export function encodeList(entries: readonly Entry[], version = 2): Buffer {
  const bytes = Buffer.alloc(4 + 8 * entries.length)
  bytes.writeUInt32LE(version)
  for (const [at, { tag, bits, id = NO_ID }] of entries.entries()) {
    bytes.writeUInt16LE(tags[tag], 4 + 8 * at)
    bytes.writeUInt16LE(bits, 6 + 8 * at)
    bytes.writeUInt32LE(id, 8 + 8 * at)
  }
  return bytes
}

/** What `encodeList` wrote; in the order of the entries. */
export function decodeList(bytes: Buffer): Entry[] {
  const entries: Entry[] = []
  for (let at = 4; at < bytes.length; at += 8) {
    const tag = (Object.keys(tags) as Tag[]).find((name) => tags[name] === bytes.readUInt16LE(at)) as Tag
    const id = bytes.readUInt32LE(at + 4)
    entries.push({ tag, bits: bytes.readUInt16LE(at + 2), ...(id === NO_ID ? {} : { id }) })
  }
  return entries
}

/** Bits of a list; whom it does not name has none, and is not in it if it need not be. */
export interface Bits {
  readonly user?: number
  readonly group?: number
  readonly other?: number
  readonly mask?: number
  readonly users?: readonly (readonly [who: Person, bits: number])[]
  /** By number. */
  readonly groups?: readonly (readonly [gid: number, bits: number])[]
}

const byId = (one: Entry, other: Entry): number => (one.id as number) - (other.id as number)

/** The entries in the order that Linux asks for. */
export function listOf({ user = 0, group = 0, other = 0, mask, users = [], groups = [] }: Bits): Entry[] {
  const namedUsers = users.map(([who, bits]): Entry => ({ tag: 'namedUser', bits, id: people[who].uid }))
  const namedGroups = groups.map(([id, bits]): Entry => ({ tag: 'namedGroup', bits, id }))
  return [
    { tag: 'user', bits: user },
    ...namedUsers.sort(byId),
    { tag: 'group', bits: group },
    ...namedGroups.sort(byId),
    ...(mask === undefined ? [] : [{ tag: 'mask', bits: mask } as const]),
    { tag: 'other', bits: other },
  ]
}

/** Gives a path a list, as root. */
export const setList = (area: Area, relative: string, bits: Bits, name: string = ACCESS): Promise<void> =>
  area.extras().setxattr(area.path(relative), name, encodeList(listOf(bits)))

export const getList = async (area: Area, relative: string, name: string = ACCESS): Promise<Entry[]> =>
  decodeList(await area.extras().getxattr(area.path(relative), name))
