/**
 * Extents that several places read (FORMAT.md, "Shared extents", R1-R6): who lends, who refers, who lets go. The last one
 * to let go deletes the rows. Everything here is part of the operation that calls it, and keeps the volume's counter exact:
 * what an inode gains and loses is the caller's to count, what sharing saves is counted here.
 */
import { applyExtent, decodeExtent, type Segments } from '../format/extent.ts'
import { type Inode, InodeFlag } from '../format/inode.ts'
import {
  decodeLoan,
  decodeReference,
  encodeLoan,
  encodeReference,
  type Loan,
  loanKey,
  loanRange,
  type Place,
  placeOfExtent,
  placeOfKey,
  placeRange,
  type Reference,
  referenceKey,
} from '../format/loan.ts'
import type { Op } from '../op.ts'
import type { Bytes, KeyRange } from '../store/store.ts'
import type { Call } from './call.ts'
import { corruption } from './corruption.ts'

/** Whether extents of the inode may be shared. For all others this module has nothing to say. */
export const isSharer = (inode: Inode): boolean => (inode.flags & InodeFlag.shares) !== 0

const textOf = ({ ino, epoch, index }: Place): string => `${ino}:${epoch}:${index}`

export function* findLoan(call: Call, place: Place): Op<Loan | undefined> {
  const key = loanKey(place)
  const row = yield* call.tx.get(key)
  if (row === undefined) return undefined
  const verdict = decodeLoan(key, row)
  if (!verdict.ok) throw corruption(`loan ${textOf(place)}`, verdict.fault)
  return verdict.value
}

export function* findReference(call: Call, place: Place): Op<Reference | undefined> {
  const key = referenceKey(place)
  const row = yield* call.tx.get(key)
  if (row === undefined) return undefined
  const verdict = decodeReference(key, row)
  if (!verdict.ok) throw corruption(`reference ${textOf(place)}`, verdict.fault)
  return verdict.value
}

function putLoan(call: Call, place: Place, loan: Loan): void {
  const key = loanKey(place)
  call.tx.put(key, encodeLoan(key, loan))
}

/** What lies at a place that is lent. `rowBytes`: what its segments keep alive. */
export function* readOrigin(call: Call, origin: Place): Op<{ segments: Segments; rowBytes: number }> {
  const parts: Segments[] = []
  let rowBytes = 0
  for (const { key, value } of yield* call.tx.range(placeRange(origin))) {
    const verdict = decodeExtent(key, value)
    if (!verdict.ok) throw corruption(`shared extent ${textOf(origin)}`, verdict.fault)
    parts.push(verdict.value)
    rowBytes += value.length
  }
  if (parts.length === 0) throw corruption(`shared extent ${textOf(origin)}`, 'missing')
  return { segments: applyExtent(undefined, parts), rowBytes }
}

/** `place` reads what lies at the origin from now on. The caller counts `bytes` as the inode's. */
export function* refer(call: Call, place: Place, reference: Reference): Op<void> {
  const { bytes } = reference
  const loan = yield* findLoan(call, reference)
  const references = (loan?.references ?? 0) + 1
  putLoan(call, reference, { references, isOwned: loan?.isOwned ?? true, bytes })
  const key = referenceKey(place)
  call.tx.put(key, encodeReference(key, reference))
  call.giveBack(bytes)
}

/** The reference at a place goes. The caller counts its bytes out of the inode. */
export function* dropReference(call: Call, place: Place, { bytes, ...origin }: Reference): Op<void> {
  call.tx.del(referenceKey(place))
  const loan = yield* findLoan(call, origin)
  if (loan === undefined) throw corruption(`loan ${textOf(origin)}`, 'missing')
  const references = loan.references - 1
  if (references > 0) putLoan(call, origin, { ...loan, references })
  else {
    call.tx.del(loanKey(origin))
    if (!loan.isOwned) return yield* deletePlace(call, origin)
  }
  call.giveBack(-bytes)
}

function* deletePlace(call: Call, place: Place): Op<void> {
  for (const { key } of yield* call.tx.range({ ...placeRange(place), keysOnly: true })) call.tx.del(key)
}

/** The inode of a place lets go of what lies there; answers whether the rows stay, for others. */
export function* disown(call: Call, place: Place): Op<boolean> {
  const loan = yield* findLoan(call, place)
  if (loan === undefined) return false
  if (loan.isOwned) {
    putLoan(call, place, { ...loan, isOwned: false })
    call.giveBack(-loan.bytes)
  }
  return true
}

/** Lets go of whatever lies at a place, base rows or a reference; answers whether rows of it stay there, for others. */
export function* letGo(call: Call, place: Place): Op<boolean> {
  const reference = yield* findReference(call, place)
  if (reference !== undefined) yield* dropReference(call, place, reference)
  else if (yield* disown(call, place)) return true
  else yield* deletePlace(call, place)
  return false
}

/** The loans at some places. */
export class Loans {
  readonly #loans = new Map<string, Loan>()

  /** Those at the places of extent rows; `keys`: ascending. */
  static *among(call: Call, keys: readonly Bytes[]): Op<Loans> {
    const loans = new Loans()
    const [first, last] = [keys[0], keys[keys.length - 1]]
    if (first === undefined || last === undefined) return loans
    for (const { key, value } of yield* call.tx.range(loanRange(placeOfExtent(first), placeOfExtent(last)))) {
      const place = placeOfKey(key)!
      const verdict = decodeLoan(key, value)
      if (!verdict.ok) throw corruption(`loan ${textOf(place)}`, verdict.fault)
      loans.#loans.set(textOf(place), verdict.value)
    }
    return loans
  }

  /** The loan at the place of an extent row. */
  of(key: Bytes): Loan | undefined {
    return this.#loans.size === 0 ? undefined : this.#loans.get(textOf(placeOfExtent(key)))
  }
}

/** The inode of extent rows lets go of them; answers those of them that nobody else reads. `keys`: ascending. */
export function* disownAll(call: Call, keys: readonly Bytes[]): Op<Bytes[]> {
  const loans = yield* Loans.among(call, keys)
  const rest: Bytes[] = []
  for (const key of keys) {
    const loan = loans.of(key)
    if (loan === undefined) rest.push(key)
    else if (loan.isOwned) yield* disown(call, placeOfExtent(key))
  }
  return rest
}

/** Drops the references of a range; answers where they were and how much they led to. */
export function* dropReferences(call: Call, range: KeyRange): Op<{ readonly place: Place; readonly bytes: number }[]> {
  const dropped: { readonly place: Place; readonly bytes: number }[] = []
  for (const { key, value } of yield* call.tx.range(range)) {
    const place = placeOfKey(key)!
    const verdict = decodeReference(key, value)
    if (!verdict.ok) throw corruption(`reference ${textOf(place)}`, verdict.fault)
    yield* dropReference(call, place, verdict.value)
    dropped.push({ place, bytes: verdict.value.bytes })
  }
  return dropped
}
