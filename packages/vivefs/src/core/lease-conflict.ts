/** What an operation does to files that others have leases of: found when its body has run, waited for outside of its transaction. */
import { FilesystemError } from '../errors.ts'
import type { LeaseType } from '../lock/lease.ts'
import type { LeaseTable } from '../lock/lease-table.ts'
import { type LockOwner, ownerKey } from '../lock/types.ts'
import { drivenSync, type Op, pending, SyncUnavailableError } from '../op.ts'
import type { Call } from './call.ts'

/** Who asks, as leases know it: its own ones do not stand in its way. */
export interface Client extends LockOwner {
  /** False: EAGAIN instead of waiting for a lease to give way, which has been asked to. Default true. */
  readonly wait?: boolean
}

/** Thrown out of a body whose transaction must not be ordered yet; never leaves the core. */
export class LeaseConflict extends Error {
  readonly #leases: LeaseTable
  readonly ino: number
  readonly #waits: boolean

  constructor(leases: LeaseTable, ino: number, waits: boolean) {
    super(`inode ${ino}: somebody else has a lease`)
    this.#leases = leases
    this.ino = ino
    this.#waits = waits
  }

  /** Waits until a lease of that file has given way. EAGAIN: the caller does not wait. */
  *wait(): Op<void> {
    if (!this.#waits) throw new FilesystemError('EAGAIN')
    if (drivenSync()) throw new SyncUnavailableError('a file that somebody else has a lease of: this call')
    yield* pending(this.#leases.change(this.ino))
  }
}

/** Asks whoever stands in the way of what `call` did, and throws LeaseConflict; otherwise nobody may come before it is ordered. */
export function giveWay(call: Call): void {
  const uses = call.usesOfFiles()
  if (uses === undefined) return
  const { leases } = call.core
  const { client } = call.who
  const key = client === undefined ? undefined : ownerKey(client)
  const first = standing(leases, uses, key)
  if (first !== undefined) {
    for (const [ino, use] of uses) leases.break(ino, use, key)
    throw new LeaseConflict(leases, first, client?.wait !== false && !call.isNonblocking)
  }
  call.tx.relyOn(() => standing(leases, uses, key) === undefined)
}

function standing(leases: LeaseTable, uses: ReadonlyMap<number, LeaseType>, key: string | undefined) {
  for (const [ino, use] of uses) if (leases.stands(ino, use, key)) return ino
  return undefined
}
