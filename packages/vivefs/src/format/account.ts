/** Users and groups of the volume (FORMAT.md, "Accounts"): one row by number, one by name that points to it. */
import type { Bytes } from '../store/store.ts'
import { decodeRecord, encodeRecord, isCount, isMap } from './record.ts'
import { RowKind, type Verdict } from './row.ts'

export interface User {
  readonly name: string
  readonly uid: number
  /** Primary group. */
  readonly gid: number
  /** Supplementary groups. */
  readonly groups: readonly number[]
}

export interface Group {
  readonly name: string
  readonly gid: number
}

const isUser = (value: unknown): value is User =>
  isMap(value) &&
  typeof value.name === 'string' &&
  isCount(value.uid) &&
  isCount(value.gid) &&
  Array.isArray(value.groups) &&
  value.groups.every(isCount)

const isGroup = (value: unknown): value is Group => isMap(value) && typeof value.name === 'string' && isCount(value.gid)

const isId = (value: unknown): value is { id: number } => isMap(value) && isCount(value.id)

export const encodeUser = (key: Bytes, user: User): Buffer => encodeRecord(RowKind.user, 1, key, user)
export const decodeUser = (key: Bytes, bytes: Bytes): Verdict<User> => decodeRecord(RowKind.user, 1, key, bytes, isUser)
export const encodeGroup = (key: Bytes, group: Group): Buffer => encodeRecord(RowKind.group, 1, key, group)
export const decodeGroup = (key: Bytes, bytes: Bytes): Verdict<Group> =>
  decodeRecord(RowKind.group, 1, key, bytes, isGroup)
export const encodeAccountName = (key: Bytes, id: number): Buffer => encodeRecord(RowKind.accountName, 1, key, { id })
export const decodeAccountName = (key: Bytes, bytes: Bytes): Verdict<{ id: number }> =>
  decodeRecord(RowKind.accountName, 1, key, bytes, isId)
