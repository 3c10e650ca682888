/** What owners use, and whether they may use more. */
import type { QuotaGrace, QuotaRow } from '../format/quota.ts'
import { type QuotaKind, QuotaKinds } from '../format/quota-kind.ts'

/** What one operation adds to (or takes from) the use of one owner. */
export interface Charge {
  readonly kind: QuotaKind
  readonly id: number
  bytes: number
  inodes: number
}

/** Who owns an inode, and what it uses. */
export interface Owned {
  readonly uid: number
  readonly gid: number
  readonly projectId: number
  readonly allocatedBytes: number
}

/** A number for each owner: the kind in the upper bits. */
export const ownerCode = (kind: QuotaKind, id: number): number => QuotaKinds[kind] * 2 ** 32 + id

/** Adds up what operations do to owners. Project 0 is none. */
export class Charges {
  readonly #charges = new Map<number, Charge>()

  get all(): Iterable<Charge> {
    return this.#charges.values()
  }

  of(kind: QuotaKind, id: number): Charge | undefined {
    return this.#charges.get(ownerCode(kind, id))
  }

  /** `sign` 1: the inode is owned so from now on; -1: it was until now. */
  count({ uid, gid, projectId, allocatedBytes }: Owned, sign: 1 | -1): void {
    this.add('user', uid, sign * allocatedBytes, sign)
    this.add('group', gid, sign * allocatedBytes, sign)
    if (projectId !== 0) this.add('project', projectId, sign * allocatedBytes, sign)
  }

  add(kind: QuotaKind, id: number, bytes: number, inodes: number): void {
    const code = ownerCode(kind, id)
    const charge = this.#charges.get(code)
    if (charge === undefined) this.#charges.set(code, { kind, id, bytes, inodes })
    else {
      charge.bytes += bytes
      charge.inodes += inodes
    }
  }

  /** Those that change something. */
  net(): Charge[] {
    return [...this.#charges.values()].filter(({ bytes, inodes }) => bytes !== 0 || inodes !== 0)
  }
}

export const NO_QUOTA: QuotaRow = {
  bytes: 0,
  inodes: 0,
  bytesSoft: 0,
  bytesHard: 0,
  inodesSoft: 0,
  inodesHard: 0,
  bytesSince: 0,
  inodesSince: 0,
}

/** Whether `added` more is too much: above the hard limit, or above the soft one for longer than its grace. */
const isTooMuch = (
  use: number,
  added: number,
  soft: number,
  hard: number,
  since: number,
  graceMs: number,
  nowMs: number,
): boolean => {
  if (added <= 0) return false
  const after = use + added
  if (hard > 0 && after > hard) return true
  return soft > 0 && after > soft && since > 0 && nowMs >= since + graceMs
}

/** Whether the owner may not use so much more. */
export const exceeds = (quota: QuotaRow, charge: Charge, grace: QuotaGrace, nowMs: number): boolean =>
  isTooMuch(quota.bytes, charge.bytes, quota.bytesSoft, quota.bytesHard, quota.bytesSince, grace.bytesMs, nowMs) ||
  isTooMuch(quota.inodes, charge.inodes, quota.inodesSoft, quota.inodesHard, quota.inodesSince, grace.inodesMs, nowMs)

const sinceOf = (use: number, soft: number, since: number, nowMs: number): number =>
  soft > 0 && use > soft ? (since > 0 ? since : Math.max(1, nowMs)) : 0

/** The quota with its times as its use and limits want them. */
export const stamped = (quota: QuotaRow, nowMs: number): QuotaRow => ({
  ...quota,
  bytesSince: sinceOf(quota.bytes, quota.bytesSoft, quota.bytesSince, nowMs),
  inodesSince: sinceOf(quota.inodes, quota.inodesSoft, quota.inodesSince, nowMs),
})
