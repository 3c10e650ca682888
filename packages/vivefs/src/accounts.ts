/** Users and groups by name, kept in the volume: `vive.users` and `vive.groups`. */
import type { Call } from './core/call.ts'
import type { Core } from './core/core.ts'
import { corruption } from './core/corruption.ts'
import { superuser } from './core/mode.ts'
import { FilesystemError, ViveError } from './errors.ts'
import {
  decodeAccountName,
  decodeGroup,
  decodeUser,
  encodeAccountName,
  encodeGroup,
  encodeUser,
  type Group,
  type User,
} from './format/account.ts'
import { type AccountKind, accountKey, accountNameKey, accountRange } from './format/keys.ts'
import type { Verdict } from './format/row.ts'
import { type Op, runAsync } from './op.ts'
import type { Bytes } from './store/store.ts'

const ID_MAX = 0xffff_fffe
/** First id for accounts that do not ask for one, as useradd(8) does. */
const FIRST_ID = 1000
/** The portable names of useradd(8), up to 32 characters. */
const NAME = /^[a-z_][a-z0-9_-]{0,30}[a-z0-9_$-]?$/

interface Kind<T> {
  readonly kind: AccountKind
  readonly idOf: (account: T) => number
  readonly encode: (key: Bytes, account: T) => Buffer
  readonly decode: (key: Bytes, bytes: Bytes) => Verdict<T>
}

const userKind: Kind<User> = { kind: 'user', idOf: ({ uid }) => uid, encode: encodeUser, decode: decodeUser }
const groupKind: Kind<Group> = { kind: 'group', idOf: ({ gid }) => gid, encode: encodeGroup, decode: decodeGroup }

/** One table of accounts. Numbers and names are unique within it. */
class Accounts<T extends { readonly name: string }> {
  readonly #core: Core
  readonly #kind: Kind<T>

  constructor(core: Core, kind: Kind<T>) {
    this.#core = core
    this.#kind = kind
  }

  /** By number or by name; undefined when there is none. */
  get(idOrName: number | string): Promise<T | undefined> {
    return runAsync(this.#core.read(superuser, (call) => this.#find(call, idOrName)))
  }

  /** All, in the order of their numbers. */
  list(): Promise<T[]> {
    const { kind, decode } = this.#kind
    return runAsync(
      this.#core.read(superuser, function* (call) {
        const rows = yield* call.tx.range(accountRange(kind))
        return rows.map(({ key, value }) => unwrap(kind, decode(key, value)))
      }),
    )
  }

  /** Removes one; answers whether there was one. Files keep the number. */
  remove(idOrName: number | string): Promise<boolean> {
    const { kind, idOf } = this.#kind
    const find = (call: Call) => this.#find(call, idOrName)
    return runAsync(
      this.#core.run(superuser, function* (call) {
        const account = yield* find(call)
        if (account === undefined) return false
        call.tx.del(accountKey(kind, idOf(account)))
        call.tx.del(accountNameKey(kind, account.name))
        return true
      }),
    )
  }

  /**
   * Adds, or replaces the account of that name and number. `make` gets the number: the one asked for, or the next free
   * one. Errors: EEXIST when the name or the number is another account's, ENOENT when there is none to replace,
   * ERR_VIVEFS_OPTION for bad names and numbers.
   */
  protected async put(name: string, id: number | undefined, replaces: boolean, make: (id: number) => T): Promise<T> {
    if (!NAME.test(name)) throw new ViveError('ERR_VIVEFS_OPTION', `not an account name: ${JSON.stringify(name)}`)
    if (id !== undefined && !(Number.isInteger(id) && id >= 0 && id <= ID_MAX)) {
      throw new ViveError('ERR_VIVEFS_OPTION', `not an account number: ${id}`)
    }
    const { kind, encode, idOf } = this.#kind
    const find = (call: Call, key: number | string) => this.#find(call, key)
    const nextId = (call: Call) => this.#nextId(call)
    return await runAsync(
      this.#core.run(superuser, function* (call) {
        const byName = yield* find(call, name)
        if (replaces && byName === undefined) throw new FilesystemError('ENOENT')
        if (byName !== undefined && !(replaces && idOf(byName) === id)) throw new FilesystemError('EEXIST')
        const number = id ?? (yield* nextId(call))
        const byId = yield* find(call, number)
        if (byId !== undefined && (byId.name !== name || !replaces)) throw new FilesystemError('EEXIST')
        const account = make(number)
        const key = accountKey(kind, number)
        const nameKey = accountNameKey(kind, name)
        call.tx.put(key, encode(key, account))
        call.tx.put(nameKey, encodeAccountName(nameKey, number))
        return account
      }),
    )
  }

  *#find(call: Call, idOrName: number | string): Op<T | undefined> {
    const { kind, decode } = this.#kind
    let id = idOrName
    if (typeof id === 'string') {
      const nameKey = accountNameKey(kind, id)
      const row = yield* call.tx.get(nameKey)
      if (row === undefined) return undefined
      id = unwrap(kind, decodeAccountName(nameKey, row)).id
    }
    const key = accountKey(kind, id)
    const row = yield* call.tx.get(key)
    return row === undefined ? undefined : unwrap(kind, decode(key, row))
  }

  *#nextId(call: Call): Op<number> {
    const [last] = yield* call.tx.range({ ...accountRange(this.#kind.kind), limit: 1, reverse: true })
    if (last === undefined) return FIRST_ID
    const highest = this.#kind.idOf(unwrap(this.#kind.kind, this.#kind.decode(last.key, last.value)))
    return Math.max(FIRST_ID, highest + 1)
  }
}

function unwrap<V>(what: string, verdict: Verdict<V>): V {
  if (!verdict.ok) throw corruption(`${what} account`, verdict.fault)
  return verdict.value
}

/** `vive.users` */
export class Users extends Accounts<User> {
  constructor(core: Core) {
    super(core, userKind)
  }

  /** Adds a user. Without `uid` the next free one from 1000; without `gid` the same number. Errors: EEXIST, ERR_VIVEFS_OPTION. */
  add(user: { name: string; uid?: number; gid?: number; groups?: readonly number[] }): Promise<User> {
    const { name, uid, gid, groups = [] } = user
    return this.put(name, uid, false, (id) => ({ name, uid: id, gid: gid ?? id, groups: [...groups] }))
  }

  /** Replaces the record of a user, known by name and uid. Errors: ENOENT, EEXIST (another uid), ERR_VIVEFS_OPTION. */
  update(user: User): Promise<User> {
    return this.put(user.name, user.uid, true, () => ({ ...user, groups: [...user.groups] }))
  }
}

/** `vive.groups` */
export class Groups extends Accounts<Group> {
  constructor(core: Core) {
    super(core, groupKind)
  }

  /** Adds a group. Without `gid` the next free one from 1000. Errors: EEXIST, ERR_VIVEFS_OPTION. */
  add(group: { name: string; gid?: number }): Promise<Group> {
    return this.put(group.name, group.gid, false, (gid) => ({ name: group.name, gid }))
  }
}
