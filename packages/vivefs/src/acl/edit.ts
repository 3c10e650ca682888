/** Changes of lists as setfacl(1) makes them. */
import { type Acl, type AclEntry, isMinimal, rankOf, sorted, withMask } from './acl.ts'

type Who = Pick<AclEntry, 'tag' | 'id'>

const isSame = (a: Who, b: Who): boolean => a.tag === b.tag && a.id === b.id

/** The list with the mask that covers everybody whom it concerns; none where nobody is named. `kept`: a mask that was asked for. */
function remask(acl: Acl, kept: AclEntry | undefined): Acl {
  const bare = acl.filter(({ tag }) => tag !== 'mask')
  if (kept !== undefined) return sorted([...bare, kept])
  return isMinimal(bare) ? bare : withMask(bare)
}

/** Puts entries in the place of those about the same, or adds them. `keepsMask`: the mask stays as it is. */
export function modified(acl: Acl, entries: Acl, keepsMask = false): Acl {
  const rest = acl.filter((entry) => !entries.some((each) => isSame(each, entry)))
  const whole = sorted([...rest, ...entries])
  const asked = entries.find(({ tag }) => tag === 'mask')
  return remask(whole, asked ?? (keepsMask ? acl.find(({ tag }) => tag === 'mask') : undefined))
}

/** Takes entries out; those of owner, owning group and others stay whatever is asked. */
export function without(acl: Acl, entries: readonly Who[], keepsMask = false): Acl {
  const isBase = (entry: AclEntry): boolean => rankOf(entry) === 0 || rankOf(entry) === 2 || rankOf(entry) === 5
  const rest = acl.filter((entry) => isBase(entry) || !entries.some((each) => isSame(each, entry)))
  return remask(rest, keepsMask ? rest.find(({ tag }) => tag === 'mask') : undefined)
}

/** Owner, owning group and others alone. */
export const minimal = (acl: Acl): Acl => acl.filter((entry) => entry.id === undefined && entry.tag !== 'mask')
