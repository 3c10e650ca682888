/** `USER[:GROUP]`, by numbers or by the names of the volume. */
import type { ViveFS } from '../vivefs.ts'
import { UsageError } from './usage.ts'

export interface OwnerText {
  readonly user: string | undefined
  readonly group: string | undefined
}

/** `USER`, `USER:GROUP`, `:GROUP`. */
export function parseOwner(text: string): OwnerText {
  const parts = /^([^:]*)(?::([^:]*))?$/.exec(text)
  const user = parts?.[1] || undefined
  const group = parts?.[2] || undefined
  if (parts === null || (user === undefined && group === undefined)) {
    throw new UsageError(`'${text}' is no owner: write USER, USER:GROUP or :GROUP`)
  }
  return { user, group }
}

/** The numbers of an owner; undefined for what is not to change. Unknown names are usage errors. */
export async function resolveOwner(vive: ViveFS, text: string): Promise<{ uid?: number; gid?: number }> {
  const { user, group } = parseOwner(text)
  const uid = user === undefined ? undefined : (numberOf(user) ?? (await vive.users.get(user))?.uid)
  const gid = group === undefined ? undefined : (numberOf(group) ?? (await vive.groups.get(group))?.gid)
  if (user !== undefined && uid === undefined) throw new UsageError(`the volume knows no user '${user}'`)
  if (group !== undefined && gid === undefined) throw new UsageError(`the volume knows no group '${group}'`)
  return { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) }
}

const numberOf = (text: string): number | undefined => (/^\d{1,10}$/.test(text) ? Number(text) : undefined)

/** Names of users and groups for listings; numbers without a name stay numbers. */
export async function accountNames(vive: ViveFS): Promise<{ user(uid: number): string; group(gid: number): string }> {
  const users = new Map((await vive.users.list()).map(({ uid, name }) => [uid, name]))
  const groups = new Map((await vive.groups.list()).map(({ gid, name }) => [gid, name]))
  return {
    user: (uid) => users.get(uid) ?? String(uid),
    group: (gid) => groups.get(gid) ?? String(gid),
  }
}
